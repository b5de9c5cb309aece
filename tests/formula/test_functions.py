"""The functions that formulas alone have, as kernels compute them, against mpmath; those of layers are tested with the layers."""

import math

import mpmath as mp
import numpy as np
import pytest
from mpmath import mpf

from fastjac.formula.functions import FUNCTIONS
from fastjac.kernels.formulas import functions as formulas
from fastjac.kernels.jit import jit
from fastjac.layers import LAYERS
from tests.formula.exact import DIGITS, EXACT

OWN = ["expm1", "log1p", "sign"]
EXPM1, LOG1P, SIGN = formulas.exponential_minus_one, formulas.logarithm_of_one_plus, formulas.signum


@jit
def triples(x):
    found = np.empty((3, 3, x.size), x.dtype)
    for j in range(x.size):
        found[0, 0, j], found[0, 1, j], found[0, 2, j] = EXPM1(x[j], x[j], x[j])
        found[1, 0, j], found[1, 1, j], found[1, 2, j] = LOG1P(x[j], x[j], x[j])
        found[2, 0, j], found[2, 1, j], found[2, 2, j] = SIGN(x[j], x[j], x[j])
    return found


def test_every_other_function_is_a_layers():
    own = {function.formula.__name__ for name, function in FUNCTIONS.items() if name not in OWN}
    rules = [rule for kind in LAYERS.values() for rule in (*getattr(kind, "rules", {}).values(), getattr(kind, "rule", None))]
    assert own <= {getattr(rule, "name", "") for rule in rules}


@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, 2.3e-16), (np.float32, 1.2e-7)])
def test_values_slopes_and_bends_are_exact(dtype, eps):
    rng = np.random.default_rng(0)
    sizes = np.concatenate([10.0 ** rng.uniform(-8, 0, 8), rng.uniform(0, 1.5, 8), rng.uniform(0, 60, 8), [88.5, 19.999, 20.0]])
    x = np.concatenate([sizes, -sizes]).astype(dtype)
    for name, found in zip(OWN, triples(x), strict=True):
        for j in np.flatnonzero(x > -1.0) if name == "log1p" else range(x.size):
            with mp.workdps(DIGITS):
                exact = [
                    mp.diff(EXACT[name], mpf(float(x[j])), order) if order else EXACT[name](mpf(float(x[j])))
                    for order in range(3)
                ]
            for value, expected in zip(found[:, j], exact, strict=True):
                assert abs(float(value) - expected) <= 24 * eps * abs(expected) + 1e-30, (name, x[j])


def test_infinities_zeros_and_nan():
    inf, nan = math.inf, math.nan
    expm1, log1p, sign = triples(np.array([-inf, inf, nan, 0.0, -0.0, 710.0, 1e300]))
    np.testing.assert_array_equal(expm1[0], [-1, inf, nan, 0, 0, inf, inf])
    np.testing.assert_array_equal(log1p[:2, :5], [[nan, inf, nan, 0, 0], [0, 0, nan, 1, 1]])
    np.testing.assert_array_equal(sign, [[-1, 1, 0, 0, 0, 1, 1], [0] * 7, [0] * 7])
    np.testing.assert_array_equal(triples(np.array([-1.0, -2.0]))[1, 0], [-inf, nan])
