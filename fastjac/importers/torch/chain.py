"""The steps of a forward as one chain: each takes what the one before gave, and nothing else but constants."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import fx

from ...errors import FastjacError, UnsupportedLayerError
from ...layers import Activation, Layer, Normalizer
from ..located import located
from ..parts import Part
from .functions import FUNCTIONS, METHODS, QUERIES
from .modified import check_evaluating, own_class
from .reshaping import RESHAPES, flatten
from .sample import Sample, Shape, Size
from .tracing import FORWARD, Traced, traced
from .untouched import untouched

SPACES = (torch.nn.functional, torch, torch.special, operator)
"""Where the functions stand that FUNCTIONS and RESHAPES name."""


def followed(module: Any) -> tuple[Traced, list[Part]]:
    """What a module's forward does, and the parts of the chain that it is.

    Raises FormatError in training mode where that matters, UnsupportedLayerError where the forward is no chain or no one network.
    """
    check_evaluating(module)
    with untouched(module) as before:
        found = traced(module)
        parts = list(chain(found))
        before.check()
    return found, parts


def chain(found: Traced) -> Iterator[Part]:
    """The parts of the chain that a forward is, input first; UnsupportedLayerError where it is none."""
    steps = _Steps(found)
    for node in found.nodes:
        with located(found.where(node)):
            layers = _read(steps, node)
        if layers is not None:
            yield Part(found.source(node), tuple(layers))


def _read(steps: _Steps, node: Any) -> Sequence[Layer] | None:
    """What follows from one step; UnsupportedLayerError for arguments that the tables have no notion of."""
    try:
        return steps.follow(node)
    except FastjacError:
        raise
    except Exception as error:
        raise UnsupportedLayerError(
            f"it is called with arguments that fastjac cannot read ({type(error).__name__}: {error}); {FORWARD}"
        ) from error


class _Steps:
    """What each node gives: the chain's tensor, a constant, or something of a shape."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced
        self._values: dict[Any, Any] = {}
        self._taken: dict[Any, str] = {}
        self._mixing: list[str] = []
        self._recorded: dict[bool, str] = {}

    def follow(self, node: Any) -> Sequence[Layer] | None:
        """The layers of one step, None for a step that does not touch the chain's tensor."""
        if node.op in ("placeholder", "get_attr"):
            self._values[node] = Sample() if node.op == "placeholder" else self._traced.values[node.target]
            return None
        taken: list[Any] = []
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda inner: self._value(inner, taken))
        if node.op == "output":
            self._finish(args[0], taken)
            return None
        if not taken or _is_query(node, args):
            self._values[node] = _size(node, args, kwargs)
            return None
        self._take(taken, node)
        self._check_recorded(node)
        return self._step(node, self._values[taken[0]], args, kwargs)

    def _value(self, node: Any, taken: list[Any]) -> Any:
        if isinstance(self._values[node], Sample):
            taken.append(node)
        return self._values[node]

    def _take(self, taken: list[Any], node: Any) -> None:
        """Note that the tensor is used; UnsupportedLayerError where it is used again."""
        before = self._taken.get(taken[0])
        if before is not None or len(taken) > 1:
            used = f"which {before} has used already" if before else "more than once"
            raise UnsupportedLayerError(
                f"it uses the result of {self._traced.source(taken[0])}, {used}; fastjac takes chains, in which each result is "
                "used once, without branches, skip connections, or results changed in place and used under their old name"
            )
        self._taken[taken[0]] = self._traced.where(node)

    def _check_recorded(self, node: Any) -> None:
        """Refuse a forward that switches gradients off for some steps alone, where torch's derivative is 0 by intent."""
        self._recorded[self._traced.recorded[node]] = self._traced.source(node)
        if len(self._recorded) == 2:
            raise UnsupportedLayerError(
                f"gradients are switched off for {self._recorded[False]} and recorded for {self._recorded[True]}, so torch's "
                "derivative is not that of the function; put torch.no_grad() around the whole forward, or leave it out"
            )

    def _step(self, node: Any, sample: Sample, args: Any, kwargs: Any) -> Sequence[Layer]:
        reshape = _reshape_of(node, self._traced)
        if reshape is not None:
            self._values[node] = _bound(reshape, args, kwargs)
            self._check_axes(sample, self._values[node])
            return ()
        layers = self._layers(node, args, kwargs)
        if sample.axes == 0 and any(not isinstance(layer, Activation) or layer.arrays for layer in layers):
            raise UnsupportedLayerError(
                "it acts along an axis of samples that have none left; take out the squeeze or flatten before"
            )
        if sample.axes is None and any(isinstance(layer, Normalizer) and layer.n_in is None for layer in layers):
            self._mixing.append(self._traced.source(node))
        self._values[node] = sample.after(layers)
        return layers

    def _check_axes(self, before: Sample, after: Sample) -> None:
        """Refuse to flatten samples behind a layer that acts along one of perhaps several axes."""
        if before.axes is None and after.axes is not None and self._mixing:
            raise UnsupportedLayerError(
                f"it makes samples flat behind {self._mixing[0]}, which acts along one axis of them, while fastjac takes them "
                "flat from the start; if they have a single axis, take this out"
            )

    def _layers(self, node: Any, args: Any, kwargs: Any) -> Sequence[Layer]:
        if node.op == "call_module":
            return self._traced.layers[node]
        rule = FUNCTIONS.get(_function_name(node))
        if node.op == "call_method":
            rule = rule or METHODS.get(node.target)
        if rule is None:
            raise UnsupportedLayerError(
                f"fastjac does not have it; it has {', '.join(sorted({*FUNCTIONS, *METHODS, *RESHAPES}))}"
            )
        return _bound(rule, args, kwargs)

    def _finish(self, returned: Any, taken: list[Any]) -> None:
        if not isinstance(returned, Sample):
            container = f"a {type(returned).__name__.removeprefix('immutable_')}"  # as torch.fx keeps lists and dicts
            told = container if taken else "something that does not depend on its input"
            raise UnsupportedLayerError(
                f"it returns {told}; fastjac takes a forward that returns one tensor computed from its input"
            )
        if taken[0] in self._taken:
            raise UnsupportedLayerError(
                f"it returns the result of {self._traced.source(taken[0])}, which {self._taken[taken[0]]} has used already; "
                "fastjac takes chains, in which each result is used once"
            )


def _reshape_of(node: Any, traced: Traced) -> Callable[..., Sample] | None:
    if node.op == "call_module":
        module = traced.modules[node.target]
        return (lambda input: flatten(input, module.start_dim, module.end_dim)) if own_class(module) == "Flatten" else None
    return RESHAPES.get(_function_name(node))


def _function_name(node: Any) -> str:
    """The name of a function or method in the tables; in-place ones have theirs with an underscore behind it."""
    if node.op == "call_method":
        return str(node.target).removesuffix("_")
    return _named_functions().get(node.target, "")


@cache
def _named_functions() -> dict[Any, str]:
    names = {f"{name}{end}": name for name in (*FUNCTIONS, *RESHAPES) for end in ("", "_")}
    return {getattr(space, full): name for space in SPACES for full, name in names.items() if hasattr(space, full)}


def _is_query(node: Any, args: Any) -> bool:
    if node.op == "call_function":
        return node.target is getattr and args[1] in QUERIES
    return node.op == "call_method" and node.target in QUERIES


def _size(node: Any, args: Any, kwargs: Any) -> Any:
    """What a query gives, or what follows from other queries."""
    if node.target is getattr and args[1] in QUERIES:
        return QUERIES[args[1]](args[0])
    if node.target in QUERIES:
        return _bound(QUERIES[node.target], args, kwargs)
    if node.target is operator.getitem and isinstance(args[0], (Shape, tuple)):
        return args[0][args[1]]
    return Size.UNKNOWN


def _bound(rule: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The rule's result; UnsupportedLayerError where it does not take these arguments."""
    try:
        inspect.signature(rule).bind(*args, **kwargs)
    except TypeError as error:
        raise UnsupportedLayerError(f"it is called with arguments that fastjac does not know: {error}") from error
    return rule(*args, **kwargs)
