"""Arrays come out of pickles as NumPy itself reads them, and damaged ones are refused; those of joblib are tried where it is."""

import pickle
import tracemalloc

import numpy as np
import pytest

from fastjac.errors import DtypeError, FormatError
from fastjac.importers.reading.opcodes import interpret
from fastjac.importers.reading.pickled_arrays import PickledArrays, behind
from fastjac.importers.reading.records import Call

from ..torch_files import call, number, numbers, text

PROTOCOLS = range(6)
NUMBERS = np.arange(24.0).reshape(2, 3, 4)
ARRAYS = {
    "float64": NUMBERS,
    "float32": NUMBERS.astype(np.float32),
    "int8": NUMBERS.astype(np.int8),
    "bool": NUMBERS > 7,
    "big-endian": NUMBERS.astype(">f8"),
    "fortran": np.asfortranarray(NUMBERS[0]),
    "transposed": NUMBERS.transpose(1, 0, 2),
    "strided": NUMBERS[:, ::2],
    "empty": np.empty((0, 3)),
    "of no axes": np.array(2.5),
    "text": np.array(["a", "ünï"]),
    "bytes": np.array([b"ab", b"c"]),
    "objects": np.array(["a", 1, None, 2.5], object),
    "table of objects": np.asfortranarray(np.array([["a", "b"], ["c", "d"]], object)),
    "scalars in objects": np.array([np.float64(1.5), np.str_("a")], object),
}
VALUE = {
    "a": [np.ones(2), (True, False, None)],
    "b": (np.float32(0.5), 1, -(2**40), 2**200, 1e-300, float("inf"), "quote ' and \n line", b"\x00\xff"),
    3: {"text": "ünï \\u0041", "none": [], "dict": {}, "bytes": b""},
}


def read(data, stored=None):
    return PickledArrays(len(data) if stored is None else stored).plain(interpret(data, behind=behind).value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_read_as_they_were_written(array, protocol):
    found = read(pickle.dumps(array, protocol))
    assert found.dtype == array.dtype.newbyteorder("=")
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, array, strict=found.dtype == array.dtype)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_values_are_read_with_the_arrays_in_them(protocol):
    assert repr(read(pickle.dumps(VALUE, protocol))) == repr(VALUE)


def test_one_array_at_two_places_is_read_at_both():
    array = np.arange(3.0)
    first, second = read(pickle.dumps([array, array]))
    np.testing.assert_array_equal(first, second)


def test_objects_stay_as_they_are():
    value = read(pickle.dumps({"a": slice(0, 3), "b": complex(1, 2)}))
    assert isinstance(value["a"], Call)
    assert str(value["a"]) == "builtins.slice"
    assert value["a"].args == (0, 3, None)


def test_python_2_wrote_bytes_as_text():
    pickled = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n(I1\n(I2\ntp6\n"
        b"cnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
        b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x04@'\np13\ntp14\nb."
    )
    np.testing.assert_array_equal(read(pickled), pickle.loads(pickled, encoding="latin1"))
    np.testing.assert_array_equal(read(pickled), [1.0, 2.5])


RECONSTRUCTED = b"(" + b"cnumpy\nndarray\n" + numbers((0,)) + text("b") + b"t"


def dtype(code="f8", order="<"):
    return (
        call("numpy.dtype", b"(" + text(code) + b"\x89\x88t")
        + b"("
        + number(3)
        + text(order)
        + b"NNNJ\xff\xff\xff\xffK\x00K\x00tb"
    )


def array(shape=None, kind=None, content=b"C\x08" + bytes(8), made=RECONSTRUCTED):
    state = b"(" + number(1) + (shape or numbers((1,))) + (kind or dtype()) + b"\x89" + content + b"t"
    return call("numpy.core.multiarray._reconstruct", made) + state + b"b"


def wrapped(shape=None, kind=None, subclass=b"cnumpy\nndarray\n", content=bytes(8)):
    entries = {"subclass": subclass, "shape": shape or numbers((1,)), "order": text("C"), "dtype": kind or dtype()}
    state = b"}(" + b"".join(text(name) + value for name, value in entries.items()) + b"u"
    return call("joblib.numpy_pickle.NumpyArrayWrapper", b")") + state + b"b" + content


def doubling(levels, opcode):
    """A value in itself twice, on as many levels."""
    level = b"".join(b"(h" + bytes([i]) + b"h" + bytes([i]) + opcode + b"q" + bytes([i + 1]) + b"0" for i in range(levels))
    return b"]q\x000" + level + b"h" + bytes([levels])


REFUSED = {
    "more entries than bytes": (array(numbers((2,))), FormatError, r"an array of shape \(2,\) of float64, but 8 bytes for it"),
    "fewer": (array(b")", content=b"C\x10" + bytes(16)), FormatError, r"an array of shape \(\) of float64, but 16 bytes"),
    "2**63 entries": (array(numbers((2**63,))), FormatError, "entries along one axis; fastjac reads files of up to"),
    "2**24 * 2**24 entries": (array(numbers((2**24, 2**24))), FormatError, "but 8 bytes for it"),
    "a negative shape": (array(numbers((-1,))), FormatError, "whose shape is no tuple of counts"),
    "a shape of text": (array(b"(" + text("a") + b"t"), FormatError, "whose shape is no tuple of counts"),
    "a shape that doubles": (array(doubling(100, b"t")), FormatError, "whose shape is no tuple of counts"),
    "33 axes": (array(numbers((1,) * 33)), FormatError, "it has 33 axes"),
    "no dtype": (array(kind=text("f8")), FormatError, "an array whose dtype is none"),
    "complex numbers": (array(kind=dtype("c16")), DtypeError, "an array of dtype c16; fastjac reads real numbers and text"),
    "dates": (array(kind=dtype("M8")), DtypeError, "an array of dtype M8"),
    "records": (array(kind=dtype("V8")), DtypeError, "an array of dtype V8"),
    "text of 2 GB": (array(kind=dtype("U999999999")), DtypeError, "an array of dtype U999999999"),
    "no byte order": (array(kind=dtype(order="?")), FormatError, "a dtype of no byte order"),
    "letters that do not exist": (
        array(kind=dtype("U2"), content=b"C\x08" + b"\xff" * 8),
        FormatError,
        "letters that do not exist",
    ),
    "no bytes": (array(content=number(3)), FormatError, "an array without bytes"),
    "bytes by another codec": (
        array(content=call("_codecs.encode", b"(" + text("a") + text("rot13") + b"t")),
        FormatError,
        "an array without bytes",
    ),
    "letters that are no bytes": (array(content=text("\u1234" * 8)), FormatError, "an array without bytes"),
    "a class of its own": (
        array(made=RECONSTRUCTED.replace(b"ndarray", b"matrix")),
        DtypeError,
        "an array of class numpy.matrix; save it as a plain one",
    ),
    "objects": (array(kind=dtype("O8", "|"), content=b"](}e"), DtypeError, "an array of a dict; fastjac reads real numbers"),
    "fewer objects": (array(kind=dtype("O8", "|"), content=b"]"), FormatError, "an array of 1 objects, but not as many objects"),
    "bytes for objects": (array(kind=dtype("O8", "|")), FormatError, "an array of 1 objects, but not as many objects"),
    "other arguments": (
        call("numpy.core.multiarray._reconstruct", b")") + b"Nb",
        FormatError,
        "from other arguments than NumPy gives",
    ),
    "a scalar of nothing": (call("numpy.core.multiarray.scalar", b"(" + dtype() + b"C\x00t"), FormatError, "but 0 bytes for it"),
    "behind joblib's, too little": (wrapped(numbers((9,)), content=bytes(8)), FormatError, "ends at byte .* in the middle"),
    "behind joblib's, 2**24 * 2**24": (wrapped(numbers((2**24, 2**24))), FormatError, "ends at byte .* in the middle"),
    "joblib's of a class": (wrapped(subclass=b"ca\nb\n"), DtypeError, "an array of class a.b"),
    "joblib's of objects that are none": (wrapped(kind=dtype("O", "|"), content=b"N."), FormatError, "but not as many objects"),
    "joblib's in other files": (
        call("joblib.numpy_pickle.NDArrayWrapper", b")") + b"}b",
        FormatError,
        "joblib before 0.10 wrote it, which keeps each array in a file of its own",
    ),
    "lists in lists": (doubling(100, b"l"), FormatError, "more than 10 levels of lists within lists"),
    "wide lists in lists": (
        b"".join(b"(" + (b"h" + bytes([i - 1]) if i else b"N") * 40 + b"lq" + bytes([i]) for i in range(8)),
        FormatError,
        "it has 500001 values",
    ),
}


@pytest.mark.parametrize(("opcodes", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_array_is_refused(opcodes, error, message):
    with pytest.raises(error, match=message):
        read(b"\x80\x02" + opcodes + b".")


def test_one_large_array_at_many_places_counts_as_often():
    many = b"\x80\x02](" + array(numbers((1000, 1000)), content=b"B" + (8_000_000).to_bytes(4, "little") + bytes(8_000_000))
    many += b"q\x00" + b"h\x00" * 20 + b"e."
    tracemalloc.start()
    with pytest.raises(FormatError, match="the file's arrays claims to unpack to 72000000 bytes from 1000"):
        read(many, stored=1000)
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()


def test_pickles_within_a_file_share_its_opcodes():
    inner = b"N0" * 100_000 + b"]."
    outer = b"\x80\x02(" + wrapped(kind=dtype("O", "|"), content=inner) * 2 + b"t."
    with pytest.raises(FormatError, match="opcodes; no weights need as many"):
        read(outer)
