"""Several tensors joined to one; constants among them become units of the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node
from ...graphs.nodes import concatenate as concatenate_nodes
from ...layers import Affine, HardTanh
from ..reading.limits import MOST_LAYERS, check_count
from .account import spend, spend_places
from .layout import Layout, taken
from .movement import checked_axis, spend_moved, unsqueeze
from .values import Constant, Flow, MixedSamplesError, Single, Value, computed, in_both, moved, shown

FEW = 4
"""Fewer than one in so many units of a vector count as few."""


def concatenate(values: Sequence[Value], axis: int) -> Value:
    """The tensors one after another along an axis."""
    check_count(len(values), MOST_LAYERS, "tensors that are joined")
    if not values:
        raise FormatError("it joins tensors, and takes none; the file is damaged")
    along = checked_axis(axis, len(values[0].shape))
    if all(isinstance(value, Constant) for value in values):
        spend(sum(value.alone.size for value in values))
        return computed(lambda *arrays: np.concatenate(arrays, along), *values)
    flows = on_one_node(as_flows(values, along))
    spend_places(sum(flow.alone.size for flow in flows), flows[0].samples)
    alone, batch = in_both(lambda *arrays: np.concatenate(arrays, along), *flows)
    return Flow(flows[0].node, alone, batch, flows[0].samples)


def stack(values: Sequence[Value], axis: int) -> Value:
    """The tensors one after another along a new axis."""
    return concatenate([unsqueeze(value, [axis]) for value in values], axis)


def pad(value: Value, before: Sequence[int], behind: Sequence[int], filling: Value, mode: str = "constant") -> Value:
    """A tensor with so many more entries before and behind along each axis; a negative number takes entries away."""
    if len(before) != len(value.shape) or len(behind) != len(before):
        raise FormatError(f"it pads {len(before)} axes of a value of {len(value.shape)}")
    if any(number < 0 for number in (*before, *behind)):
        inner = [slice(max(0, -first), min(0, last) or None) for first, last in zip(before, behind, strict=True)]
        value = moved(lambda array: array[tuple(inner)], value)
    if 0 in value.shape:
        raise FormatError(f"it takes all entries away: what is left has the shape {value.shape}")
    widths = [(max(0, first), max(0, last)) for first, last in zip(before, behind, strict=True)]
    if not any(map(any, widths)):
        return value
    spend_moved(value, math.prod(size + sum(width) for size, width in zip(value.shape, widths, strict=True)))
    if mode in ("edge", "reflect", "wrap"):
        return moved(partial(np.pad, pad_width=widths, mode=mode), value)
    if mode != "constant":
        raise UnsupportedLayerError(
            f"it pads by {mode!r:.40}, which fastjac does not have; it pads by constant, edge, reflect and wrap"
        )
    if isinstance(filling, Flow) or filling.alone.size != 1:
        raise UnsupportedLayerError("it pads with something else than one constant number")
    if isinstance(value, Constant):
        return computed(lambda array, entry: np.pad(array, widths, constant_values=entry.item()), value, filling)
    return _padded(value, widths, filling.alone.ravel())


def _padded(flow: Flow, widths: Sequence[tuple[int, int]], filling: np.ndarray) -> Flow:
    """A tensor padded by one more unit, a constant, which stands at all new places."""
    size = flow.node.size
    node = concatenate_nodes([flow.node, constant_node(filling, flow.node)])
    alone = np.pad(flow.alone, widths, constant_values=size)
    if isinstance(flow.batch, Single):
        return Flow(node, alone, flow.batch, flow.samples)
    numbers = np.pad(flow.batch % np.int32(size), widths, constant_values=size)
    # A new place belongs to the sample beside it.
    owners = np.pad(flow.owners, widths, mode="edge")
    return Flow(node, alone, owners * np.int32(node.size) + numbers, flow.samples)


def written(value: Value, places: Constant, source: Value) -> Value:
    """A tensor with other entries at some places, which are counted row by row.

    source : the entries, one for each of the places.
    """

    def put(array: np.ndarray, numbers: np.ndarray, entries: np.ndarray) -> np.ndarray:
        result = array.copy()
        np.put(result, numbers, entries)
        return result

    if isinstance(value, Constant) and isinstance(source, Constant):
        return computed(put, value, places, source)
    if isinstance(source, Flow):
        flow, entries = (value, source) if isinstance(value, Flow) else (_of_samples(value, source), source)
    else:
        assert isinstance(value, Flow)  # since one of the two is a Flow
        flow, entries = value, constant_flow(source, _owners_at(value, places), value)
    flow, entries = on_one_node([flow, entries])
    spend_places(flow.alone.size, flow.samples)
    alone, batch = in_both(put, flow, places, entries)
    return Flow(flow.node, alone, batch, flow.samples)


def _owners_at(flow: Flow, places: Constant) -> np.ndarray | Single:
    """For a batch, the sample that each of some places of a tensor belongs to."""
    if isinstance(flow.batch, Single) or isinstance(places.batch, Single):
        return flow.batch if isinstance(flow.batch, Single) else places.batch
    return flow.owners.ravel()[places.batch]


def _of_samples(value: Constant, like: Flow) -> Flow:
    """A constant as a tensor of the network. Its samples lie along the axis that is longer for a batch than for one sample."""
    if isinstance(value.batch, Single) or isinstance(like.batch, Single):
        return constant_flow(value, like.batch if isinstance(like.batch, Single) else value.batch, like)
    longer = [axis for axis, sizes in enumerate(zip(value.alone.shape, value.batch.shape, strict=False)) if len(set(sizes)) > 1]
    if len(longer) != 1:
        raise MixedSamplesError(
            "it writes what depends on the network's input into a tensor that all samples share; make one with an axis for the "
            "samples, as torch.zeros(len(x), 3) is"
        )
    size = value.batch.shape[longer[0]]
    along = [1] * value.batch.ndim
    along[longer[0]] = size
    owners = (np.arange(size) * like.samples // size).reshape(along)
    return constant_flow(value, np.broadcast_to(owners, value.batch.shape), like)


def as_flows(values: Sequence[Value], axis: int) -> list[Flow]:
    """Tensors that are to be joined along an axis; the constants among them become units of the network too."""
    like = next(value for value in values if isinstance(value, Flow))
    return [value if isinstance(value, Flow) else _beside(value, like, axis) for value in values]


def _beside(value: Constant, like: Flow, axis: int) -> Flow:
    """A constant as a tensor of the network, whose samples lie as those of the tensor `like`, which it is joined to."""
    if isinstance(like.batch, Single) or isinstance(value.batch, Single):
        return constant_flow(value, like.batch if isinstance(like.batch, Single) else value.batch, like)
    owners = like.owners
    if owners.shape[axis] and np.any(owners != owners.take([0], axis)):
        raise MixedSamplesError(
            f"it puts a constant beside a value of shape {shown(owners.shape, like.samples)} along the axis of the samples"
        )
    try:
        beside = np.broadcast_to(owners.take([0], axis), value.batch.shape)
    except ValueError:
        reason = f"a constant of shape {value.shape} does not fit beside a value of shape {shown(owners.shape, like.samples)}"
        return constant_flow(value, Single(reason), like)
    return constant_flow(value, beside, like)


def constant_flow(value: Constant, owners: np.ndarray | Single, like: Flow) -> Flow:
    """A constant as units of the network of the tensor `like`; `owners` says which sample each place belongs to."""
    layout = Layout.of(value.shape, owners, like.samples)
    layout.check_same(value, value.alone.ravel())
    return layout.flow(constant_node(value.alone.ravel(), like.node))


def constant_node(entries: np.ndarray, beside: Node) -> Node:
    """Units of a network that are constants, made from a unit of a vector beside them.

    That unit is bounded first and then multiplied by 0: without the bound, an infinite one would give nan.
    """
    spend(2 * entries.size)
    dtype = np.float64 if entries.dtype == np.float64 else np.float32
    with np.errstate(all="ignore"):
        values = entries.astype(dtype)
    return Affine(np.zeros((entries.size, 1), dtype), values)(HardTanh()(beside[[0]]))


def on_one_node(flows: Sequence[Flow]) -> list[Flow]:
    """The same tensors as entries of one vector, which holds their vectors one after another."""
    nodes = list(dict.fromkeys(flow.node for flow in flows))
    if len(nodes) == 1:
        return list(flows)
    used = {node: _used([flow for flow in flows if flow.node is node]) for node in nodes}
    ends = np.cumsum([len(numbers) for numbers in used.values()])
    starts = dict(zip(nodes, [0, *ends[:-1].tolist()], strict=True))
    joined = concatenate_nodes([taken(node, numbers) for node, numbers in used.items()])

    def moved_to(flow: Flow) -> Flow:
        start, numbers = np.int32(starts[flow.node]), used[flow.node]
        spend_places(flow.alone.size, flow.samples)
        batch = flow.batch
        if isinstance(batch, np.ndarray):
            owner, unit = np.divmod(batch, np.int32(flow.node.size))
            batch = owner * np.int32(joined.size) + _places(numbers, unit) + start
        return Flow(joined, _places(numbers, flow.alone) + start, batch, flow.samples)

    return [moved_to(flow) for flow in flows]


def _used(flows: Sequence[Flow]) -> np.ndarray:
    """The units of a vector that stand in one of the tensors; all of its units where these are not few.

    With all units always, the vector of a tensor that is sliced and joined over and over would grow at every turn.
    """
    size = flows[0].node.size
    units = [flow.batch % np.int32(size) for flow in flows if isinstance(flow.batch, np.ndarray)]
    used = np.unique(np.concatenate([array.ravel() for array in (*units, *(flow.alone for flow in flows))]))
    return used if FEW * used.size < size else np.arange(size, dtype=np.int32)


def _places(numbers: np.ndarray, units: np.ndarray) -> np.ndarray:
    return np.searchsorted(numbers, units).astype(np.int32)
