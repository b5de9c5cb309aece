"""What the bare operations of Keras 3 become, such as `keras.ops.gelu(x, approximate=True)` of a Functional model's tensor.

They are activations with options that no name states, functions such as `keras.ops.sin`, and operations that move or sum entries.
`arithmetic` has the operations on several tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir import choice as ch
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir import reduction as rd
from ..ir.values import Value
from .activations import ACTIVATIONS, MIXING
from .config import Entry, snake_case
from .rectifiers import elu, leaky_relu, relu
from .shapes import Shape, own_axes, sample_of

Operation = Callable[[Entry, Value], Value]
Layers = Callable[[Entry, Shape], Sequence[fl.Layer]]


def operation(entry: Entry, value: Value) -> Value:
    """The result of a bare operation; UnsupportedLayerError if fastjac does not have it."""
    name = snake_case(entry.class_name)
    if entry.class_name in OPERATIONS:
        return OPERATIONS[entry.class_name](entry, value)
    if entry.class_name in WITH_OPTIONS:
        return fn.apply(value, WITH_OPTIONS[entry.class_name](entry, sample_of(value)))
    if name not in ACTIVATIONS or name in MIXING:
        raise UnsupportedLayerError(
            "it is a bare operation that fastjac does not have; it has the activations, arithmetic, "
            f"{', '.join(sorted(OPERATIONS))} and Clip"
        )
    return fn.apply(value, ACTIVATIONS[name])


def softmax(entry: Entry, value: Value) -> Value:
    """`exp(x) / sum exp(x)` along some axes."""
    return nm.softmax(value, own_axes(entry.config["axis"], value))


def _log_softmax(entry: Entry, value: Value) -> Value:
    return nm.log_softmax(value, own_axes(entry.config["axis"], value))


def _function(function: Callable[[Value], Value]) -> Operation:
    """A function that the intermediate form has."""
    return lambda entry, value: function(value)


def _round(entry: Entry, value: Value) -> Value:
    if entry.config.get("decimals"):
        raise UnsupportedLayerError(f"it rounds to {entry.config['decimals']!r:.40} decimals; fastjac has whole numbers")
    return fn.of_each("round")(value)


def _reduced(function: Callable[[Value, Sequence[int] | None, bool], Value]) -> Operation:
    """A function of the entries along some axes."""
    return lambda entry, value: function(value, own_axes(entry.config["axis"], value), bool(entry.config.get("keepdims")))


def _average(entry: Entry, value: Value) -> Value:
    return rd.reduce_mean(value, own_axes(entry.config["axis"], value), False)


def _reshape(entry: Entry, value: Value) -> Value:
    """A new shape for the whole batch; its first size must be left open."""
    return mv.reshape(value, entry.config["newshape"])


def _transpose(entry: Entry, value: Value) -> Value:
    return mv.transpose(value, entry.config.get("axes"))


def _squeeze(entry: Entry, value: Value) -> Value:
    return mv.squeeze(value, own_axes(entry.config["axis"], value))


def _expand(entry: Entry, value: Value) -> Value:
    axis = entry.config["axis"]
    return mv.unsqueeze(value, [axis] if isinstance(axis, int) else axis)


WITH_OPTIONS: dict[str, Layers] = {
    "ReLU": relu,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Clip": lambda entry, shape: [fl.Clamp(*(entry.config[bound] for bound in ("x_min", "x_max")))],
    "Celu": lambda entry, shape: [fl.CELU(entry.config["alpha"])],
    "Gelu": lambda entry, shape: [fl.GELU("tanh" if entry.config["approximate"] else "none")],
    "HardShrink": lambda entry, shape: [fl.HardShrink(entry.config["threshold"])],
    "SoftShrink": lambda entry, shape: [fl.SoftShrink(entry.config["threshold"])],
    "Squareplus": lambda entry, shape: [fl.SquarePlus(entry.config["b"])],
    "Threshold": lambda entry, shape: [fl.Threshold(entry.config["threshold"], entry.config["default_value"])],
}
"""Functions of each entry with options, by class."""

SAME = ("ceil", "cos", "cosh", "erf", "exp", "floor", "log", "reciprocal", "sin", "sinh", "sqrt", "tan")
"""Functions of each entry whose name no activation has, and which the intermediate form calls as Keras does."""

OPERATIONS: dict[str, Operation] = {
    **{name.capitalize(): _function(fn.of_each(name)) for name in SAME},
    **{name.capitalize(): _function(fn.of_each(known)) for name, known in fn.INVERSES.items()},
    "Absolute": _function(fn.absolute),
    "Round": _round,
    "Trunc": _function(el.truncated),
    "Rsqrt": _function(fn.reciprocal_root),
    "Square": _function(fn.square),
    "Softmax": softmax,
    "LogSoftmax": _log_softmax,
    "Sum": _reduced(rd.reduce_sum),
    "Mean": _reduced(rd.reduce_mean),
    "Average": _average,
    "Max": _reduced(rd.reduce_max),
    "Min": _reduced(rd.reduce_min),
    "Prod": _reduced(rd.reduce_product),
    "Sign": lambda entry, value: ch.sign(value),
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "ExpandDims": _expand,
}
"""Operations that move entries, or reduce several to one, by class."""
