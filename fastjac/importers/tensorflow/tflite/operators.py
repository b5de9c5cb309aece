"""What each operator of TensorFlow Lite becomes: the table OPERATORS."""

from __future__ import annotations

import re

from .... import layers as fl
from ....errors import UnsupportedLayerError
from ...ir import casting
from ...ir import choice as ch
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import joining as jn
from ...ir import operands as op
from ...ir import reduction as rd
from ...ir.evaluation import Dialect, Operator
from ...ir.graph import Node
from ...ir.values import Flow, Value
from .. import arithmetic as ar
from .. import products
from ..arithmetic import Convert
from ..calls import Call
from ..images import LITE_IMAGES
from ..movement import pad
from ..operators import ONE_PRECISION, RECURRENT, one_sample, passed
from ..operators import OPERATORS as GRAPH_OPERATORS
from . import recurrent
from . import schema as s
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
    """The operator with an activation behind it, which its option `fused` names."""

    def both(call: Call) -> Value:
        found = convert(call)
        number = call.integer("fused")
        if number not in ACTIVATIONS:
            raise UnsupportedLayerError(f"its activation {number} is not supported; fastjac takes {ACTIVATIONS}")
        activation = BEHIND.get(ACTIVATIONS[number])
        return found if activation is None else activation(Call(call.node, (found,)))  # type: ignore[arg-type, return-value]

    return both


BEHIND: dict[str, Convert] = {
    "RELU": op.one(fn.relu),
    "RELU6": op.layers(fl.ReLU6()),
    "RELU_N1_TO_1": op.layers(fl.HardTanh()),
    "TANH": op.one(fn.tanh),
}
"""Activations that may stand behind another operator."""
OWN: dict[str, Convert] = {
    **BEHIND,
    "RELU_0_TO_1": op.layers(fl.HardTanh(0.0, 1.0)),
    "LEAKY_RELU": ar.leaky_relu(0.0),
    "PRELU": op.two(el.prelu),
    "LOGISTIC": op.one(fn.sigmoid),
    "HARD_SWISH": op.layers(fl.HardSwish()),
    "GELU": ar.gelu,
    "ADD": fused(op.two(el.add)),
    "SUB": fused(op.two(el.subtract)),
    "MUL": fused(op.two(el.multiply)),
    "DIV": fused(op.two(el.divide)),
    "FULLY_CONNECTED": fused(products.fully_connected),
    "BATCH_MATMUL": products.matmul,
    **{name: fused(convert) for name, convert in LITE_IMAGES.items()},
    "L2_NORMALIZATION": fused(ar.l2_normalization),
    **{f"REDUCE_{name.upper()}": ar.reduced(rd.REDUCTIONS[name]) for name in ("max", "min", "prod")},
    "CONCATENATION": fused(lambda call: jn.concatenate(call.values(), call.integer("axis"))),
    "PADV2": pad,
}
"""Operators that graphs do not have, have under another name, or have with other operands."""


def _in_capitals(name: str) -> str:
    """The name of an operator of graphs as TensorFlow Lite writes it: "SQUARED_DIFFERENCE" for SquaredDifference."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).upper()


OPERATORS: dict[str, Operator] = {
    **{name: operator for known, operator in GRAPH_OPERATORS.items() if (name := _in_capitals(known)) in s.OPERATORS},
    **{name: Operator(convert) for name, convert in OWN.items()},
    recurrent.LSTM: Operator(recurrent.lstm, FROM_ZERO),
    recurrent.RNN: Operator(recurrent.rnn, FROM_ZERO),
    "CAST": Operator(cast, ONE_PRECISION),
    "DEQUANTIZE": Operator(dequantize),
}
"""Every operator that fastjac reads: those of graphs, and its own."""


def refusal(node: Node) -> str:
    """Why fastjac does not have an operator; empty where there is no reason but its absence from OPERATORS."""
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
