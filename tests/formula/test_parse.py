"""Texts that are no formulas: each is refused, at once, with its place, and nothing of it runs."""

import time

import pytest

import fastjac as fj
from fastjac.errors import FastjacError, LayerError
from fastjac.formula.parse import MOST_CHARACTERS

REFUSED = {
    "": "'', at character 1, cannot be read",
    "x +": r"'x \+', at character \d, cannot be read: invalid syntax",
    "x * (1 + x": r"at character 5, cannot be read: '\(' was never closed",
    "x * sigmod(x)": r"'x \* sigmod\(x\)', at character 5, calls sigmod, .* did you mean sigmoid\?: 'sigmod\(x\)'",
    "x + quux(x)": "calls quux, .* there are abs, acos, acosh",
    "x * tanh": "at character 5, is a function; write tanh",
    "tanh(x, 2)": "has 2 arguments, tanh takes 1",
    "max(x)": "has 1 arguments, max takes 2 or more",
    "where(x, 1, 2)": "at character 7, must be a condition, such as x > 0: 'x'",
    "x * (x > 0)": "at character 6, is a condition, and stands where a number must",
    "x ^ 2": r"holds '\^', which no formula needs; write \*\* for powers",
    "x % 2": "holds '%', which no formula needs",
    "x // 2": "at character 1, is not part of formulas, which have numbers, names",
    "x if x > 0 else 1": "is not part of formulas",
    "True * x": "is not part of formulas",
    "2j * x": "is not part of formulas",
    "tanh(a=x)": "is not part of formulas",
    "x and x": "is a condition",
    "where(x in x, 1, 2)": "must be a condition",
    "x + 1 / (2 - 2)": "at character 5, has no finite value, or is too large a number: '1 / ",
    "x + log(-1)": "at character 5, has no finite value",
    "x + (-8)**0.5": "at character 5, has no finite value",
    "x * 9**9**9": "at character 5, has no finite value",
    "x * 1e999": "at character 5, has no finite value",
    f"x + {'9' * 400}": "has no finite value",
    f"x + {'9' * 4900}": "cannot be read: Exceeds the limit",
    "\n  x * y.z": "at character 8, is not part of formulas",
    "x\u00b2": "holds '\u00b2'",
    "x; x": "holds ';'",
    "__import__('os').system('false')": 'holds "\'"',
    "().__class__.__bases__(x)": "is not part of formulas",
    "x.__class__(x)": "is not part of formulas",
    "(lambda: x)(x)": "holds ':'",
    "exec(x)": "calls exec, which is no function",
    "tanh(*x)": "is not part of formulas",
    f"x + {'(' * 5000}x{')' * 5000}": "must have at most 5,000 characters, got 10,005: 'x",
    f"{'(' * 200}x{')' * 200}": "at character 51, has parentheses within more than 50 others",
    "-" * 4000 + "x": "cannot be read: it nests too deeply",
    "x" + " + x" * 1000: "comes after 300 numbers, names and operations",
    "x" + "**2" * 1600: "cannot be read|comes after 300",
    "x" + "*x" * 500_000: "must have at most 5,000 characters, got 1,000,001",
    "not " * 1200 + "x": "is a condition",
    "x" + " < x" * 1200: "is a condition",
    "1 + 2": r"has no x, .* it has no names",
    "b * 2": r"has no x, .* it has b",
    "x * 1e200**2": "has no finite value",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:30]))
def test_what_is_refused(text):
    start = time.perf_counter()
    with pytest.raises(LayerError, match=REFUSED[text]) as caught:
        fj.Formula(text)
    assert isinstance(caught.value, FastjacError)
    assert time.perf_counter() - start < 1.0
    assert len(str(caught.value)) < 600


def test_lines_blanks_and_the_longest_formula():
    assert fj.Formula(" x\n\t* 2 ").rule is fj.Formula("x*2").rule
    assert len(fj.Formula("x" + " " * (MOST_CHARACTERS - 1)).formula) == MOST_CHARACTERS
    assert fj.Formula("x" + " + 2 * x" * 74)
    with pytest.raises(LayerError, match="comes after 300"):
        fj.Formula("x" + " + 2 * x" * 75)
