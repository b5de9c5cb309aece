"""From the tensors that a model gives to a network, and an account of what became of each of its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from ...errors import UnsupportedLayerError
from ...graphs.conversion import in_order
from ...graphs.nodes import Input, Node
from ...layers import LAYERS
from ...network import Network
from ..located import located
from ..parts import Imported, Part, assemble_graph, check_layers
from ..reading.limits import MOST_UNITS, check_count
from .account import MOST_VECTORS, spend_places
from .layout import units
from .recognition import Recognized, recognized
from .values import Flow, MixedSamplesError, Shape, Single, shown, size_of

SAMPLES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
"""How many samples a model's batch may have while it is read. The number taken divides no size of the model, so that the axis of
the samples differs from all others."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a model.

    label : what the model calls it.  kind : its operator.
    nodes : the vectors that it computes.  note : what a user may want to know.
    """

    name: str
    kind: str
    nodes: tuple[Node, ...]
    note: str = ""

    @property
    def label(self) -> str:
        """Its name with its operator."""
        return f"{self.name} ({self.kind})"


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

    def operation_of(self, node: Node) -> int:
        """The number of the operation that made a vector; for a vector that an output picks from others, that of the others."""
        while node not in self._owners and node.operands:
            node = node.operands[0]
        return self._owners.get(node, len(self.operations) - 1)


def samples_beside(sizes: Iterable[int]) -> int:
    """How many samples a batch has while a model with these sizes is read."""
    known = {size for size in sizes if size}
    return next((count for count in SAMPLES if all(size % count for size in known)), SAMPLES[-1])


class Followed(Protocol):
    """What is known of a model once its tensors have been computed.

    sizes : all sizes of the tensors.
    """

    sizes: set[int]


_Followed = TypeVar("_Followed", bound=Followed)


def followed(follow: Callable[[int], _Followed], sizes: Iterable[int]) -> _Followed:
    """What `follow` makes of a model, for a number of samples that no size of the model can be mistaken for.

    sizes : the sizes in the model that are known before it is followed.
    """
    known = {size for size in sizes if size}
    for samples in SAMPLES:
        if all(size % samples for size in known):
            found = follow(samples)
            if all(size % samples for size in found.sizes if size):
                return found
            known |= found.sizes - {0}  # so that a model is followed twice at most, whatever its sizes are
    raise UnsupportedLayerError(
        f"its tensors have sizes that each of {SAMPLES[0]} to {SAMPLES[-1]} divides; fastjac reads no such model"
    )


def input_flow(node: Node, shape: Shape, batch_axis: int | None, samples: int) -> Flow:
    """A vector, mostly a network's input, as a tensor of a shape for one sample.

    batch_axis : the axis along which the samples of a batch lie; None where the model fixes one sample.
    """
    check_count(size_of(shape), MOST_UNITS, "units in its input")
    spend_places(node.size, samples)
    alone = np.arange(node.size, dtype=np.int32).reshape(shape)
    if batch_axis is None:
        return Flow(node, alone, Single(), samples)
    owners = np.arange(samples, dtype=np.int32).reshape([samples if axis == batch_axis else 1 for axis in range(len(shape))])
    return Flow(node, alone, alone + owners * np.int32(node.size), samples)


def output_node(flow: Flow, name: str) -> Node:
    """The vector of one sample of an output; UnsupportedLayerError where units of different samples of a batch take turns."""
    with located(f"output {name!r:.80}"):
        node, _ = units(flow)
        if isinstance(flow.batch, np.ndarray):
            owners = flow.owners
            along = np.arange(flow.samples)
            one_after_another = np.array_equal(owners.ravel(), np.repeat(along, owners.size // flow.samples))
            is_counted = any(_counts(owners, axis, along) for axis in range(owners.ndim))
            if not is_counted and (not one_after_another or flow.samples in owners.shape):
                raise MixedSamplesError(
                    f"it is of shape {shown(owners.shape, flow.samples)}, where the units of different samples of a batch take "
                    "turns"
                )
    return node


def _counts(owners: np.ndarray, axis: int, along: np.ndarray) -> bool:
    """Whether the samples lie one after another along an axis."""
    if owners.shape[axis] != along.size:
        return False
    shape = [along.size if other == axis else 1 for other in range(owners.ndim)]
    return bool(np.all(owners == along.reshape(shape)))


def assemble(
    inputs: Sequence[Input], outputs: Sequence[Node], record: Record, widest: np.dtype | None = None, before: Sequence[Part] = ()
) -> Imported:
    """The network that leads from inputs to outputs, and what became of each operation on the way.

    widest : the precision of the widest part of the model, where the arrays in its layers do not show it.
    before : parts that come first in the account.

    Raises LayerError where no layer is left, or an input reaches no output.
    """
    found = recognized(outputs)
    ends = [found.nodes[node] for node in outputs]
    parts = [*before, *_parts(ends, found, record)]
    check_layers(parts)
    return Imported(network_of(inputs, ends, widest), tuple(parts))


def network_of(inputs: Sequence[Input], outputs: Sequence[Node], dtype: np.dtype | None = None) -> Network:
    """The network that leads from inputs to outputs: a row of layers, if that is all there is, or a graph."""
    chain = _chain(inputs, outputs)
    if chain is not None:
        return Network(chain, n_in=inputs[0].size, dtype=dtype)
    return assemble_graph(inputs, outputs, (), dtype).network


def _chain(inputs: Sequence[Input], outputs: Sequence[Node]) -> list | None:
    """The layers from the only input to the only output, if that is all there is."""
    if len(inputs) != 1 or len(outputs) != 1:
        return None
    layers = []
    node = outputs[0]
    while node is not inputs[0]:
        if len(node.operands) != 1 or type(node.operation).__name__ not in LAYERS:
            return None
        layers.append(node.operation)
        (node,) = node.operands
    return layers[::-1]


def _parts(outputs: Sequence[Node], found: Recognized, record: Record) -> Iterator[Part]:
    """A part for each operation, or for all those that became one layer together."""
    groups: dict[int, list[Node]] = {}
    members: dict[int, set[int]] = {}
    for node in in_order(outputs):
        if isinstance(node, Input):
            continue
        numbers = {record.operation_of(origin) for origin in found.origins[node]}
        last = max(numbers)
        groups.setdefault(last, []).append(node)
        members.setdefault(last, set()).update(numbers)
    inner = {number for last, numbers in members.items() for number in numbers if number != last and number not in groups}
    for number, operation in enumerate(record.operations):
        if number in groups:
            yield _part([record.operations[one] for one in sorted(members[number])], groups[number], found)
        elif number not in inner and (operation.note or not operation.nodes):
            yield Part(operation.label, (), operation.note)


def _part(operations: Sequence[Operation], nodes: Sequence[Node], found: Recognized) -> Part:
    layers = tuple(node.operation for node in nodes if node.operation is not None)
    pattern = next((found.patterns[node] for node in nodes if node in found.patterns), "")
    notes = [operation.note for operation in operations if operation.note]
    if len(operations) == 1:
        return Part(operations[0].label, layers, "; ".join(notes))
    kinds = ", ".join(operation.kind for operation in operations)
    label = f"{operations[0].name} to {operations[-1].name} ({kinds})"
    note = [f"together one {pattern or 'affine layer'}"]
    return Part(label, layers, "; ".join([*note, *notes]))
