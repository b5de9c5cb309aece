"""Blocks: parts of a sequence that branch and join again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import DtypeError, LayerError, OptionError
from ..layers import Layer
from .known import KINDS, described
from .nodes import Node, add, concatenate, multiply

JOINED = {"add": add, "multiply": multiply, "concatenate": concatenate}
MOST_NESTED = 32
"""Most blocks inside of one another. What is read from a file has at most 100 levels, of which a block takes up to three."""


class Item:
    """What may stand in a sequence besides a layer: a block, or a network."""

    __slots__ = ()

    @property
    @abstractmethod
    def n_in(self) -> int | None:
        """Number of inputs, or None if it takes any number or if nothing in it states how many."""

    @abstractmethod
    def _inside(self) -> Iterable[Layer | Item]:
        """The layers, blocks and networks that stand in it."""

    @abstractmethod
    def __call__(self, node: Any, /) -> Any:
        """Record all its layers behind a node."""

    @abstractmethod
    def with_layers(self, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Any:
        """The same with `layer_of(layer)`, whose arrays are of `dtype`, in place of every layer."""

    def in_sequence(self) -> Items:
        """The items that this one stands for in a sequence."""
        return (self,)


@dataclass(frozen=True, eq=False)
class Residual(Item):
    """`x + f(x)`, or `shortcut(x) + f(x)`. Blocks can stand inside of one another, up to 32 deep.

    layers : f, as a layer, a block, a network, or a sequence of them.
    shortcut : the same for the other branch; by default x itself.

    >>> fj.Network([fj.Residual([fj.ReLU()])], n_in=2).jvp([-1, 2], [1, 1])
    (array([-1.,  4.]), array([1., 2.]))
    """

    layers: Any
    shortcut: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", as_items(self.layers, "Residual"))
        if not self.layers:
            raise LayerError("Residual takes at least one layer, got none")
        shortcut = None if self.shortcut is None else as_items(self.shortcut, "Residual shortcut")
        object.__setattr__(self, "shortcut", shortcut or None)
        check_depth(self)

    def _inside(self) -> Items:
        return (*self.layers, *(self.shortcut or ()))

    @property
    def n_in(self) -> int | None:
        return first_size((self.layers, self.shortcut or ()))

    def __call__(self, node: Node) -> Node:
        return add([record(self.shortcut or (), node), record(self.layers, node)])

    def with_layers(self, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Residual:
        layers, shortcut = (items_with_layers(items, layer_of, dtype) for items in (self.layers, self.shortcut or ()))
        return Residual(layers, shortcut)

    def __repr__(self) -> str:
        shortcut = "" if self.shortcut is None else f", shortcut={list(self.shortcut)}"
        return f"Residual({list(self.layers)}{shortcut})"


@dataclass(frozen=True, eq=False)
class Parallel(Item):
    """Branches that all take x, and whose outputs are joined.

    branches : two or more, each a layer, a block, a network, or a sequence of them; an empty sequence is x itself.
    join : "add", "multiply" or "concatenate".

    >>> fj.Network([fj.Parallel([[], [fj.Exp()]], join="concatenate")], n_in=2)([0, 1])
    array([0.        , 1.        , 1.        , 2.71828183])
    """

    branches: Any
    join: Literal["add", "multiply", "concatenate"] = "add"

    def __post_init__(self) -> None:
        if not isinstance(self.branches, Iterable) or isinstance(self.branches, Item):
            raise DtypeError(f"Parallel takes a sequence of branches, got {type(self.branches).__name__}")
        branches = tuple(as_items(branch, f"Parallel branch {number}") for number, branch in enumerate(self.branches))
        if len(branches) < 2:
            raise LayerError(f"Parallel takes two or more branches, got {len(branches)}")
        if not isinstance(self.join, str) or self.join not in JOINED:
            raise OptionError(f"join must be one of {', '.join(JOINED)}, got {self.join!r}")
        object.__setattr__(self, "branches", branches)
        check_depth(self)

    def _inside(self) -> Items:
        return tuple(item for branch in self.branches for item in branch)

    @property
    def n_in(self) -> int | None:
        return first_size(self.branches)

    def __call__(self, node: Node) -> Node:
        return JOINED[self.join]([record(branch, node) for branch in self.branches])

    def with_layers(self, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Parallel:
        return Parallel([items_with_layers(branch, layer_of, dtype) for branch in self.branches], self.join)

    def __repr__(self) -> str:
        return f"Parallel([{', '.join(repr(list(branch)) for branch in self.branches)}], join={self.join!r})"


Items = tuple[Layer | Item, ...]


def as_items(given: Any, name: str) -> Items:
    """One item or a sequence of items as a tuple, or a DtypeError that says what else was given; `name` is who takes them."""
    if isinstance(given, (Layer, Item)):
        given = (given,)
    try:
        items = tuple(given)
    except TypeError as error:
        raise DtypeError(f"{name} takes a sequence of layers, got {type(given).__name__}") from error
    for position, item in enumerate(items):
        if not isinstance(item, Item) and type(item) not in KINDS:
            raise DtypeError(f"{name} takes fastjac layers, but item {position} is {_described(item)}")
    return items


def check_depth(block: Item) -> None:
    """Raise LayerError where blocks and networks stand too deep inside of one another in this block."""
    level, depth = {block}, 1
    while level := {item for outer in level for item in outer._inside() if isinstance(item, Item)}:
        depth += 1
        if depth > MOST_NESTED:
            raise LayerError(
                f"at most {MOST_NESTED} blocks can stand inside of one another, but this {type(block).__name__} holds more; let "
                "blocks follow one another in a sequence, or write the network with nodes, from Input on"
            )


def _described(item: Any) -> str:
    """What stands in place of an item, and what to write instead where that is clear."""
    if isinstance(item, type) and issubclass(item, Item):
        return f"{item!r}; write {item.__name__}(...), with parentheses"
    if isinstance(item, Node):
        return f"{item!r}, a node; build a network of nodes by Network(inputs=..., outputs=...)"
    return described(item)


def record(items: Iterable[Layer | Item], node: Node, first: int = 0) -> Node:
    """The node behind all items, one after another; `first` is the position of the first of them."""
    for position, item in enumerate(items, first):
        try:
            node = item(node)
        except LayerError as error:
            raise LayerError(f"item {position} ({type(item).__name__}): {error}") from None
    return node


def items_with_layers(items: Items, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Items:
    """The items with `layer_of(layer)`, whose arrays are of `dtype`, in place of every layer."""
    return tuple(item.with_layers(layer_of, dtype) if isinstance(item, Item) else layer_of(item) for item in items)


def first_size(branches: Iterable[Items]) -> int | None:
    """How many inputs the branches take, which all begin at the same vector; None if no branch states it."""
    return next((size for items in branches if (size := _sequence_size(items)) is not None), None)


def _sequence_size(items: Items) -> int | None:
    for item in items:
        # Asked once: what asked twice at every level would take twice as long for each block around it.
        size = item.n_in
        if size is not None:
            return size
        # The output of such a block may have another size than its input.
        if isinstance(item, Parallel) or (isinstance(item, Residual) and item.shortcut):
            return None
    return None
