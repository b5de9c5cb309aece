"""From the entries of tensors to vectors of a network, and back: every operation that computes something goes this way.

A vector holds the entries of one sample in the order of the tensor. In a batch, each sample must have the same entries in the
same order; where it does not, the model mixes samples and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import FormatError
from ...graphs.nodes import Node, row
from ...graphs.nodes import concatenate as concatenate_nodes
from ...layers import Layer, Parameter, Take
from ..reading.limits import MOST_UNITS, check_count
from .account import shared, spend, spend_places, take_apart
from .values import Constant, Flow, MisfitError, MixedSamplesError, Shape, Single, Value, shown, size_of

MOST_ROWS = 1024
"""How many vectors of one sample one operation may act on, one after another."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the units of a vector stand in a tensor; `Layout.of` makes one.

    shape : that of the tensor for one sample; the entries of such a tensor, in order, are the units.
    owners : for a batch, the sample that each place belongs to.
    """

    shape: Shape
    owners: np.ndarray | Single
    samples: int

    @staticmethod
    def of(shape: Shape, owners: np.ndarray | Single, samples: int) -> Layout:
        """The layout. Equal layouts are one object while a model is read, so that its cached properties are computed once."""
        key = owners if isinstance(owners, Single) else (owners.shape, owners.tobytes())
        return shared((shape, key, samples), lambda: Layout(shape, owners, samples))

    @cached_property
    def size(self) -> int:
        """The number of units."""
        return size_of(self.shape)

    @cached_property
    def order(self) -> np.ndarray:
        """The flat numbers of a batch's places, (samples, size): those of one sample are a row, in the order of the tensor."""
        assert isinstance(self.owners, np.ndarray)
        flat = self.owners.ravel()
        if flat.size != self.samples * self.size or np.any(np.bincount(flat, minlength=self.samples) != self.size):
            raise MixedSamplesError("the number of units that it gives depends on the number of samples in a batch")
        if np.all(flat[:-1] <= flat[1:]):  # as they mostly are; this takes half the memory
            return np.arange(flat.size, dtype=np.int32).reshape(self.samples, self.size)
        return np.argsort(flat, kind="stable").reshape(self.samples, self.size)

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray | Single]:
        """The number of the unit at each place, for one sample and for a batch."""
        spend_places(self.size, self.samples)
        alone = np.arange(self.size, dtype=np.int32).reshape(self.shape)
        if isinstance(self.owners, Single):
            return alone, self.owners
        batch = np.empty(self.owners.size, np.int32)
        batch[self.order.ravel()] = np.arange(batch.size, dtype=np.int32)
        return alone, batch.reshape(self.owners.shape)

    @cached_property
    def inner(self) -> int:
        """How many of a batch's last axes lie within one sample: what is spread over these is the same for each sample."""
        assert isinstance(self.owners, np.ndarray)
        owners, count = self.owners, 0
        for mine, its in zip(owners.shape[::-1], self.shape[::-1], strict=False):
            if mine != its or np.any(owners != owners[..., :1]):
                break
            owners, count = owners[..., 0], count + 1
        return count

    @cached_property
    def vectors(self) -> Layout | None:
        """A layout with one entry for each vector along the last axis; None where a vector holds entries of several samples."""
        if isinstance(self.owners, Single):
            return Layout.of(self.shape[:-1], self.owners, self.samples)
        return Layout.of(self.shape[:-1], self.owners[..., 0], self.samples) if self.inner else None

    def flow(self, node: Node) -> Flow:
        """The tensor whose entries are the units of a vector."""
        check_count(node.size, MOST_UNITS, "units in a layer")
        alone, batch = self.places
        return Flow(node, alone, batch, self.samples, whole=self)

    def per_unit(self, value: Constant) -> Parameter:
        """A constant as one number, or, spread over the tensor, as one number for each unit."""
        alone, batch = value.alone, value.batch
        if alone.size == 1 and (batch is alone or isinstance(self.owners, Single)):
            return float(alone.item())
        spend(self.size)
        try:
            entries = np.broadcast_to(alone, self.shape).ravel()
        except ValueError as error:
            raise MisfitError(f"an operand of shape {alone.shape} does not fit a value of shape {self.shape}") from error
        self.check_same(value, entries)
        return float(alone.item()) if alone.size == 1 else entries

    def check_same(self, value: Constant, entries: np.ndarray) -> None:
        """Refuse a constant that, spread over a batch, differs in any sample from `entries`, those for one sample alone."""
        if isinstance(self.owners, Single) or isinstance(value.batch, Single):
            return
        if value.batch is value.alone and value.alone.ndim <= self.inner:
            return
        try:
            spread = np.broadcast_to(value.batch, self.owners.shape).ravel()[self.order]
        except ValueError:
            spread = None
        if spread is None or not ((spread == entries) | ((spread != spread) & (entries != entries))).all():
            what = f" {value.name!r:.80}" if value.name else ""
            raise MixedSamplesError(f"its operand{what} is not the same for each sample of a batch and for one alone")


def layout_of(flow: Flow) -> Layout:
    """Where the entries of a tensor stand."""
    if flow.whole is not None:
        return flow.whole
    return Layout.of(flow.shape, flow.batch if isinstance(flow.batch, Single) else flow.owners, flow.samples)


def units(flow: Flow) -> tuple[Node, Layout]:
    """The vector of a tensor's entries, and where they stand."""
    layout = layout_of(flow)
    if flow.whole is not None:
        return flow.node, layout
    index = flow.alone.ravel()
    _refuse_empty(flow)
    if isinstance(flow.batch, np.ndarray):
        numbers = (flow.batch % flow.node.size).ravel()
        if np.any(numbers[layout.order] != index):
            raise MixedSamplesError("it takes other units of one sample of a batch than of another")
    return taken(flow.node, index), layout


def _refuse_empty(flow: Flow) -> None:
    if not flow.alone.size:
        raise FormatError(f"its operand is of shape {flow.shape}, which holds nothing; the file is damaged")


def taken(node: Node, index: np.ndarray) -> Node:
    """Some units of a vector; the vector itself where these are all in order."""
    if index.size == node.size and np.array_equal(index, np.arange(node.size)):
        return node
    spend(8 * index.size)  # a tuple of numbers takes several times the memory of an array
    return node.follow(Take(tuple(index.tolist()), node.size))


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape of arrays spread over one another; MisfitError where they do not fit."""
    try:
        return _common_shape(shapes)
    except ValueError as error:
        raise MisfitError(f"its operands of shapes {', '.join(map(str, shapes))} do not fit each other") from error


def _batch_shape(shapes: Sequence[Shape], samples: int) -> Shape:
    """The shape of a batch's arrays spread over one another; MixedSamplesError where they do not fit."""
    try:
        return _common_shape(shapes)
    except ValueError as error:
        listed = ", ".join(shown(shape, samples) for shape in shapes)
        raise MixedSamplesError(
            f"its operands of shapes {listed}, where N counts the samples of a batch, do not fit each other"
        ) from error


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    longest = max(shapes, key=len)
    # Mostly each shape is the end of the longest one, and NumPy takes far longer to find that out.
    if all(shape == longest[len(longest) - len(shape) :] for shape in shapes):
        return longest
    return np.broadcast_shapes(*shapes)


def spread(values: Sequence[Value]) -> list[Value]:
    """The tensors that depend on the network's inputs, spread over one another and over the constants, which stay as they are."""
    shape = broadcast_shape([value.shape for value in values])
    flows = [value for value in values if isinstance(value, Flow)]
    single = next((value.batch for value in values if isinstance(value.batch, Single)), None)
    if single is None:
        batch_shape = _batch_shape([value.batch.shape for value in values], flows[0].samples)  # type: ignore[union-attr]
    spend(sum(size_of(shape) for flow in flows if flow.shape != shape))

    def over(flow: Flow) -> Flow:
        if flow.shape == shape and single is None and flow.batch.shape == batch_shape:  # type: ignore[union-attr]
            return flow
        batch = single if single is not None else np.broadcast_to(flow.batch, batch_shape)  # type: ignore[arg-type]
        return Flow(flow.node, np.broadcast_to(flow.alone, shape), batch, flow.samples)

    return [over(value) if isinstance(value, Flow) else value for value in values]


def aligned(flows: Sequence[Flow]) -> tuple[list[Node], Layout]:
    """The vectors of tensors of one shape; entries at the same place of two tensors stand at the same place of two vectors."""
    found = [units(flow) for flow in flows]
    first = found[0][1]
    for _, layout in found[1:]:
        if layout is first or isinstance(first.owners, Single):
            continue
        if not np.array_equal(first.owners, layout.owners):  # type: ignore[arg-type]
            raise MixedSamplesError("its operands hold the samples of a batch along different axes, so that samples are mixed")
    return [node for node, _ in found], first


@dataclass(frozen=True, eq=False)
class Rows:
    """A tensor seen as vectors along some of its axes; an operation takes the entries of each vector together.

    node : the vectors of one sample, one after another.  length : the length of each.
    layout : the layout of a tensor with one entry for each vector.
    """

    node: Node
    length: int
    layout: Layout

    @property
    def count(self) -> int:
        """The number of vectors in one sample."""
        return self.layout.size

    def each(self, record: Callable[[Node, int], Node]) -> Flow:
        """What `record` makes of each vector and its number, along a new last axis."""
        check_count(self.count, MOST_ROWS, "vectors of one sample that one operation acts on")
        take_apart(self.count)
        length = self.length
        parts = [self.node] if self.count == 1 else [self.node[i * length : (i + 1) * length] for i in range(self.count)]
        return self.along_last(concatenate_nodes([record(part, number) for number, part in enumerate(parts)]))

    def along_last(self, node: Node) -> Flow:
        """The tensor of new vectors along a last axis, in place of the old ones; `node` holds them one behind another."""
        width = node.size // self.count
        owners = self.layout.owners
        if isinstance(owners, np.ndarray):
            owners = np.broadcast_to(owners[..., None], (*owners.shape, width))
        return Layout.of((*self.layout.shape, width), owners, self.layout.samples).flow(node)

    def columns(self) -> list[Node]:
        """The first entries of all vectors as one vector, their second entries as another, and so on."""
        check_count(self.length, MOST_ROWS, "entries that one operation takes together")
        take_apart(self.length)
        return [self.node[number :: self.length] for number in range(self.length)]


def rows(flow: Flow, axes: Sequence[int]) -> Rows:
    """The vectors along some axes, in their order; UnsupportedLayerError where one would hold entries of several samples."""
    _refuse_empty(flow)
    turned = _with_last(flow, tuple(axes))
    layout = layout_of(turned)
    if layout.vectors is None:
        assert isinstance(flow.batch, np.ndarray)
        named = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        raise MixedSamplesError(
            f"it acts over {named} of a value of shape {shown(flow.batch.shape, flow.samples)}, where N counts the samples of a "
            "batch; that is not one whole sample, and mixes samples"
        )
    return Rows(units(turned)[0], layout.shape[-1], layout.vectors)


def _with_last(flow: Flow, axes: tuple[int, ...]) -> Flow:
    """The tensor with some axes, in their order, joined to one last axis."""
    check_rank(flow)
    if axes == (flow.alone.ndim - 1,):
        return flow
    kept = [axis for axis in range(flow.alone.ndim) if axis not in axes]

    def turned(array: np.ndarray) -> np.ndarray:
        return array.transpose(*kept, *axes).reshape(*(array.shape[axis] for axis in kept), -1)

    batch = flow.batch if isinstance(flow.batch, Single) else turned(flow.batch)
    return Flow(flow.node, turned(flow.alone), batch, flow.samples)


def check_rank(flow: Flow) -> None:
    """Refuse a tensor that has more or fewer axes for a batch than for one sample, for an operation that names an axis."""
    if isinstance(flow.batch, np.ndarray) and flow.batch.ndim != flow.alone.ndim:
        raise MixedSamplesError(
            f"it acts along an axis of a value of shape {shown(flow.batch.shape, flow.samples)}, where N counts the samples of a "
            f"batch, but of shape {flow.shape} for one sample"
        )


def each_unit(flow: Flow, layers: Sequence[Layer]) -> Flow:
    """What layers that act on each unit by itself make of a tensor."""
    node, layout = units(flow)
    return layout.flow(row(node, *layers))
