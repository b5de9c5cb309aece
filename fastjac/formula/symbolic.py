"""The text of a SymPy expression, in the form that `parse` reads: SymPy's own, with other words where the two differ."""

from __future__ import annotations

import functools
from itertools import islice
from typing import Any

from ..errors import DtypeError, LayerError
from ..optional import optional

MOST_PARTS = 1_000
"""Most subexpressions of a SymPy expression, each counted as often as it is written. As text a few hundred are allowed."""


def text_of(formula: Any) -> str:
    """A text as it is, a SymPy expression as text.

    Raises DtypeError for anything else, LayerError for an expression that is too large, not real, or not defined everywhere.
    """
    if isinstance(formula, str):
        return str(formula)
    if not any(str(kind.__module__).partition(".")[0] == "sympy" for kind in type(formula).__mro__):
        raise DtypeError(f"a Formula must be a text, such as 'x * sigmoid(x)', or a SymPy expression, got {formula!r:.100}")
    sympy = optional("sympy", "to read a SymPy expression", "sympy")
    if next(islice(sympy.preorder_traversal(formula), MOST_PARTS, None), None) is not None:
        raise LayerError(f"the SymPy expression of a Formula must have at most {MOST_PARTS:,} parts; this one has more")
    return str(_printer().doprint(formula))


@functools.cache
def _printer() -> Any:
    """SymPy's printer of text, changed where `parse` reads other words."""
    printing = optional("sympy.printing.str", "to read a SymPy expression", "sympy").printing.str

    class Printer(printing.StrPrinter):  # type: ignore[name-defined]
        def _print_Float(self, number: Any) -> str:  # noqa: N802
            return repr(float(number))  # SymPy leaves the last digits out

        _print_Catalan = _print_EulerGamma = _print_GoldenRatio = _print_TribonacciConstant = _print_Float  # noqa: N815

        def _print_ImaginaryUnit(self, number: Any) -> str:  # noqa: N802
            raise LayerError(f"the SymPy expression of a Formula must be real and finite, but holds {number}")

        _print_Infinity = _print_NegativeInfinity = _print_ComplexInfinity = _print_NaN = _print_ImaginaryUnit  # noqa: N815

        def _print_Exp1(self, _: Any) -> str:  # noqa: N802
            return "exp(1)"

        def _print_Abs(self, call: Any) -> str:  # noqa: N802
            return f"abs({self._print(call.args[0])})"

        def _print_Max(self, call: Any) -> str:  # noqa: N802
            return f"max({self.stringify(call.args, ', ')})"

        def _print_Min(self, call: Any) -> str:  # noqa: N802
            return f"min({self.stringify(call.args, ', ')})"

        def _print_And(self, condition: Any) -> str:  # noqa: N802
            return " and ".join(f"({self._print(part)})" for part in condition.args)

        def _print_Or(self, condition: Any) -> str:  # noqa: N802
            return " or ".join(f"({self._print(part)})" for part in condition.args)

        def _print_Not(self, condition: Any) -> str:  # noqa: N802
            return f"not ({self._print(condition.args[0])})"

        def _print_Relational(self, condition: Any) -> str:  # noqa: N802
            left, right = (f"({self._print(side)})" for side in (condition.lhs, condition.rhs))
            return f"{left} {condition.rel_op} {right}"

        def _print_Piecewise(self, expression: Any) -> str:  # noqa: N802
            *pieces, (last, condition) = expression.args
            if condition != True:  # noqa: E712
                raise LayerError(
                    f"the Formula {expression} must end in a piece for all other x: Piecewise(..., (expression, True))"
                )
            texts = [f"where({self._print(condition)}, {self._print(piece)}, " for piece, condition in pieces]
            return f"{''.join(texts)}{self._print(last)}{')' * len(texts)}"

    return Printer()
