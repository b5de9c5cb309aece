"""What the bare operations of Keras 3 become, such as `keras.ops.gelu(x, approximate=True)` of a Functional model's tensor.

They are activations with options that no name states, functions such as `keras.ops.sin`, and operations that move or sum entries.
`arithmetic` has the operations on several tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir import accumulation as ac
from ..ir import choice as ch
from ..ir import elementwise as el
from ..ir import functions as fn
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir import normalization as nm
from ..ir import reduction as rd
from ..ir import sorting as st
from ..ir.values import Value, constant, moved
from ..precision import refuse_rounding
from .activations import ACTIVATIONS, MIXING
from .arrays import as_list
from .config import Config, Entry, snake_case
from .rectifiers import elu, leaky_relu, relu
from .shapes import Shape, own_axes, own_axis, sample_of

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


def part_of(entry: Entry, value: Value, number: int) -> Value:
    """One of the results of an operation that gives several."""
    if entry.class_name == "TopK":
        if number:
            raise UnsupportedLayerError(
                "its places of the largest entries have no derivative; fastjac takes the entries themselves"
            )
        return st.top(value, -1, entry.config["k"])
    axis = own_axis(entry.config["axis"], value)
    size = value.shape[axis]
    if entry.class_name == "Unstack":
        return mv.entry(value, axis, number)
    given = entry.config["indices_or_sections"]
    ends = [0, *as_list(given), size] if not isinstance(given, int) else [size // given * i for i in range(given + 1)]
    return mv.part(value, axis, ends[number], ends[number + 1])


def softmax(entry: Entry, value: Value) -> Value:
    """`exp(x) / sum exp(x)` along some axes."""
    return nm.softmax(value, own_axes(entry.config["axis"], value))


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


def _along(function: Callable[[Value, int], Value]) -> Operation:
    """A function of the entries along one axis, which stays."""
    return lambda entry, value: function(value, own_axis(entry.config["axis"], value))


def _moved(function: Callable[[np.ndarray, Config], np.ndarray], *axes: str) -> Operation:
    """A function of NumPy that only moves entries; `axes` are the options that name axes, which must be those of one sample."""

    def move(entry: Entry, value: Value) -> Value:
        for name in axes:
            own_axes(entry.config[name], value)
        return moved(lambda array: function(array, entry.config), value)

    return move


def _norm(entry: Entry, value: Value) -> Value:
    order = entry.config["ord"]
    if order not in (None, 1, 2) or not isinstance(entry.config["axis"], int):
        raise UnsupportedLayerError(
            f"it takes the norm {order!r:.40} of axis {entry.config['axis']}; fastjac has 1 and 2 of one axis"
        )
    return rd.norm(value, own_axes(entry.config["axis"], value), bool(entry.config["keepdims"]), order or 2)


def _pad(entry: Entry, value: Value) -> Value:
    widths = [as_list(width) for width in entry.config["pad_width"]]
    before, behind = zip(*(width * 2 if len(width) == 1 else width for width in widths), strict=True)
    if before[0] or behind[0]:
        raise UnsupportedLayerError("it pads the axis of the batch; fastjac takes the axes of one sample")
    mode = {"constant": "constant", "reflect": "reflect"}.get(entry.config["mode"])
    if mode is None:
        raise UnsupportedLayerError(f"its mode {entry.config['mode']!r:.40} is not supported; fastjac has constant and reflect")
    return jn.pad(value, before, behind, constant(np.float32(0.0)), mode)


def _median(entry: Entry, value: Value) -> Value:
    """The entry in the middle, or the mean of two."""
    axis = own_axis(entry.config["axis"], value)
    size = value.shape[axis]
    middle = mv.part(st.ordered(value, axis), axis, (size - 1) // 2, size // 2 + 1)
    return rd.reduce_mean(middle, [axis], bool(entry.config["keepdims"]))


def _same(entry: Entry, value: Value) -> Value:
    """The tensor itself in another precision of floating-point numbers."""
    refuse_rounding(str(entry.config["dtype"]))
    return value


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
    **{name.capitalize(): _function(function) for name, function in fn.COMPOSED.items()},
    "Absolute": _function(fn.absolute),
    "Round": _round,
    "Trunc": _function(el.truncated),
    "Rsqrt": _function(fn.reciprocal_root),
    "Square": _function(fn.square),
    "Softmax": softmax,
    "LogSoftmax": lambda entry, value: nm.log_softmax(value, own_axes(entry.config["axis"], value)),
    "Glu": lambda entry, value: nm.glu(value, own_axis(entry.config["axis"], value)),
    **{name.capitalize(): _reduced(function) for name, function in rd.REDUCTIONS.items()},
    "Average": _reduced(rd.reduce_mean),
    "Amax": _reduced(rd.reduce_max),
    "Amin": _reduced(rd.reduce_min),
    "Logsumexp": _reduced(rd.log_sum_exp),
    "Var": _reduced(rd.variance),
    "Std": _reduced(lambda value, axes, keep: fn.sqrt(rd.variance(value, axes, keep))),
    "Norm": _norm,
    "Median": _median,
    "Sort": _along(st.ordered),
    "Cumsum": _along(ac.running_sum),
    "Cumprod": _along(lambda value, axis: ac.running(value, axis, el.multiply)),
    "Diff": lambda entry, value: ac.differences(value, own_axis(entry.config["axis"], value), entry.config["n"]),
    "Tril": lambda entry, value: ac.triangle(value, entry.config["k"], True),
    "Triu": lambda entry, value: ac.triangle(value, entry.config["k"], False),
    "Pad": _pad,
    "Repeat": _moved(lambda array, config: np.repeat(array, config["repeats"], config["axis"]), "axis"),
    "Flip": _moved(lambda array, config: np.flip(array, config["axis"]), "axis"),
    "Roll": _moved(lambda array, config: np.roll(array, config["shift"], config["axis"]), "axis"),
    "Moveaxis": _moved(
        lambda array, config: np.moveaxis(array, config["source"], config["destination"]), "source", "destination"
    ),
    "Swapaxes": _moved(lambda array, config: array.swapaxes(config["axis1"], config["axis2"]), "axis1", "axis2"),
    "Diagonal": _moved(
        lambda array, config: np.diagonal(array, config["offset"], config["axis1"], config["axis2"]), "axis1", "axis2"
    ),
    "Tile": lambda entry, value: mv.tile(value, as_list(entry.config["repeats"])),
    "Cast": _same,
    "Sign": lambda entry, value: ch.sign(value),
    "Reshape": lambda entry, value: mv.reshape(value, entry.config["newshape"]),
    "Transpose": lambda entry, value: mv.transpose(value, entry.config.get("axes")),
    "Squeeze": lambda entry, value: mv.squeeze(value, own_axes(entry.config["axis"], value)),
    "ExpandDims": lambda entry, value: mv.unsqueeze(value, as_list(entry.config["axis"])),
}
"""Operations that move entries, or reduce several to one, by class."""
