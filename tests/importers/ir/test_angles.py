"""The angle of a point equals NumPy's in every quadrant, and so does its derivative on the axes."""

import numpy as np
import pytest

from fastjac.importers.ir import angles
from fastjac.importers.ir.movement import split
from fastjac.importers.ir.values import constant

from .tensors import assert_computed


def angle(x):
    return angles.arctan2(*split(x, 1, [1, 1]))


POINTS = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, -1), (0, -1), (1, -1), (1e-9, -1), (-1, 1e-9), (-1, -1e-9), (-1, 0.0)]


def test_all_quadrants_and_the_axes():
    net = assert_computed(angle, lambda x: np.arctan2(x[:, :1], x[:, 1:]), (1, 2))
    x, y = np.array(POINTS).T
    value, jac = net.value_and_jacobian(np.stack([y, x], 1))
    np.testing.assert_allclose(value[:, 0], np.arctan2(y, x), rtol=1e-15)
    np.testing.assert_allclose(jac[:, 0], np.stack([x, -y], 1) / (x**2 + y**2)[:, None], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("first", [False, True])
def test_beside_constants(first):
    c = np.array([[-0.5, 0.5, 2.0]])
    pair = (lambda x: (constant(c), x)) if first else (lambda x: (x, constant(c)))
    twin = (lambda x: np.arctan2(c, x)) if first else (lambda x: np.arctan2(x, c))
    assert_computed(lambda x: angles.arctan2(*pair(x)), twin, (1, 3))
    np.testing.assert_array_equal(angles.arctan2(constant(c), constant(-c)).alone, np.arctan2(c, -c))


def test_lengths():
    assert_computed(lambda x: angles.hypotenuse(*split(x, 1, [1, 1])), lambda x: np.hypot(x[:, :1], x[:, 1:]), (1, 2))
