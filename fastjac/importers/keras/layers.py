"""What each Keras 3 layer becomes: the table CONVERTERS at the end, and the functions it names.

Every function takes a layer of the config and the shape of one sample at its input, and gives fastjac layers in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from .. import folding
from ..located import located
from ..parts import Part
from ..tensors import float_dtype
from .activations import ACTIVATIONS, MIXING, REFUSED
from .config import Entry, SampleShape, entry_of, told_class
from .shapes import features, output_shape, per_unit, sample_axis

Converted = Sequence[fl.Layer]
Converter = Callable[[Entry, SampleShape | None], Converted]
NORMALIZATION_EPSILON = 1e-7
"""Keras's backend epsilon, below which Normalization does not let a deviation fall."""


def convert(entries: Iterable[Entry], shape: SampleShape | None) -> Iterator[Part]:
    """The fastjac layers of a chain of Keras layers whose input samples have `shape` (None where nothing tells it).

    Raises UnsupportedLayerError naming the layer and its position in the chain, FormatError where its arrays do not fit it.
    """
    for position, entry in enumerate(entries):
        with located(f"layer {position} {entry}"):
            part = Part(str(entry), tuple(_convert_one(entry, shape)))
            shape = output_shape(entry, shape)
        yield part


def _convert_one(entry: Entry, shape: SampleShape | None) -> Converted:
    if entry.is_operation:
        raise UnsupportedLayerError(
            "it is a bare operation of keras.ops; use a layer, such as keras.layers.Activation or Rescaling"
        )
    if entry.module != "keras.layers":
        told = told_class(entry.module, entry.class_name, entry.registered_name)
        raise UnsupportedLayerError(f"it is a custom layer, {told}, which fastjac does not run; {_supported()}")
    if entry.class_name not in CONVERTERS:
        raise UnsupportedLayerError(f"fastjac does not have it; {_supported()}")
    policy = entry.config.get("dtype")
    if isinstance(policy, dict) and policy["class_name"].startswith("Quantized"):
        raise UnsupportedLayerError(
            "it is quantized; fastjac takes floating-point layers, so import the model from before quantization"
        )
    return CONVERTERS[entry.class_name](entry, shape)


def _supported() -> str:
    return f"it has {', '.join(sorted(CONVERTERS))}"


# Layers with weights


def _dense(entry: Entry, shape: SampleShape | None) -> Converted:
    """`activation(x kernel + bias)`; a LoRA pair comes already merged into the kernel."""
    units = entry.config["units"]
    expected = [(features(shape), units)] + [(units,)] * bool(entry.config["use_bias"])
    kernel, *bias = _arrays(entry, *expected)
    return [fl.Affine(kernel.T, *bias), *_activation(entry, (units,))]


def _prelu(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x` above 0, `alpha x` below; `alpha` is spread over the axes that share it."""
    (alpha,) = _arrays(entry, None)
    return [fl.PReLU(per_unit(alpha, range(alpha.ndim), shape))]


def _batch_normalization(entry: Entry, shape: SampleShape | None) -> Converted:
    """`gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`, the layer at inference."""
    config = entry.config
    if config.get("renorm"):
        raise UnsupportedLayerError("renorm=True keeps other statistics; fastjac takes plain batch normalization")
    names = [name for name in ("gamma", "beta") if config["scale" if name == "gamma" else "center"]] + ["mean", "variance"]
    axis = sample_axis(config["axis"], shape)
    size = None if shape is None else shape[axis]
    arrays = dict(zip(names, _arrays(entry, *[(size,)] * len(names)), strict=True))
    spread = {name: per_unit(array, [axis], shape) for name, array in arrays.items()}
    return [folding.batch_norm(spread["mean"], spread["variance"], spread.get("gamma"), spread.get("beta"), config["epsilon"])]


def _layer_normalization(entry: Entry, shape: SampleShape | None) -> Converted:
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each sample."""
    config = entry.config
    if config.get("rms_scaling"):
        raise UnsupportedLayerError("rms_scaling=True divides by another deviation; fastjac takes plain layer normalization")
    _check_axis(config["axis"])
    size = features(shape)
    names = [field for field, option in (("weight", "scale"), ("bias", "center")) if config[option]]
    arrays = _arrays(entry, *[(size,)] * len(names))
    return [fl.LayerNorm(eps=config["epsilon"], **dict(zip(names, arrays, strict=True)))]


def _normalization(entry: Entry, shape: SampleShape | None) -> Converted:
    """`(x - mean) / max(sqrt(variance), 1e-7)`, or with invert its inverse `mean + x max(sqrt(variance), 1e-7)`."""
    config = entry.config
    if config["mean"] is None:
        mean, variance, _count = _arrays(entry, None, None, ())
    else:
        _arrays(entry)
        mean, variance = (np.asarray(config[name], _dtype(config)) for name in ("mean", "variance"))
    axes = [sample_axis(axis, shape) for axis in _as_list(config["axis"])]
    deviation = np.maximum(np.sqrt(np.float64(variance)), NORMALIZATION_EPSILON)
    center, spread = per_unit(mean, axes, shape), per_unit(deviation, axes, shape)
    dtype = float_dtype(mean)
    if config["invert"]:
        return [fl.Scale(np.asarray(spread, dtype), center)]
    # The mean is taken off first and by itself: in float32 `x / s - m / s` loses what a mean far above the deviation hides.
    return [fl.Scale(1.0, -center), fl.Scale(np.asarray(1.0 / spread, dtype))]


# Layers without weights


def _identity(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x`: what regularizes training does nothing at inference."""
    return []


def _activation_layer(entry: Entry, shape: SampleShape | None) -> Converted:
    return _activation(entry, shape)


def _relu(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x` above `threshold`, `negative_slope (x - threshold)` below, and never more than `max_value`."""
    slope, threshold, top = (entry.config[name] for name in ("negative_slope", "threshold", "max_value"))
    if slope and threshold:
        raise UnsupportedLayerError(
            f"negative_slope={slope} together with threshold={threshold} is not supported; set one of them to 0"
        )
    if top is None:
        return [fl.LeakyReLU(slope) if slope else fl.Threshold(threshold, 0.0) if threshold else fl.ReLU()]
    if slope:
        return [fl.LeakyReLU(slope), fl.HardTanh(-math.inf, top)]
    if top == 0:
        raise UnsupportedLayerError("max_value=0 makes every output 0; fastjac takes a max_value above 0, or None")
    return [fl.Threshold(threshold, 0.0), fl.HardTanh(0.0, top)] if threshold else [fl.HardTanh(0.0, top)]


def _leaky_relu(entry: Entry, shape: SampleShape | None) -> Converted:
    return [fl.LeakyReLU(entry.config["negative_slope"])]


def _elu(entry: Entry, shape: SampleShape | None) -> Converted:
    return [fl.ELU(entry.config["alpha"])]


def _softmax(entry: Entry, shape: SampleShape | None) -> Converted:
    _check_axis(entry.config["axis"])
    features(shape)
    return [fl.Softmax()]


def _rescaling(entry: Entry, shape: SampleShape | None) -> Converted:
    """`scale x + offset`, both spread over the leading axes."""
    values = [np.asarray(_plain(entry.config[name]), _dtype(entry.config)) for name in ("scale", "offset")]
    rank = 1 if shape is None else len(shape)
    return [fl.Scale(*(per_unit(value, range(rank - value.ndim, rank), shape) for value in values))]


def _flatten(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x`, which fastjac holds flattened from the start."""
    if entry.config["data_format"] == "channels_first" and shape is not None and len(shape) > 1:
        raise UnsupportedLayerError("data_format='channels_first' reorders the units; fastjac takes 'channels_last'")
    return []


CONVERTERS: dict[str, Converter] = {
    "Dense": _dense,
    "Activation": _activation_layer,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ELU": _elu,
    "Softmax": _softmax,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Flatten": _flatten,
    "Reshape": _identity,
    "Identity": _identity,
    "Dropout": _identity,
    "AlphaDropout": _identity,
    "GaussianDropout": _identity,
    "GaussianNoise": _identity,
    "SpatialDropout1D": _identity,
    "SpatialDropout2D": _identity,
    "SpatialDropout3D": _identity,
    "ActivityRegularization": _identity,
}
"""Every Keras layer that fastjac reads, by class name, with what makes fastjac layers of it."""


# What the converters share


def _activation(entry: Entry, shape: SampleShape | None) -> Converted:
    """The layer's `activation` option: a name, or a layer with options and perhaps weights of its own."""
    option = entry.config["activation"]
    if isinstance(option, dict) and option.get("module") == "keras.layers":
        inner = entry_of(option, f"{entry.name}/activation", entry.weights.activation())
        with located(f"its activation {option['class_name']}"):
            return _convert_one(inner, shape)
    if isinstance(option, str) and option in REFUSED:
        raise UnsupportedLayerError(f"its activation {option!r} is not supported: {REFUSED[option]}")
    if not isinstance(option, str) or option not in ACTIVATIONS:
        raise UnsupportedLayerError(
            f"its activation {_told(option)} is not among those that fastjac has: {', '.join(ACTIVATIONS)}"
        )
    if option in MIXING:
        features(shape)
    return ACTIVATIONS[option]


def _told(activation: Any) -> str:
    """The name of an activation that is not built in: a function is saved by its name, a lambda as code."""
    if isinstance(activation, dict) and isinstance(activation.get("config"), str):
        return repr(activation["config"])
    return repr(activation) if isinstance(activation, str) else "(a lambda or custom object)"


def _arrays(entry: Entry, *expected: tuple[int | None, ...] | None) -> list[np.ndarray]:
    """The layer's own arrays. Their shapes must be `expected`, where None stands for any; they are checked before reading."""
    shapes = entry.weights.shapes()
    if len(shapes) != len(expected) or not all(map(_fits, shapes, expected)):
        raise FormatError(
            f"its config asks for {len(expected)} weight arrays{_listed(expected)}, the model holds "
            f"{len(shapes)}{_listed(shapes)}; was the model built (called once, or given an Input) before it was saved?"
        )
    return entry.weights.arrays()


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...] | None) -> bool:
    if expected is None:
        return True
    return len(shape) == len(expected) and all(want is None or want == size for size, want in zip(shape, expected, strict=True))


def _listed(shapes: Sequence[Any]) -> str:
    known = ["any" if shape is None else str(shape).replace("None", "any") for shape in shapes]
    return f" of shapes {', '.join(known)}" if known else ""


def _check_axis(axis: Any) -> None:
    if _as_list(axis) not in ([-1], [1]):
        raise UnsupportedLayerError(f"axis={axis} is not supported; fastjac takes the last axis, -1")


def _dtype(config: dict[str, Any]) -> type[np.floating[Any]]:
    """The precision of the layer's own numbers: float64 if its dtype policy says so."""
    policy = config.get("dtype")
    name = policy["config"]["name"] if isinstance(policy, dict) else policy
    return np.float64 if name == "float64" else np.float32


def _as_list(axis: Any) -> list[int]:
    return [axis] if isinstance(axis, int) else list(axis)


def _plain(value: Any) -> Any:
    """A config's number or list; a NumPy array is saved as a dict around its list."""
    return value["config"]["value"] if isinstance(value, dict) else value
