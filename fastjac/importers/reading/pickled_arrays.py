"""NumPy's arrays out of what a pickle describes, checked before memory is taken for them. A pickle itself never makes anything.

    value = interpret(data, behind=behind).value
    plain = PickledArrays(file_size).plain(value)

An array stands in a pickle as a call that makes an empty array and a state that fills it; since protocol 5, as a call on its
bytes; and in a file by joblib, as an object with the bytes behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import DtypeError, FormatError
from .limits import MOST_UNITS, MOST_VALUES, check_count, refuse_expansion
from .machine import Machine
from .opcodes import nested
from .pickled_dtype import dtype_of
from .records import Call, Name, class_of

ARRAY = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
WRAPPERS = ("joblib.numpy_pickle.NumpyArrayWrapper", "sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper")
JOBLIB = ("joblib.", "sklearn.externals.joblib.")
OLD_WRAPPERS = ("NDArrayWrapper", "ZNDArrayWrapper")
"""The classes that joblib before 0.10 wrote, when it kept each array in a file of its own."""
PLAIN_ARRAYS = ("numpy.ndarray", "numpy.memmap", "numpy.core.memmap.memmap")
"""Classes of arrays whose stored numbers are their entries."""
PLAIN = (str, int, float, bool, type(None))
LAST_LETTER = 0x10FFFF
MOST_AXES = 32
MOST_DEPTH = 10
"""The most levels of lists, tuples and dicts in each other."""


class Filled(NamedTuple):
    """An array as the pickle describes it: its layout, and its bytes, or, for Python objects, a list of these."""

    shape: Any
    dtype: np.dtype
    order: Any
    content: Any
    axes: Any = None


class PickledArrays:
    """Reads arrays, and compares their bytes together with the length of the file, since one array may stand at many places."""

    def __init__(self, file_size: int) -> None:
        self._file_size = file_size
        self._bytes = 0
        self._count = 0

    def array(self, value: Any) -> np.ndarray:
        """The entries of an array or scalar, read-only.

        Raises FormatError where they are not as many as its shape needs, DtypeError unless they are real numbers or text, as
        NumPy's types or Python's own.
        """
        found = _described(value)
        if found is None:
            raise FormatError(f"the pickle has {_shown(value)} in place of an array")
        shape, count = _shape(found.shape)
        if found.dtype.hasobject:
            return _laid_out(self._objects(found.content, count), shape, found)
        content = _bytes_of(found.content)
        if count * found.dtype.itemsize != len(content):
            what = f"an array of shape {shape!s:.100} of {found.dtype}"
            raise FormatError(f"the pickle has {what}, but {len(content)} bytes for it; the file is damaged")
        # Numbers are widened, and text becomes objects of Python's own.
        self._account(max(len(content), 8 * count))
        if found.dtype.kind in "US":
            self._count_values(count)
        entries = np.frombuffer(content, found.dtype, count) if content else np.empty(count, found.dtype)
        return _laid_out(_native(entries), shape, found)

    def plain(self, value: Any, depth: int = MOST_DEPTH) -> Any:
        """The value with arrays, scalars, text and numbers in place of the objects that describe them; others stay the same."""
        self._count_values(1)
        if isinstance(value, (list, tuple, dict)) and depth == 0:
            raise FormatError(f"the pickle has more than {MOST_DEPTH} levels of lists within lists; no weights need as many")
        if isinstance(value, (list, tuple)):
            return type(value)(self.plain(item, depth - 1) for item in value)
        if isinstance(value, dict):
            return {key: self.plain(item, depth - 1) for key, item in value.items()}
        if is_array(value):
            return self.array(value)
        if is_scalar(value):
            return self.array(value)[()]
        return bytes(_bytes_of(value)) if is_encoded(value) else value

    def _objects(self, items: Any, count: int) -> np.ndarray:
        """The `count` entries of an array of objects, which must be text and numbers of Python's own."""
        if not isinstance(items, list) or len(items) != count:
            raise FormatError(f"the pickle has an array of {count} objects, but not as many objects; it is damaged")
        self._count_values(count)
        entries = np.empty(count, object)
        for position, item in enumerate(items):
            entries[position] = self.array(item)[()] if is_scalar(item) else item
            if not isinstance(entries[position], (*PLAIN, np.generic)):
                raise DtypeError(f"the pickle has an array of {_shown(item)}; fastjac reads real numbers and text")
        return entries

    def _count_values(self, count: int) -> None:
        self._count += count
        check_count(self._count, MOST_VALUES, "values")

    def _account(self, size: int) -> None:
        self._bytes += size
        refuse_expansion(self._bytes, self._file_size, "the file's arrays")


def behind(made: Call, machine: Machine) -> Any:
    """What stands behind one of joblib's objects: the bytes of an array, or the pickle of an array of Python objects."""
    name = class_of(made)
    if name.startswith(JOBLIB) and name.rpartition(".")[2] in OLD_WRAPPERS:
        raise FormatError(
            "joblib before 0.10 wrote it, which keeps each array in a file of its own beside it; joblib.load it there and "
            "dump it again with a newer joblib"
        )
    if name not in WRAPPERS or not isinstance(made.state, dict):
        return None
    dtype = dtype_of(made.state.get("dtype"))
    if dtype.hasobject:
        return nested(machine)
    _, count = _shape(made.state.get("shape"))
    if made.state.get("numpy_array_alignment_bytes") is not None:
        machine.take(machine.number("<B"))
    return machine.take(count * dtype.itemsize)


def one_object(value: Any) -> Any:
    """The Python object in an array of a single one and no axis, the form in which `numpy.savez` keeps what is no array."""
    found = _described(value)
    content = None if found is None or not found.dtype.hasobject or found.shape != () else found.content
    if not isinstance(content, list) or len(content) != 1:
        raise FormatError("the pickle has no array of a single object; the file is damaged")
    return content[0]


def is_array(value: Any) -> bool:
    """Whether a value stands for an array, even for one that is refused when it is read."""
    return isinstance(value, Call) and class_of(value) in (*ARRAY, *BUFFER, *WRAPPERS)


def is_scalar(value: Any) -> bool:
    """Whether a value stands for one of NumPy's scalars."""
    return isinstance(value, Call) and str(value) in SCALAR


def is_encoded(value: Any) -> bool:
    """Whether a value stands for bytes, which the protocols before 3 do not have."""
    return isinstance(value, Call) and str(value) in ("_codecs.encode", "builtins.bytes")


def _described(value: Any) -> Filled | None:
    """The layout and content of an array or scalar; None for any other value."""
    if not isinstance(value, Call):
        return None
    if class_of(value) in WRAPPERS:
        if is_array(value.content):  # an array of Python objects; joblib's own state repeats only its shape
            return _described(value.content)
        state = value.state if isinstance(value.state, dict) else {}
        _check_class(state.get("subclass"))
        return Filled(state.get("shape"), dtype_of(state.get("dtype")), state.get("order"), value.content)
    if str(value) in ARRAY:
        _check_class(_items(value.args, 3)[0])
        _version, shape, dtype, is_fortran, content = _items(value.state, 5)
        found = dtype_of(dtype)
        # Objects are listed in the order of C, whatever the layout of the array is.
        return Filled(shape, found, "F" if is_fortran is True and not found.hasobject else "C", content)
    if str(value) in BUFFER:
        content, dtype, shape, order, *axes = _items(value.args, 4, 5)
        return Filled(shape, dtype_of(dtype), order, content, *axes)
    if str(value) in SCALAR:
        dtype, content = _items(value.args, 2)
        return Filled((), dtype_of(dtype), "C", content)
    return None


def _items(value: Any, *counts: int) -> Sequence[Any]:
    if not isinstance(value, tuple) or len(value) not in counts:
        raise FormatError("the pickle makes an array from other arguments than NumPy gives; the file is damaged")
    return value


def _check_class(kind: Any) -> None:
    if not isinstance(kind, Name) or str(kind) not in PLAIN_ARRAYS:
        raise DtypeError(f"the pickle has an array of class {_shown(kind)}; save it as a plain one, by numpy.asarray")


def _shape(shape: Any) -> tuple[tuple[int, ...], int]:
    """The shape and how many entries it has."""
    if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
        raise FormatError("the pickle has an array whose shape is no tuple of counts; the file is damaged")
    check_count(len(shape), MOST_AXES, "axes")
    check_count(max(shape, default=0), MOST_UNITS, "entries along one axis")
    return shape, math.prod(shape)


def _bytes_of(content: Any) -> bytes:
    """The bytes of an array; protocols before 3 write them as text."""
    if is_encoded(content):
        args = content.args
        content = args[0] if isinstance(args, tuple) and len(args) == 2 and args[1] == "latin1" else b"" if args == () else None
    try:
        content = content.encode("latin-1") if isinstance(content, str) else content
    except UnicodeEncodeError:
        content = None
    if not isinstance(content, bytes):
        raise FormatError("the pickle has an array without bytes; the file is damaged")
    return content


def _native(entries: np.ndarray) -> np.ndarray:
    """The entries in the machine's byte order; FormatError for text with letters that do not exist."""
    native = entries.astype(entries.dtype.newbyteorder("="), copy=False)
    if native.dtype.kind == "U" and native.nbytes and native.view(np.uint32).max() > LAST_LETTER:
        raise FormatError("the pickle has an array of text with letters that do not exist; the file is damaged")
    return native


def _laid_out(entries: np.ndarray, shape: tuple[int, ...], found: Filled) -> np.ndarray:
    """The entries in their shape, read-only. `found.axes` may state the order of the axes in memory."""
    if found.order not in ("C", "F", "K"):
        raise FormatError("the pickle has an array whose order is neither C nor F; the file is damaged")
    entries.flags.writeable = False
    array = entries.reshape(shape, order="F" if found.order == "F" else "C")
    if found.axes is None:
        return array
    axes = found.axes
    if not isinstance(axes, tuple) or not all(type(axis) is int for axis in axes) or sorted(axes) != list(range(len(shape))):
        raise FormatError("the pickle has an array whose axes are not those of its shape; the file is damaged")
    return array.transpose(axes)


def _shown(value: Any) -> str:
    return str(value)[:100] if isinstance(value, (Call, Name)) else f"a {type(value).__name__}"
