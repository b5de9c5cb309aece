"""Small ONNX models for the tests, and what the ONNX project's own evaluator makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import fastjac

TOLERANCE = 1e-12
STEP = 1e-6
"""Of central differences, which are then good to some 1e-9."""


def model(
    nodes: Sequence[onnx.NodeProto],
    dims: Sequence[Any] | None = ("N", 5),
    *,
    opset: int = 21,
    element_type: int = TensorProto.DOUBLE,
    output: str = "y",
    **constants: np.ndarray,
) -> onnx.ModelProto:
    """A model from input "x" of shape `dims` to `output`, with the constants as initializers by name."""
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    source = helper.make_tensor_value_info("x", element_type, dims)
    result = helper.make_tensor_value_info(output, element_type, None)
    graph = helper.make_graph(list(nodes), "graph", [source], [result], initializers)
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


def samples(shape: Sequence[int], count: int = 6) -> np.ndarray:
    """Random inputs, none of them near a kink of an activation tested here."""
    return np.random.default_rng(3).normal(size=(count, *shape)) * 2.0


def reference(proto: onnx.ModelProto, x: np.ndarray, fixed: bool = False) -> np.ndarray:
    """What the ONNX project's evaluator gives for a batch, flattened; sample by sample where the batch is `fixed`."""
    evaluator = ReferenceEvaluator(proto)
    if not fixed:
        return evaluator.run(None, {"x": x})[0].reshape(len(x), -1)
    return np.stack([evaluator.run(None, {"x": sample})[0].ravel() for sample in x])


def assert_agrees(proto: onnx.ModelProto, shape: Sequence[int] = (5,), *, fixed: bool = False) -> fastjac.Network:
    """Values equal those of the reference evaluator, Jacobians its central differences; the network is returned.

    shape : of one sample if the batch is open, of the whole input if it is `fixed`.
    """
    net = assert_values_agree(proto, shape, fixed=fixed)
    x = samples(shape)
    flat = x.reshape(len(x), -1)
    jac = net.jacobian(flat)
    for column in range(flat.shape[1]):
        step = STEP * np.eye(flat.shape[1])[column]
        above, below = (reference(proto, (flat + sign * step).reshape(x.shape), fixed) for sign in (1, -1))
        np.testing.assert_allclose(jac[:, :, column], (above - below) / (2 * STEP), rtol=1e-6, atol=1e-7)
    return net


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


def written(text: str, dims: Sequence[Any] = ("N", 5), *, opset: int = 21, **constants: Any) -> onnx.ModelProto:
    """A model of nodes in ONNX's own notation, such as "a = Exp(x); y = Add(a, one)"; constants become float64 initializers."""
    nodes = [onnx.parser.parse_node(node) for node in text.split(";")]
    arrays = {name: value if isinstance(value, np.ndarray) else np.array(value, np.float64) for name, value in constants.items()}
    return model(nodes, dims, opset=opset, **arrays)


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
