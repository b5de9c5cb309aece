"""From a Keras config and its weights to a network; what a live model and every file have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ...errors import FastjacError, FormatError, LayerError
from ...nodes import Input, Node
from ..located import located
from ..parts import Imported, Part, assemble_graph, check_layers
from ..reading.limits import MOST_UNITS, check_count
from .arrays import float_type
from .calls import Flattened, flatten
from .config import Config, Weights, check_model, input_shapes
from .inputs import Shape, filled, resolved
from .layers import convert, note
from .recipe import Recipe
from .shapes import units


class Built(NamedTuple):
    """A network with the parts that it came from, and the shape of one sample at each of its inputs."""

    imported: Imported
    shapes: list[tuple[int, ...]]


def build(model: Config, weights: Weights, input_shape: Any = None) -> Built:
    """The network of a model's config and weights; input_shape is needed only where the model does not state it."""
    check_model(model)
    names, stated = zip(*input_shapes(model), strict=True)
    shapes = resolved(stated, input_shape)
    flat = flatten(model, weights)
    is_double = _is_double(model, flat)
    recipes = convert(flat.calls, shapes, np.float64 if is_double else np.float32)
    parts = [Part(str(call.entry), recipe.layers, note(call.entry)) for call, recipe in zip(flat.calls, recipes, strict=True)]
    check_layers(parts)
    inputs = [Input(_size(shape, parts, len(shapes)), name) for shape, name in zip(shapes, names, strict=True)]
    outputs = _recorded(flat, recipes, inputs)
    imported = assemble_graph(inputs, outputs, parts, np.dtype(np.float64) if is_double else None)
    return Built(imported, [filled(shape, node.size) for shape, node in zip(shapes, inputs, strict=True)])


def _is_double(model: Config, flat: Flattened) -> bool:
    """Whether a layer computes in float64, which may hold nothing but single numbers, whose type is lost.

    Operations have no precision of their own, so where there is nothing else, the inputs tell.
    """
    layers = [call.entry.config for call in flat.calls if not call.entry.is_operation]
    inputs = [layer["config"] for layer in model["config"]["layers"] if layer["class_name"] == "InputLayer"]
    return any(float_type(config) is np.float64 for config in layers or inputs)


def _size(shape: Shape, parts: Sequence[Part], n_inputs: int) -> int:
    """The number of units at an input; that of an only input may also be stated by the first layer that states any."""
    size = units(shape)
    if size is None and n_inputs == 1:
        size = next((layer.n_in for part in parts for layer in part.layers if layer.n_in is not None), None)
    if size is None:
        raise LayerError(
            "no layer tells how many inputs the network has; pass it: fastjac.from_keras(model, input_shape=...), with the model "
            "live in Keras"
        )
    check_count(size, MOST_UNITS, "units in a layer")
    return size


def _recorded(flat: Flattened, recipes: Sequence[Recipe], inputs: Sequence[Node]) -> list[Node]:
    """The nodes of a model's outputs."""
    nodes = list(inputs)
    for position, (call, recipe) in enumerate(zip(flat.calls, recipes, strict=True)):
        with located(f"layer {position} {call.entry}"):
            nodes.append(recipe.record([nodes[operand] for operand in call.operands]))
            check_count(nodes[-1].size, MOST_UNITS, "units in a layer")
    return [nodes[number] for number in flat.outputs]


@contextmanager
def malformed_told(what: str) -> Iterator[None]:
    """Turn what reading a config that lacks or mistypes something raises into a FormatError; `what` names the config."""
    try:
        yield
    except FastjacError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{what} does not describe a model as Keras does: {error!r:.200}") from error
