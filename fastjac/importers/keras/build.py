"""From a Keras config and its weights to a network; a live model and every file share this step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from math import prod
from typing import NamedTuple

import numpy as np

from ...errors import LayerError, UnsupportedLayerError
from ...graphs.nodes import Input, Node
from ..ir.account import Account, accounting
from ..ir.assembly import assemble, input_flow, output_node, samples_beside
from ..ir.record import Record
from ..ir.values import Flow
from ..located import located, malformed_as_error
from ..options import Options
from ..parts import Imported
from ..reading.limits import MOST_UNITS, check_count
from .arithmetic import Operand, Precision
from .arrays import float_type
from .calls import Call, Flattened, flatten
from .choosing import chosen
from .config import Config, Weights, check_model, input_shapes
from .inputs import Shape, filled, resolved
from .layers import check_known, note, result_of


class Built(NamedTuple):
    """A network with the parts that it came from, and the shape of one sample at each of its inputs."""

    imported: Imported
    shapes: list[tuple[int, ...]]


def build(model: Config, weights: Weights, options: Options) -> Built:
    """The network of a model's config and weights, from the inputs to the outputs that the options choose.

    The option input_shape is needed only where the model does not state it.
    """
    check_model(model)
    names, stated = zip(*input_shapes(model), strict=True)
    flat, order = chosen(flatten(model, weights), names, options)
    shapes = resolved([stated[number] for number in order], options.input_shape)
    check_known(flat.calls)
    full = _filled(shapes, flat)
    is_double = _is_double(model, flat)
    with accounting(Account()):
        inputs = [Input(prod(shape), names[number]) for shape, number in zip(full, order, strict=True)]
        outputs, record = _evaluated(flat, inputs, full, np.float64 if is_double else np.float32)
        imported = assemble(inputs, outputs, record, np.dtype(np.float64) if is_double else None)
    return Built(imported, full)


def _is_double(model: Config, flat: Flattened) -> bool:
    """Whether a layer computes in float64.

    The config must state it, since a float64 layer may hold only single numbers, whose type is lost. Operations have no precision
    of their own, so where there are no other layers, the inputs state it.
    """
    layers = [call.entry.config for call in flat.calls if not call.entry.is_operation]
    inputs = [layer["config"] for layer in model["config"]["layers"] if layer["class_name"] == "InputLayer"]
    return any(float_type(config) is np.float64 for config in layers or inputs)


def _filled(shapes: Sequence[Shape], flat: Flattened) -> list[tuple[int, ...]]:
    """The shape of one sample at each input; where there is only one input, the first layer with weights may state its size."""
    found = list(shapes)
    if len(found) == 1 and not _is_known(found[0]) and (size := _first_size(flat.calls)) is not None:
        found = [filled(found[0], size)]
    for shape in found:
        if not _is_known(shape):
            raise LayerError(
                f"no layer states how many inputs the network has, whose samples are of shape {shape}; pass it: "
                "fastjac.from_keras(model, input_shape=...), with the model live in Keras"
            )
        check_count(prod(shape), MOST_UNITS, "units in a layer")  # type: ignore[arg-type]  # every size is known here
    return [tuple(shape) for shape in found]  # type: ignore[arg-type]


def _is_known(shape: Shape) -> bool:
    return shape is not None and None not in shape


def _first_size(calls: Sequence[Call]) -> int | None:
    """How many units the first layer with weights takes: a kernel's rows, or the entries of another array."""
    for call in calls:
        if shapes := call.entry.weights.shapes():
            return shapes[0][0 if call.entry.class_name == "Dense" else -1] if shapes[0] else None
    return None


def _evaluated(
    flat: Flattened, inputs: Sequence[Input], shapes: Sequence[tuple[int, ...]], precision: Precision
) -> tuple[list[Node], Record]:
    """The nodes of a model's outputs, and what its calls have made."""
    samples = samples_beside(size for shape in shapes for size in shape)
    values: list[Operand] = [input_flow(node, (1, *shape), 0, samples) for node, shape in zip(inputs, shapes, strict=True)]
    record = Record()
    for position, call in enumerate(flat.calls):
        with located(f"layer {position} {call.entry}"):
            value = result_of(call, [values[operand] for operand in call.operands], precision)
            values.append(value)
            made = [value.node] if isinstance(value, Flow) else []
            record.add(repr(call.entry.name), call.entry.class_name, made, note(call.entry))
    outputs = []
    for number in flat.outputs:
        value = values[number]
        if not isinstance(value, Flow):
            raise UnsupportedLayerError(
                "an output of the model is what a comparison gives; fastjac takes outputs that are numbers"
            )
        outputs.append(output_node(value, str(number)))
    return outputs, record


def malformed_config_as_error(what: str) -> AbstractContextManager[None]:
    """Turn what reading a config with missing or mistyped entries raises into a FormatError; `what` names the config."""
    return malformed_as_error(f"{what} does not describe a model as Keras does")
