"""Safetensors files are read as their own library reads them, and refused where a header does not hold together."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from fastjac.errors import FormatError
from fastjac.importers.reading import safetensors as reading
from fastjac.importers.reading.probe import probe

RANDOM = np.random.default_rng(0)
TENSORS = {
    "double": RANDOM.normal(size=(3, 2)),
    "single": RANDOM.normal(size=(2, 3, 2)).astype(np.float32),
    "half": RANDOM.normal(size=5).astype(np.float16),
    "count": np.array(7),
    "short count": np.array([7], np.int32),
    "empty": np.empty((0, 3)),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def write(path, header, content=b""):
    """A file of this header, a JSON value or bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)
    return probe(path)


def tensor(**changes):
    """The header's entry for a tensor of two floats."""
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


def test_tensors_and_metadata_are_those_that_were_saved(path):
    safetensors.numpy.save_file(TENSORS, path, {"format": "np"})
    metadata, arrays = reading.read(probe(path))
    assert metadata == {"format": "np"}
    assert arrays.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_bfloat16_is_widened_exactly(shape, path):
    expected = RANDOM.normal(size=shape).astype(ml_dtypes.bfloat16)
    entry = tensor(dtype="BF16", shape=list(shape), data_offsets=[0, expected.nbytes])
    found = reading.read(write(path, {"a": entry}, expected.tobytes()))[1]["a"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_numbers_may_stand_at_any_byte(path):
    found = reading.read(write(path, b'{"a": %s} ' % json.dumps(tensor()).encode(), np.array([1.5, -2.0], "<f4").tobytes()))
    np.testing.assert_array_equal(found[1]["a"], [1.5, -2.0])


EIGHT = bytes(8)
DAMAGE = {
    "not JSON": (b"{", EIGHT, "the header is not valid JSON"),
    "nested": (b'{"a":' + b"[" * 99_999, EIGHT, "the header is not valid JSON"),
    "metadata no dict": ({"__metadata__": 3}, b"", "__metadata__ in the header must map names to strings"),
    "metadata no strings": ({"__metadata__": {"a": 3}}, b"", "__metadata__ in the header must map names to strings"),
    "no dict": ({"a": 3}, EIGHT, "tensor 'a': the header must give dtype, shape and data_offsets, and nothing else"),
    "no dtype": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, EIGHT, "tensor 'a': the header must give dtype"),
    "more": ({"a": tensor(strides=[1])}, EIGHT, "tensor 'a': the header must give dtype, shape and data_offsets, and nothing"),
    "a dtype of 8 bits": ({"a": tensor(dtype="F8_E4M3")}, EIGHT, "it has dtype 'F8_E4M3'; fastjac reads F64, .* save it as F32"),
    "a list for a dtype": ({"a": tensor(dtype=["F32"])}, EIGHT, r"it has dtype \['F32'\]; fastjac reads"),
    "a negative size": ({"a": tensor(shape=[-1, -2])}, EIGHT, "shape and the two data_offsets must be whole numbers from 0 on"),
    "half a size": ({"a": tensor(shape=[2.0])}, EIGHT, "shape and the two data_offsets must be whole numbers from 0 on"),
    "one offset": ({"a": tensor(data_offsets=[8])}, EIGHT, "shape and the two data_offsets must be whole numbers from 0 on"),
    "a shape bomb": (
        {"a": tensor(shape=[10**6, 10**7])},
        EIGHT,
        r"tensor 'a': a F32 of shape \(1000000, 10000000\) does not take 8 bytes",
    ),
    "offsets beyond the end": (
        {"a": tensor(shape=[10**13], data_offsets=[0, 4 * 10**13])},
        EIGHT,
        "its tensors should take 40000000000000 bytes, 8 follow the header; the file is truncated",
    ),
    "tensors that overlap": (
        {"a": tensor(), "b": tensor()},
        EIGHT,
        "tensor 'b' starts at byte 0, not where another ends; it is damaged",
    ),
    "a hole": ({"a": tensor(data_offsets=[4, 12])}, bytes(12), "tensor 'a' starts at byte 4, not where another ends"),
    "bytes left over": ({"a": tensor()}, bytes(9), "its tensors should take 8 bytes, 9 follow the header"),
    "axes without number": ({"a": tensor(shape=[1] * 99 + [2])}, EIGHT, "tensor 'a' has a shape that NumPy cannot make"),
    "an empty tensor of huge sides": (
        {"a": tensor(shape=[0, 10**30], data_offsets=[0, 0])},
        b"",
        "tensor 'a' has a shape that NumPy cannot make",
    ),
}


def test_a_header_that_is_too_long_is_not_read(path):
    path.write_bytes((1 << 27).to_bytes(8, "little") + b"{")
    with pytest.raises(FormatError, match="it has 134217728 bytes in the header; fastjac reads files of up to"):
        reading.read(probe(path))


@pytest.mark.parametrize(("header", "content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(header, content, message, path):
    with pytest.raises(FormatError, match=message):
        reading.read(write(path, header, content))
