"""Small ONNX models for the tests, and what the ONNX project's own evaluator makes of them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import fastjac

TOLERANCE = 1e-12
STEP = 1e-6
"""Of central differences, which are then good to some 1e-9."""


def model(
    nodes: Sequence[onnx.NodeProto],
    dims: Sequence[Any] | Mapping[str, Sequence[Any]] | None = ("N", 5),
    *,
    opset: int = 21,
    element_type: int = TensorProto.DOUBLE,
    output: str = "y",
    **constants: np.ndarray,
) -> onnx.ModelProto:
    """A model from input "x" of shape `dims` to `output`, with the constants as initializers by name.

    dims : by name, where there are several inputs.  output : names with spaces between, where there are several outputs.
    """
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    given = dims if isinstance(dims, Mapping) else {"x": dims}
    sources = [helper.make_tensor_value_info(name, element_type, sizes) for name, sizes in given.items()]
    results = [helper.make_tensor_value_info(name, element_type, None) for name in output.split()]
    graph = helper.make_graph(list(nodes), "graph", sources, results, initializers)
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def one_node(
    operator: str, *operands: Any, dims: Sequence[Any] = ("N", 5), opset: int = 21, **attributes: Any
) -> onnx.ModelProto:
    """A model of one node; operands are "x", arrays for constants, and None for those left out."""
    constants = {f"c{i}": operand for i, operand in enumerate(operands) if isinstance(operand, np.ndarray)}
    inputs = ["" if operand is None else operand if isinstance(operand, str) else f"c{i}" for i, operand in enumerate(operands)]
    return model([helper.make_node(operator, inputs, ["y"], **attributes)], dims, opset=opset, **constants)


class Erf(OpRun):
    """The error function in the precision of its operand. The evaluator's own is in float32."""

    op_domain = ""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


def samples(shape: Sequence[int], count: int = 6, seed: int = 3) -> np.ndarray:
    """Random inputs, none of them near a kink of an activation tested here."""
    return np.random.default_rng(seed).normal(size=(count, *shape)) * 2.0


def reference(proto: onnx.ModelProto, x: np.ndarray, fixed: bool = False) -> np.ndarray:
    """What the ONNX project's evaluator gives for a batch, flattened; sample by sample where the batch is `fixed`."""
    return reference_of(proto, {"x": x}, fixed)[0]


def reference_of(
    proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray], fixed: bool = False, outputs: Sequence[str] | None = None
) -> list[np.ndarray]:
    """What the evaluator gives for a batch of each input: every output, or those named, with each sample's entries in a row."""
    evaluator = ReferenceEvaluator(proto, new_ops=[Erf])
    if not fixed:
        return [y.reshape(len(y), -1) for y in evaluator.run(outputs, dict(inputs))]
    rows = [evaluator.run(outputs, dict(zip(inputs, sample, strict=True))) for sample in zip(*inputs.values(), strict=True)]
    return [np.stack([y.ravel() for y in column]) for column in zip(*rows, strict=True)]


def assert_agrees(proto: onnx.ModelProto, shape: Sequence[int] = (5,), *, fixed: bool = False) -> fastjac.Network:
    """Values equal those of the reference evaluator, Jacobians its central differences; the network is returned.

    shape : of one sample if the batch is open, of the whole input if it is `fixed`.
    """
    return assert_graph_agrees(proto, {"x": shape}, fixed=fixed)


def assert_graph_agrees(
    proto: onnx.ModelProto,
    shapes: Mapping[str, Sequence[int]],
    net: fastjac.Network | None = None,
    *,
    fixed: bool = False,
    outputs: Sequence[str] | None = None,
    spread: float = 1.0,
) -> fastjac.Network:
    """As `assert_agrees`, of a model of several inputs, by name, and several outputs, all or those named.

    net : the network, where it was not made by `from_onnx(proto)`.  spread : how large the inputs are.
    """
    net = fastjac.from_onnx(proto) if net is None else net
    inputs = {name: spread * samples(shape, seed=3 + number) for number, (name, shape) in enumerate(shapes.items())}
    flat = np.concatenate([array.reshape(len(array), -1) for array in inputs.values()], axis=1)

    def evaluated(rows: np.ndarray) -> np.ndarray:
        parts = np.split(rows, np.cumsum(net.inputs)[:-1], axis=1)
        given = {name: part.reshape(array.shape) for (name, array), part in zip(inputs.items(), parts, strict=True)}
        return np.concatenate(reference_of(proto, given, fixed, outputs), axis=1)

    y, jac = joined(net, flat)
    np.testing.assert_allclose(y, evaluated(flat), rtol=TOLERANCE, atol=TOLERANCE)
    assert jac.shape == (*y.shape, flat.shape[1])
    for column in range(flat.shape[1]):
        step = STEP * np.eye(flat.shape[1])[column]
        difference = evaluated(flat + step) - evaluated(flat - step)
        np.testing.assert_allclose(jac[:, :, column], difference / (2 * STEP), rtol=1e-6, atol=1e-7)
    return net


def joined(net: fastjac.Network, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and Jacobian of a network of any inputs and outputs, each one after another."""
    parts = np.split(flat, np.cumsum(net.inputs)[:-1], axis=1)
    y, jac = net.value_and_jacobian(tuple(parts) if len(parts) > 1 else flat)
    if len(net.outputs) == 1:
        y, jac = [y], [jac]
    rows = [np.concatenate(row, axis=-1) if len(parts) > 1 else row for row in jac]
    return np.concatenate(y, axis=-1), np.concatenate(rows, axis=-2)


def assert_values_agree(
    proto: onnx.ModelProto, shape: Sequence[int] = (5,), *, fixed: bool = False, tolerance: float = TOLERANCE
) -> fastjac.Network:
    """Values equal those of the reference evaluator; the network is returned."""
    net = fastjac.from_onnx(proto)
    x = samples(shape)
    np.testing.assert_allclose(net(x.reshape(len(x), -1)), reference(proto, x, fixed), rtol=tolerance, atol=tolerance)
    return net


def layers(proto: onnx.ModelProto) -> list[str]:
    """The names of the layers that a model becomes."""
    return [type(layer).__name__ for layer in fastjac.from_onnx(proto)]


def saved(proto: onnx.ModelProto, folder: Path) -> Path:
    """The model in a file."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def random(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Random numbers, the same at every call."""
    return np.random.default_rng([11, *shape]).normal(size=shape).astype(dtype)


def written(
    text: str,
    dims: Sequence[Any] | Mapping[str, Sequence[Any]] = ("N", 5),
    *,
    opset: int = 21,
    output: str = "y",
    **constants: Any,
) -> onnx.ModelProto:
    """A model of nodes in ONNX's own notation, such as "a = Exp(x); y = Add(a, one)"; constants become float64 initializers."""
    nodes = [onnx.parser.parse_node(node) for node in text.split(";")]
    arrays = {name: value if isinstance(value, np.ndarray) else np.array(value, np.float64) for name, value in constants.items()}
    return model(nodes, dims, opset=opset, output=output, **arrays)


def small_file() -> bytes:
    """A file with several kinds of nodes and tensors."""
    arrays = {"w": random(5, 3), "b": random(3), "s": np.array([-1, 3])}
    return written("a = Gemm(x, w, b); h = Reshape(a, s); y = Softmax(h)", **arrays).SerializeToString()


def varint(number: int) -> bytes:
    """A number in protobuf's own coding."""
    more, last = number >> 7, number & 127
    return bytes([last | 128]) + varint(more) if more else bytes([last])


def field(number: int, payload: bytes) -> bytes:
    """A protobuf field of bytes or of a message."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


DATA = Path("../shared/data")


def real(name: str) -> Path:
    """A network that others trained; skipped where it is not here."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there; it is optional")
    return path
