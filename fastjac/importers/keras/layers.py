"""What each call of a Keras layer becomes.

The table CONVERTERS has the layers that take one tensor. Every function that it names, here and in the modules beside this one,
takes a layer of the config and the shape of one sample at its input, and gives fastjac layers in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..located import located
from ..reading.limits import refuse_expansion
from .activations import ACTIVATIONS, HARD_SIGMOID_2, MIXING, REFUSED
from .arithmetic import ARITHMETIC, Precision, is_arithmetic
from .arrays import arrays, dtype_name
from .calls import Call, refuse_extras
from .config import Entry, SampleShape, activation_layer, entry_of, told_class
from .joins import MERGES, Shapes
from .normalizations import batch_normalization, layer_normalization, normalization, rescaling
from .operations import operation, softmax
from .recipe import Recipe, of_layers
from .rectifiers import elu, leaky_relu, prelu, relu
from .shapes import features, output_shape

Converted = Sequence[fl.Layer]


class Conversion(NamedTuple):
    """How one class is converted, and what a user may want to know of it."""

    layers: Callable[[Entry, SampleShape | None], Converted]
    note: str = ""


def convert(calls: Sequence[Call], shapes: Sequence[SampleShape | None], precision: Precision) -> list[Recipe]:
    """What becomes of each call of a model whose inputs have samples of these shapes (None where nothing states one).

    precision : of numbers that stand in the config.

    Before any weight is read, every layer must be known; what is made of the weights may not be far more than they hold. A layer
    that is called again is converted once for each shape of its input.

    Raises UnsupportedLayerError naming the layer and its position, FormatError where its arrays do not fit it.
    """
    for position, call in enumerate(calls):
        with located(f"layer {position} {call.entry}"):
            _check_known(call)
    known = list(shapes)
    made_once: dict[Any, Recipe] = {}
    recipes = []
    held = made = 0
    for position, call in enumerate(calls):
        taken = tuple(known[operand] for operand in call.operands)
        # An operation's arguments are no part of its config, so they may differ from call to call.
        key = (id(call) if call.entry.is_operation else id(call.entry), taken)
        with located(f"layer {position} {call.entry}"):
            if key not in made_once:
                made_once[key] = _recipe(call, taken, precision)
                held += 8 * sum(map(prod, call.entry.weights.shapes()))
            recipes.append(made_once[key])
            made += recipes[-1].nbytes
            refuse_expansion(made, held, "what is made of the weights")
        known.append(recipes[-1].shape)
    return recipes


def _recipe(call: Call, shapes: Shapes, precision: Precision) -> Recipe:
    entry = call.entry
    if is_arithmetic(entry):
        return ARITHMETIC[entry.class_name](call, shapes, precision)
    if entry.class_name in MERGES and not entry.is_operation:
        return MERGES[entry.class_name](entry, shapes)
    (shape,) = shapes
    return of_layers(_layers(entry, shape), output_shape(entry, shape))


def _layers(entry: Entry, shape: SampleShape | None) -> Converted:
    """What becomes of a layer that takes one tensor."""
    return operation(entry, shape) if entry.is_operation else CONVERTERS[entry.class_name].layers(entry, shape)


def _check_known(call: Call) -> None:
    """Raise UnsupportedLayerError if the layer is not in the tables, or is called on what fastjac does not follow."""
    entry = call.entry
    if is_arithmetic(entry):
        refuse_extras([f"{name}={value!r:.80}" for name, value in call.options.items()])
        return
    _check_layer(entry)
    call.refuse_arguments()
    if len(call.operands) != 1 and (entry.is_operation or entry.class_name not in MERGES):
        raise UnsupportedLayerError(f"it is called on {len(call.operands)} tensors; fastjac takes it on one")


def _check_layer(entry: Entry) -> None:
    """Raise UnsupportedLayerError if a layer, or the layer that is its activation, is not in the tables."""
    if entry.is_operation:
        return
    if entry.module != "keras.layers":
        told = told_class(entry.module, entry.class_name, entry.registered_name)
        raise UnsupportedLayerError(f"it is a custom layer, {told}, which fastjac does not run; {_supported()}")
    if entry.class_name == "Lambda":
        raise UnsupportedLayerError(f"it holds code of the user's own, which fastjac does not run; {_supported()}")
    if entry.class_name not in CONVERTERS.keys() | MERGES.keys():
        raise UnsupportedLayerError(f"fastjac does not have it; {_supported()}")
    policy = entry.config.get("dtype")
    if isinstance(policy, dict) and policy["class_name"].startswith("Quantized"):
        raise UnsupportedLayerError(
            "it is quantized; fastjac takes floating-point layers, so import the model from before quantization"
        )
    if (inner := _inner_layer(entry)) is not None:
        with located(f"its activation {inner.class_name}"):
            _check_layer(inner)


def _supported() -> str:
    return f"it has {', '.join(sorted(CONVERTERS.keys() | MERGES.keys()))}"


def note(entry: Entry) -> str:
    """What a user may want to know of a layer."""
    known = None if entry.is_operation else CONVERTERS.get(entry.class_name)
    notes = [] if known is None else [known.note]
    if entry.config.get("activation") == HARD_SIGMOID_2:
        notes.append("hard_sigmoid of Keras 2, with slope 0.2")
    dtype = dtype_name(entry.config)
    if dtype in ("float16", "bfloat16") and entry.weights.shapes():
        notes.append(f"{dtype} weights widened to float32")
    if dtype.startswith("mixed_"):
        notes.append(f"{dtype}: Keras rounds to half precision here, fastjac does not")
    return "; ".join(filter(None, notes))


# Layers that are defined here


def _dense(entry: Entry, shape: SampleShape | None) -> Converted:
    """`activation(x kernel + bias)`; a LoRA pair comes already merged into the kernel."""
    units = entry.config["units"]
    expected = [(features(shape), units)] + [(units,)] * bool(entry.config["use_bias"])
    kernel, *bias = arrays(entry, *expected)
    return [fl.Affine(kernel.T, *bias), *_activation(entry, (units,))]


def _flatten(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x`, which fastjac holds flattened from the start."""
    if entry.config["data_format"] == "channels_first" and shape is not None and len(shape) > 1:
        raise UnsupportedLayerError("data_format='channels_first' reorders the units; fastjac takes 'channels_last'")
    return []


def _identity(entry: Entry, shape: SampleShape | None) -> Converted:
    """`x`."""
    return []


def _activation(entry: Entry, shape: SampleShape | None) -> Converted:
    """The layer's `activation` option: a name, or a layer with options and perhaps weights of its own."""
    if (inner := _inner_layer(entry)) is not None:
        with located(f"its activation {inner.class_name}"):
            return _layers(inner, shape)
    option = entry.config["activation"]
    if isinstance(option, str) and option in REFUSED:
        raise UnsupportedLayerError(f"its activation {option!r} is not supported: {REFUSED[option]}")
    if not isinstance(option, str) or option not in ACTIVATIONS:
        raise UnsupportedLayerError(
            f"its activation {_told(option)} is not among those that fastjac has: {', '.join(ACTIVATIONS)}"
        )
    if option in MIXING:
        features(shape)
    return ACTIVATIONS[option]


def _inner_layer(entry: Entry) -> Entry | None:
    """The layer that is this layer's activation, if one is."""
    option = activation_layer(entry.config)
    return None if option is None else entry_of(option, f"{entry.name}/activation", entry.weights.activation())


def _told(activation: Any) -> str:
    """The name of an activation that is not built in: a function is saved by its name, a lambda as code."""
    if isinstance(activation, dict) and isinstance(activation.get("config"), str):
        return repr(activation["config"])
    return repr(activation) if isinstance(activation, str) else "(a lambda or custom object)"


AT_INFERENCE = "does nothing at inference"
FLATTENED = "samples are flat from the start"
CONVERTERS: dict[str, Conversion] = {
    "Dense": Conversion(_dense),
    "Activation": Conversion(_activation),
    "ReLU": Conversion(relu),
    "LeakyReLU": Conversion(leaky_relu),
    "PReLU": Conversion(prelu),
    "ELU": Conversion(elu),
    "Softmax": Conversion(softmax),
    "BatchNormalization": Conversion(batch_normalization, "statistics folded to one Scale"),
    "LayerNormalization": Conversion(layer_normalization),
    "Normalization": Conversion(normalization, "mean and deviation as Scale"),
    "Rescaling": Conversion(rescaling),
    "Flatten": Conversion(_flatten, FLATTENED),
    "Reshape": Conversion(_identity, FLATTENED),
    "Identity": Conversion(_identity),
    "Dropout": Conversion(_identity, AT_INFERENCE),
    "AlphaDropout": Conversion(_identity, AT_INFERENCE),
    "GaussianDropout": Conversion(_identity, AT_INFERENCE),
    "GaussianNoise": Conversion(_identity, AT_INFERENCE),
    "SpatialDropout1D": Conversion(_identity, AT_INFERENCE),
    "SpatialDropout2D": Conversion(_identity, AT_INFERENCE),
    "SpatialDropout3D": Conversion(_identity, AT_INFERENCE),
    "ActivityRegularization": Conversion(_identity, AT_INFERENCE),
}
"""Every Keras layer of one tensor that fastjac reads, by class name, with what makes fastjac layers of it."""
