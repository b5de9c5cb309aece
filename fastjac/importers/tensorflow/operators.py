"""What each operator of a TensorFlow graph becomes: the table OPERATORS."""

from __future__ import annotations

from functools import partial

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir import angles, casting
from ..ir import choice as ch
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import normalization as nm
from ..ir import operands as op
from ..ir import reduction as rd
from ..ir.evaluation import Dialect, Operator
from ..ir.graph import Node
from ..ir.sources import Source
from ..ir.values import Value
from . import arithmetic as ar
from . import products
from .arithmetic import Convert
from .calls import Call
from .graphdef import LOOPS
from .images import IMAGES
from .movement import MOVEMENTS, SHAPES
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
    **{name.capitalize(): op.one(function) for name, function in fn.FUNCTIONS.items()},
    **{name.capitalize(): op.one(fn.COMPOSED[name]) for name in ("log1p", "expm1")},
    "Relu6": op.layers(fl.ReLU6()),
    "LeakyRelu": ar.leaky_relu(0.2),
    "Elu": op.layers(fl.ELU()),
    "Selu": op.layers(fl.SELU()),
    "Softplus": op.one(fn.softplus),
    "Rsqrt": op.one(fn.reciprocal_root),
    "Square": op.one(fn.square),
    "Rint": op.one(fn.FUNCTIONS["round"]),
    "Inv": op.one(fn.reciprocal),
    "Erfc": op.one(ar.erfc),
    "Sign": op.one(ch.sign),
    **{name: op.two(el.add) for name in ("Add", "AddV2")},
    "AddN": ar.add_all,
    "Sub": op.two(el.subtract),
    "Mul": op.two(el.multiply),
    **{name: op.two(el.divide) for name in ("Div", "RealDiv")},
    "FloorDiv": op.two(el.rounded_quotient),
    "FloorMod": op.two(el.remainder),
    "TruncateDiv": op.two(partial(el.rounded_quotient, rounding="trunc")),
    "TruncateMod": op.two(partial(el.remainder, rounding="trunc")),
    "DivNoNan": op.two(ar.without_nan),
    "Maximum": op.two(el.maximum),
    "Minimum": op.two(el.minimum),
    "Pow": op.two(el.power),
    "SquaredDifference": op.two(lambda a, b: fn.square(el.subtract(a, b))),
    "Atan2": op.two(angles.arctan2),
    "ClipByValue": lambda call: el.clip(call.value(0), call.value(1), call.value(2)),
    "Greater": op.two(ch.greater),
    "GreaterEqual": op.two(ch.at_least),
    "Less": op.two(ch.less),
    "LessEqual": op.two(ch.at_most),
    "Equal": op.two(ch.equal),
    "NotEqual": op.two(ch.unequal),
    "LogicalAnd": op.logical(ch.both),
    "LogicalOr": op.logical(ch.either),
    "LogicalNot": op.logical(ch.opposite, 1),
    "Select": ar.select,
    "SelectV2": lambda call: ch.where(call.logical(0), call.value(1), call.value(2)),
}
"""Operators on each entry by itself."""
ALONG_AXES: dict[str, Convert] = {
    "Softmax": ar.softmax,
    "LogSoftmax": lambda call: nm.log_softmax(call.value(0), [-1]),
    **{name.capitalize(): ar.reduced(function) for name, function in rd.REDUCTIONS.items()},
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), products.matmul),
    "_FusedMatMul": products.fused_matmul,
    "BiasAdd": products.bias_add,
    "BiasAddV1": products.bias_add,
    "Einsum": lambda call: ct.einsum(call.text("equation"), call.values()),
    **IMAGES,
}
"""Operators that combine entries along axes."""
CONSTANTS: dict[str, Convert] = {
    "Fill": ar.filled,
    "ZerosLike": ar.filled_like(0.0),
    "OnesLike": ar.filled_like(1.0),
    "Range": ar.number_range,
}
"""Operators that make constants."""
PASSED = {
    **dict.fromkeys(("Identity", "Snapshot", "CheckNumerics", "EnsureShape", "ReadVariableOp", "PlaceholderWithDefault"), ""),
    **dict.fromkeys(("StopGradient", "PreventGradient"), "fastjac differentiates through it"),
}
"""Operators that at inference give what they take, each with a note for the user."""
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in (ELEMENTWISE | ALONG_AXES | CONSTANTS | MOVEMENTS | PLACES).items()},
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
