"""Value, Jacobian and products at one point cost one sweep, and never those of another point."""

import numpy as np

import fastjac as fj
from fastjac.remembered import Remembered
from tests.bits import assert_same_bits
from tests.sweeps import counted_sweeps

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((8, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 8)))])
X = RNG.standard_normal((6, 4))


def test_all_that_is_asked_for_at_one_point_costs_one_sweep():
    solver, u = Remembered(NET), np.ones(3)
    with counted_sweeps() as sweeps:
        for x in X[:3]:
            solver.value(x), solver.jacobian(x), solver.value(x.copy()), solver.vjp(x, u)
        solver.jacobian(X[3]), solver.value(X[3])
        assert solver.jacobian(X[3]) is solver.jacobian(X[3].copy())
    assert sweeps == ["linearize"] * 4
    assert_same_bits([solver.value(X[3]), solver.jacobian(X[3])], NET.value_and_jacobian(X[3]))
    assert_same_bits([solver.vjp(X[3], u)], [NET.vjp(X[3], u)[1]])


def test_a_change_within_the_same_array_is_noticed():
    solver, x = Remembered(NET), X[0].copy()
    solver.value(x), solver.jacobian(x)
    x[1] += 1.0
    assert_same_bits([solver.jacobian(x), solver.value(x)], [NET.jacobian(x), NET(x)])
    x[1] = np.nan
    assert np.isnan(solver.value(x)).all()


def test_some_columns_at_a_batch():
    solver = Remembered(NET, (2, 0))
    assert_same_bits([solver.value(X), solver.jacobian(X)], [NET(X), NET.jacobian(X)[..., [2, 0]]])
