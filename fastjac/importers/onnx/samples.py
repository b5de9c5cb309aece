"""Where the samples of a batch lie in the values of a graph, and what each operator does to them: the rules of operators.py.

A network is read for one sample. That is what the model computes only if each of its nodes acts on every sample of a batch by
itself. A rule says where the samples lie in a node's result, and refuses a node that takes several of them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import UnsupportedLayerError
from . import shapes
from .calls import Call, Flow, Shape


@dataclass(frozen=True)
class Samples:
    """Where samples lie in a value: entry `(k count + s) inner + i` in row-major order belongs to sample s, for any k.

    This holds whatever the shape. `count`, the number of samples, divides no size by which samples are not counted.
    """

    count: int
    inner: int

    @classmethod
    def along(cls, axis: int, shape: Shape, count: int, places: int = 1) -> Samples:
        """Samples along an axis of a value, each of which takes so many places in a row."""
        return cls(count, places * math.prod(shape[axis + 1 :]))

    def axis(self, shape: Shape) -> tuple[int, int]:
        """The axis of a value of that shape along which the samples lie, and how many places in a row each takes.

        Raises UnsupportedLayerError where they lie across several axes.
        """
        stride = math.prod(shape)
        for axis, size in enumerate(shape):
            stride //= size
            if stride <= self.inner < stride * size:
                places, rest = divmod(self.inner, stride)
                if not rest and size % (places * self.count) == 0:
                    return axis, places
        raise UnsupportedLayerError(f"its operand of shape {self.shown(shape)} has samples of a batch across several axes")

    def shown(self, shape: Shape) -> str:
        """A shape with N for the number of samples."""
        sizes = [f"{size // self.count if size > self.count else ''}N" if size % self.count == 0 else str(size) for size in shape]
        return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


@dataclass(frozen=True, eq=False)
class BatchCall:
    """A node in a batch of several samples.

    call : the node with its operands for the batch.
    alone : the same for one sample.
    samples : where the samples lie in each operand; None for constants.
    """

    call: Call
    alone: Call
    samples: Sequence[Samples | None]

    @property
    def flow(self) -> Samples:
        """Where the samples lie in the operand that depends on the network's input; in the largest of several."""
        return self.samples[self._largest]  # type: ignore[return-value]  # it is a flow

    @property
    def shape(self) -> Shape:
        """The shape of that operand."""
        return self.call.shape(self._largest)

    @property
    def flows(self) -> list[int]:
        """The positions of all operands that depend on the network's input."""
        return [position for position, operand in enumerate(self.call.operands) if isinstance(operand, Flow)]

    @property
    def _largest(self) -> int:
        return max(self.flows, key=lambda position: math.prod(self.call.shape(position)))

    def along(self, axis: int, shape: Shape, places: int = 1) -> Samples:
        """The same samples along an axis of the result."""
        return Samples.along(axis, shape, self.flow.count, places)

    def act_over(self, axes: Sequence[int]) -> tuple[int, int]:
        """The axis of the samples and their places there, of a node that takes the entries along `axes` together.

        Raises UnsupportedLayerError where these are not the entries of one whole sample.
        """
        axis, places = self.flow.axis(self.shape)
        if axis in axes or math.prod(self.shape[i] for i in axes) * self.flow.count != math.prod(self.shape):
            what = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
            raise UnsupportedLayerError(
                f"it acts over {what} of a value of shape {self.flow.shown(self.shape)}, where N counts the samples of a batch; "
                "that is not one whole sample, and mixes samples"
            )
        return axis, places

    def check_same(self, *positions: int) -> None:
        """Refuse a constant that the number of samples changes."""
        for position in positions:
            array, alone = self.call.constant(position), self.alone.constant(position)
            if array is not alone and not np.array_equal(array, alone):
                raise self._changes(position)

    def check_per_unit(self, position: int, shape: Shape, alone_shape: Shape, samples: Samples) -> None:
        """Refuse a constant that, spread over a value with these samples, differs among them or from that for one alone."""
        array, alone = self.call.constant(position), self.alone.constant(position)
        if array is alone and array.size == 1:
            return
        try:
            for_batch = np.broadcast_to(array, shape).reshape(-1, samples.count, samples.inner)
        except ValueError:
            raise self._changes(position) from None
        for_one = np.broadcast_to(alone, alone_shape).reshape(-1, 1, samples.inner)
        if not np.all((for_batch == for_one) | ((for_batch != for_batch) & (for_one != for_one))):
            raise self._changes(position)

    def _changes(self, position: int) -> UnsupportedLayerError:
        name = self.call.node.inputs[position]
        return UnsupportedLayerError(f"its operand {name!r:.80} is not the same for each sample of a batch and for one alone")


def in_order(node: BatchCall) -> Samples:
    """Operators that only shape a value, whose entries stay in order."""
    return node.flow


def elementwise(node: BatchCall) -> Samples:
    """Operators of entries that stand at the same place, once their operands are spread over one another."""
    shape, alone_shape = shapes.broadcast(node.call.shapes), shapes.broadcast(node.alone.shapes)
    _check_beside_each_other(node)
    for position, operand in enumerate(node.call.operands):
        if isinstance(operand, np.ndarray):
            node.check_per_unit(position, shape, alone_shape, node.flow)
    return node.flow


def _check_beside_each_other(node: BatchCall) -> None:
    """Refuse operands of which one sample would meet another: operands are spread with their last axes side by side."""
    if len(node.flows) == 1:
        return
    places = set()
    for position in node.flows:
        shape, samples = node.call.shape(position), node.samples[position]
        axis, each = samples.axis(shape)  # type: ignore[union-attr]  # it is a flow
        places.add((axis - len(shape), each))
    if len(places) != 1:
        raise UnsupportedLayerError("its operands hold the samples of a batch along different axes, so that samples are mixed")


def transpose(node: BatchCall) -> Samples:
    """Axes in another order."""
    axis, places = node.flow.axis(node.shape)
    return node.along(shapes.permutation(node.call).index(axis), shapes.transpose(node.call), places)


def softmax(node: BatchCall) -> Samples:
    """Softmax and LogSoftmax."""
    node.act_over(shapes.softmax_axes(node.call))
    return node.flow


def layer_normalization(node: BatchCall) -> Samples:
    """LayerNormalization."""
    node.act_over(shapes.layer_norm_axes(node.call))
    for position in (1, 2):
        if node.call.optional(position) is not None:
            node.check_per_unit(position, node.shape, node.alone.shape(0), node.flow)
    return node.flow


def batch_normalization(node: BatchCall) -> Samples:
    """BatchNormalization, whose constants run along axis 1."""
    axis, _ = node.flow.axis(node.shape)
    if axis == 1:
        raise UnsupportedLayerError(f"it takes the samples of a batch of shape {node.flow.shown(node.shape)} for channels")
    node.check_same(1, 2, 3, 4)
    return node.flow


def scaler(node: BatchCall) -> Samples:
    """Scaler, whose constants run along the last axis."""
    axis, _ = node.flow.axis(node.shape)
    if axis == len(node.shape) - 1 and node.alone.shape(0)[-1:] != (1,):
        raise UnsupportedLayerError(f"it takes the samples of a batch of shape {node.flow.shown(node.shape)} for features")
    return node.flow


def reduced(node: BatchCall) -> Samples:
    """Operators that take the entries along some axes together."""
    gone = shapes.reduced_axes(node.call)
    axis, places = node.act_over(gone)
    kept = axis if node.call.node.integer("keepdims", 1) else axis - sum(other < axis for other in gone)
    return node.along(kept, shapes.reduced(node.call), places)


def matmul(node: BatchCall) -> Samples:
    """A product with a constant matrix, which takes the entries along the last axis together, or along the one before it."""
    position = node.call.flow_position
    node.check_same(1 - position)
    rank, result = len(node.shape), shapes.matmul(node.call)
    acted_over = rank - 1 if position == 0 or rank == 1 else rank - 2
    axis, places = node.act_over([acted_over])
    vanishes = len(node.call.shape(1 - position)) == 1
    from_right = axis - rank + (vanishes and axis < acted_over)
    return node.along(len(result) + from_right, result, places)


def gemm(node: BatchCall) -> Samples:
    """`alpha A' B' + beta C`."""
    position, result = node.call.flow_position, shapes.gemm(node.call)
    node.check_same(1 - position)
    transposed = bool(node.call.node.integer(("transA", "transB")[position], 0))
    _, places = node.act_over([position if transposed else 1 - position])
    samples = node.along(position, result, places)
    if node.call.optional(2) is not None:
        node.check_per_unit(2, result, shapes.gemm(node.alone), samples)
    return samples
