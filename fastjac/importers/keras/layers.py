"""What each call of a Keras layer becomes.

The table CONVERTERS has the layers that take one tensor. Every function that it names, here and in the modules beside this one,
takes a layer of the config and the tensor that it is called on, and gives another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir import contraction as ct
from ..ir import movement as mv
from ..ir import reduction as rd
from ..ir.account import shared, spend
from ..ir.choice import Condition, as_number
from ..ir.functions import apply
from ..ir.missing import Missing, refuse_missing
from ..ir.values import Flow, Value
from ..located import located
from . import normalizations as nz
from .activations import ACTIVATIONS, HARD_SIGMOID_2, MIXING, REFUSED
from .arithmetic import Operand, Precision, arithmetic, is_arithmetic
from .arrays import arrays, dtype_name
from .calls import Call, refuse_extras
from .config import Entry, entry_of, full_class_name, inner_layer
from .images import average_pooling, convolution, cropping, max_pooling, transposed_convolution, upsampling, zero_padding
from .joins import MERGES
from .operations import operation, part_of, softmax
from .rectifiers import elu, leaky_relu, prelu, relu
from .recurrent import bidirectional, recurrent
from .shapes import Shape, own_axes, sample_of

Converter = Callable[[Entry, Value], Value]


class Conversion(NamedTuple):
    """How one class is converted, and what a user may want to know about it."""

    convert: Converter
    note: str = ""


def check_known(calls: Sequence[Call]) -> None:
    """Raise UnsupportedLayerError where layers are not in the tables, or are called on what fastjac does not follow."""
    refuse_missing(_missing(calls), "layers")


def _missing(calls: Sequence[Call]) -> Iterator[Missing]:
    for position, call in enumerate(calls):
        try:
            _check_known(call)
        except UnsupportedLayerError as error:
            yield Missing(f"layer {position} {call.entry}", call.entry.class_name, str(error))


def result_of(call: Call, values: Sequence[Operand], precision: Precision) -> Operand:
    """The result of a call; `precision` is that of numbers that stand in the config."""
    entry = call.entry
    if is_arithmetic(entry):
        return arithmetic(call, values, precision)
    tensors = [as_number(value) if isinstance(value, Condition) else value for value in values]
    if entry.class_name in MERGES and not entry.is_operation:
        return MERGES[entry.class_name](entry, tensors)
    (value,) = tensors
    if entry.gives_several:
        return part_of(entry, value, call.output)
    return operation(entry, value) if entry.is_operation else _converted(entry, value)


def _converted(entry: Entry, value: Value) -> Value:
    """What a layer makes of one tensor."""
    return CONVERTERS[entry.class_name].convert(entry, value)


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
        name = full_class_name(entry.module, entry.class_name, entry.registered_name)
        raise UnsupportedLayerError(f"it is a custom layer, {name}, which fastjac does not run; {_supported()}")
    if entry.class_name == "Lambda":
        raise UnsupportedLayerError(
            "it holds code of the user's own, which fastjac does not run; put a layer in its place, such as Rescaling or "
            f"Activation; {_supported()}"
        )
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
    """What a user may want to know about a layer."""
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


def _of_each_unit(layers: Callable[[Entry, Shape], Sequence[fl.Layer]]) -> Converter:
    """A layer that acts on each unit by itself. Calls on samples of the same shape share one layer."""

    def convert(entry: Entry, value: Value) -> Value:
        shape = sample_of(value)
        return apply(value, shared((id(entry), shape), lambda: layers(entry, shape)))

    return convert


def _dense(entry: Entry, value: Value) -> Value:
    """`activation(x kernel + bias)` along the last axis; a LoRA pair comes already merged into the kernel."""
    assert isinstance(value, Flow)

    def affine() -> fl.Affine:
        units = entry.config["units"]
        expected = [(value.shape[-1], units)] + [(units,)] * bool(entry.config["use_bias"])
        kernel, *bias = arrays(entry, *expected)
        spend(kernel.size)
        return fl.Affine(kernel.T, *bias)

    return _activation(entry, ct.affine(value, shared((id(entry), value.shape[-1]), affine)))


def _flatten(entry: Entry, value: Value) -> Value:
    """The samples flattened to one axis."""
    if entry.config["data_format"] == "channels_first" and len(value.shape) > 2:
        value = mv.transpose(value, [0, *range(2, len(value.shape)), 1])
    return mv.flatten(value)


def _reshape(entry: Entry, value: Value) -> Value:
    """The samples in another shape."""
    target = list(entry.config["target_shape"])
    if -1 in target:
        target[target.index(-1)] = prod(sample_of(value)) // max(1, -prod(target))
    return mv.reshape(value, [-1, *target])


def _permute(entry: Entry, value: Value) -> Value:
    """The axes of the samples in another order, counted from 1."""
    return mv.transpose(value, [0, *entry.config["dims"]])


def _repeat(entry: Entry, value: Value) -> Value:
    """`n` copies of a vector along a new axis."""
    return mv.tile(mv.unsqueeze(value, [1]), [1, entry.config["n"], *[1] * (len(value.shape) - 1)])


def _activated(convert: Converter) -> Converter:
    """A layer with its activation behind it."""
    return lambda entry, value: _activation(entry, convert(entry, value))


def _pooled(function: Callable[[Value, Sequence[int], bool], Value]) -> Converter:
    """The mean or the largest entry over all steps or places, by channel."""

    def convert(entry: Entry, value: Value) -> Value:
        is_last = entry.config.get("data_format", "channels_last") == "channels_last"
        places = range(1, len(value.shape) - 1) if is_last else range(2, len(value.shape))
        return function(value, places, bool(entry.config.get("keepdims")))

    return convert


def _distributed(entry: Entry, value: Value) -> Value:
    """A layer on each step; that is the layer itself, since the steps are an axis like any other."""
    inner = shared(
        (id(entry), "layer"), lambda: entry_of(entry.config["layer"], f"{entry.name}/layer", entry.weights.inner("layer"))
    )
    with located(f"its layer {inner.class_name}"):
        if inner.class_name not in DISTRIBUTED:
            raise UnsupportedLayerError(f"fastjac has it on each step for {', '.join(DISTRIBUTED)}")
        _check_layer(inner)
        return _converted(inner, value)


DISTRIBUTED = ("Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "Rescaling")
"""Layers that act along the last axis, or on each unit, whatever axes stand before it."""


def _identity(entry: Entry, value: Value) -> Value:
    """`x`."""
    return value


def _activation(entry: Entry, value: Value) -> Value:
    """The layer's `activation` option: a name, or a layer with options and perhaps weights of its own."""
    if (inner := _inner_layer(entry)) is not None:
        with located(f"its activation {inner.class_name}"):
            return _converted(inner, value)
    option = entry.config["activation"]
    if isinstance(option, str) and option in REFUSED:
        raise UnsupportedLayerError(f"its activation {option!r} is not supported: {REFUSED[option]}")
    if isinstance(option, str) and option in MIXING:
        return MIXING[option](value, own_axes(-1, value))
    if not isinstance(option, str) or option not in ACTIVATIONS:
        raise UnsupportedLayerError(
            f"its activation {_shown(option)} is not among those that fastjac has: {', '.join(ACTIVATIONS)}"
        )
    return apply(value, ACTIVATIONS[option])


def _inner_layer(entry: Entry) -> Entry | None:
    """The layer that is this layer's activation, or None; every call gives the same object."""
    option = inner_layer(entry.config, "activation")
    if option is None:
        return None
    return shared(
        (id(entry), "activation"), lambda: entry_of(option, f"{entry.name}/activation", entry.weights.inner("activation"))
    )


def _shown(activation: Any) -> str:
    """The name of an activation that is not built in: a function is saved by its name, a lambda as code."""
    if isinstance(activation, dict) and isinstance(activation.get("config"), str):
        return repr(activation["config"])
    return repr(activation) if isinstance(activation, str) else "(a lambda or custom object)"


def _in_dimensions(name: str, conversion: Conversion) -> dict[str, Conversion]:
    """The entries of one layer over sequences and over images, "1D" and "2D"."""
    return {f"{name}{rank}D": conversion for rank in (1, 2)}


AT_INFERENCE = "does nothing at inference"
FLATTENED = "samples are flat from the start"
ONLY_ORDER = "only the order of the units"
UNROLLED = "unrolled, step by step"
CONVERTERS: dict[str, Conversion] = {
    "Dense": Conversion(_dense),
    "Activation": Conversion(_activation),
    "ReLU": Conversion(_of_each_unit(relu)),
    "LeakyReLU": Conversion(_of_each_unit(leaky_relu)),
    "PReLU": Conversion(_of_each_unit(prelu)),
    "ELU": Conversion(_of_each_unit(elu)),
    "Softmax": Conversion(softmax),
    "BatchNormalization": Conversion(_of_each_unit(nz.batch_normalization), "statistics folded to one Scale"),
    "LayerNormalization": Conversion(nz.layer_normalization),
    "GroupNormalization": Conversion(nz.group_normalization),
    "RMSNormalization": Conversion(nz.rms_normalization),
    "UnitNormalization": Conversion(nz.unit_normalization),
    "Normalization": Conversion(_of_each_unit(nz.normalization), "mean and deviation as Scale"),
    "Rescaling": Conversion(_of_each_unit(nz.rescaling)),
    "Flatten": Conversion(_flatten, FLATTENED),
    "Reshape": Conversion(_reshape, FLATTENED),
    "Permute": Conversion(_permute, ONLY_ORDER),
    "RepeatVector": Conversion(_repeat),
    **_in_dimensions("Cropping", Conversion(cropping)),
    **_in_dimensions("ZeroPadding", Conversion(zero_padding)),
    **_in_dimensions("Conv", Conversion(_activated(convolution))),
    **_in_dimensions("UpSampling", Conversion(upsampling)),
    **_in_dimensions("MaxPooling", Conversion(max_pooling)),
    **_in_dimensions("AveragePooling", Conversion(average_pooling)),
    **_in_dimensions("GlobalAveragePooling", Conversion(_pooled(rd.reduce_mean))),
    **_in_dimensions("GlobalMaxPooling", Conversion(_pooled(rd.reduce_max))),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose"), Conversion(_activated(transposed_convolution))),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), Conversion(recurrent, UNROLLED)),
    "Bidirectional": Conversion(bidirectional, UNROLLED),
    "TimeDistributed": Conversion(_distributed),
    "Identity": Conversion(_identity),
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"), Conversion(_identity, AT_INFERENCE)),
    **dict.fromkeys((f"SpatialDropout{rank}D" for rank in (1, 2, 3)), Conversion(_identity, AT_INFERENCE)),
    "ActivityRegularization": Conversion(_identity, AT_INFERENCE),
}
"""Every Keras layer of one tensor that fastjac reads, by class name, with what makes another tensor of it."""
