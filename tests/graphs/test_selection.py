"""Which entries an index means, and the sentence for each that means none."""

from typing import Any

import numpy as np
import pytest

from fastjac.errors import DtypeError, FastjacError, OptionError, ShapeError
from fastjac.graphs.selection import selected, selected_once

RIGHT = {
    "an int": (2, (2,)),
    "a negative int": (-1, (4,)),
    "a NumPy int": (np.int8(3), (3,)),
    "a slice": (slice(1, 3), (1, 2)),
    "an open slice": (slice(None), (0, 1, 2, 3, 4)),
    "a slice back": (slice(None, None, -2), (4, 2, 0)),
    "a slice beyond the end": (slice(3, 100), (3, 4)),
    "a list": ([3, -5], (3, 0)),
    "a tuple": ((1, 0), (1, 0)),
    "an array": (np.array([4, 2], np.uint8), (4, 2)),
    "a range": (range(2, 4), (2, 3)),
}


@pytest.mark.parametrize(("index", "numbers"), RIGHT.values(), ids=RIGHT)
def test_indices(index: Any, numbers: tuple[int, ...]) -> None:
    for picked in (selected(index, 5, "wrt"), selected_once(index, 5, "wrt")):
        assert picked == numbers
        assert {type(number) for number in picked} == {int}


WRONG = {
    "above": (5, OptionError, "wrt must lie between -5 and 4, for a vector of size 5; got 5"),
    "below": ([0, -6], OptionError, "wrt must lie between -5 and 4, for a vector of size 5; got -6"),
    "a huge int": (2**64 - 1, OptionError, "got 18446744073709551615"),
    "an empty list": ([], OptionError, r"wrt must pick at least one entry, but \[\] picks none of 5"),
    "an empty slice": (slice(3, 3), OptionError, r"wrt must pick at least one entry, but slice\(3, 3, None\) picks none of 5"),
    "True": (True, DtypeError, "wrt must not be boolean, got True; pass the positions"),
    "a mask": (np.arange(5) > 2, DtypeError, "wrt must not be boolean, got array.*numpy.flatnonzero"),
    "floats": ([0.0, 1.0], DtypeError, r"wrt must be an integer, a slice or an array of integers, got \[0.0, 1.0\]"),
    "a name": ("x", DtypeError, "wrt must be an integer, a slice or an array of integers, got 'x'"),
    "a huge float": (1e300, DtypeError, "wrt must be an integer"),
    "an int too large for any array": ([2**70], DtypeError, "wrt must be an integer"),
    "rows": ([[0, 1]], ShapeError, r"wrt must have one dimension, got shape \(1, 2\)"),
    "uneven rows": ([[0, 1], [2]], ShapeError, "wrt must have one dimension, but its rows differ in length"),
    "two axes": ((slice(None), slice(3)), DtypeError, "wrt must pick entries of one vector, without axes for samples"),
    "an ellipsis": ((..., 1), DtypeError, "wrt must pick entries of one vector, without axes for samples"),
    "a slice of floats": (slice(0.0, 2.0), DtypeError, "wrt must be a slice of integers with a step other than 0, got slice"),
    "a step of 0": (slice(0, 2, 0), DtypeError, "wrt must be a slice of integers with a step other than 0, got slice"),
}


@pytest.mark.parametrize(("index", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_indices(index: Any, error: type[FastjacError], message: str) -> None:
    for pick in (selected, selected_once):
        with pytest.raises(error, match=message):
            pick(index, 5, "wrt")


def test_an_entry_twice() -> None:
    assert selected([1, 0, -4], 5, "the index") == (1, 0, 1)
    with pytest.raises(OptionError, match="of must pick each entry once, but picks 1 twice"):
        selected_once([1, 0, -4], 5, "of")
