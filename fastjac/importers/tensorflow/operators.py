"""What each operator of a TensorFlow graph becomes: the table OPERATORS."""

from __future__ import annotations

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir import angles, casting
from ..ir import choice as ch
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import movement as mv
from ..ir import reduction as rd
from ..ir.evaluation import Dialect, Operator
from ..ir.graph import Node
from ..ir.sources import Source
from ..ir.values import Value
from . import arithmetic as ar
from . import images, movement, products
from .arithmetic import Convert
from .calls import Call
from .graphdef import LOOPS
from .places import PLACES
from .types import TYPES

ONLY_SHAPE, FOLDED = "only the shape", "folded to one scale and shift"
ONE_PRECISION = "fastjac computes in one precision"


def cast(call: Call) -> Value | ch.Condition:
    """The entries as numbers of another type."""
    kind = TYPES.get(call.integer("DstT"))
    if kind is None:
        raise UnsupportedLayerError(f"it casts to type {call.integer('DstT')}, which fastjac does not read")
    return casting.cast(passed(call), kind.name)


def passed(call: Call) -> Value | ch.Condition:
    """The operand as it is."""
    operand = call.operands[0] if call.operands else None
    return call.value(0) if operand is None else operand


ELEMENTWISE: dict[str, Convert] = {
    **{name.capitalize(): ar.one(function) for name, function in fn.FUNCTIONS.items()},
    "Relu6": ar.of(fl.ReLU6()),
    "LeakyRelu": ar.leaky_relu(0.2),
    "Elu": ar.of(fl.ELU()),
    "Selu": ar.of(fl.SELU()),
    "Softplus": ar.one(fn.softplus),
    "Rsqrt": ar.one(fn.reciprocal_root),
    "Square": ar.one(fn.square),
    "Rint": ar.one(fn.FUNCTIONS["round"]),
    "Inv": ar.one(fn.reciprocal),
    "Erfc": ar.one(ar.erfc),
    "Sign": ar.one(ch.sign),
    **{name: ar.two(el.add) for name in ("Add", "AddV2")},
    "AddN": ar.add_all,
    "Sub": ar.two(el.subtract),
    "Mul": ar.two(el.multiply),
    **{name: ar.two(el.divide) for name in ("Div", "RealDiv")},
    "FloorDiv": ar.two(el.rounded_quotient),
    "FloorMod": ar.two(el.remainder),
    "TruncateDiv": ar.two(ar.truncated_quotient),
    "TruncateMod": ar.two(ar.truncated_remainder),
    "DivNoNan": ar.two(ar.without_nan),
    "Maximum": ar.two(el.maximum),
    "Minimum": ar.two(el.minimum),
    "Pow": ar.two(el.power),
    "SquaredDifference": ar.two(ar.squared_difference),
    "Atan2": ar.two(angles.arctan2),
    "ClipByValue": ar.clipped,
    "Greater": ar.two(ch.greater),
    "GreaterEqual": ar.two(ch.at_least),
    "Less": ar.two(ch.less),
    "LessEqual": ar.two(ch.at_most),
    "Equal": ar.two(ch.equal),
    "NotEqual": ar.two(ar.not_equal),
    "LogicalAnd": ar.logical(ch.both),
    "LogicalOr": ar.logical(ch.either),
    "LogicalNot": ar.logical(ch.opposite, 1),
    "Select": ar.select,
    "SelectV2": ar.select_spread,
}
"""Operators on each entry by itself."""
ALONG_AXES: dict[str, Convert] = {
    "Softmax": ar.softmax,
    "LogSoftmax": ar.log_softmax,
    "Sum": ar.reduced(rd.reduce_sum),
    "Mean": ar.reduced(rd.reduce_mean),
    "Max": ar.reduced(rd.reduce_max),
    "Min": ar.reduced(rd.reduce_min),
    "Prod": ar.reduced(rd.reduce_product),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), products.matmul),
    "_FusedMatMul": products.fused_matmul,
    "BiasAdd": products.bias_add,
    "BiasAddV1": products.bias_add,
    "Einsum": products.einsum,
    "Conv2D": images.conv,
    "Conv2DBackpropInput": images.conv_transpose,
    "DepthwiseConv2dNative": images.depthwise_conv,
    "MaxPool": images.pool(is_max=True),
    "AvgPool": images.pool(is_max=False),
    "ResizeNearestNeighbor": images.resize(is_nearest=True),
    "ResizeBilinear": images.resize(is_nearest=False),
}
"""Operators that combine entries along axes."""
MOVEMENTS: dict[str, Convert] = {
    "Slice": movement.slice_,
    "StridedSlice": movement.strided_slice,
    "ConcatV2": movement.concat_last,
    "Pack": movement.pack,
    "Unpack": movement.unpack,
    "Split": movement.split,
    "SplitV": movement.split_sizes,
    **dict.fromkeys(("Gather", "GatherV2", "ResourceGather"), movement.gather),
    "Pad": movement.pad,
    "PadV2": movement.pad,
    "Tile": movement.tile,
    "BroadcastTo": movement.broadcast_to,
    "ReverseV2": movement.reverse,
    "Fill": ar.filled,
    "ZerosLike": ar.filled_like(0.0),
    "OnesLike": ar.filled_like(1.0),
    "Range": ar.number_range,
    "Shape": ar.one(mv.shape_of),
    "Size": ar.one(mv.count_of),
    "Rank": movement.rank_of,
}
"""Operators that move entries, or count them."""
SHAPES: dict[str, Convert] = {
    "Reshape": movement.reshape,
    "Squeeze": movement.squeeze,
    "ExpandDims": movement.expand_dims,
    "Transpose": movement.transpose,
}
PASSED = {
    **dict.fromkeys(("Identity", "Snapshot", "CheckNumerics", "EnsureShape", "ReadVariableOp", "PlaceholderWithDefault"), ""),
    **dict.fromkeys(("StopGradient", "PreventGradient"), "fastjac differentiates through it"),
}
"""Operators that at inference give what they take, each with a note for the user."""
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in (ELEMENTWISE | ALONG_AXES | MOVEMENTS | PLACES).items()},
    **{name: Operator(convert, ONLY_SHAPE) for name, convert in SHAPES.items()},
    **{name: Operator(products.batch_norm, FOLDED) for name in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")},
    **{name: Operator(passed, note) for name, note in PASSED.items()},
    "IdentityN": Operator(Call.values),
    "Cast": Operator(cast, ONE_PRECISION),
}
"""Every operator that fastjac reads."""

RECURRENT = "it is a recurrent layer, whose state runs along a sequence; fastjac takes feed-forward networks"
CHOICES = "it chooses between graphs when the model runs; fastjac takes one graph, so save the model for inference"
RANDOM = "it draws random numbers; save the model for inference"
REASONS = {
    **dict.fromkeys(("While", "StatelessWhile", "TensorListReserve", "TensorListStack", "TensorListFromTensor", "Enter"), LOOPS),
    **dict.fromkeys(("If", "StatelessIf", "Case", "Switch", "Merge"), CHOICES),
    **dict.fromkeys(("RandomUniform", "RandomStandardNormal", "RandomNormal", "StatelessRandomUniformV2"), RANDOM),
    **dict.fromkeys(("CudnnRNN", "CudnnRNNV3", "LSTMBlockCell", "BlockLSTM", "GRUBlockCell"), RECURRENT),
}


def refusal(node: Node) -> str:
    """Why fastjac does not have an operator; empty where there is no reason but its absence from OPERATORS."""
    name = node.operator.lower()
    if "quant" in name:
        return "it is quantized; fastjac takes floating-point models, so import the model from before quantization"
    if "lookup" in name or "hashtable" in name or "string" in name:
        return "it looks up words, by which a network has no derivative; save the model from behind its preprocessing"
    return REASONS.get(node.operator, "")


def one_sample(source: Source) -> str:
    """Advice for a user whose model is only ever given one sample."""
    return "if it is only ever given one sample, save the model with an input whose batch is fixed at 1"


GRAPHS = Dialect(OPERATORS, refusal, Call, one_sample)
