"""What the bare operations of Keras 3 become, which `keras.ops.gelu(x, approximate=True)` makes of a Functional model's tensor.

They are activations with options that names do not tell, and functions such as `keras.ops.sin`. `arithmetic` has the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .activations import ACTIVATIONS
from .config import Entry, SampleShape, snake_case
from .rectifiers import elu, leaky_relu, relu
from .shapes import whole_axes

Operation = Callable[[Entry, SampleShape | None], Sequence[fl.Layer]]


def operation(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    """The layers for a bare operation; UnsupportedLayerError if fastjac does not have it."""
    if entry.class_name in WITH_OPTIONS:
        return WITH_OPTIONS[entry.class_name](entry, shape)
    if entry.class_name in FUNCTIONS:
        return FUNCTIONS[entry.class_name]
    if snake_case(entry.class_name) not in ACTIVATIONS:
        raise UnsupportedLayerError(
            "it is a bare operation that fastjac does not have; it has the activations, arithmetic, "
            f"{', '.join(sorted(FUNCTIONS))} and Clip"
        )
    return ACTIVATIONS[snake_case(entry.class_name)]


def softmax(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    """`exp(x) / sum exp(x)` over all units."""
    whole_axes(entry.config["axis"], shape)
    return [fl.Softmax()]


def _log_softmax(entry: Entry, shape: SampleShape | None) -> Sequence[fl.Layer]:
    whole_axes(entry.config["axis"], shape)
    return [fl.LogSoftmax()]


WITH_OPTIONS: dict[str, Operation] = {
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
    "Softmax": softmax,
    "LogSoftmax": _log_softmax,
}
"""Operations with options, by class."""

FUNCTIONS: dict[str, Sequence[fl.Layer]] = {
    "Absolute": (fl.Abs(),),
    "Cos": (fl.Cos(),),
    "Exp": (fl.Exp(),),
    "Log": (fl.Log(),),
    "Reciprocal": (fl.Reciprocal(),),
    "Rsqrt": (fl.Sqrt(), fl.Reciprocal()),
    "Sin": (fl.Sin(),),
    "Sqrt": (fl.Sqrt(),),
    "Square": (fl.Power(2.0),),
}
"""Operations without options, by class, that no activation is called after."""
