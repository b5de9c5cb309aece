"""Which entries of a vector an index picks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..errors import DtypeError, OptionError, ShapeError


def selected(index: Any, size: int, name: str) -> tuple[int, ...]:
    """The numbers, from 0 to size - 1, that an int, a slice or a one-dimensional array of ints picks.

    Negative numbers count from the end. An int picks one entry, as `i:i+1` does. `name` stands for the index in errors.

    Raises DtypeError or ShapeError for an index of another kind, booleans included, OptionError where it picks nothing or
    reaches outside.
    """
    if isinstance(index, slice):
        numbers = _sliced(index, size, name)
    else:
        given = _integers(index, name)
        outside = [number for number in given if not -size <= number < size]
        if outside:
            raise OptionError(f"{name} must lie between {-size} and {size - 1}, for a vector of size {size}; got {outside[0]}")
        numbers = tuple([number % size for number in given])
    if not numbers:
        raise OptionError(f"{name} must pick at least one entry, but {_shown(index)} picks none of {size}")
    return numbers


def selected_once(index: Any, size: int, name: str) -> tuple[int, ...]:
    """As `selected`, and an OptionError where an entry is picked twice."""
    numbers = selected(index, size, name)
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number, times in Counter(numbers).items() if times > 1)
        raise OptionError(f"{name} must pick each entry once, but picks {repeated} twice; take it twice from the result instead")
    return numbers


def as_index(numbers: tuple[int, ...]) -> slice | np.ndarray:
    """Numbers as an index: a slice, which is taken faster, where they follow one another."""
    first = numbers[0]
    follow = numbers == tuple(range(first, first + len(numbers)))
    return slice(first, first + len(numbers)) if follow else np.array(numbers)


def _sliced(index: slice, size: int, name: str) -> tuple[int, ...]:
    try:
        return tuple(range(size)[index])
    except (TypeError, ValueError) as error:
        raise DtypeError(f"{name} must be a slice of integers with a step other than 0, got {index}") from error


def _integers(index: Any, name: str) -> list[int]:
    """The index as a list of ints."""
    if isinstance(index, tuple) and any(isinstance(part, slice) or part is Ellipsis for part in index):
        raise DtypeError(f"{name} must pick entries of one vector, without axes for samples, as 0:3 or [0, 2]; got {index}")
    try:
        array = np.asarray(index)
    except ValueError as error:
        raise ShapeError(f"{name} must have one dimension, but its rows differ in length") from error
    if array.dtype.kind == "b":
        raise DtypeError(f"{name} must not be boolean, got {_shown(index)}; pass the positions, as numpy.flatnonzero gives them")
    if array.size == 0:
        return []
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{name} must be an integer, a slice or an array of integers, got {_shown(index)}")
    if array.ndim > 1:
        raise ShapeError(f"{name} must have one dimension, got shape {array.shape}")
    return array.ravel().tolist()


def _shown(index: Any) -> str:
    return f"{index!r:.60}"
