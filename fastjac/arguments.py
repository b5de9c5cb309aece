"""What a caller hands in, checked and brought into the one form that kernels take.

Kernels take C-contiguous, aligned and writeable arrays of the network's dtype.
"""

from __future__ import annotations

import math
import operator
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .dense import dense_array
from .errors import DtypeError, OptionError, ShapeError
from .kernels.float_mode import default_mode

MOST_WORK = 100_000
"""How many candidates NumPy tries to find whether two arrays overlap, in about 1 ms, before it says that they may."""


def inputs(x: Any, n_in: int, dtype: np.dtype, name: str = "x") -> tuple[np.ndarray, tuple[int, ...]]:
    """`x` as (n_in,), ready for kernels, or as (n, n_in), and the leading shape it had; errors call it `name`.

    A batch that kernels cannot take is returned unconverted: it is converted piece by piece where it is used.
    """
    array = features(x, n_in, name)
    lead = array.shape[:-1]
    if array.ndim > 2:
        array = array.reshape(-1, n_in)
    return array if lead else for_kernels(array, dtype), lead


def features(value: Any, n_in: int, name: str) -> np.ndarray:
    """`value` as an array (..., n_in) of real numbers."""
    array = real_array(value, name)
    check_features(array.shape, n_in, name)
    return array


def check_features(shape: tuple[int, ...], n_in: int, name: str) -> None:
    """Raise unless an array of this shape, which errors call `name`, is of shape (..., n_in)."""
    if not shape:
        raise ShapeError(f"{name} must have shape (..., {n_in}), got a single number; wrap it in a list if n_in is 1")
    if shape[-1] != n_in:
        fix = _fix(shape, n_in, name)
        raise ShapeError(f"{name} must have shape (..., {n_in}), one feature for each input of the network, got {shape}{fix}")


def check_columns(frame: Any, names: tuple[str, ...], name: str) -> None:
    """Raise ShapeError for a data frame whose columns have other names than the inputs, if these have any, or another order.

    A row of a frame is checked in the same way, by the labels of its entries.
    """
    labels, noun = _labels(frame) if names else (names, "")
    if labels == names or not all(isinstance(label, str) for label in labels):
        return
    missing = [wanted for wanted in names if wanted not in labels]
    if missing:
        raise ShapeError(f"{name} lacks the {noun} {', '.join(map(repr, missing[:10]))} of net.feature_names")
    number = next((n for n, (found, wanted) in enumerate(zip(labels, names, strict=False)) if found != wanted), len(names))
    raise ShapeError(
        f"{name} must have the {noun} of net.feature_names in their order, because only their places count here, but "
        f"{labels[number]!r} is number {number}; pass {name}[list(net.feature_names)]"
    )


def _labels(frame: Any) -> tuple[tuple[Any, ...], str]:
    """The labels of a frame's columns, or of the entries of one of its rows, and what they are called; none for an array."""
    if hasattr(frame, "columns"):
        return tuple(frame.columns), "columns"
    if getattr(frame, "ndim", 0) == 1 and hasattr(frame, "index"):
        return tuple(frame.index), "entries"
    return (None,), ""


def _fix(shape: tuple[int, ...], n_in: int, name: str) -> str:
    """How an array of the wrong shape would fit, if it would: samples of several axes flattened, or samples as columns."""
    for axis in range(len(shape) - 1):
        if math.prod(shape[axis:]) == n_in:
            return f"; flatten each sample: {name}.reshape({(*shape[:axis], n_in)})"
    return "; it fits when transposed" if len(shape) == 2 and shape[0] == n_in else ""


def seed(value: Any, lead: tuple[int, ...], core: tuple[int | None, ...], name: str) -> np.ndarray:
    """Tangents or cotangents for inputs of leading shape `lead`; `core` is their own shape, None for any size.

    Returns (*lead, *own), or (1, *own) for one seed that all inputs share, not converted yet.
    """
    array = real_array(value, name)
    if array.shape == (*lead, *core):  # the usual case first
        return array if lead else array[None]
    own = array.shape[-len(core) :]
    if array.ndim < len(core) or any(n not in (None, size) for n, size in zip(core, own, strict=True)):
        fix = _class_numbers(array, lead, core, name)
        raise ShapeError(f"{name} must have shape {_seed_shape(core)}, got {array.shape}{fix}")
    if array.ndim == len(core):
        return array[None]
    if array.shape != (*lead, *own):
        try:
            array = np.broadcast_to(array, (*lead, *own))
        except ValueError as error:
            raise ShapeError(
                f"{name} must have shape {_seed_shape(core)} with leading dimensions that broadcast to x's {lead}, "
                f"got {array.shape}"
            ) from error
    return array


def _class_numbers(array: np.ndarray, lead: tuple[int, ...], core: tuple[int | None, ...], name: str) -> str:
    """What to pass in place of class numbers, one for each sample."""
    if array.dtype.kind not in "iu" or array.shape != lead or len(core) != 1:
        return ""
    return f"; {name} holds weights, not class numbers: for the class c of each sample pass numpy.eye({core[0]})[c]"


def _seed_shape(core: tuple[int | None, ...]) -> str:
    return f"(..., {', '.join('k' if n is None else str(n) for n in core)})"


def check_output(out: Any, shape: tuple[int, ...], dtype: np.dtype, x: np.ndarray, name: str = "out") -> None:
    """Raise unless a result of this shape can be written to `out`, which errors call `name`, in memory of any order."""
    if type(out) is not np.ndarray and (not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray)):
        mapped = f'; for a file pass numpy.lib.format.open_memmap(path, mode="w+", dtype="{dtype}", shape={shape})'
        fix = mapped if isinstance(out, (str, Path)) else ""
        raise DtypeError(f"{name} must be a plain NumPy array, got {type(out).__name__}{fix}")
    check_form(out, shape, dtype, name)
    if not out.flags.carray:
        if not out.flags.writeable:
            fix = ' mapped to a file; open the file with mode="r+"' if isinstance(out, np.memmap) else ""
            raise OptionError(f"{name} must be writeable, got a read-only array{fix}")
        if not out.flags.forc and _overlaps_itself(out):
            raise OptionError(f"{name} must not overlap itself, but some of its entries share memory; pass an array of its own")
    # By the bounds, which is quick, then by the entries themselves: two fields of one array of records are two arrays.
    if np.may_share_memory(out, x) and np.may_share_memory(out, x, max_work=MOST_WORK):  # type: ignore[arg-type]
        raise OptionError(f"{name} must not overlap x, which is still read while it is written; pass a separate array or a copy")


def check_form(out: Any, shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
    """Raise unless `out`, an array or a data set, has the shape and the dtype of a result."""
    if out.shape != shape:
        raise ShapeError(f"{name} must have shape {shape}, got {out.shape}")
    if out.dtype != dtype:
        raise DtypeError(f"{name} must have the network's dtype {dtype}, got {out.dtype}; see Network.astype")


def _overlaps_itself(array: np.ndarray) -> bool:
    """Whether a broadcast or otherwise strided array has entries that lie within others."""
    extent = array.itemsize
    for stride, size in sorted((abs(stride), size) for stride, size in zip(array.strides, array.shape, strict=True)):
        if size > 1 and stride < extent:
            return array.size > 0
        extent += stride * (size - 1)
    return False


def positive_count(value: int | None, name: str) -> int | None:
    """`value` as a positive integer, or None."""
    if value is None:
        return None
    try:
        count = operator.index(value)
    except TypeError as error:
        raise DtypeError(f"{name} must be a positive integer, got {value!r}") from error
    if count < 1:
        raise OptionError(f"{name} must be a positive integer, got {count}")
    return count


def one_of(value: Any, options: tuple[Any, ...], name: str) -> Any:
    """`value` if it is one of the options, strings or numbers, else an OptionError that lists them."""
    if not isinstance(value, (str, int, float, np.number)) or value not in options:
        raise OptionError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def names(values: Sequence[str], count: int, name: str, noun: str) -> tuple[str, ...]:
    """One string for each of `count` inputs, or whatever `noun` is, no two alike; `name` is what errors call them."""
    found = tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else (None,)
    if not all(isinstance(value, str) for value in found):
        raise DtypeError(f"{name} must be a sequence of strings, got {values!r:.80}")
    if len(found) != count:
        raise ShapeError(f"{name} must hold {count} names, one for each {noun} of the network, got {len(found)}")
    repeated, times = Counter(found).most_common(1)[0]
    if times > 1:
        raise OptionError(f"{name} must call each {noun} differently, but {repeated!r} comes {times} times")
    return tuple(map(str, found))


def real_array(value: Any, name: str) -> np.ndarray:
    """`value` as an array of bool, integers or floats; complex, object and string input is a DtypeError."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return value  # the usual case first
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(f"{name} must not be a masked array, whose mask would be lost; pass {name}.filled(...)")
    array = dense_array(value, name)
    check_real(array.dtype, name)
    return array


def check_real(dtype: np.dtype, name: str) -> None:
    """Raise unless an array of this dtype, which errors call `name`, holds bool, integers or floats."""
    if dtype.kind not in "fiub":
        fix = "; pass its real part, numpy.real(...)" if dtype.kind == "c" else ""
        raise DtypeError(f"{name} must hold real numbers, got dtype {dtype}{fix}")


def is_for_kernels(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether kernels can take the array as it is."""
    return array.dtype == dtype and array.flags.carray


def for_kernels(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The array itself if kernels can take it, else a copy that they can."""
    if is_for_kernels(array, dtype):
        return array
    with np.errstate(all="ignore"), default_mode():
        return np.require(array, dtype, ["C", "A", "W"])


def file_path(path: Any) -> Path:
    """`path` as a Path, or a DtypeError if it is none."""
    try:
        return Path(os.fsdecode(path))
    except TypeError as error:
        raise DtypeError(f"a path must be a str or os.PathLike, got {type(path).__name__}") from error
