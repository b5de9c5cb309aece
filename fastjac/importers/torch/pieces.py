"""PIECES: what takes some features of a tensor, adds them up, or puts those of several tensors in a row.

fastjac holds samples flat, so all of it happens along their one axis, and never along that of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ... import layers as fl
from ... import nodes
from ...errors import UnsupportedLayerError
from ...nodes import Node
from ..precision import refuse_rounding
from ..tensors import as_numpy
from .sample import Sample, Shape, Size, combined

WHOLE = (Ellipsis, slice(None))
"""What stands in an index for the axis of the batch."""


def _getitem(input: Any, index: Any) -> Any:
    """`input[:, index]`, or an entry of what chunk and its like give."""
    if isinstance(input, tuple):
        return input[index]
    first, *rest = index if isinstance(index, tuple) else (index,)
    if not any(first is whole or (isinstance(first, slice) and first == whole) for whole in WHOLE):
        raise UnsupportedLayerError("it picks samples of the batch; fastjac computes one by one, so take features, as x[:, 0:3]")
    if not rest:
        return input
    if input.axes == 0 and rest == [None]:
        return combined(lambda node: node, [input], axes=1)
    if len(rest) != 1 or rest[0] is None or rest[0] is Ellipsis or input.axes == 0:
        raise UnsupportedLayerError(
            f"x[{', '.join(map(_shown, (first, *rest)))}] is an index of samples of several axes; fastjac takes them flat, as in "
            "x[:, 0:3], x[..., 0] and x[:, [0, 2]]"
        )
    return _taken(input, rest[0])


def _chunk(input: Sample, chunks: int, dim: int = 0) -> tuple[Sample, ...]:
    """Parts of one size, the last perhaps smaller; fewer than `chunks` where there are too few features."""
    _check_features(input, dim)
    if input.node is None:
        return tuple(_piece(input, 0, 0) for _ in range(chunks))
    return _pieces(input, _even(input.node.size, -(-input.node.size // chunks)))


def _split(tensor: Sample, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Any:
    """Parts of one size, the last perhaps smaller, or of the sizes in a list."""
    sizes = split_size if split_size_or_sections is None else split_size_or_sections
    _check_features(tensor, dim)
    _check_known(sizes)
    if tensor.node is None:
        return _piece(tensor, 0, 0) if isinstance(sizes, int) else tuple(_piece(tensor, 0, 0) for _ in sizes)
    sizes = _even(tensor.node.size, sizes) if isinstance(sizes, int) else list(sizes)
    if sum(sizes) != tensor.node.size:
        raise UnsupportedLayerError(f"it splits {tensor.node.size} features into {sizes}, which are {sum(sizes)}")
    return _pieces(tensor, sizes)


def _even(whole: int, size: int) -> list[int]:
    """The sizes of parts of one size, and of a rest."""
    return [size] * (whole // size) + [whole % size] * (whole % size > 0)


def _pieces(input: Sample, sizes: Sequence[int]) -> tuple[Sample, ...]:
    ends = list(accumulate(sizes))
    return tuple(_piece(input, end - size, end) for size, end in zip(sizes, ends, strict=True))


def _piece(input: Sample, start: int, end: int) -> Sample:
    return combined(lambda node: node[start:end], [input], input.axes)


def _unbind(input: Sample, dim: int = 0) -> Any:
    """Every feature as a bare number."""
    _check_features(input, dim)
    if input.node is None:
        return _piece(input, 0, 0)
    return tuple(_taken(input, number) for number in range(input.node.size))


def _narrow(input: Sample, dim: int, start: Any, length: Any) -> Sample:
    _check_features(input, dim)
    _check_known((start, length))
    return _taken(input, slice(start, start + length))


def _select(input: Sample, dim: int, index: Any) -> Sample:
    _check_features(input, dim)
    return _taken(input, index)


def _taken(input: Sample, index: Any) -> Sample:
    """The features at an index: a bare number for an int, else a vector."""
    _check_known(index)
    if isinstance(index, slice):
        return combined(lambda node: node[index], [input], input.axes)
    numbers = as_numpy(list(index) if isinstance(index, (list, tuple)) else index)
    if numbers.dtype.kind not in "iu" and not (numbers.dtype.kind == "b" and numbers.ndim == 1):
        raise UnsupportedLayerError(f"it picks features by {numbers.dtype}; fastjac takes whole numbers, slices and masks")
    if numbers.dtype.kind == "b":
        numbers = np.flatnonzero(numbers)
    return combined(lambda node: node[numbers], [input], input.axes if numbers.ndim else 0)


def _concatenate(tensors: Sequence[Any], dim: int = 0) -> Sample:
    """The features of all tensors, one tensor after another."""
    samples = _samples(tensors)
    if any(sample.axes == 0 for sample in samples):
        raise UnsupportedLayerError(
            "it joins bare numbers, one for each sample, along the axis of the batch; use torch.stack(..., dim=-1)"
        )
    _check_axis(dim)
    return combined(lambda *given: nodes.concatenate(given), samples, _axes_of(samples))


def _stack(tensors: Sequence[Any], dim: int = 0) -> Sample:
    """Bare numbers as the features of one tensor."""
    samples = _samples(tensors)
    if any(sample.axes != 0 for sample in samples):
        raise UnsupportedLayerError(
            "it adds an axis to samples, which fastjac takes flat; it stacks bare numbers, such as x[:, 0], along the last axis"
        )
    _check_axis(dim)
    return combined(lambda *given: nodes.concatenate(given), samples, axes=1)


def _column_stack(tensors: Sequence[Any]) -> Sample:
    """The features of all tensors, where a bare number is one feature."""
    samples = _samples(tensors)
    return combined(lambda *given: nodes.concatenate(given), samples, _axes_of(samples) or 1)


def _sum(input: Sample, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Sample:
    """The sum of all features."""
    _check_features(input, dim[0] if isinstance(dim, (list, tuple)) and len(dim) == 1 else dim)
    if dtype is not None:
        refuse_rounding(str(dtype).removeprefix("torch."))
    return combined(_summed, [input], axes=1 if keepdim else 0)


def _mean(input: Sample, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Sample:
    """The mean of all features."""
    total, width = _sum(input, dim, keepdim, dtype=dtype), input.node.size if input.node is not None else 1
    return total.after([fl.Scale(1.0 / width)])


def _summed(node: Node) -> Node:
    return fl.Affine(np.ones((1, node.size), np.float32))(node)


def _samples(tensors: Sequence[Any]) -> Sequence[Sample]:
    for tensor in tensors:
        if not isinstance(tensor, Sample):
            raise UnsupportedLayerError(
                "it puts a constant beside features; fastjac joins tensors that depend on the input, so let the layer behind it "
                "take the constant, as in its bias"
            )
    return tensors


def _axes_of(samples: Sequence[Sample]) -> int | None:
    return next((sample.axes for sample in samples if sample.axes is not None), None)


def _check_features(input: Any, dim: Any) -> None:
    """Refuse what does not act along the axis of a sample's features."""
    _check_axis(dim)
    if input.axes == 0:
        raise UnsupportedLayerError("it acts along an axis of samples that have none left; take out the squeeze or index before")


def _check_axis(dim: Any) -> None:
    if dim not in (1, -1):
        raise UnsupportedLayerError(f"dim={dim} is the axis of the batch, or one that flat samples lack; fastjac takes dim=-1")


def _check_known(value: Any) -> None:
    """Refuse numbers that depend on the input or on its shape."""
    inner = (value.start, value.stop, value.step) if isinstance(value, slice) else value
    for number in inner if isinstance(inner, (list, tuple)) else [inner]:
        if isinstance(number, (Sample, Shape, Size)):
            raise UnsupportedLayerError(
                "it picks features by numbers that depend on the input or its shape; fastjac takes constant ones"
            )


def _shown(part: Any) -> str:
    if isinstance(part, slice):
        return ":".join("" if bound is None else str(bound) for bound in (part.start, part.stop))
    return "..." if part is Ellipsis else f"{part!r:.40}"


PIECES: dict[str, Callable[..., Any]] = {
    "getitem": _getitem,
    "chunk": _chunk,
    "split": _split,
    "unbind": _unbind,
    "narrow": _narrow,
    "select": _select,
    "index_select": _select,
    "cat": _concatenate,
    "concat": _concatenate,
    "concatenate": _concatenate,
    "hstack": lambda tensors: _concatenate(tensors, dim=1),
    "column_stack": _column_stack,
    "stack": _stack,
    "sum": _sum,
    "mean": _mean,
}
"""By name, those of torch and Python's operators, each with torch's own arguments; many are methods of tensors too."""

COPIES = ("clone", "index_select", "cat", "concat", "concatenate", "hstack", "column_stack", "stack", "sum", "mean")
"""Functions whose result never lies in the memory of what they take, though they change none of it."""
