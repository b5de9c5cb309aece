"""The shape of what a node gives, by its operator: the same rules for constants and for values that depend on the input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from .calls import Call, Flow, Shape


class MisfitError(FormatError):
    """Operands cannot be spread over one another."""


def elementwise(call: Call) -> Shape:
    """Operands are spread over one another; UnsupportedLayerError where that would make more units of those there are."""
    shape = broadcast(call.shapes)
    entries = max((math.prod(operand.shape) for operand in call.operands if isinstance(operand, Flow)), default=None)
    if entries is not None and math.prod(shape) != entries:
        raise UnsupportedLayerError(
            f"it spreads {entries} units over the shape {shape}; fastjac takes operands that leave the number of units as it is"
        )
    return shape


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape of arrays spread over one another; MisfitError where they do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise MisfitError(f"its operands of shapes {', '.join(map(str, shapes))} do not fit each other") from error


def first(call: Call) -> Shape:
    """That of the first operand."""
    return call.shape(0)


def matmul(call: Call) -> Shape:
    """The matrix product; a vector stands for a row on the left and for a column on the right, and is one again after."""
    left, right = call.shape(0), call.shape(1)
    if not left or not right or left[-1] != right[-2:][0]:
        raise FormatError(f"matrices of shapes {left} and {right} have no product")
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    return (*broadcast([left[:-2], right[:-2]]), *rows, *columns)


def gemm(call: Call) -> Shape:
    """`A' B' + C` of two matrices, each transposed perhaps."""
    left, right = call.shape(0), call.shape(1)
    if len(left) != 2 or len(right) != 2:
        raise FormatError(f"it multiplies matrices, got shapes {left} and {right}")
    left = left[::-1] if call.node.integer("transA", 0) else left
    right = right[::-1] if call.node.integer("transB", 0) else right
    if left[1] != right[0]:
        raise FormatError(f"matrices of shapes {left} and {right}, transposed as it says, have no product")
    return (left[0], right[1])


def flatten(call: Call) -> Shape:
    """Two axes, of what stands before `axis` and of the rest."""
    shape = call.shape(0)
    axis = call.node.integer("axis", 1)
    axis = axis if axis == len(shape) else checked_axis(axis, len(shape))
    return (math.prod(shape[:axis]), math.prod(shape[axis:]))


def reshape(call: Call) -> Shape:
    """The sizes told by the second operand, where -1 stands for what is left and 0, unless allowzero, for the old size."""
    shape, told = call.shape(0), call.integers(1) or ()
    sizes = list(told)
    if not call.node.integer("allowzero", 0):
        sizes = [shape[i] if size == 0 and i < len(shape) else size for i, size in enumerate(sizes)]
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0:
        sizes[sizes.index(-1)] = math.prod(shape) // known
    if any(size < 0 for size in sizes) or math.prod(sizes) != math.prod(shape):
        raise FormatError(
            f"a value of shape {shape} cannot take the shape {told}; if a batch size is fixed in it, export the model "
            "with a batch of 1 or a symbolic batch"
        )
    return tuple(sizes)


def squeeze(call: Call) -> Shape:
    """Without the axes told, each of size 1; without all such axes where none are told."""
    shape, axes = call.shape(0), call.axes(1)
    gone = [axis for axis, size in enumerate(shape) if size == 1] if axes is None else checked_axes(axes, len(shape))
    if any(shape[axis] != 1 for axis in gone):
        raise FormatError(f"axes {axes} of shape {shape} are not all of size 1, so they cannot be squeezed")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def unsqueeze(call: Call) -> Shape:
    """With a new axis of size 1 at each of the places told, counted in the new shape."""
    shape, axes = call.shape(0), call.axes(1) or ()
    rank = len(shape) + len(axes)
    new = checked_axes(axes, rank)
    if len(set(new)) != len(new):
        raise FormatError(f"axes {axes} name a place twice")
    old = iter(shape)
    return tuple(1 if axis in new else next(old) for axis in range(rank))


def transpose(call: Call) -> Shape:
    """The axes in another order; reversed where none is told."""
    shape = call.shape(0)
    return tuple(shape[axis] for axis in permutation(call))


def permutation(call: Call) -> Sequence[int]:
    """The order in which a Transpose puts the axes; FormatError if it is none."""
    rank = len(call.shape(0))
    order = call.node.integers("perm")
    if order is None:
        return range(rank)[::-1]
    if sorted(order) != list(range(rank)):
        raise FormatError(f"perm={order} is no order of {rank} axes")
    return order


def expand(call: Call) -> Shape:
    """Spread over the shape told by the second operand."""
    sizes = call.integers(1) or ()
    shape = broadcast([call.shape(0), sizes])
    if isinstance(call.operand(0), Flow) and math.prod(shape) != math.prod(call.shape(0)):
        raise UnsupportedLayerError(f"it copies units to fill the shape {shape}; fastjac takes it where it does not")
    return shape


def reduced(call: Call) -> Shape:
    """Without the axes it takes together, or with size 1 for each if keepdims."""
    shape, gone = call.shape(0), reduced_axes(call)
    if call.node.integer("keepdims", 1):
        return tuple(1 if axis in gone else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def reduced_axes(call: Call) -> tuple[int, ...]:
    """The axes that it takes together: all, where none are told, unless it says that this means none."""
    rank, axes = len(call.shape(0)), call.axes(1)
    if axes:
        return checked_axes(axes, rank)
    return () if call.node.integer("noop_with_empty_axes", 0) else tuple(range(rank))


def softmax_axes(call: Call) -> Sequence[int]:
    """The axes that a Softmax or LogSoftmax acts over.

    Before opset 13 the axis, 1 by default, is the first of those acted over; since then it is the only one, the last by default.
    """
    rank = len(call.shape(0))
    axis = call.node.integer("axis", 1 if call.opset < 13 else -1)
    if call.opset >= 13:
        return (checked_axis(axis, rank),)
    return range(rank if axis == rank else checked_axis(axis, rank), rank)


def layer_norm_axes(call: Call) -> Sequence[int]:
    """The axes that a LayerNormalization acts over: one and all behind it."""
    rank = len(call.shape(0))
    return range(checked_axis(call.node.integer("axis", -1), rank), rank)


def checked_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from 0; FormatError where one is none of `rank` axes."""
    return tuple(checked_axis(axis, rank) for axis in axes)


def checked_axis(axis: int, rank: int) -> int:
    """An axis counted from 0; FormatError where it is none of `rank` axes."""
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} is none of a value of {rank} axes; the file is damaged")
    return axis % rank
