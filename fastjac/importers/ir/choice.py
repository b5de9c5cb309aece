"""Comparisons, and choices by them.

A comparison with a tensor that depends on the network's inputs is no vector of a network. It is kept as a Condition until a
choice uses it. Where a choice is one layer, as `where(x > c, x, v)` is a Threshold, `recognition` replaces it by that layer.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...errors import UnsupportedLayerError
from ...layers.joins import Add, Gate
from ...layers.joins import Condition as When
from ..reading.limits import check_count
from .account import spend
from .elementwise import subtract
from .joining import constant_flow, on_one_node
from .layout import aligned, broadcast_shape, spread
from .values import Constant, Flow, Single, Value, computed, constant, in_both, size_of

MOST_COMPARISONS = 100
"""How many comparisons one condition may combine: a network chooses by one after another."""
Kind = Literal["compare", "and", "or", "not"]
OPPOSITE: dict[When, When] = {
    "a > 0": "not a > 0",
    "a >= 0": "not a >= 0",
    "not a > 0": "a > 0",
    "not a >= 0": "a >= 0",
}


@dataclass(frozen=True, eq=False)
class Condition:
    """Whether entries fulfil a comparison, or a combination of several.

    kind : "compare", where `tensor` is compared with 0; or else how the conditions in `parts` are combined.
    """

    kind: Kind
    tensor: Value | None = None
    when: When = "a > 0"
    parts: tuple[Condition | Constant, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        check_count(self.size, MOST_COMPARISONS, "comparisons in one condition")

    @cached_property
    def size(self) -> int:
        """The number of comparisons in it; one that stands in it twice counts twice, since two choices are made by it."""
        return max(1, sum(part.size if isinstance(part, Condition) else 1 for part in self.parts))


Logical = Condition | Constant


def greater(a: Value, b: Value) -> Logical:
    """`a > b`."""
    return _compared(a, b, operator.gt, "a > 0")


def less(a: Value, b: Value) -> Logical:
    """`a < b`."""
    return _compared(b, a, operator.gt, "a > 0")


def at_least(a: Value, b: Value) -> Logical:
    """`a >= b`."""
    return _compared(a, b, operator.ge, "a >= 0")


def at_most(a: Value, b: Value) -> Logical:
    """`a <= b`."""
    return _compared(b, a, operator.ge, "a >= 0")


def equal(a: Value, b: Value) -> Logical:
    """`a == b`, of constants."""
    if isinstance(a, Flow) or isinstance(b, Flow):
        raise UnsupportedLayerError(
            "it asks whether values that depend on the network's input are equal, by which no derivative goes; fastjac has >, "
            ">=, < and <="
        )
    return computed(np.equal, a, b)


def unequal(a: Value, b: Value) -> Logical:
    """`a != b`, of constants."""
    return opposite(equal(a, b))


def both(a: Logical, b: Logical) -> Logical:
    """`a and b`."""
    return _combined(np.logical_and, "and", a, b)


def either(a: Logical, b: Logical) -> Logical:
    """`a or b`."""
    return _combined(np.logical_or, "or", a, b)


def exclusive(a: Logical, b: Logical) -> Logical:
    """Whether one of two conditions holds, and the other does not."""
    return both(either(a, b), opposite(both(a, b)))


def opposite(a: Logical) -> Logical:
    """`not a`."""
    if isinstance(a, Constant):
        return computed(np.logical_not, a)
    return a.parts[0] if a.kind == "not" else Condition("not", parts=(a,))


def where(condition: Logical, a: Value, b: Value) -> Value:
    """`a` where the condition holds, `b` elsewhere."""
    if isinstance(condition, Condition):
        return _chosen(condition, a, b)
    if isinstance(a, Constant) and isinstance(b, Constant):
        spend(size_of(broadcast_shape([condition.shape, a.shape, b.shape])))
        return computed(np.where, condition, a, b)
    return _chosen_by_constant(condition, a, b)


def as_number(condition: Logical) -> Value:
    """1 where the condition holds, 0 elsewhere."""
    return where(condition, constant(np.float32(1.0)), constant(np.float32(0.0)))


def sign(value: Value) -> Value:
    """1 above 0, -1 below, 0 at 0."""
    if isinstance(value, Constant):
        return computed(np.sign, value)
    zero = constant(np.float32(0.0))
    return where(greater(value, zero), constant(np.float32(1.0)), where(less(value, zero), constant(np.float32(-1.0)), zero))


def _compared(a: Value, b: Value, function: Callable[[Any, Any], Any], when: When) -> Logical:
    if isinstance(a, Constant) and isinstance(b, Constant):
        return computed(function, a, b)
    # In IEEE 754, a - b is above 0 exactly where a is above b; only the difference of equal infinities is nan.
    return Condition("compare", subtract(a, b), when)


def _combined(function: Callable[[Any, Any], Any], kind: Kind, a: Logical, b: Logical) -> Logical:
    if isinstance(a, Constant) and isinstance(b, Constant):
        return computed(function, a, b)
    return Condition(kind, parts=(a, b))


def _chosen(condition: Condition, a: Value, b: Value) -> Value:
    if condition.kind == "not":
        return where(condition.parts[0], b, a)
    if condition.kind == "and":
        first, second = condition.parts
        return where(first, where(second, a, b), b)
    if condition.kind == "or":
        first, second = condition.parts
        return where(first, a, where(second, a, b))
    tensor = condition.tensor
    assert isinstance(tensor, Flow)
    tensor, a, b = _of_one_shape(tensor, a, b)
    chosen = [(value, when) for value, when in ((a, condition.when), (b, OPPOSITE[condition.when])) if not _is_zero(value)]
    nodes, layout = aligned([tensor, *(value for value, _ in chosen)])  # type: ignore[list-item]
    gated = [Gate(when)(nodes[0], node) for node, (_, when) in zip(nodes[1:], chosen, strict=True)]
    if not gated:
        raise UnsupportedLayerError("it chooses between 0 and 0, so its result is constant")
    return layout.flow(gated[0] if len(gated) == 1 else Add()(*gated))


def _of_one_shape(tensor: Flow, a: Value, b: Value) -> tuple[Flow, Value, Value]:
    """All three spread over one another; constants become units of the network, except for a single 0."""
    like, *others = spread([tensor, a, b])
    assert isinstance(like, Flow)
    first, second = (value if _is_zero(value) else _as_flow(value, like) for value in others)
    return like, first, second


def _is_zero(value: Value) -> bool:
    return isinstance(value, Constant) and value.alone.size == 1 and value.alone.item() == 0


def _as_flow(value: Value, like: Flow) -> Flow:
    """A tensor as units of the network; a constant is spread over another tensor."""
    if isinstance(value, Flow):
        return value
    owners = like.batch if isinstance(like.batch, Single) else like.owners
    return constant_flow(_over(value, like), owners, like)


def _over(value: Constant, like: Flow) -> Constant:
    """A constant spread over a tensor."""
    return computed(lambda array, other: np.broadcast_to(array, other.shape), value, Constant(like.alone, like.batch))


def _chosen_by_constant(condition: Constant, a: Value, b: Value) -> Value:
    """A choice that is the same for every input: entries of `a` or of `b`, which are moved and not computed."""
    one, other, _ = spread([a, b, condition])
    like = one if isinstance(one, Flow) else other
    assert isinstance(like, Flow)
    flows = on_one_node([_as_flow(value, like) for value in (one, other)])
    alone, batch = in_both(np.where, _over(condition, like), *flows)
    return Flow(flows[0].node, alone, batch, like.samples)
