"""SymPy expressions as formulas."""

import pytest
import sympy
from sympy import Function, Max, Min, Piecewise, Rational, S, exp, pi, sign, sqrt, symbols

import fastjac as fj
from fastjac.errors import DtypeError, LayerError
from tests.formula.exact import value

x, g, b = symbols("x g b")
SHARED = x
for _ in range(40):
    SHARED = sympy.sin(SHARED) + SHARED


@pytest.mark.parametrize(
    "expression",
    [
        x * (g + (1 - g) / (1 + exp(-b * x))),
        Rational(1, 3) * x**2 - sqrt(x) / b + pi * g**-2,
        Max(x, 0, g) - Min(x, b) + abs(x - 1) * sign(x) + S.Exp1,
        Piecewise((x, x > g), (exp(x) - 1, (x < -1) | ~((x > 0) & (x < 0.25))), (x**2, sympy.Eq(x, b)), (b, True)),
        sympy.Float("0.1234567890123456789") * x + sympy.erf(x) * sympy.log(x) ** 2,
        (sympy.EulerGamma + sympy.GoldenRatio) * x,
        x + sympy.tanh(sympy.sinh(x) / 7) - sympy.cosh(sympy.tan(x)),
    ],
)
def test_its_text_means_the_same(expression):
    formula = fj.Formula(expression, **{str(name): 0.7 for name in expression.free_symbols - {x}})
    for point in (0.3, 1.3):
        expected = expression.subs({x: point, g: 0.7, b: 0.7}).evalf()
        assert abs(value(formula.formula, point, g=0.7, b=0.7) - expected) < 1e-14 * abs(expected)


def test_the_gate_is_taken_for_one_of_sigmoids():
    assert fj.Formula(x * (g + (1 - g) / (1 + exp(-b * x))), g=0.1, b=2.0).formula == "x*(g + (1 - g)/(1 + exp(-b*x)))"
    assert fj.Formula(x / (1 + exp(-x))).rule is fj.Formula("x * sigmoid(x)").rule
    assert fj.Formula(Function("silu")(x)).rule is fj.Formula("silu(x)").rule


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (sympy.gamma(x), LayerError, "calls gamma, which is no function of formulas"),
        (sympy.Integral(exp(x**2), x), LayerError, "calls Integral"),
        (Piecewise((x, x > 0)), LayerError, r"must end in a piece for all other x: Piecewise\(..., \(expression, True\)\)"),
        (symbols("y") * 2, LayerError, "has no x"),
        (x * sympy.I, LayerError, "must be real and finite, but holds I"),
        (Max(x, 0) + sympy.oo * b, LayerError, "must be real and finite, but holds oo"),
        (SHARED, LayerError, "must have at most 1,000 parts; this one has more"),
        (3.0, DtypeError, "a Formula must be a text, such as .* or a SymPy expression, got 3.0"),
        (b"x", DtypeError, "got b'x'"),
    ],
)
def test_what_is_refused(expression, error, message):
    with pytest.raises(error, match=message):
        fj.Formula(expression)
