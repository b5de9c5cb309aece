"""The bends, which are second derivatives, of the activations against exact arithmetic, at kinks and extremes, and in float32."""

import mpmath as mp
import numpy as np
import pytest
from mpmath import mpf

from tests.activations import EXAMPLES, bend_of, defined, on_kink
from tests.kernels.compiled_code import assert_one_loop_that_calls_nothing
from tests.kernels.exact_activations import second_derivative
from tests.kernels.from_python import call
from tests.kernels.test_activations import LIBRARY, every_rule, parameters, special_points

EPS, TINY, HUGE = np.finfo(np.float64).eps, np.finfo(np.float64).tiny, np.finfo(np.float64).max
BENT = sorted(rule for rule, layer in EXAMPLES.items() if not layer.piecewise_linear)
every_bent_rule = pytest.mark.parametrize("rule", BENT)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# These cross 0 at some |x| up to 4, as a small difference of terms of order 1; elsewhere they keep their relative accuracy.
CANCELLING = {"gelu", "gelu_tanh", "silu", "gated_swish", "mish", "sigmoid"}
OVERFLOWING = {
    "exponential", "power", "square_root", "reciprocal", "logarithm", "arcsine", "arccosine", "area_cosine", "area_tangent",
    "hyperbolic_sine", "hyperbolic_cosine",
}  # fmt: skip
POLES = {"arcsine", "arccosine", "area_cosine", "area_tangent"}
"""Rules whose bend is infinite at their kinks, and finite beside them."""


def bends(rule, x, p, q):
    """The bends of a row, in the dtype of x."""
    b = np.empty_like(x)
    call(EXAMPLES[rule].rule.bend, x.dtype.type(0), x, np.full_like(x, p), np.full_like(x, q), b, x.size)
    return b


def jumps(rule):
    return [*EXAMPLES[rule].kinks, *bend_of(EXAMPLES[rule]).jumps]


def smooth_points(rule):
    """Points of all sizes, on both sides of every kink but on none."""
    rng = np.random.default_rng(len(rule))
    layer, zero = EXAMPLES[rule], [] if 0.0 in jumps(rule) else [0.0, -0.0]
    points = np.concatenate([rng.uniform(-50, 50, 30), rng.uniform(-4, 4, 30), special_points(rule), zero])
    points = defined(layer, points)
    return points[~on_kink(layer, points)]


def assert_exact(rule, found):
    """What a rule gives at its smooth points must be right to 1e-14, but for the floors stated above and underflow."""
    # The exponent of gelu_tanh, a cubic, carries its own rounding, up to 700 units of it in the far left tail.
    relative = 3e-13 if rule == "gelu_tanh" else 1e-14
    for x, c in zip(smooth_points(rule), found, strict=True):
        expected = second_derivative(EXAMPLES[rule], x)
        if abs(expected) > HUGE:
            assert c == np.inf * float(mp.sign(expected))
            continue
        floor = 4 * EPS if rule in CANCELLING and abs(x) <= 4 else 0.0
        assert abs(mpf(c) - expected) <= relative * abs(expected) + floor + TINY, (x, c, expected)


@every_rule
def test_second_derivatives_are_exact(rule):
    """Of every rule: one that is piecewise linear has none."""
    assert_exact(rule, bends(rule, smooth_points(rule), *parameters(rule)))


@every_bent_rule
def test_an_error_of_one_in_a_million_million_and_a_forgotten_rule_are_noticed(rule):
    found = bends(rule, smooth_points(rule), *parameters(rule))
    for wrong in (found * (1 + 1e-12), np.zeros_like(found)):
        with pytest.raises(AssertionError):
            assert_exact(rule, wrong)


@pytest.mark.parametrize("rule", sorted(EXAMPLES.keys() - {"softsign"}))
def test_where_it_jumps_it_is_that_of_one_side(rule):
    for jump in jumps(rule):
        sides = np.array([np.nextafter(jump, -np.inf), np.nextafter(jump, np.inf)])
        (at,) = bends(rule, np.array([jump]), *parameters(rule))
        assert np.isinf(at) if rule in POLES else np.isclose(at, bends(rule, sides, *parameters(rule)), rtol=1e-14, atol=0).any()


def test_softsigns_is_odd_and_0_at_its_jump():
    np.testing.assert_allclose(bends("softsign", np.array([-1e-30, 0.0, -0.0, 1e-30]), 0, 0), [2, 0, 0, -2])


@every_rule
@both_dtypes
def test_infinities_give_the_limit(rule, dtype):
    found = bends(rule, np.array([-np.inf, np.inf], dtype), *parameters(rule))
    np.testing.assert_array_equal(found, bend_of(EXAMPLES[rule]).limits)


@every_rule
@both_dtypes
def test_nan_gives_nan_unless_comparisons_choose_a_constant(rule, dtype):
    found = bends(rule, np.array([np.nan], dtype), *parameters(rule))
    np.testing.assert_array_equal(found, [bend_of(EXAMPLES[rule]).at_nan])


@every_rule
@both_dtypes
def test_no_finite_input_gives_nan_and_few_overflow(rule, dtype):
    x = np.array([0.0, 1e-30, 1e3, 1e5, 1e10, 1e19, 1e30, np.finfo(dtype).max], dtype)
    found = bends(rule, defined(EXAMPLES[rule], np.concatenate([-x, x])), *parameters(rule))
    assert not np.isnan(found).any()
    assert rule in OVERFLOWING or np.isfinite(found).all()


@every_bent_rule
def test_float32_follows_float64(rule):
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.uniform(-50, 50, 2000), rng.normal(size=2000) * 2, special_points(rule), [0.0]])
    x = defined(EXAMPLES[rule], x).astype(np.float32)
    p, q = np.float32(parameters(rule))
    single, double = bends(rule, x, p, q), bends(rule, x.astype(np.float64), p, q)
    eps, tiny = np.finfo(np.float32).eps, np.finfo(np.float32).tiny
    # See the exact test: what cancels, and the cubic exponent of gelu_tanh.
    floor = 4 * eps * (np.abs(x) <= 4) if rule in CANCELLING else 0.0
    relative = 4e-5 if rule == "gelu_tanh" else 2e-6
    with np.errstate(over="ignore"):
        ends = ~np.isfinite(double.astype(np.float32))
    np.testing.assert_array_equal(single[ends], double[ends].astype(np.float32))
    allowed = relative * np.abs(double) + floor + tiny
    assert (np.abs(single[~ends] - double[~ends]) <= allowed[~ends]).all()


@every_bent_rule
@both_dtypes
def test_bits_do_not_depend_on_the_place_in_the_row(rule, dtype):
    rng = np.random.default_rng(11)
    x = np.concatenate([special_points(rule), [0.0, -0.0, np.inf, 700.0, -90.0], rng.normal(size=80) * 8]).astype(dtype)
    p, q = parameters(rule)
    alone = np.concatenate([bends(rule, x[j : j + 1], p, q) for j in range(x.size)])
    for start, stop in ((0, x.size), (1, x.size), (3, 70), (5, 38), (0, 5)):
        assert bends(rule, x[start:stop], p, q).tobytes() == alone[start:stop].tobytes()


@pytest.mark.parametrize("rule", sorted(set(BENT) - LIBRARY))
@both_dtypes
def test_the_loop_is_vectorized_and_calls_nothing(rule, dtype):
    assert_one_loop_that_calls_nothing(EXAMPLES[rule].rule.bend, dtype)
