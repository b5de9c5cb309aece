"""Tensors of the intermediate form for the tests, and what NumPy makes of the arrays that they stand for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastjac
from fastjac.graphs.nodes import Input
from fastjac.importers.ir.assembly import assemble, input_flow, output_node
from fastjac.importers.ir.record import Record
from fastjac.importers.ir.values import Flow, Single
from fastjac.importers.parts import Imported

SAMPLES = 7
Function = Callable[..., Any]


def flow_of(shape: Sequence[int], batch_axis: int | None = 0, name: str = "x") -> Flow:
    """An input whose samples lie along an axis of a shape that holds 1 there."""
    assert batch_axis is None or shape[batch_axis] == 1
    return input_flow(Input(int(np.prod(shape)), name), tuple(shape), batch_axis, SAMPLES)


def arrays_of(flow: Flow, batch_axis: int | None = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers for an input, for one sample and for a batch."""
    rng = np.random.default_rng(0)
    if batch_axis is None:
        alone = rng.normal(size=flow.shape)
        return alone, alone
    shape = list(flow.shape)
    shape[batch_axis] = SAMPLES
    batch = rng.normal(size=shape)
    return batch.take([0], batch_axis), batch


def entries(flow: Flow, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """What stands in a moved tensor, where `samples` (samples, units) are the units of its vector."""
    alone = samples[0][flow.alone]
    return alone, None if isinstance(flow.batch, Single) else samples.ravel()[flow.batch]


def assert_moved(function: Function, twin: Function, shape: Sequence[int], batch_axis: int | None = 0) -> None:
    """A function of movement.py does to the entries of a tensor what NumPy does to an array, for one sample and for a batch."""
    flow = flow_of(shape, batch_axis)
    alone, batch = arrays_of(flow, batch_axis)
    samples = alone.reshape(1, -1) if batch_axis is None else np.moveaxis(batch, batch_axis, 0).reshape(SAMPLES, -1)
    result = function(flow)
    assert result.node is flow.node
    found, found_of_batch = entries(result, samples)
    np.testing.assert_array_equal(found, twin(alone))
    assert result.shape == np.shape(twin(alone))
    if batch_axis is not None:
        assert found_of_batch is not None
        np.testing.assert_array_equal(found_of_batch, twin(batch))


def imported(inputs: Sequence[Flow], outputs: Sequence[Flow]) -> Imported:
    """The network from inputs to outputs."""
    record = Record()
    nodes = [output_node(flow, f"y{number}") for number, flow in enumerate(outputs)]
    record.add("all", "Everything", nodes)
    return assemble([flow.node for flow in inputs], nodes, record, np.dtype(np.float64))


def assert_computed(function: Function, twin: Function, *shapes: Sequence[int], tolerance: float = 1e-12) -> fastjac.Network:
    """A function of tensors, whose samples lie along axis 0, gives a network that computes what NumPy does; it is returned."""
    flows = [flow_of(shape, name=f"x{number}") for number, shape in enumerate(shapes)]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(SAMPLES, *shape[1:])) for shape in shapes]
    result = function(*flows)
    net = imported(flows, [result]).network
    given = tuple(array.reshape(SAMPLES, -1) for array in arrays)
    y = net(given if len(given) > 1 else given[0])
    expected = twin(*arrays)
    np.testing.assert_allclose(y, expected.reshape(SAMPLES, -1), rtol=tolerance, atol=tolerance)
    assert isinstance(result, Flow)
    assert isinstance(result.batch, np.ndarray)
    assert result.batch.shape == expected.shape
    return net
