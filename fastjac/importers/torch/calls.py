"""Which function, method or module of torch a step calls, and what makes something of it here."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch

from ...errors import UnsupportedLayerError
from .functions import FUNCTIONS, METHODS, QUERIES
from .joins import JOINS
from .modified import own_class
from .pieces import COPIES, PIECES
from .reshaping import RESHAPES, flatten
from .sample import Shape, Size
from .tracing import Traced

SPACES = (torch.nn.functional, torch, torch.special, operator)
"""Where the functions stand that the tables name."""
WHOLE_NUMBERS = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.neg)
"""What a forward may do to sizes that are known."""
LAYERS, RESHAPE, PIECE, JOIN = "layers", "reshape", "piece", "join"
OF_ONE: tuple[tuple[str, Mapping[str, Callable[..., Any]]], ...] = (
    (RESHAPE, RESHAPES),
    (PIECE, PIECES),
    (LAYERS, FUNCTIONS),
    (LAYERS, METHODS),
)
OF_SEVERAL: tuple[tuple[str, Mapping[str, Callable[..., Any]]], ...] = ((PIECE, PIECES), (JOIN, JOINS))
"""Where to look for what a step calls, by how many of its arguments depend on the inputs."""


class Call(NamedTuple):
    """What a step calls.

    kind : what it gives: LAYERS behind a tensor, the tensor in another shape, or what one of PIECES or JOINS does.
    rule : makes that of the arguments.
    copies : whether what it leaves as it is comes in new memory.
    in_place : whether it changes the tensor itself, where no argument of the call says so.
    """

    kind: str
    rule: Callable[..., Any]
    copies: bool = False
    in_place: bool = False


def call_of(node: Any, found: Traced, n_taken: int) -> Call:
    """What a step calls with `n_taken` tensors that depend on the inputs; UnsupportedLayerError where fastjac lacks that."""
    if node.op == "call_module" and n_taken == 1:
        module = found.modules[node.target]
        if own_class(module) == "Flatten":
            return Call(RESHAPE, lambda input: flatten(input, module.start_dim, module.end_dim))
        return Call(LAYERS, lambda *args, **kwargs: found.layers[node], in_place=getattr(module, "inplace", False))
    name = _function_name(node)
    for kind, table in OF_ONE if n_taken == 1 else OF_SEVERAL:
        if name in table:
            return Call(kind, table[name], name in COPIES, _full_name(node).endswith("_"))
    known = {name for _, table in (*OF_ONE, *OF_SEVERAL) for name in table}
    if name not in known and node.op != "call_module":
        raise UnsupportedLayerError(f"fastjac does not have it; it has {', '.join(sorted(known))}")
    if n_taken == 1:
        raise UnsupportedLayerError(
            "fastjac has it of two tensors that both depend on the inputs; for a number beside one use x.clamp(min=..., max=...)"
        )
    raise UnsupportedLayerError(
        "it takes several tensors that depend on the inputs; fastjac has it of one, with constants for the others"
    )


def bound(rule: Callable[..., Any], args: Any, kwargs: Any) -> inspect.BoundArguments:
    """The arguments by the rule's names; UnsupportedLayerError where it does not take these."""
    try:
        return inspect.signature(rule).bind(*args, **kwargs)
    except TypeError as error:
        raise UnsupportedLayerError(f"it is called with arguments that fastjac does not know: {error}") from error


def is_query(node: Any, args: Any) -> bool:
    """Whether a step asks for the shape of a tensor and leaves it as it is."""
    if node.op == "call_function":
        return node.target is getattr and args[1] in QUERIES
    return node.op == "call_method" and node.target in QUERIES


def size_of(node: Any, args: Any, kwargs: Any) -> Any:
    """What a query gives, or what follows from other queries."""
    if node.target is getattr and args[1] in QUERIES:
        return QUERIES[args[1]](args[0])
    if node.target in QUERIES:
        return _asked(QUERIES[node.target], args, kwargs)
    if node.target is operator.getitem and isinstance(args[0], (Shape, tuple)):
        return args[0][args[1]]
    if node.target in WHOLE_NUMBERS and all(isinstance(number, int) for number in args):
        return node.target(*args)
    return Size.UNKNOWN


def _asked(query: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    arguments = bound(query, args, kwargs)
    return query(*arguments.args, **arguments.kwargs)


def _full_name(node: Any) -> str:
    return str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")


def _function_name(node: Any) -> str:
    """The name of a function or method in the tables; in-place ones have theirs with an underscore behind it."""
    return _full_name(node).removesuffix("_") if node.op == "call_method" else _named_functions().get(node.target, "")


@cache
def _named_functions() -> dict[Any, str]:
    names = {f"{name}{end}": name for table in (FUNCTIONS, RESHAPES, PIECES, JOINS) for name in table for end in ("", "_")}
    return {getattr(space, full): name for space in SPACES for full, name in names.items() if hasattr(space, full)}
