"""One row for each operator: what graphs and TensorFlow Lite call it, its operands and options, and its twin in NumPy."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROW, MATRIX, IMAGE = (6,), (2, 3), (4, 3, 2)
"""Shapes of one sample."""


@dataclass(frozen=True)
class Scenario:
    """An operator with its operands.

    twin : what it makes of a batch x, an array or a list of several results.
    operands : arrays, and "x" for the input.
    graph, lite : what it is called in either kind of file; "" where it is not there.
    both, graph_options, lite_options : options in both kinds of file, and in one.
    dims : the shape of one sample.  domain : brings any x to where it is defined.  results : how many.
    """

    twin: Callable[[np.ndarray], Any]
    operands: Sequence[Any] = ("x",)
    graph: str = ""
    lite: str = ""
    both: Mapping[str, Any] = field(default_factory=dict)
    graph_options: Mapping[str, Any] = field(default_factory=dict)
    lite_options: Mapping[str, Any] = field(default_factory=dict)
    dims: tuple[int, ...] = ROW
    domain: Callable[[np.ndarray], np.ndarray] = np.positive
    results: int = 1

    def samples(self, count: int = 3) -> np.ndarray:
        """A batch of random inputs, none of them near a kink."""
        return self.domain(np.random.default_rng(5).normal(size=(count, *self.dims)) * 1.5)


def positive(x: np.ndarray) -> np.ndarray:
    return np.abs(x) + 0.3


def beyond_1(x: np.ndarray) -> np.ndarray:
    return np.abs(x) + 1.3


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng([13, *shape]).normal(size=shape)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def windows(x: np.ndarray, size: int, function: Callable[..., np.ndarray]) -> np.ndarray:
    """What a function makes of each window of x (N, height, width, channels) with stride 1, within its ends."""
    height, width = (n - size + 1 for n in x.shape[1:3])
    parts = [[function(x[:, i : i + size, j : j + size], axis=(1, 2)) for j in range(width)] for i in range(height)]
    return np.stack([np.stack(row, 1) for row in parts], 1)


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution with a kernel (size, size, in, out)."""
    return windows(x, len(kernel), lambda part, axis: np.einsum("nyxi,yxio->no", part, kernel))


def mixed(x: np.ndarray, at: Any) -> np.ndarray:
    """The rows of x at these places, between two rows where a place is none."""
    before = np.floor(at).astype(int)
    share = (np.asarray(at) - before)[:, None, None]
    return x[:, before] * (1 - share) + x[:, np.minimum(before + 1, x.shape[1] - 1)] * share


def spread(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """The sum of copies of a kernel (size, size, out, in), a stride apart, each with the entries at one place of x."""
    size, (count, height, width, _) = len(kernel), x.shape
    y = np.zeros((count, (height - 1) * stride + size, (width - 1) * stride + size, kernel.shape[2]))
    for i, j in np.ndindex(height, width):
        rows, columns = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
        y[:, rows, columns] += np.einsum("ni,yxoi->nyxo", x[:, i, j], kernel)
    return y


C, W, KERNEL, CHANNELS = random(6), random(6, 4), random(2, 2, 2, 3), random(2, 2, 2, 2)
BIAS, TURNED, WIDE = random(4), random(2, 2, 3, 2), random(3, 3, 3, 2)
VARIANCE = np.array([2.0, 3.0])
ERF = np.vectorize(math.erf)
ELEMENTWISE = {
    "relu": Scenario(lambda x: np.maximum(x, 0), graph="Relu", lite="RELU"),
    "relu6": Scenario(lambda x: np.clip(x, 0, 6), graph="Relu6", lite="RELU6"),
    "leaky relu": Scenario(lambda x: np.where(x > 0, x, 0.25 * x), graph="LeakyRelu", lite="LEAKY_RELU", both={"alpha": 0.25}),
    "elu": Scenario(lambda x: np.where(x > 0, x, np.expm1(x)), graph="Elu", lite="ELU"),
    "selu": Scenario(lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), graph="Selu"),
    "sigmoid": Scenario(lambda x: 1 / (1 + np.exp(-x)), graph="Sigmoid", lite="LOGISTIC"),
    "tanh": Scenario(np.tanh, graph="Tanh", lite="TANH"),
    "softplus": Scenario(lambda x: np.logaddexp(x, 0), graph="Softplus"),
    "softsign": Scenario(lambda x: x / (1 + np.abs(x)), graph="Softsign"),
    "hard swish": Scenario(lambda x: x * np.clip(x + 3, 0, 6) / 6, lite="HARD_SWISH"),
    "gelu": Scenario(lambda x: x * (1 + ERF(x / 2**0.5)) / 2, lite="GELU"),
    "gelu by tanh": Scenario(
        lambda x: x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))) / 2,
        lite="GELU",
        lite_options={"approximate": True},
    ),
    "bounded by 1": Scenario(lambda x: np.clip(x, -1, 1), lite="RELU_N1_TO_1"),
    "bounded by 0 and 1": Scenario(lambda x: np.clip(x, 0, 1), lite="RELU_0_TO_1"),
    "prelu": Scenario(lambda x: np.where(x > 0, x, C * x), ("x", C), lite="PRELU"),
    "exp": Scenario(np.exp, graph="Exp", lite="EXP"),
    "log": Scenario(np.log, graph="Log", lite="LOG", domain=positive),
    "sqrt": Scenario(np.sqrt, graph="Sqrt", lite="SQRT", domain=positive),
    "rsqrt": Scenario(lambda x: x**-0.5, graph="Rsqrt", lite="RSQRT", domain=positive),
    "square": Scenario(np.square, graph="Square", lite="SQUARE"),
    "abs": Scenario(np.abs, graph="Abs", lite="ABS"),
    "neg": Scenario(np.negative, graph="Neg", lite="NEG"),
    "reciprocal": Scenario(lambda x: 1 / x, graph="Reciprocal", domain=positive),
    "tan": Scenario(np.tan, graph="Tan"),
    "asin": Scenario(np.arcsin, graph="Asin", domain=np.sin),
    "acos": Scenario(np.arccos, graph="Acos", domain=np.sin),
    "atan": Scenario(np.arctan, graph="Atan"),
    "sinh": Scenario(np.sinh, graph="Sinh"),
    "cosh": Scenario(np.cosh, graph="Cosh"),
    "asinh": Scenario(np.arcsinh, graph="Asinh"),
    "acosh": Scenario(np.arccosh, graph="Acosh", domain=beyond_1),
    "atanh": Scenario(np.arctanh, graph="Atanh", domain=np.sin),
    "floor": Scenario(np.floor, graph="Floor", lite="FLOOR"),
    "ceil": Scenario(np.ceil, graph="Ceil", lite="CEIL"),
    "round": Scenario(np.round, graph="Round", lite="ROUND"),
    "floor of a quotient": Scenario(lambda x: x // 0.3, ("x", np.array(0.3)), "FloorDiv", "FLOOR_DIV"),
    "remainder": Scenario(lambda x: x % C, ("x", C), "FloorMod", "FLOOR_MOD"),
    "whole quotient": Scenario(lambda x: np.trunc(x / 0.3), ("x", np.array(0.3)), "TruncateDiv"),
    "remainder with the sign of x": Scenario(lambda x: np.fmod(x, 0.3), ("x", np.array(0.3)), "TruncateMod"),
    "sin": Scenario(np.sin, graph="Sin", lite="SIN"),
    "cos": Scenario(np.cos, graph="Cos", lite="COS"),
    "erf": Scenario(ERF, graph="Erf"),
    "log1p": Scenario(np.log1p, graph="Log1p", domain=positive),
    "expm1": Scenario(np.expm1, graph="Expm1"),
    "erfc": Scenario(lambda x: 1 - ERF(x), graph="Erfc"),
    "sign": Scenario(np.sign, graph="Sign", lite="SIGN"),
    "identity": Scenario(lambda x: x, graph="Identity"),
    "stop gradient": Scenario(lambda x: x, graph="StopGradient"),
    "cast": Scenario(lambda x: x, graph="Cast", lite="CAST", graph_options={"DstT": 1}, lite_options={"out_data_type": 0}),
    "add": Scenario(lambda x: x + C, ("x", C), "Add", "ADD"),
    "add v2": Scenario(lambda x: 2 * x, ("x", "x"), "AddV2", "ADD"),
    "add n": Scenario(lambda x: 2 * x + C, ("x", C, "x"), "AddN"),
    "fused relu": Scenario(lambda x: np.maximum(x + C, 0), ("x", C), lite="ADD", lite_options={"fused": 1}),
    "fused bounds": Scenario(lambda x: np.clip(x * C, -1, 1), ("x", C), lite="MUL", lite_options={"fused": 2}),
    "fused relu6": Scenario(lambda x: np.clip(x - 5 * C, 0, 6), ("x", 5 * C), lite="SUB", lite_options={"fused": 3}),
    "fused tanh": Scenario(lambda x: np.tanh(x / C), ("x", C), lite="DIV", lite_options={"fused": 4}),
    "sub": Scenario(lambda x: C - x, (C, "x"), "Sub", "SUB"),
    "mul": Scenario(lambda x: x * x, ("x", "x"), "Mul", "MUL"),
    "real div": Scenario(lambda x: C / x, (C, "x"), "RealDiv", "DIV", domain=positive),
    "div": Scenario(lambda x: x / C, ("x", C), "Div", "DIV"),
    "div without nan": Scenario(
        lambda x: np.where([1, 1, 0, 0, 1, 1], x / 2, 0), ("x", np.array([2.0, 2, 0, 0, 2, 2])), "DivNoNan"
    ),
    "maximum": Scenario(lambda x: np.maximum(x, C), ("x", C), "Maximum", "MAXIMUM"),
    "minimum": Scenario(lambda x: np.minimum(x, 0.2), ("x", np.array(0.2)), "Minimum", "MINIMUM"),
    "pow": Scenario(lambda x: x**3, ("x", np.array(3.0)), "Pow", "POW"),
    "squared difference": Scenario(lambda x: (x - C) ** 2, ("x", C), "SquaredDifference", "SQUARED_DIFFERENCE"),
    "clip": Scenario(lambda x: np.clip(x, -0.7, 0.9), ("x", np.array(-0.7), np.array(0.9)), "ClipByValue"),
}
ALONG_AXES = {
    "softmax": Scenario(softmax, graph="Softmax", lite="SOFTMAX", lite_options={"beta": 1.0}),
    "softmax with beta": Scenario(lambda x: softmax(0.5 * x), lite="SOFTMAX", lite_options={"beta": 0.5}),
    "log softmax": Scenario(lambda x: np.log(softmax(x)), graph="LogSoftmax", lite="LOG_SOFTMAX", dims=MATRIX),
    "sum": Scenario(lambda x: x.sum(1), ("x", ints(1)), "Sum", "SUM", dims=MATRIX),
    "mean": Scenario(
        lambda x: x.mean((1, 2), keepdims=True), ("x", ints(1, -1)), "Mean", "MEAN", both={"keep_dims": True}, dims=MATRIX
    ),
    "max": Scenario(lambda x: x.max(1), ("x", ints(1)), "Max", "REDUCE_MAX"),
    "min": Scenario(lambda x: x.min(1), ("x", ints(-1)), "Min", "REDUCE_MIN"),
    "prod": Scenario(lambda x: x.prod(2), ("x", ints(2)), "Prod", "REDUCE_PROD", dims=MATRIX),
    "l2 normalization": Scenario(lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True), lite="L2_NORMALIZATION", dims=MATRIX),
    "matmul": Scenario(lambda x: x @ W, ("x", W), "MatMul", "BATCH_MATMUL"),
    "matmul transposed": Scenario(
        lambda x: x @ W, ("x", W.T), "MatMul", "BATCH_MATMUL", graph_options={"transpose_b": True}, lite_options={"adj_y": True}
    ),
    "batch matmul": Scenario(lambda x: x @ W[:3], ("x", W[:3]), "BatchMatMulV2", "BATCH_MATMUL", dims=MATRIX),
    "fused matmul": Scenario(
        lambda x: np.maximum(x @ W + BIAS, 0), ("x", W, BIAS), "_FusedMatMul", graph_options={"fused_ops": ["BiasAdd", "Relu"]}
    ),
    "fully connected": Scenario(lambda x: x @ W + BIAS, ("x", W.T, BIAS), lite="FULLY_CONNECTED"),
    "fully connected, relu": Scenario(
        lambda x: np.maximum(x @ W, 0), ("x", W.T), lite="FULLY_CONNECTED", lite_options={"fused": 1}
    ),
    "fully connected, axes kept": Scenario(
        lambda x: x @ W[:3] + BIAS,
        ("x", W[:3].T, BIAS),
        lite="FULLY_CONNECTED",
        lite_options={"keep_num_dims": True},
        dims=MATRIX,
    ),
    "fully connected, flattened": Scenario(lambda x: x.reshape(-1, 6) @ W, ("x", W.T), lite="FULLY_CONNECTED", dims=MATRIX),
    "bias add": Scenario(lambda x: x + C, ("x", C), "BiasAdd"),
    "bias add, channels first": Scenario(
        lambda x: x + C[:2, None], ("x", C[:2]), "BiasAdd", graph_options={"data_format": "NCHW"}, dims=MATRIX
    ),
    "einsum": Scenario(
        lambda x: np.einsum("bij,jk->bki", x, W[:3]),
        ("x", W[:3]),
        "Einsum",
        graph_options={"equation": "bij,jk->bki"},
        dims=MATRIX,
    ),
    "batch norm": Scenario(
        lambda x: (x - 0.3) / np.sqrt(VARIANCE + 2**-10) * CHANNELS[0, 0, 0] + 0.1,
        ("x", CHANNELS[0, 0, 0], np.full(2, 0.1), np.full(2, 0.3), VARIANCE),
        "FusedBatchNormV3",
        graph_options={"is_training": False, "epsilon": 2**-10, "data_format": "NHWC"},
        dims=IMAGE,
    ),
    "conv": Scenario(
        lambda x: convolved(x, KERNEL),
        ("x", KERNEL),
        "Conv2D",
        graph_options={"strides": [1, 1, 1, 1], "padding": "VALID", "dilations": [1, 1, 1, 1]},
        dims=IMAGE,
    ),
    "conv of Lite": Scenario(
        lambda x: convolved(x, KERNEL) + BIAS[:3],
        ("x", KERNEL.transpose(3, 0, 1, 2).copy(), BIAS[:3]),
        lite="CONV_2D",
        lite_options={"padding": 1, "stride_h": 1, "stride_w": 1},
        dims=IMAGE,
    ),
    "conv, same": Scenario(
        lambda x: convolved(np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))), KERNEL)[:, ::2, ::2],
        ("x", KERNEL),
        "Conv2D",
        graph_options={"strides": [1, 2, 2, 1], "padding": "SAME"},
        dims=(4, 4, 2),
    ),
    "conv backwards": Scenario(
        lambda x: np.pad(spread(x, TURNED, 3), ((0, 0), (0, 1), (0, 2), (0, 0))),
        (ints(3, 12, 10, 3), TURNED, "x"),
        "Conv2DBackpropInput",
        graph_options={"strides": [1, 3, 3, 1], "padding": "VALID", "dilations": [1, 1, 1, 1]},
        dims=IMAGE,
    ),
    "conv backwards, same": Scenario(
        lambda x: spread(x, WIDE, 2)[:, :8, :6],
        (ints(3, 8, 6, 3), WIDE, "x"),
        "Conv2DBackpropInput",
        graph_options={"strides": [1, 2, 2, 1], "padding": "SAME"},
        dims=IMAGE,
    ),
    "conv backwards of Lite": Scenario(
        lambda x: np.maximum(spread(x, WIDE, 2)[:, :8, :6] + BIAS[:3], 0),
        (ints(3, 8, 6, 3), WIDE.transpose(2, 0, 1, 3).copy(), "x", BIAS[:3]),
        lite="TRANSPOSE_CONV",
        lite_options={"padding": 0, "stride_h": 2, "stride_w": 2, "fused": 1},
        dims=IMAGE,
    ),
    "nearest": Scenario(
        lambda x: x[:, [0, 0, 1, 2, 2, 3]][:, :, [0, 1]],
        ("x", ints(6, 2)),
        "ResizeNearestNeighbor",
        "RESIZE_NEAREST_NEIGHBOR",
        dims=IMAGE,
    ),
    "nearest of half pixels": Scenario(
        lambda x: x[:, [0, 1, 1, 2, 3, 3]][:, :, [0, 2]],
        ("x", ints(6, 2)),
        "ResizeNearestNeighbor",
        "RESIZE_NEAREST_NEIGHBOR",
        both={"half_pixel_centers": True},
        dims=IMAGE,
    ),
    "bilinear": Scenario(
        lambda x: mixed(x, np.arange(6) * 2 / 3), ("x", ints(6, 3)), "ResizeBilinear", "RESIZE_BILINEAR", dims=IMAGE
    ),
    "bilinear of half pixels": Scenario(
        lambda x: mixed(x, [0, 0.5, 7 / 6, 11 / 6, 2.5, 3]),
        ("x", ints(6, 3)),
        "ResizeBilinear",
        "RESIZE_BILINEAR",
        both={"half_pixel_centers": True},
        dims=IMAGE,
    ),
    "bilinear of aligned corners": Scenario(
        lambda x: mixed(x, np.arange(6) * 3 / 5),
        ("x", ints(6, 3)),
        "ResizeBilinear",
        "RESIZE_BILINEAR",
        both={"align_corners": True},
        dims=IMAGE,
    ),
    "depthwise conv": Scenario(
        lambda x: np.concatenate([convolved(x[..., i : i + 1], CHANNELS[:, :, i : i + 1]) for i in (0, 1)], -1),
        ("x", CHANNELS),
        "DepthwiseConv2dNative",
        graph_options={"strides": [1, 1, 1, 1], "padding": "VALID"},
        dims=IMAGE,
    ),
    "depthwise conv of Lite": Scenario(
        lambda x: np.concatenate([convolved(x[..., i : i + 1], CHANNELS[:, :, i : i + 1]) for i in (0, 1)], -1),
        ("x", CHANNELS.reshape(1, 2, 2, 4)),
        lite="DEPTHWISE_CONV_2D",
        lite_options={"padding": 1, "stride_h": 1, "stride_w": 1},
        dims=IMAGE,
    ),
    "max pool": Scenario(
        lambda x: windows(x, 2, np.max),
        graph="MaxPool",
        lite="MAX_POOL_2D",
        graph_options={"ksize": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "padding": "VALID"},
        lite_options={"padding": 1, "stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2},
        dims=IMAGE,
    ),
    "average pool": Scenario(
        lambda x: windows(x, 2, np.mean),
        graph="AvgPool",
        lite="AVERAGE_POOL_2D",
        graph_options={"ksize": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "padding": "VALID"},
        lite_options={"padding": 1, "stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2},
        dims=IMAGE,
    ),
}
MASKS = {"begin_mask": 1, "end_mask": 1}
MOVEMENTS = {
    "reshape": Scenario(lambda x: x.reshape(-1, 3, 2), ("x", ints(-1, 3, 2)), "Reshape", "RESHAPE", dims=MATRIX),
    "reshape by an option": Scenario(
        lambda x: x.reshape(-1, 6), lite="RESHAPE", lite_options={"new_shape": [-1, 6]}, dims=MATRIX
    ),
    "squeeze": Scenario(lambda x: x[:, 0], graph="Squeeze", lite="SQUEEZE", both={"squeeze_dims": [1]}, dims=(1, 3)),
    "expand dims": Scenario(lambda x: x[:, None], ("x", ints(1)), "ExpandDims", "EXPAND_DIMS"),
    "transpose": Scenario(lambda x: x.transpose(0, 2, 1), ("x", ints(0, 2, 1)), "Transpose", "TRANSPOSE", dims=MATRIX),
    "concat": Scenario(lambda x: np.concatenate([x, x], 1), ("x", "x", ints(1)), "ConcatV2"),
    "concatenation": Scenario(
        lambda x: np.maximum(np.concatenate([x, x], 1), 0),
        ("x", "x"),
        lite="CONCATENATION",
        lite_options={"axis": -1, "fused": 1},
    ),
    "pack": Scenario(lambda x: np.stack([x, x], 1), ("x", "x"), "Pack", "PACK", both={"axis": 1}),
    "unpack": Scenario(
        lambda x: [x[:, 0], x[:, 1]],
        graph="Unpack",
        lite="UNPACK",
        both={"axis": 1},
        graph_options={"num": 2},
        dims=MATRIX,
        results=2,
    ),
    "split": Scenario(
        lambda x: [x[:, :3], x[:, 3:]],
        (ints(1), "x"),
        "Split",
        "SPLIT",
        graph_options={"num_split": 2},
        lite_options={"num_splits": 2},
        results=2,
    ),
    "split into sizes": Scenario(
        lambda x: [x[:, :1], x[:, 1:]],
        ("x", ints(1, -1), ints(1)),
        "SplitV",
        "SPLIT_V",
        graph_options={"num_split": 2},
        results=2,
    ),
    "slice": Scenario(lambda x: x[:, 1:4], ("x", ints(0, 1), ints(-1, 3)), "Slice", "SLICE"),
    "strided slice": Scenario(
        lambda x: x[:, 4:0:-2], ("x", ints(0, 4), ints(0, 0), ints(1, -2)), "StridedSlice", "STRIDED_SLICE", both=MASKS
    ),
    "strided slice, one place": Scenario(
        lambda x: x[..., -1, None],
        ("x", ints(0, -1, 0), ints(0, 0, 0), ints(1, 1, 1)),
        "StridedSlice",
        "STRIDED_SLICE",
        both={"ellipsis_mask": 1, "shrink_axis_mask": 2, "new_axis_mask": 4},
        dims=MATRIX,
    ),
    "gather": Scenario(lambda x: x[:, [3, 0, 0]], ("x", ints(3, 0, 0), ints(1)), "GatherV2"),
    "gather of Lite": Scenario(lambda x: x[:, [3, 0, 0]], ("x", ints(3, 0, 0)), lite="GATHER", lite_options={"axis": 1}),
    "pad": Scenario(lambda x: np.pad(x, ((0, 0), (1, 2))), ("x", ints(0, 0, 1, 2).reshape(2, 2)), "Pad", "PAD"),
    "pad with a number": Scenario(
        lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=0.5),
        ("x", ints(0, 0, 1, 2).reshape(2, 2), np.array(0.5)),
        "PadV2",
        "PADV2",
    ),
    "tile": Scenario(lambda x: np.tile(x, (1, 2)), ("x", ints(1, 2)), "Tile", "TILE"),
    "broadcast": Scenario(lambda x: x, ("x", ints(1, 6)), "BroadcastTo", "BROADCAST_TO"),
    "reverse": Scenario(lambda x: x[:, ::-1], ("x", ints(1)), "ReverseV2", "REVERSE_V2"),
}
SQUARE = np.array([[2.0, 0.5, 0.1], [0.3, -1.5, 0.2], [0.0, 0.4, 3.0]])


def matrices(x: np.ndarray) -> np.ndarray:
    """Symmetric matrices whose eigenvalues are above 0."""
    return x @ x.swapaxes(-1, -2) + np.eye(3)


PLACES = {
    "largest": Scenario(lambda x: -np.sort(-x, -1)[:, :2], ("x", ints(2).reshape(())), "TopKV2"),
    "sums so far": Scenario(lambda x: np.cumsum(x, 1), ("x", ints(1).reshape(())), "Cumsum", "CUMSUM"),
    "sums before": Scenario(
        lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1] - x,
        ("x", ints(-1).reshape(())),
        "Cumsum",
        "CUMSUM",
        both={"exclusive": True, "reverse": True},
    ),
    "products so far": Scenario(lambda x: np.cumprod(x, 1), ("x", ints(1).reshape(())), "Cumprod"),
    "angle": Scenario(lambda x: np.arctan2(x, np.float64(0.7)), ("x", np.array(0.7)), "Atan2", "ATAN2"),
    "determinant": Scenario(np.linalg.det, graph="MatrixDeterminant", dims=(3, 3), domain=matrices),
    "inverse": Scenario(np.linalg.inv, graph="MatrixInverse", dims=(3, 3), domain=matrices),
    "solution": Scenario(lambda x: np.linalg.solve(SQUARE, x), (SQUARE, "x"), "MatrixSolve", dims=(3, 2)),
}
SCENARIOS = ELEMENTWISE | ALONG_AXES | MOVEMENTS | PLACES
