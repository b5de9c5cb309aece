"""Operators that put entries in order: the table ORDERINGS. Only the entries themselves may be used, not their old places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....errors import FormatError
from ...ir import accumulation as ac
from ...ir import elementwise as el
from ...ir import movement as mv
from ...ir import sorting as st
from ...ir.values import Value
from .movement import along_axis
from .values import PLACES, whole

Operator = Callable[..., Any]


def _sorted(self: Any, *args: Any, stable: Any = None, dim: Any = -1, descending: Any = False) -> list[Any]:
    """`sort(x, dim, descending)`, which has `stable` before the others in one of its forms."""
    named = dict(
        zip(("stable", "dim", "descending") if args and not _is_axis(args[0]) else ("dim", "descending"), args, strict=False)
    )
    value, along = along_axis(self, named.get("dim", dim))
    return [st.ordered(value, along, bool(named.get("descending", descending))), PLACES]


def _is_axis(value: Any) -> bool:
    return value is not None and not isinstance(value, bool)


def _largest(self: Any, k: Any, dim: Any = -1, largest: Any = True, sorted: Any = True) -> list[Any]:
    value, along = along_axis(self, dim)
    return [st.top(value, along, whole(k, "number"), bool(largest)), PLACES]


def _ranked(self: Any, number: int, dim: Any, keepdim: Any) -> list[Any]:
    value, along = along_axis(self, dim)
    if not 0 <= number < value.shape[along]:
        raise FormatError(f"it takes entry {number} of {value.shape[along]} sorted ones")
    found = st.ranked(value, along, number)
    return [found if keepdim else mv.squeeze(found, [along]), PLACES]


def _median(self: Any, dim: Any, keepdim: Any = False) -> list[Any]:
    """The entry in the middle; the lower one of two."""
    value, along = along_axis(self, dim)
    return _ranked(value, (value.shape[along] - 1) // 2, along, keepdim)


def _running(function: Callable[[Value, Value], Value]) -> Operator:
    def call(self: Any, dim: Any) -> list[Any]:
        value, along = along_axis(self, dim)
        return [ac.running(value, along, function), PLACES]

    return call


ORDERINGS: dict[str, Operator] = {
    "sort": _sorted,
    "argsort": lambda self, *args, **options: PLACES,
    "topk": _largest,
    "kthvalue": lambda self, k, dim=-1, keepdim=False: _ranked(self, whole(k, "number") - 1, dim, keepdim),
    "median": _median,
    "cummax": _running(el.maximum),
    "cummin": _running(el.minimum),
}
"""Operators by torch's names."""
