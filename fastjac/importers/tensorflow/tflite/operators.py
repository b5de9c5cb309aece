"""What each operator of TensorFlow Lite becomes: the table OPERATORS."""

from __future__ import annotations

from .... import layers as fl
from ....errors import UnsupportedLayerError
from ...ir import casting
from ...ir import choice as ch
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import movement as mv
from ...ir import reduction as rd
from ...ir.evaluation import Dialect, Operator
from ...ir.graph import Node
from ...ir.values import Flow, Value
from .. import arithmetic as ar
from .. import images, movement, products
from ..arithmetic import Convert
from ..calls import Call
from ..operators import ONE_PRECISION, ONLY_SHAPE, RECURRENT, one_sample, passed
from . import recurrent
from .model import QUANTIZED
from .schema import ACTIVATIONS, TYPES

FROM_ZERO = "it starts from a state of 0"


def cast(call: Call) -> Value | ch.Condition:
    """The entries as numbers of another type."""
    number = call.integer("out_data_type")
    if number not in TYPES:
        raise UnsupportedLayerError(f"it casts to type {number}, which fastjac does not read")
    return casting.cast(passed(call), TYPES[number].name)


def dequantize(call: Call) -> Value:
    """A constant of half precision, which was widened when it was read."""
    value = call.value(0)
    if isinstance(value, Flow) or value.alone.dtype.kind != "f":
        raise UnsupportedLayerError(QUANTIZED)
    return value


def fused(convert: Convert) -> Convert:
    """An operator with the activation that its option `fused` names behind it."""

    def both(call: Call) -> Value:
        found = convert(call)
        number = call.integer("fused")
        if number not in ACTIVATIONS:
            raise UnsupportedLayerError(f"its activation {number} is not supported; fastjac takes {ACTIVATIONS}")
        activation = BEHIND.get(ACTIVATIONS[number])
        return found if activation is None else activation(Call(call.node, (found,)))  # type: ignore[arg-type, return-value]

    return both


FUNCTIONS = ("abs", "ceil", "cos", "exp", "floor", "log", "neg", "round", "sin", "sqrt")
"""What goes by the intermediate form's name, in capitals."""
BEHIND: dict[str, Convert] = {
    "RELU": ar.one(fn.relu),
    "RELU6": ar.of(fl.ReLU6()),
    "RELU_N1_TO_1": ar.of(fl.HardTanh()),
    "TANH": ar.one(fn.tanh),
}
"""Activations that may stand behind another operator."""
ELEMENTWISE: dict[str, Convert] = {
    **{name.upper(): ar.one(fn.of_each(name)) for name in FUNCTIONS},
    **BEHIND,
    "RELU_0_TO_1": ar.of(fl.HardTanh(0.0, 1.0)),
    "LEAKY_RELU": ar.leaky_relu(0.0),
    "PRELU": ar.two(el.prelu),
    "ELU": ar.of(fl.ELU()),
    "LOGISTIC": ar.one(fn.sigmoid),
    "HARD_SWISH": ar.of(fl.HardSwish()),
    "GELU": ar.gelu,
    "RSQRT": ar.one(fn.reciprocal_root),
    "SQUARE": ar.one(fn.square),
    "SIGN": ar.one(ch.sign),
    "ADD": fused(ar.two(el.add)),
    "SUB": fused(ar.two(el.subtract)),
    "MUL": fused(ar.two(el.multiply)),
    "DIV": fused(ar.two(el.divide)),
    "FLOOR_DIV": ar.two(el.rounded_quotient),
    "FLOOR_MOD": ar.two(el.remainder),
    "ADD_N": ar.add_all,
    "MAXIMUM": ar.two(el.maximum),
    "MINIMUM": ar.two(el.minimum),
    "POW": ar.two(el.power),
    "SQUARED_DIFFERENCE": ar.two(ar.squared_difference),
    "GREATER": ar.two(ch.greater),
    "GREATER_EQUAL": ar.two(ch.at_least),
    "LESS": ar.two(ch.less),
    "LESS_EQUAL": ar.two(ch.at_most),
    "EQUAL": ar.two(ch.equal),
    "NOT_EQUAL": ar.two(ar.not_equal),
    "LOGICAL_AND": ar.logical(ch.both),
    "LOGICAL_OR": ar.logical(ch.either),
    "LOGICAL_NOT": ar.logical(ch.opposite, 1),
    "SELECT": ar.select,
    "SELECT_V2": ar.select_spread,
}
"""Operators on each entry by itself."""
ALONG_AXES: dict[str, Convert] = {
    "FULLY_CONNECTED": fused(products.fully_connected),
    "BATCH_MATMUL": products.matmul,
    "CONV_2D": fused(images.lite_conv),
    "TRANSPOSE_CONV": fused(images.lite_conv_transpose),
    "DEPTHWISE_CONV_2D": fused(images.lite_depthwise_conv),
    "MAX_POOL_2D": fused(images.lite_pool(is_max=True)),
    "AVERAGE_POOL_2D": fused(images.lite_pool(is_max=False)),
    "RESIZE_NEAREST_NEIGHBOR": images.resize(is_nearest=True),
    "RESIZE_BILINEAR": images.resize(is_nearest=False),
    "SOFTMAX": ar.softmax,
    "LOG_SOFTMAX": ar.log_softmax,
    "L2_NORMALIZATION": fused(ar.l2_normalization),
    "MEAN": ar.reduced(rd.reduce_mean),
    "SUM": ar.reduced(rd.reduce_sum),
    "REDUCE_MAX": ar.reduced(rd.reduce_max),
    "REDUCE_MIN": ar.reduced(rd.reduce_min),
    "REDUCE_PROD": ar.reduced(rd.reduce_product),
}
"""Operators that take entries along axes together."""
MOVEMENTS: dict[str, Convert] = {
    "CONCATENATION": fused(movement.concat),
    "PACK": movement.pack,
    "UNPACK": movement.unpack,
    "SPLIT": movement.split,
    "SPLIT_V": movement.split_sizes,
    "SLICE": movement.slice_,
    "STRIDED_SLICE": movement.strided_slice,
    "GATHER": movement.gather,
    "PAD": movement.pad,
    "PADV2": movement.pad,
    "TILE": movement.tile,
    "BROADCAST_TO": movement.broadcast_to,
    "REVERSE_V2": movement.reverse,
    "FILL": ar.filled,
    "ZEROS_LIKE": ar.filled_like(0.0),
    "RANGE": ar.number_range,
    "SHAPE": ar.one(mv.shape_of),
    "RANK": movement.rank_of,
}
"""Operators that move entries, or count them."""
SHAPES: dict[str, Convert] = {
    "RESHAPE": movement.reshape,
    "SQUEEZE": movement.squeeze,
    "EXPAND_DIMS": movement.expand_dims,
    "TRANSPOSE": movement.transpose,
}
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in (ELEMENTWISE | ALONG_AXES | MOVEMENTS).items()},
    **{name: Operator(convert, ONLY_SHAPE) for name, convert in SHAPES.items()},
    recurrent.LSTM: Operator(recurrent.lstm, FROM_ZERO),
    recurrent.RNN: Operator(recurrent.rnn, FROM_ZERO),
    "CAST": Operator(cast, ONE_PRECISION),
    "DEQUANTIZE": Operator(dequantize),
}
"""Every operator that fastjac reads."""


def refusal(node: Node) -> str:
    """Why fastjac does not have an operator; empty where it is only not among those that it has."""
    name = node.operator
    if "QUANT" in name:
        return QUANTIZED
    if any(word in name for word in ("LSTM", "RNN", "SVDF", "WHILE", "GRU")):
        return RECURRENT
    if name in ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"):
        return (
            "its weights are variables, not constants; convert the Keras model itself by TFLiteConverter.from_keras_model(model)"
        )
    if name.startswith("CUSTOM"):
        return "it is an operator of the model's own; convert the model again with built-in operators alone"
    return ""


LITE = Dialect(OPERATORS, refusal, Call, one_sample)
