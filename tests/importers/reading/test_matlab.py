"""MATLAB files of level 5 are read as SciPy reads them, among them those that MATLAB wrote; damage and bombs are refused."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from fastjac.errors import FormatError
from fastjac.importers.reading import matlab
from fastjac.importers.reading.limits import EXPANSION_FLOOR

WRITTEN_BY_MATLAB = sorted(Path(scipy.io.__file__).parent.glob("matlab/tests/data/*.mat"))
LEVEL_5 = [path for path in WRITTEN_BY_MATLAB if path.read_bytes().startswith(b"MATLAB 5.0")]
OTHERS_REFUSE = {"bad_miuint32", "bad_miutf8_array_name", "corrupted_zlib_checksum", "corrupted_zlib_data", "malformed1"}
"""Files of which SciPy raises an error."""
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def saved(variables, **options):
    target = io.BytesIO()
    scipy.io.savemat(target, variables, **options)
    return target.getvalue()


def element(code, content):
    """An element with its tag, filled up to eight bytes."""
    return struct.pack("<II", code, len(content)) + content + bytes(-len(content) % 8)


def variable(kind=6, shape=(1, 1), name=b"a", values=(), flags=0):
    """A variable of a class, with elements for its values."""
    head = element(6, struct.pack("<II", kind | flags, 0)) + element(5, np.array(shape, "<i4").tobytes()) + element(1, name)
    return element(14, head + b"".join(values))


ONE = element(9, struct.pack("<d", 7.0))


def assert_same(found, expected):
    """What is found equals what SciPy found, which leaves numbers in the types in which they are stored."""
    if isinstance(found, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    elif isinstance(found, dict):
        for name, value in found.items():
            assert_same(value, expected[name][0, 0])
    elif isinstance(found, list) and expected.dtype == object:
        for value, other in zip(found, expected.ravel(order="F"), strict=True):
            assert_same(value, other)
    elif isinstance(found, (str, list)):
        letters = expected.ravel().tolist()
        assert [found] if isinstance(found, str) else found == [letter.rstrip() for letter in letters] or not letters
    else:
        assert isinstance(found, matlab.Unread)


@pytest.mark.skipif(not LEVEL_5, reason="SciPy is installed without the files that it is tested with")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", LEVEL_5, ids=lambda path: path.stem)
def test_what_matlab_wrote_is_read_as_scipy_reads_it(path):
    if path.stem in OTHERS_REFUSE - {"bad_miutf8_array_name"}:
        with pytest.raises(FormatError):
            matlab.read(path.read_bytes())
    elif path.stem not in OTHERS_REFUSE:
        expected = scipy.io.loadmat(path)
        found = {name: value for name, value in matlab.read(path.read_bytes()).items() if name}
        # SciPy 1.18 gives names to objects of MATLAB's classes too, in which no weights stand.
        objects = {name for name, value in expected.items() if isinstance(value, scipy.io.matlab.MatlabOpaque)}
        assert found.keys() == {name for name in expected if not name.startswith("__")} - objects
        for name, value in found.items():
            assert_same(value, expected[name])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("packed", [False, True])
def test_numbers_of_every_type(dtype, packed):
    array = np.arange(12).reshape(2, 3, 2).astype(dtype)
    (found,) = matlab.read(saved({"a": array}, do_compression=packed)).values()
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_values_that_are_no_numbers_are_passed_over():
    content = (
        HEADER
        + variable(4, (1, 2), values=[element(4, "hi".encode("utf-16-le"))])
        + variable(name=b"c", values=[ONE], flags=0x800)
    )
    content += variable(5, name=b"s") + variable(16, name=b"f") + element(14, element(6, struct.pack("<II", 17, 0)))
    found = matlab.read(content)
    assert found["a"] == "hi"
    assert {name: value.kind for name, value in found.items() if name != "a"} == {
        "c": "an array of complex numbers", "s": "a sparse matrix", "f": "a function", "": "an object",
    }  # fmt: skip


def test_every_truncation_is_reported_or_leaves_whole_variables():
    content = saved({"W1": np.ones((2, 3)), "c": np.array([1.0, "a"], object), "s": {"x": 1.0}}, do_compression=False)
    whole = matlab.read(content)
    ends = set()
    for end in range(128, len(content)):
        with suppress(FormatError):
            ends.add(len(matlab.read(content[:end])))
    assert ends == set(range(len(whole)))


def nested(depth):
    inner = variable(values=[ONE])
    for _ in range(depth):
        inner = variable(1, values=[inner])
    return inner


def packed(content):
    body = zlib.compress(content)
    return struct.pack("<II", 15, len(body)) + body


DAMAGE = {
    "no order of bytes": (HEADER[:-2] + b"??", "its header states no order of bytes"),
    "a short header": (HEADER[:100], "its header states no order of bytes"),
    "a tag in the middle": (HEADER + b"\x0e\0\0\0", "ends at byte 132 in the middle of a tag"),
    "more than the file": (HEADER + struct.pack("<II", 14, 100), "byte 128 claims 100 bytes, 0 follow"),
    "a short element of many bytes": (HEADER + struct.pack("<II", 5 << 16 | 1, 0), "a short element of 5 bytes"),
    "no variable": (HEADER + element(9, bytes(8)), "begins an element of type 9, no variable"),
    "an unknown class": (HEADER + variable(99, values=[ONE]), "a value of class 99, which MATLAB has not"),
    "no flags": (HEADER + element(14, element(9, bytes(8))), r"8 bytes of type 9, no i4 or u4"),
    "another number of entries": (HEADER + variable(shape=(2, 3), values=[ONE]), r"shape \(2, 3\) has 1 entries"),
    "a negative length": (HEADER + variable(shape=(-1, 1), values=[ONE]), r"has the shape \(-1, 1\)"),
    "one axis": (HEADER + variable(shape=(1,), values=[ONE]), r"has the shape \(1,\)"),
    "many axes": (HEADER + variable(shape=(1,) * 33, values=[ONE]), "it has 33 axes"),
    "a long axis": (HEADER + variable(shape=(1, 2**30), values=[ONE]), "it has 1073741824 entries along one axis of a"),
    "a huge array": (HEADER + variable(shape=(2**20, 2**20), values=[ONE]), "what is read of the file claims to unpack to"),
    "half an entry": (HEADER + variable(values=[element(9, bytes(4))]), "4 bytes of type 9, no numbers"),
    "a long name": (HEADER + variable(name=b"a" * 10_001, values=[ONE]), "it has 10001 letters in a name"),
    "a long text": (HEADER + variable(4, (1, 10_001), values=[element(16, bytes(10_001))]), "it has 10001 bytes in a text"),
    "text in numbers": (HEADER + variable(4, values=[ONE]), "a text is stored as type 9"),
    "a huge cell": (HEADER + variable(1, (2**20, 2**20)), "values in a cell array; fastjac reads files of up to 10000"),
    "a cell without values": (HEADER + variable(1, (1, 2)), "in the middle of a tag"),
    "nested cells": (HEADER + nested(11), "more than 10 levels of cells and structs"),
    "many cells": (HEADER + variable(1, (100, 100), values=[variable(values=[ONE])] * 10_000), "it has 10001 values"),
    "a struct without names": (HEADER + variable(2, values=[element(5, bytes(4)), element(1, b"ab")]), "names of a struct"),
    "names that do not fill": (
        HEADER + variable(2, values=[element(5, struct.pack("<i", 3)), element(1, b"ab")]), "do not fill their places",
    ),
    "nothing packed": (HEADER + packed(b""), "a variable unpacks to another size|in the middle of a tag"),
    "no zlib": (HEADER + struct.pack("<II", 15, 8) + b"abcdefgh", "a variable cannot be unpacked"),
    "more packed than claimed": (HEADER + packed(variable(values=[ONE]) + bytes(8)), "a variable unpacks to another size"),
    "a bomb": (HEADER + packed(struct.pack("<II", 14, 1 << 31) + bytes(1 << 20)), "claims to unpack to 2147483648 bytes"),
    "bombs together": (
        HEADER + packed(element(14, bytes(EXPANSION_FLOOR // 2 + 8))) * 2,
        "no i4 or u4|what is read of the file claims to unpack",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(content, message):
    with pytest.raises(FormatError, match=message):
        matlab.read(content)


def test_a_struct_array_is_passed_over():
    names = [element(5, struct.pack("<i", 2)), element(1, b"x\0")]
    assert matlab.read(HEADER + variable(2, (1, 2), values=[*names, variable(), variable()]))["a"].kind == "an array of structs"
