"""Entries written or joined at places equal NumPy's."""

import numpy as np
import pytest

from fastjac.errors import UnsupportedLayerError
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir import scattering as sc
from fastjac.importers.ir.values import computed, constant

from .tensors import assert_computed, flow_of

NUMBERS = np.array([[2, 0, 2, 2]])


def places(x):
    """Places of all samples along axis 1, one of them three times."""
    numbers = computed(lambda array: np.repeat(NUMBERS, len(array), 0), x)
    return sc.places_along(x, 1, numbers)


JOINS = {
    "add": (el.add, np.add),
    "multiply": (el.multiply, np.multiply),
    "maximum": (el.maximum, np.maximum),
    "minimum": (el.minimum, np.minimum),
}


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("entries", ["the input", "constants"])
def test_joined(name, entries):
    join, twin = JOINS[name]
    constants = np.array([0.5, -1.0, 2.0, 3.0])

    def expected(x):
        result = x.copy()
        given = x * x if entries == "the input" else np.broadcast_to(constants, x.shape)
        twin.at(result, (np.arange(len(x))[:, None], NUMBERS), given)
        return result

    def function(x):
        return sc.put(x, places(x), el.multiply(x, x) if entries == "the input" else constant(constants[None]), join)

    assert_computed(function, expected, (1, 4))


def test_into_zeros():
    def function(x):
        zeros = computed(lambda array: np.zeros((len(array), 3)), x)
        return sc.put(zeros, places(zeros), x, el.add)

    assert_computed(function, lambda x: np.stack([x[:, 1], 0 * x[:, 0], x[:, 0] + x[:, 2] + x[:, 3]], 1), (1, 4))


def test_places_by_several_numbers():
    indices = np.array([[0, 1], [0, 3]])
    value = constant(np.arange(4.0).reshape(1, 4))
    np.testing.assert_array_equal(sc.places_at(value, constant(indices)).alone, [1, 3])
    np.testing.assert_array_equal(sc.taken_at(value, sc.places_at(value, constant(indices))).alone, [1.0, 3.0])


def test_places_that_depend_on_the_input_are_refused():
    with pytest.raises(UnsupportedLayerError, match="it writes to places that depend on the network's input"):
        sc.put(flow_of((1, 4)), flow_of((1, 4)), flow_of((1, 4)))
