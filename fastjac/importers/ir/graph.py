"""A model as a graph, whatever file it comes from: nodes with names for their inputs and outputs, and arrays by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..parts import Part

FLOATS = ("float32", "float64", "float16", "bfloat16")
"""The types of what flows through a network."""


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    position : its number in the file, counted from 0.
    name : its own name, or else that of its output.
    inputs, outputs : names of values; "" stands for one left out.
    attributes : its options by name, as the format has them.
    """

    position: int
    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"node {self.position} {self.name!r:.80} ({self.operator})"


@dataclass(frozen=True)
class End:
    """An input of a graph, or an output.

    name : the name for users of the model.  value : the name of its value in the graph.
    dtype : as NumPy calls it; "" where the file does not say.
    dims : its shape, with None for each size that is not fixed; None where not even the number of axes is known.
    """

    name: str
    value: str
    dtype: str
    dims: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """A graph: what goes in, what the nodes compute in order, what comes out.

    nodes : those that the outputs depend on.
    constants : functions that read the arrays of the file, by the names of values.
    left_out : parts for what else the model has and the network does not give.
    sizes : the sizes of its arrays, as far as they are known before it is followed.
    """

    nodes: Sequence[Node]
    inputs: Sequence[End]
    outputs: Sequence[End]
    constants: Mapping[str, Callable[[], np.ndarray]]
    left_out: Sequence[Part] = ()
    sizes: frozenset[int] = frozenset()


_Node = TypeVar("_Node", bound=Node)


def needed_for(values: Iterable[str], nodes: Iterable[_Node]) -> list[_Node]:
    """The nodes that the values depend on, by their positions."""
    producers = {name: node for node in nodes for name in node.outputs if name}
    needed: dict[int, _Node] = {}
    waiting = list(values)
    while waiting:
        node = producers.get(waiting.pop())
        if node is not None and node.position not in needed:
            needed[node.position] = node
            waiting.extend(node.inputs)
    return [needed[position] for position in sorted(needed)]


def listed(names: Sequence[str]) -> str:
    """The first few of some names."""
    return ", ".join(repr(name)[:80] for name in names[:6]) + (", ..." if len(names) > 6 else "")
