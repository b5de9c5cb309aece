"""Every operator of either kind of file against its twin in NumPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastjac
from fastjac.importers.tensorflow.operators import OPERATORS
from fastjac.importers.tensorflow.tflite.operators import OPERATORS as LITE_OPERATORS

from . import graphs as gr
from . import lite
from .scenarios import SCENARIOS, WIDE, Scenario, spread

STEP = 1e-6
"""Of central differences in float64, which are then good to some 1e-9."""


def graph_file(case: Scenario) -> bytes:
    """A graph of the one operator, whose results are negated: a network has at least one layer."""
    names = ["x" if isinstance(operand, str) else f"c{i}" for i, operand in enumerate(case.operands)]
    consts = [gr.const(name, operand) for name, operand in zip(names, case.operands, strict=True) if not isinstance(operand, str)]
    ends = [gr.node(f"y{i}", "Neg", f"op:{i}") for i in range(case.results)]
    operator = gr.node("op", case.graph, *names, **case.both, **case.graph_options)
    return gr.graph(gr.placeholder("x", (None, *case.dims)), *consts, operator, *ends)


def lite_file(case: Scenario) -> bytes:
    """A TensorFlow Lite model of the same."""
    constants = [operand for operand in case.operands if not isinstance(operand, str)]
    constants = [one.astype(np.float32) if one.dtype == np.float64 else one for one in constants]
    first = 1 + case.results
    numbers = iter(range(first, first + len(constants)))
    inputs = [0 if isinstance(operand, str) else next(numbers) for operand in case.operands]
    values = range(first + len(constants), first + len(constants) + case.results)
    nodes = [lite.operator(case.lite, inputs, list(values), **case.both, **case.lite_options)]
    nodes += [lite.operator("NEG", [value], [1 + i]) for i, value in enumerate(values)]
    outputs = [f"y{i}" for i in range(case.results)]
    return lite.model(nodes, {"x": (None, *case.dims)}, outputs, constants, case.results)


def assert_agrees(path: Path, case: Scenario, tolerance: float) -> None:
    """Values equal those of the twin, Jacobians its central differences."""
    net = fastjac.load(path)
    x = case.samples()
    flat = x.reshape(len(x), -1)

    def twin(inputs: np.ndarray) -> np.ndarray:
        found: Any = case.twin(inputs.reshape(x.shape))
        parts = found if isinstance(found, list) else [found]
        return -np.concatenate([part.reshape(len(x), -1) for part in parts], 1)

    def joined(found: Any) -> np.ndarray:
        return np.concatenate(found, 1) if isinstance(found, tuple) else found

    np.testing.assert_allclose(joined(net(flat)), twin(flat), rtol=tolerance, atol=tolerance)
    jac = joined(net.jacobian(flat))
    for column in range(flat.shape[1]):
        step = STEP * np.eye(flat.shape[1])[column]
        expected = (twin(flat + step) - twin(flat - step)) / (2 * STEP)
        np.testing.assert_allclose(jac[:, :, column], expected, rtol=max(tolerance, 1e-6), atol=max(tolerance, 1e-7))


@pytest.mark.parametrize("name", [name for name, case in SCENARIOS.items() if case.graph])
def test_an_operator_of_graphs_agrees_with_its_twin(name, tmp_path):
    (tmp_path / "model.pb").write_bytes(graph_file(SCENARIOS[name]))
    assert_agrees(tmp_path / "model.pb", SCENARIOS[name], 1e-11)


@pytest.mark.parametrize("name", [name for name, case in SCENARIOS.items() if case.lite])
def test_an_operator_of_lite_models_agrees_with_its_twin(name, tmp_path):
    (tmp_path / "model.tflite").write_bytes(lite_file(SCENARIOS[name]))
    assert_agrees(tmp_path / "model.tflite", SCENARIOS[name], 2e-5)


ELSEWHERE = """
Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot Select SelectV2 Fill ZerosLike OnesLike Range
Shape Size Rank IdentityN ReadVariableOp Gather ResourceGather
TensorScatterUpdate TensorScatterAdd ScatterNd GatherNd Cholesky"""
"""Operators of `test_choices`, `test_constants` and `test_places`, and other names of the same."""
SAME = "Inv Rint BatchMatMul BatchMatMulV3 BiasAddV1 FusedBatchNorm FusedBatchNormV2 Snapshot CheckNumerics EnsureShape"
LITE_ELSEWHERE = """
GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL LOGICAL_AND LOGICAL_OR LOGICAL_NOT SELECT SELECT_V2 FILL ZEROS_LIKE RANGE
SHAPE RANK DEQUANTIZE ADD_N UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN GATHER_ND SCATTER_ND"""


def test_every_operator_has_a_test():
    graph_names = {case.graph for case in SCENARIOS.values()} - {""}
    lite_names = {case.lite for case in SCENARIOS.values()} - {""}
    others = {*ELSEWHERE.split(), *SAME.split(), "PreventGradient", "PlaceholderWithDefault"}
    assert graph_names | others == set(OPERATORS)
    assert lite_names | set(LITE_ELSEWHERE.split()) == set(LITE_OPERATORS)


def transposed(sizes: str, *before: bytes) -> bytes:
    """A graph of one transposed convolution, to images of sizes that a node gives."""
    options = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    operator = gr.node("y", "Conv2DBackpropInput", sizes, "kernel", "x", **options)
    return gr.graph(gr.placeholder("x", (None, 4, 3, 2)), gr.const("kernel", WIDE), *before, operator)


def test_images_of_a_shape_that_counts_the_batch(tmp_path):
    numbers = {"from": [0], "to": [1], "8": 8, "6": 6, "3": 3}
    constants = [gr.const(name, np.array(value, np.int32)) for name, value in numbers.items()]
    count = gr.node("count", "StridedSlice", "shape", "from", "to", "to", shrink_axis_mask=1)
    packed = gr.node("sizes", "Pack", "count", "8", "6", "3", axis=0)
    (tmp_path / "model.pb").write_bytes(transposed("sizes", *constants, gr.node("shape", "Shape", "x"), count, packed))
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 2))
    expected = spread(x, WIDE, 2)[:, :8, :6].reshape(2, -1)
    np.testing.assert_allclose(fastjac.load(tmp_path / "model.pb")(x.reshape(2, -1)), expected, atol=1e-12)


def test_images_that_become_none_of_the_shape_stated(tmp_path):
    (tmp_path / "model.pb").write_bytes(transposed("sizes", gr.const("sizes", np.array([1, 9, 6, 3], np.int32))))
    with pytest.raises(fastjac.errors.FormatError, match=r"images of .4, 3. places do not become images of .9, 6."):
        fastjac.load(tmp_path / "model.pb")
