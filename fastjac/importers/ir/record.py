"""What a front end has recorded: the operations of a model, and the vectors that each of them made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...graphs.nodes import Input, Node, row
from ..parts import Part
from ..reading.limits import check_count
from .account import MOST_VECTORS


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a model.

    name : what the model calls it.  kind : its operator, or nothing where the name says it.
    nodes : the vectors that it computes.  note : what a user may want to know.
    """

    name: str
    kind: str
    nodes: tuple[Node, ...]
    note: str = ""

    @property
    def label(self) -> str:
        """Its name with its operator."""
        return f"{self.name} ({self.kind})" if self.kind else self.name


@dataclass(eq=False)
class Record:
    """The operations of a model in order, and the vectors that they have made."""

    operations: list[Operation] = field(default_factory=list)
    _owners: dict[Node, int] = field(default_factory=dict)

    def add(self, name: str, kind: str, results: Sequence[Node], note: str = "") -> None:
        """Note an operation, with the vectors that hold the entries of its results."""
        made: list[Node] = []
        stack = list(results)
        while stack:
            node = stack.pop()
            if node not in self._owners and not isinstance(node, Input):
                self._owners[node] = len(self.operations)
                made.append(node)
                stack.extend(node.operands)
        check_count(len(self._owners), MOST_VECTORS, "vectors that its operations compute")
        self.operations.append(Operation(name, kind, tuple(made), note))

    def row(self, node: Node, parts: Iterable[Part]) -> Node:
        """The node behind the layers of parts in a row, each of which is noted as an operation."""
        for part in parts:
            node = row(node, *part.layers)
            self.add(part.source, "", [node], part.note)
        return node

    def operation_of(self, node: Node) -> int:
        """The number of the operation that made a vector; for a vector that an output picks from others, that of the others."""
        while node not in self._owners and node.operands:
            node = node.operands[0]
        return self._owners.get(node, len(self.operations) - 1)
