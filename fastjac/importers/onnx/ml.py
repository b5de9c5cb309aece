"""Operators of the domain ai.onnx.ml, which scikit-learn's models are written in: the table MODELS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir import reduction as rd
from ..ir.values import Value, constant, moved
from .calls import Call


def _scaler(call: Call) -> Value:
    """`(x - offset) scale`, scikit-learn's StandardScaler and its kin. The offset goes first: `scale offset` would round."""
    offset, scale = (call.node.reals(name) for name in ("offset", "scale"))
    if offset is None or scale is None:
        raise FormatError("it has no offset or no scale; the file is damaged")
    return el.multiply(el.subtract(call.value(0), constant(offset)), constant(scale))


def _normalizer(call: Call) -> Value:
    """The entries divided by their norm along the last axis."""
    value, norm = call.value(0), call.node.text("norm", "MAX")
    if norm not in ("L1", "L2"):
        raise UnsupportedLayerError(f"it divides by the norm {norm!r:.40}; fastjac has L1 and L2")
    return rd.normalized(value, [len(value.shape) - 1], 1 if norm == "L1" else 2)


def _linear(call: Call, attribute: str, default_count: int) -> Value:
    """`W x + b` of each row, with W and b as lists of numbers."""
    value, weights, bias = call.value(0), call.node.reals(attribute), call.node.reals("intercepts")
    width = value.shape[-1] if value.shape else 0
    if weights is None or not width or weights.size % width:
        raise FormatError(f"its coefficients do not fit a value of shape {value.shape}; the file is damaged")
    count = weights.size // width
    if default_count not in (0, count):
        raise FormatError(f"it has coefficients for {count} results, and states {default_count}; the file is damaged")
    product = ct.linear(value, constant(weights.reshape(count, width)))
    return product if bias is None else el.add(product, constant(bias))


def _regressor(call: Call) -> Value:
    return _transformed(call, _linear(call, "coefficients", call.node.integer("targets", 1)))


def _classifier(call: Call) -> list[Value | None]:
    """The label, which no derivative goes through, and the scores."""
    scores = _linear(call, "coefficients", 0)
    if scores.shape[-1:] == (1,):
        raise UnsupportedLayerError("it is a classifier of two classes by one row of coefficients; fastjac takes one row a class")
    return [None, _transformed(call, scores)]


def _transformed(call: Call, value: Value) -> Value:
    name = call.node.text("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise UnsupportedLayerError(f"its post_transform {name!r:.40} is not supported; fastjac takes {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name](value)


TRANSFORMS: dict[str, Callable[[Value], Value]] = {
    "NONE": lambda value: value,
    "LOGISTIC": fn.sigmoid,
    "SOFTMAX": lambda value: nm.softmax(value, [len(value.shape) - 1]),
}


MODELS: dict[str, Callable[[Call], Value | list[Value | None]]] = {
    "ai.onnx.ml.Scaler": _scaler,
    "ai.onnx.ml.Normalizer": _normalizer,
    "ai.onnx.ml.LinearRegressor": _regressor,
    "ai.onnx.ml.LinearClassifier": _classifier,
    "ai.onnx.ml.FeatureVectorizer": lambda call: jn.concatenate(call.values(), -1),
    "ai.onnx.ml.ArrayFeatureExtractor": lambda call: mv.gather(call.value(0), moved(np.ravel, call.value(1)), -1),
    "ai.onnx.ml.ZipMap": lambda call: call.value(0),
}
"""Every operator of that domain that fastjac reads, by name."""
