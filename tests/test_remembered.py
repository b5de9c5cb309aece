"""Value and Jacobian at one point cost one sweep, and never the Jacobian of another point."""

import numpy as np

import fastjac as fj
from fastjac.remembered import Remembered
from tests.bits import assert_same_bits
from tests.sweeps import counted_sweeps

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((8, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 8)))])
X = RNG.standard_normal((6, 4))


def test_value_and_jacobian_at_one_point_cost_one_sweep():
    solver = Remembered(NET)
    with counted_sweeps() as sweeps:
        for x in X[:3]:
            solver.value(x), solver.jacobian(x), solver.value(x.copy()), solver.jacobian(x.copy())
        solver.jacobian(X[3]), solver.value(X[3])
    assert sweeps == ["value_and_jacobian"] * 4
    assert_same_bits([solver.value(X[3]), solver.jacobian(X[3])], NET.value_and_jacobian(X[3]))


def test_a_change_within_the_same_array_is_noticed():
    solver, x = Remembered(NET), X[0].copy()
    solver.value(x), solver.jacobian(x)
    x[1] += 1.0
    assert_same_bits([solver.jacobian(x), solver.value(x)], [NET.jacobian(x), NET(x)])
    x[1] = np.nan
    assert np.isnan(solver.value(x)).all()


def test_where_no_jacobian_was_asked_for_the_next_value_comes_alone():
    """As in a line search, or in a solver that keeps an old Jacobian."""
    solver = Remembered(NET)
    with counted_sweeps() as sweeps:
        for x in X[:3]:
            solver.value(x)
        solver.jacobian(X[2])
        for x in X[3:5]:
            solver.value(x)
    assert sweeps == ["value_and_jacobian", "__call__", "__call__", "value_and_jacobian", "value_and_jacobian", "__call__"]


def test_some_columns_at_a_batch():
    solver = Remembered(NET, (2, 0))
    assert_same_bits([solver.value(X), solver.jacobian(X)], [NET(X), NET.jacobian(X)[..., [2, 0]]])
