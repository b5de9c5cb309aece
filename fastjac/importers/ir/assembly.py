"""From the tensors that a model gives to a network, and an account of what became of each of its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ...errors import LayerError, UnsupportedLayerError
from ...graphs.blocks import Item
from ...graphs.conversion import in_order
from ...graphs.nodes import Input, Node
from ...layers import LAYERS, Layer, Scale
from ...network import Network
from ..located import located
from ..parts import Imported, Part
from ..reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .account import spend_places
from .layout import units
from .recognition import Recognized, recognized
from .record import Operation, Record
from .values import Flow, MixedSamplesError, Shape, Single, Value, shown, size_of

NOTHING_LEFT = (
    "no layer is left: what does nothing at inference, such as dropout, flatten or identity, falls away, and a network takes at "
    "least one layer"
)
SAMPLES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
"""How many samples a model's batch may have while it is read. The number taken divides no size of the model, so that the axis of
the samples differs from all others."""


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
    _check_layers(parts)
    return Imported(network_of(inputs, ends, widest), tuple(parts))


def assemble_row(
    parts: Iterable[Part],
    n_in: int | None,
    call: str,
    widest: np.dtype | None = None,
    items: Sequence[Layer | Item] | None = None,
) -> Imported:
    """The network of parts in a row, and these parts; every layer stays as it is listed.

    call : how the user would pass n_in.
    items : the layers of the parts, with blocks of them; by default the layers alone.
    widest : as for `assemble`.

    Raises LayerError where no layer is left, where nothing states the number of inputs, or where the layers do not chain;
    FormatError where there are more layers, or more units in one, than fastjac imports.
    """
    kept = tuple(parts)
    layers = _check_layers(kept)
    if n_in is None and all(layer.n_in is None for layer in layers):
        raise LayerError(f"no layer states how many inputs the network has; pass it: {call}")
    check_count(max([n_in or 0, *(layer.n_in or 0 for layer in layers)]), MOST_UNITS, "units in a layer")
    return Imported(Network(layers if items is None else items, n_in=n_in, dtype=widest), kept)


def of_vector(function: Callable[[Value], Value], size: int, dtype: np.dtype | None = None) -> Network:
    """The network that makes of a vector what a function of tensors makes of it, as an item of a row."""
    start = Input(size)
    made = function(input_flow(start, (1, size), None, 1))  # a row takes samples one by one, so there is no batch to follow
    assert isinstance(made, Flow)
    return network_of([start], [output_node(made, "y")], dtype)


def _check_layers(parts: Iterable[Part]) -> list[Layer]:
    """The layers of all parts; LayerError where there is none, FormatError where there are more than fastjac imports."""
    layers = [layer for part in parts for layer in part.layers]
    if not layers:
        raise LayerError(NOTHING_LEFT)
    check_count(len(layers), MOST_LAYERS, "layers")
    return layers


def network_of(inputs: Sequence[Input], outputs: Sequence[Node], dtype: np.dtype | None = None) -> Network:
    """The network that leads from inputs to outputs: a row of layers, if that is all there is, or a graph.

    An output that is an input, or that is another output again, becomes a node of its own.
    """
    chain = _chain(inputs, outputs)
    if chain is not None:
        return Network(chain, n_in=inputs[0].size, dtype=dtype)
    own: list[Node] = []
    for node in outputs:
        own.append(Scale()(node) if isinstance(node, Input) or node in own else node)
    return Network(inputs=inputs, outputs=own, dtype=dtype)


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
    kinds = ", ".join(operation.kind for operation in operations if operation.kind)
    label = f"{operations[0].name} to {operations[-1].name}" + (f" ({kinds})" if kinds else "")
    note = [f"together one {pattern or 'affine layer'}"]
    return Part(label, layers, "; ".join([*note, *notes]))
