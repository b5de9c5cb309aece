"""What each ONNX operator becomes: the table OPERATORS."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from ..ir import choice as ch
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir import operands as op
from ..ir.evaluation import Operator, Result
from ..ir.values import Constant, Flow, Value, computed, constant
from . import constants, normalization, products
from .activations import ACTIVATIONS
from .calls import Call
from .images import IMAGES
from .ml import MODELS
from .movement import MOVEMENTS
from .places import PLACES
from .recurrent import RECURRENT
from .resizing import RESIZING


def _pair(function: Callable[[Value, Value], Result]) -> Operator:
    """A function of two tensors; in opsets before 7, the node states how one is spread over the other."""
    return Operator(lambda call: function(*_paired(call)))


def _paired(call: Call) -> tuple[Value, Value]:
    a, b = call.value(0), call.value(1)
    if call.opset >= 7 or not call.node.integer("broadcast", 0) or not 0 < len(b.shape) < len(a.shape):
        return a, b
    first = call.node.integer("axis", len(a.shape) - len(b.shape))
    behind = len(a.shape) - mv.checked_axis(first, len(a.shape)) - len(b.shape)
    return a, mv.unsqueeze(b, range(len(b.shape), len(b.shape) + behind)) if behind > 0 else b


def _any_number(function: Callable[[Value, Value], Value], of_constants: np.ufunc) -> Operator:
    """A function of two tensors, over any number of them. All constants are joined first, except for `add`."""

    def convert(call: Call) -> Value:
        values = call.values()
        if function is not el.add:  # another order of a sum would round in another way
            fixed = [value for value in values if isinstance(value, Constant)]
            flows: list[Value] = [value for value in values if isinstance(value, Flow)]
            values = [*flows, reduce(lambda a, b: computed(of_constants, a, b), fixed)] if fixed else flows
        return el.total(values, function)

    return Operator(convert)


def _mean(call: Call) -> Value:
    values = call.values()
    return el.divide(el.total(values), constant(np.float32(len(values)))) if len(values) > 1 else values[0]


def _modulo(call: Call) -> Value:
    return el.remainder(call.value(0), call.value(1), "trunc" if call.node.integer("fmod", 0) else "floor")


def _shape(call: Call) -> Value:
    value = call.value(0)
    end = call.node.integer("end", len(value.shape))
    return mv.shape_of(value, call.node.integer("start", 0), end)


ONLY_SHAPE, NOT_AT_INFERENCE, FOLDED = "only the shape", "nothing at inference", "folded to one scale and shift"
UNROLLED = "unrolled, step by step"
ONE_PRECISION = "fastjac computes in one precision"
SHAPE_ONLY = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
OPERATORS: dict[str, Operator] = {
    **{name: Operator(convert) for name, convert in ACTIVATIONS.items()},
    **{name: Operator(convert, ONLY_SHAPE if name in SHAPE_ONLY else "") for name, convert in MOVEMENTS.items()},
    **{name: Operator(convert) for name, convert in PLACES.items()},
    **{name: Operator(convert) for name, convert in MODELS.items()},
    **{name: Operator(convert) for name, convert in IMAGES.items()},
    **{name: Operator(convert, has_settings=True) for name, convert in RESIZING.items()},
    **{name: Operator(convert, UNROLLED) for name, convert in RECURRENT.items()},
    **{name: Operator(products.reduced(function)) for name, function in products.REDUCTIONS.items()},
    "Gemm": Operator(products.gemm),
    "com.microsoft.FusedGemm": Operator(products.fused_gemm),
    "MatMul": Operator(op.two(ct.matmul)),
    "Einsum": Operator(lambda call: ct.einsum(call.node.text("equation", ""), call.values())),
    "LpNormalization": Operator(products.lp_normalization),
    "Add": _pair(el.add),
    "Sub": _pair(el.subtract),
    "Mul": _pair(el.multiply),
    "Div": _pair(el.divide),
    "Pow": _pair(el.power),
    "Sum": _any_number(el.add, np.add),
    "Mean": Operator(_mean),
    "Max": _any_number(el.maximum, np.maximum),
    "Min": _any_number(el.minimum, np.minimum),
    "Mod": Operator(_modulo),
    "Where": Operator(lambda call: ch.where(call.logical(0), call.value(1), call.value(2))),
    "Greater": _pair(ch.greater),
    "GreaterOrEqual": _pair(ch.at_least),
    "Less": _pair(ch.less),
    "LessOrEqual": _pair(ch.at_most),
    "Equal": _pair(ch.equal),
    "And": Operator(op.logical(ch.both)),
    "Or": Operator(op.logical(ch.either)),
    "Xor": Operator(op.logical(ch.exclusive)),
    "Not": Operator(op.logical(ch.opposite, 1)),
    "Sign": Operator(op.one(ch.sign)),
    "Softmax": Operator(normalization.along_softmax_axes(nm.softmax)),
    "LogSoftmax": Operator(normalization.along_softmax_axes(nm.log_softmax)),
    "BatchNormalization": Operator(normalization.batch_normalization, FOLDED),
    "LayerNormalization": Operator(normalization.layer_normalization),
    "GroupNormalization": Operator(normalization.group_normalization),
    "InstanceNormalization": Operator(normalization.instance_normalization),
    "RMSNormalization": Operator(normalization.rms_normalization),
    "MeanVarianceNormalization": Operator(normalization.mean_variance_normalization),
    "Dropout": Operator(normalization.dropout, NOT_AT_INFERENCE),
    "Cast": Operator(constants.cast, ONE_PRECISION),
    "CastLike": Operator(constants.cast_like, ONE_PRECISION),
    "Constant": Operator(constants.held),
    "ConstantOfShape": Operator(constants.of_shape),
    "Range": Operator(constants.arange),
    "Shape": Operator(_shape),
    "Size": Operator(op.one(mv.count_of)),
}
"""Every operator that fastjac reads."""
