"""Python source for kernels, written from expressions: one assignment for each expression, behind those of its operands.

Only expressions make the source, with the operators and numbers that are spelt here: nothing of a user's text is in it. A
function takes x and a tuple of parameters, and stays in the dtype of x. Both sides of every choice are computed and one is
selected, so that loops vectorize.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..kernels.elementary import REACH
from ..kernels.floating import fmuladd, inlined
from ..kernels.formulas.functions import raised
from .expressions import Expression, Expressions
from .functions import FUNCTIONS

MOST_FACTORS = 8
"""The largest power that is computed as a product, which is fast, and up to there as accurate."""
SYMBOLS = {"multiply": "*", "divide": "/", "and": "&", "or": "|"}
LIBRARY = {"raised", *(function.formula.__name__ for function in FUNCTIONS.values() if function.in_library)}
"""The functions that the C library computes."""
FORMULAS = {function.formula.__name__: function for function in FUNCTIONS.values()}
SHARED = {"fmuladd": fmuladd, "raised": raised, "sqrt": math.sqrt, "reach": REACH, "inf": math.inf}


def source(expressions: Expressions, names: Mapping[str, str], results: Sequence[int]) -> str:
    """The source of a function `(x, rows)` that returns a tuple of results; `names` spells x and the parameters."""
    # Numbered anew, so that formulas of the same form have the same source.
    variables = {number: f"v{place}" for place, number in enumerate(expressions.below(results))}
    lines, called = ["def formula(x, rows):", "    real = type(x)"], set()
    for number, variable in variables.items():
        expression = expressions.all[number]
        operands = [variables[operand] for operand in expression.operands]
        if expression.kind == "call":
            triple, call = _call(expression, *operands)
            if triple not in called:
                called.add(triple)
                lines.append(f"    {triple} = {call}")
        text = _sum(expressions, variables, *expression.operands) if expression.kind == "add" else None
        lines.append(f"    {variable} = {text or _text(expressions, expression, operands, names)}")
    return "\n".join([*lines, f"    return {' '.join(f'{variables[number]},' for number in results)}", ""])


def in_library(text: str) -> bool:
    """Whether the function of a source calls the C library."""
    return any(f"{name}(" in text for name in LIBRARY)


@functools.cache
def compiled(text: str, anywhere: bool = False) -> Any:
    """The function of a source; with `anywhere`, each formula of limited reach is replaced by the one that takes every x."""
    formulas = {
        name: (function.anywhere or function.formula) if anywhere else function.formula for name, function in FORMULAS.items()
    }
    found: dict[str, Any] = {"__name__": __name__, **SHARED, **formulas}
    exec(compile(text, "<formula>", "exec"), found)
    function = found["formula"]
    # A name of its own, as `kernels.jit.piece` explains.
    digest = hashlib.sha256(f"{anywhere} {text}".encode()).hexdigest()[:16]
    function.__name__ = function.__qualname__ = f"formula_{digest}"
    return inlined(function)


def _call(expression: Expression, argument: str) -> tuple[str, str]:
    """The variables for a function's value, slope and bend, and the call that gives them."""
    function = FUNCTIONS[str(expression.what)]
    name = function.formula.__name__
    return f"{name}_{argument}", f"{name}({argument}, real({function.p!r}), real({function.q!r}))"


def _text(e: Expressions, expression: Expression, operands: Sequence[str], names: Mapping[str, str]) -> str:
    """The source of an expression that is no sum, from the variables that hold its operands."""
    kind, what = expression.kind, expression.what
    a, b, c = (*operands, "", "", "")[:3]
    match kind:
        case "number":
            return f"real({what!r})"
        case "name":
            return names[str(what)]
        case "call":
            return f"{_call(expression, a)[0]}[{expression.order}]"
        case "power":
            return _power(a, b, e.value_of(expression.operands[1]))
        case "compare":
            return f"{a} {what} {b}"
        case "not":
            return f"not {a}"
        case "where":
            return f"{b} if {a} else {c}"
        case "maximum" | "minimum":
            return f"{a} if ({a} {'>' if kind == 'maximum' else '<'} {b}) | ({a} != {a}) else {b}"
    return f"{a} {SYMBOLS[kind]} {b}"


def _sum(e: Expressions, variables: Mapping[int, str], a: int, b: int) -> str:
    """The source of a sum, which rounds once where one term is a product."""
    if e.all[b].kind != "multiply":
        a, b = b, a
    if e.all[b].kind != "multiply":
        return f"{variables[a]} + {variables[b]}"
    p, q = e.all[b].operands
    if e.value_of(p) != -1.0:
        return f"fmuladd({variables[p]}, {variables[q]}, {variables[a]})"
    if e.all[q].kind != "multiply":
        return f"{variables[a]} - {variables[q]}"
    p, q = e.all[q].operands
    return f"fmuladd(-{variables[p]}, {variables[q]}, {variables[a]})"


def _power(a: str, b: str, exponent: float | None) -> str:
    """The source of a power: a product for a small whole exponent, with a root for a half one; else a call of the C library."""
    if exponent is None or not (2.0 * exponent).is_integer() or abs(exponent) > MOST_FACTORS:
        return f"raised({a}, {b})"
    factors = [a] * int(abs(exponent)) + [f"sqrt({a})"] * (exponent % 1.0 != 0.0)
    product = " * ".join(factors)
    return product if exponent > 0.0 else f"real(1.0) / ({product})"
