"""Every activation against exact arithmetic, against torch, against itself in float32 and at every place of a row."""

from collections.abc import Callable

import mpmath as mp
import numba
import numpy as np
import pytest
import torch
from mpmath import mpf

from fastjac import layers as fl
from fastjac.kernels import activations
from tests.activations import EXAMPLES, TWINS, defined, on_kink
from tests.kernels.compiled_code import assert_one_loop_that_calls_nothing, code_of, vectorized_loops
from tests.kernels.exact_activations import value_and_derivative
from tests.kernels.from_python import call
from tests.torch_reference import torch_function

EPS, TINY, HUGE = np.finfo(np.float64).eps, np.finfo(np.float64).tiny, np.finfo(np.float64).max

every_rule = pytest.mark.parametrize("rule", sorted(EXAMPLES))

# Where a result is a small difference of large terms it has an absolute error of a few units in the last place of the terms.
# These cross 0 so; the derivatives of the first line do at one x in [-2, 0], and keep their relative accuracy elsewhere.
CANCELLING_DERIVATIVE = {"gelu", "gelu_tanh", "silu", "gated_swish", "mish", "hard_swish"}
CANCELLING_VALUE = {"tanh_shrink", "scale"}
LIBRARY = {
    "power", "sine", "cosine", "tangent", "arcsine", "arccosine", "arctangent", "hyperbolic_sine", "hyperbolic_cosine",
    "area_sine", "area_cosine", "area_tangent", "remainder", "truncated_remainder",
}  # fmt: skip
"""Rules that call the C library: not vectorized, or not beyond a reach."""


def apply(rule: str, x: np.ndarray, p: float, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives of a row, in the dtype of x."""
    z, d = x.copy(), np.empty_like(x)
    call(EXAMPLES[rule].rule.activation, x.dtype.type(0), z, np.full_like(x, p), np.full_like(x, q), d, x.size)
    return z, d


def parameters(rule: str) -> tuple[float, float]:
    p, q = EXAMPLES[rule].rule_parameters
    return float(p), float(q)


def special_points(rule: str) -> np.ndarray:
    """0 and -0, 1000 and -1000, and both sides of every kink and of softplus's threshold."""
    edges = [*EXAMPLES[rule].kinks, 10.0]
    return defined(EXAMPLES[rule], np.array([1e3, -1e3, *(edge + side for edge in edges for side in (-1e-12, 1e-12))]))


def assert_within(actual, expected, tolerance) -> None:
    same = actual == expected  # infinities too
    far = np.abs(actual[~same] - expected[~same]) > np.broadcast_to(tolerance, same.shape)[~same]
    assert not far.any(), (actual[~same][far][0], expected[~same][far][0])


def test_every_rule_is_tested_here():
    concrete = [kind for kind in fl.LAYERS.values() if issubclass(kind, fl.Activation)]
    rules = [rule for kind in concrete for rule in (kind.rules.values() if hasattr(kind, "rules") else [kind.rule])]
    assert {rule.name for rule in rules} == set(EXAMPLES)


def test_a_rule_is_shared_by_all_layers_that_name_its_formula():
    assert fl.PReLU.rule is fl.LeakyReLU.rule
    assert len({layer.rule for twin in TWINS.values() for layer in twin.layers}) == len(EXAMPLES)


def exact_points(rule: str) -> np.ndarray:
    rng = np.random.default_rng(len(rule))
    layer = EXAMPLES[rule]
    points = np.concatenate([rng.uniform(-50, 50, 40), rng.uniform(-3, 3, 20), special_points(rule), [0.0, -0.0]])
    points = defined(layer, points)
    return points[~on_kink(layer, points)]


def assert_exact(rule: str, values: np.ndarray, derivatives: np.ndarray) -> None:
    """What a rule gives at its exact_points must be right to 1e-13, but for the floors stated above and underflow."""
    p, q = parameters(rule)
    # The exponent of gelu_tanh, a cubic, carries its own rounding, up to 700 units of it in the far left tail.
    relative = 3e-13 if rule == "gelu_tanh" else 1e-13
    for x, value, derivative in zip(exact_points(rule), values, derivatives, strict=True):
        exact_value, exact_derivative = value_and_derivative(EXAMPLES[rule], x)
        if abs(exact_value) > HUGE:
            assert (value, derivative) == (np.inf * float(mp.sign(exact_value)), np.inf * float(mp.sign(exact_derivative)))
            continue
        value_floor = 4 * EPS * (abs(p * x) + abs(q) + abs(x)) if rule in CANCELLING_VALUE else 0.0
        derivative_floor = 4 * EPS if rule in CANCELLING_DERIVATIVE and -2 <= x <= 0 else 0.0
        assert abs(mpf(value) - exact_value) <= relative * abs(exact_value) + value_floor + TINY, x
        assert abs(mpf(derivative) - exact_derivative) <= relative * abs(exact_derivative) + derivative_floor + TINY, x


@every_rule
def test_value_and_derivative_are_exact(rule):
    assert_exact(rule, *apply(rule, exact_points(rule), *parameters(rule)))


@every_rule
def test_an_error_of_one_in_a_million_million_is_noticed(rule):
    values, derivatives = apply(rule, exact_points(rule), *parameters(rule))
    for wrong in ((values * (1 + 1e-12), derivatives), (values, derivatives * (1 + 1e-12) + 1e-12 * (derivatives == 0))):
        with pytest.raises(AssertionError):
            assert_exact(rule, *wrong)


def torch_value_and_derivative(function: Callable[..., torch.Tensor], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    point = torch.tensor(x, requires_grad=True)
    y = function(point)
    (slope,) = torch.autograd.grad(y.sum(), point)
    return y.detach().numpy(), slope.numpy()


@every_rule
def test_value_and_derivative_are_torchs(rule):
    layer = EXAMPLES[rule]
    x = np.concatenate([np.linspace(-50, 50, 401), special_points(rule), layer.kinks, [0.0, -0.0]])
    values, derivatives = apply(rule, x, *parameters(rule))
    torch_values, torch_derivatives = torch_value_and_derivative(torch_function([layer]), x)
    # torch loses relative accuracy in the tails (1 - tanh^2, 1 + erf), so units in the last place of the terms are allowed.
    assert_within(values, torch_values, 1e-13 * np.abs(torch_values) + 8 * EPS * np.maximum(1, np.abs(x)))
    assert_within(derivatives, torch_derivatives, 1e-13 * np.abs(torch_derivatives) + 8 * EPS * np.maximum(1, np.abs(x)))


@every_rule
def test_infinities_are_torchs_or_the_limit(rule):
    x = np.array([-np.inf, np.inf])
    values, derivatives = apply(rule, x, *parameters(rule))
    torch_values, torch_derivatives = torch_value_and_derivative(torch_function([EXAMPLES[rule]]), x)
    if rule == "square_plus":  # torch has none; the reference formula is inf - inf on the left, where the limit is 0
        torch_values[0] = 0.0
    np.testing.assert_array_equal(values, torch_values)
    decided = ~np.isnan(torch_derivatives)
    np.testing.assert_array_equal(derivatives[decided], torch_derivatives[decided])


@every_rule
def test_nan_gives_nan_and_a_derivative_that_torch_gives(rule):
    value, derivative = apply(rule, np.array([np.nan]), *parameters(rule))
    assert np.isnan(value[0])
    # The reference composes HardSigmoid of other functions, because torch holds its 1/6 in float32; at nan torch's own counts.
    function = torch.nn.functional.hardsigmoid if rule == "hard_sigmoid" else torch_function([EXAMPLES[rule]])
    # torch takes another path for whole vectors than for what remains, and the two do not always agree at nan. That of whole
    # vectors is its forward mode's too.
    _, answers = torch_value_and_derivative(function, np.full(64, np.nan))
    np.testing.assert_array_equal(derivative[0], answers[0])


def test_relu_lets_nan_through_with_slope_1():
    _, derivative = apply("relu", np.array([np.nan]), 0.0, 0.0)
    assert derivative[0] == 1.0


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_finite_input_gives_nan(rule, dtype):
    largest = np.finfo(dtype).max
    x = np.array([0.0, 1e-30, 1e3, 1e5, 1e10, 1e19, 1e30, largest], dtype)
    for result in apply(rule, defined(EXAMPLES[rule], np.concatenate([-x, x])), *parameters(rule)):
        assert not np.isnan(result).any()


@every_rule
def test_float32_follows_float64(rule):
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.uniform(-50, 50, 2000), rng.normal(size=2000), special_points(rule), [0.0, np.inf, -np.inf, np.nan]])
    x, (p, q) = x.astype(np.float32), np.float32(parameters(rule))
    single = apply(rule, x, p, q)
    double = apply(rule, x.astype(np.float64), p, q)
    eps, tiny = np.finfo(np.float32).eps, np.finfo(np.float32).tiny
    relative = 2e-5 if rule == "gelu_tanh" else 2e-6  # see the exact test above
    cancelling = (rule in CANCELLING_VALUE, rule in CANCELLING_DERIVATIVE)
    for actual, expected, cancels in zip(single, double, cancelling, strict=True):
        with np.errstate(over="ignore"):
            ends = ~np.isfinite(expected.astype(np.float32))
        np.testing.assert_array_equal(actual[ends], expected[ends].astype(np.float32))
        floor = 4 * eps * np.maximum(1, np.abs(x)) if cancels else np.zeros(x.size)
        assert_within(actual[~ends], expected[~ends], (relative * np.abs(expected) + floor + tiny)[~ends])


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_place_in_the_row(rule, dtype):
    rng = np.random.default_rng(11)
    x = np.concatenate(
        [special_points(rule), [0.0, -0.0, np.inf, 700.0, -700.0, 90.0, -100.0, 9999.0, 10001.0, 2e6], rng.normal(size=80) * 8]
    )
    x = x.astype(dtype)
    p, q = parameters(rule)
    alone = np.array([np.concatenate(apply(rule, x[j : j + 1], p, q)) for j in range(x.size)]).T
    bits = np.dtype(f"u{x.itemsize}")
    for start, stop in ((0, x.size), (1, x.size), (3, 70), (5, 38), (2, 11), (0, 5)):
        for whole, single in zip(apply(rule, x[start:stop], p, q), alone, strict=True):
            np.testing.assert_array_equal(whole.view(bits), single[start:stop].astype(dtype).view(bits))


@pytest.mark.parametrize("rule", sorted(EXAMPLES.keys() - LIBRARY))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loop_is_vectorized_and_calls_nothing(rule, dtype):
    assert_one_loop_that_calls_nothing(EXAMPLES[rule].rule.activation, dtype)


@pytest.mark.parametrize("rule", ["sine", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_its_reach_a_formula_vectorizes(rule, dtype):
    kernel = activations.Rule(EXAMPLES[rule].rule.formula).activation
    code = code_of(kernel, dtype)
    assert vectorized_loops(code) > 0
    assert "@sin" not in code
    assert "@llvm.sin" not in code


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_stay_in_the_dtype(rule, dtype):
    formula, kinds = EXAMPLES[rule].rule.formula, (numba.from_dtype(np.dtype(dtype)),) * 3
    formula.compile(kinds)
    assert formula.overloads[kinds].signature.return_type == numba.types.UniTuple(kinds[0], 3)


def test_an_empty_row_does_nothing():
    assert apply("tanh", np.empty(0), 0.0, 0.0)[0].size == 0
