"""Arrays in NumPy's format are read as NumPy reads them, and never unpickled."""

import io
import pickle
import struct

import ml_dtypes
import numpy as np
import pytest

from fastjac.errors import DtypeError, FormatError
from fastjac.importers.reading import npy

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "float64": RANDOM.normal(size=(3, 2)),
    "float32": RANDOM.normal(size=(2, 3, 2)).astype(np.float32),
    "float16": RANDOM.normal(size=5).astype(np.float16),
    "big-endian": RANDOM.normal(size=5).astype(">f4"),
    "Fortran order": np.asfortranarray(RANDOM.normal(size=(3, 2))),
    "a number": np.array(7.0),
    "integers": np.arange(3),
    "empty": np.empty((0, 3)),
}


def saved(array, version=None):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def written(header, content=b"", version=1):
    """The bytes of a .npy file with this text as its header."""
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + content


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.filterwarnings("ignore:Stored array in format:UserWarning")
def test_arrays_are_those_that_were_saved(array, version):
    found = npy.read(saved(array, version), "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        b'{"shape": (1,), "fortran_order": False, "descr": "<f8", }   \n',
        b"{'shape':(1L,),'descr':'<f8','fortran_order':False}",  # as Python 2 wrote it
        HEADER.replace(b"(1,)", b"(1, 1, 1)"),
    ],
)
def test_headers_of_other_writers(header):
    np.testing.assert_array_equal(npy.read(written(header, np.full(1, 7.0).tobytes()), "a.npy").ravel(), [7.0])


DAMAGE = {
    "truncated": (saved(np.ones(3))[:-1], FormatError, r"a.npy has shape \(3,\) of float64, but 23 bytes of entries"),
    "too long": (saved(np.ones(3)) + b"0", FormatError, "25 bytes of entries; it is truncated or damaged"),
    "a shape bomb": (
        written(HEADER.replace(b"(1,)", b"(1000000, 1000000)"), bytes(8)),
        FormatError,
        r"a.npy has shape \(1000000, 1000000\) of float64, but 8 bytes of entries",
    ),
    "negative sides": (written(HEADER.replace(b"(1,)", b"(-1, -1)"), bytes(8)), FormatError, r"the shape \(-1, -1\), fortran"),
    "truth for sides": (written(HEADER.replace(b"(1,)", b"(True, 3)"), bytes(24)), FormatError, r"has the shape \(True, 3\)"),
    "a field twice": (written(HEADER[:-1] + b", 'shape': (1,)}", bytes(8)), FormatError, "its header holds .*'shape'"),
    "a field more": (written(HEADER[:-1] + b", 'a': (1,)}", bytes(8)), FormatError, "its header holds .*'a'"),
    "a field less": (written(b"{'descr': '<f8', 'shape': (1,)}", bytes(8)), FormatError, "its header specifies descr, shape"),
    "a text for an order": (written(HEADER.replace(b"False", b"'F'"), bytes(8)), FormatError, "fortran_order 'F'"),
    "more axes than NumPy has": (
        written(HEADER.replace(b"(1,)", b"(%s)" % (b"1," * 999)), bytes(8)),
        FormatError,
        "NumPy cannot",
    ),
    "an unknown dtype": (written(HEADER.replace(b"<f8", b"<f7"), bytes(8)), FormatError, "its header has the dtype '<f7'"),
    "a dtype of dtypes": (
        written(HEADER.replace(b"<f8", b"f8," * 99), bytes(8)),
        DtypeError,
        "must hold real numbers, got dtype",
    ),
    "no numbers for sides": (written(HEADER.replace(b"(1,)", b"(1.0,)")), FormatError, "a.npy is no array as numpy.save writes"),
    "an empty array of huge sides": (
        written(HEADER.replace(b"(1,)", b"(0, %d)" % 10**30)),
        FormatError,
        "which NumPy cannot make",
    ),
    "axes without number": (written(HEADER.replace(b"(1,)", b"(1,)" + b"+(1,)" * 99)), FormatError, "a.npy is no array"),
    "an endless header": (written(b" " * 60_000), FormatError, "a.npy is no array as numpy.save writes it .*[Hh]eader"),
    "a header of 4 GB": (written(HEADER, version=2)[:8] + b"\xff" * 4, FormatError, "a.npy is no array as numpy.save writes it"),
    "code for a header": (written(b"__import__('os').abort()"), FormatError, "a.npy is no array as numpy.save writes it"),
    "brackets": (written(b"(" * 9000), FormatError, "a.npy is no array as numpy.save writes it"),
    "a later version": (written(HEADER, version=4), FormatError, r"version \(4, 0\) of NumPy's format; fastjac reads \(1, 0\), "),
    "no signature": (b"PICKLE", FormatError, "a.npy is no array as numpy.save writes it"),
    "nothing": (b"", FormatError, "a.npy is no array as numpy.save writes it"),
    "objects": (saved(np.array([None])), DtypeError, "a.npy holds Python objects, which fastjac never unpickles"),
    "objects in fields": (
        written(HEADER.replace(b"'<f8'", b"[('a', '|O')]"), bytes(8)),
        DtypeError,
        "a.npy holds Python objects, which fastjac never unpickles",
    ),
    "bfloat16": (
        written(HEADER.replace(b"'<f8'", b"'<V2'"), np.ones(1, ml_dtypes.bfloat16).tobytes()),
        DtypeError,
        r"which is how NumPy saves bfloat16; save it with .astype\(np.float32\)",
    ),
    "complex": (saved(np.ones(3, complex)), DtypeError, "a.npy must hold real numbers, got dtype complex128"),
    "strings": (saved(np.array(["a"])), DtypeError, "a.npy must hold real numbers, got dtype <U1"),
    "no strings": (written(HEADER.replace(b"<f8", b"<U0")), DtypeError, "a.npy must hold real numbers"),
    "fields": (written(HEADER.replace(b"'<f8'", b"[('a', '<f8')]"), bytes(8)), DtypeError, "a.npy must hold real numbers"),
}


@pytest.mark.parametrize(("content", "error", "message"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_no_sound_array_of_numbers_is_refused(content, error, message):
    with pytest.raises(error, match=message):
        npy.read(content, "a.npy")


@pytest.mark.parametrize("dtype", ["<U3", ">U3", "<U20"])
def test_text_is_read_as_it_was_saved(dtype):
    content = saved(np.array([["omega", ""], ["\N{GREEK SMALL LETTER TAU}", "h 0"]], dtype))
    expected = np.array(["omega", "", "\N{GREEK SMALL LETTER TAU}", "h 0"], dtype)
    assert npy.read_text(content, "names") == list(map(str, expected))


TEXTS = {
    "numbers": (saved(np.ones(2)), DtypeError, "names must hold text, got dtype '<f8'"),
    "objects": (saved(np.array([None])), DtypeError, "names must hold text, got dtype '|O'"),
    "bytes": (saved(np.array([b"a"])), DtypeError, r"names must hold text, got dtype '\|S1'"),
    "truncated": (saved(np.array(["abc"]))[:-4], FormatError, r"names has shape \(1,\) of <U3, but 8 bytes"),
    "no letter": (saved(np.array(["abc"]))[:-4] + b"\xff\xff\xff\x7f", FormatError, "names holds letters that do not exist"),
    "letters of no size": (
        written(b"{'descr': '<U0', 'fortran_order': False, 'shape': (9,)}"), FormatError, "which NumPy cannot make",
    ),
    "too many": (
        written(b"{'descr': '<U1', 'fortran_order': False, 'shape': (500001,)}", bytes(4 * 500_001)), FormatError,
        "it has 500001 entries in names",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "error", "message"), TEXTS.values(), ids=TEXTS)
def test_text_that_is_none_is_reported(content, error, message):
    with pytest.raises(error, match=message):
        npy.read_text(content, "names")


def test_where_the_pickle_of_objects_begins():
    content = saved(np.array([None]))
    start = npy.object_pickle(content, "a")
    assert pickle.loads(content[start:]).tolist() == [None]
    assert npy.object_pickle(saved(np.ones(2)), "a") is None
