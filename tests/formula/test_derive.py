"""Derivatives of formulas, and their source, against differences of many digits, and at points where rules of thumb fail."""

import mpmath as mp
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from mpmath import mpf

import fastjac as fj
from fastjac.errors import LayerError
from fastjac.formula.functions import FUNCTIONS
from fastjac.formula.reading import read
from tests.formula.exact import DIGITS, EXACT, composed, derivatives

X, PARAMETERS = mpf(0.7312), {"a": mpf(1.37), "b": mpf(-0.41)}

leaves = st.sampled_from(["x", "x", "a", "b", "2", "0.5", "-3", "1e-3", "pi"])


def made_of(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(pairs, st.sampled_from("+-*/")).map(lambda part: f"({part[0][0]} {part[1]} {part[0][1]})"),
        st.tuples(st.sampled_from(sorted([*EXACT, "sqrt"])), inner).map(lambda part: f"{part[0]}({part[1]})"),
        st.tuples(st.sampled_from(["max", "min", "logaddexp"]), pairs).map(lambda part: f"{part[0]}({', '.join(part[1])})"),
        st.tuples(inner, st.sampled_from(["2", "3", "-1", "-2", "0.5", "1.5", "-0.5", "2.2", "9", "a"]))
        .map("**".join)
        .map("({})".format),
        st.tuples(pairs, st.sampled_from(["<", ">=", "!="]), pairs).map(
            lambda part: f"where({part[0][0]} {part[1]} {part[0][1]} and not -9 < x < -8, {part[2][0]}, {part[2][1]})"
        ),
    )


formulas = st.recursive(leaves, made_of, max_leaves=7)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(formulas)
@example("x * (a + (1 - a) * sigmoid(b * x))")
@example("x + sin(a * x)**2 / a")
@example("exp(x) / (1 + exp(x)) + x / (1 + exp(-a * x)) + log(1 + exp(x)) + (exp(b * x) - 1)")
@example("a**x + x**a + x**x + (1 - sigmoid(x))")
def test_every_derivative_is_that_of_the_text(text):
    text = f"x + ({text})"
    with mp.workdps(DIGITS):
        try:
            expected = derivatives(text, X, **PARAMETERS)
        except (ArithmeticError, ValueError, TypeError):  # complex numbers have no order
            assume(False)
        flat = [*expected[0], *(number for pair in expected[1] for number in pair)]
        assume(all(isinstance(number, mpf) and mp.isfinite(number) and abs(number) < 1e8 for number in flat))
        try:
            names = read(text).names
            main, pulls = composed(text, X, **PARAMETERS)
        except (LayerError, TypeError, ZeroDivisionError):  # a constant, or a side that is not taken, is no real number
            assume(False)
        by_name = dict(zip(PARAMETERS, expected[1], strict=True))
        wanted = [*expected[0], *(number for name in PARAMETERS if name in names for number in by_name[name])]
        for found, number in zip([*main, *(number for pair in pulls for number in pair)], wanted, strict=True):
            assert abs(found - number) <= 1e-9 * max(1, max(map(abs, flat))), text


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("x**2", 0.0, [0, 0, 2]),
        ("x**3", -2.0, [-8, 12, -12]),
        ("x**1.5", 1.0, [1, 1.5, 0.75]),
        ("x**-2", -2.0, [0.25, 0.25, 0.375]),
        ("x**1 + x**0", 3.0, [4, 1, 0]),
        ("max(x, 2 * x)", 0.0, [0, 1.5, 0]),
        ("min(x, 0)", 0.0, [0, 0.5, 0]),
        ("where(x > 0, x, 0 * x)", 0.0, [0, 0, 0]),
        ("where(x >= 0, x**2, x**3)", 0.0, [0, 0, 2]),
        ("sign(x) * x", -2.0, [2, -1, 0]),
        ("x * where(-1 < x <= 1 or x == 5, 1, 3)", 5.0, [5, 1, 0]),
    ],
)
def test_derivatives_at_special_points(text, x, expected):
    with mp.workdps(DIGITS):
        assert composed(text, mpf(x))[0] == expected


def test_functions_and_their_python_twins_agree():
    """What constants are computed by."""
    assert EXACT.keys() == FUNCTIONS.keys()
    inner = [0.3, -0.7]
    points = {"log": [0.3, 7.0], "log1p": [-0.3, 7.0], "acosh": [1.3, 7.0], "acos": inner, "asin": inner, "atanh": inner}
    for name, function in FUNCTIONS.items():
        for x in points.get(name, [0.3, 2.5, 7.0, -0.4, -3.5]):
            with mp.workdps(DIGITS):
                assert abs(function.python(x) - EXACT[name](mpf(x))) <= 1e-14 * abs(EXACT[name](mpf(x))), name


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 / (1 + exp(-x))", "sigmoid(x)"),
        ("exp(x) / (1 + exp(x))", "sigmoid(x)"),
        ("1 - sigmoid(x)", "sigmoid(-x)"),
        ("exp(x) - 1", "expm1(x)"),
        ("log(1 + exp(x))", "softplus(x)"),
        ("log(x + 1)", "log1p(x)"),
        ("sqrt(x)", "x**0.5"),
        ("x * 1 + 0 - 0 * x", "x"),
        ("x + x * 2**3", "x + x * 8"),
    ],
)
def test_forms_that_are_one_share_their_rule(text, same):
    assert fj.Formula(text).rule is fj.Formula(same).rule


def test_equal_parts_are_computed_once():
    expressions = read("sin(x * x) + cos(x * x) * (x * x)").expressions
    assert sum(kind == "multiply" and len(set(operands)) == 1 for kind, operands, _, _ in expressions.all) == 1
