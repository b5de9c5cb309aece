"""The calls of one model in the order in which they compute: a Functional model is walked back from its outputs.

A config names a tensor by the layer that gives it, by the number of the call that gave it, and by its number among the
outputs of that call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from ...errors import FormatError, UnsupportedLayerError

TENSOR = "__keras_tensor__"
"""The class name by which a config marks a tensor among the arguments of a call."""


class Source(NamedTuple):
    """Where a tensor comes from.

    output : its number among the outputs of the call, or None for all of them.
    """

    layer: str
    call: int
    output: int | None

    @property
    def key(self) -> tuple[str, int]:
        """The call that gives it."""
        return self.layer, self.call


@dataclass(frozen=True)
class Step:
    """One call of one layer.

    layer : the layer's config.  call : the number of the call among those of the layer.
    sources : every tensor among the arguments, in order.
    args, options : the arguments by position and by name, as the config has them; options that change nothing are left out.
    """

    layer: dict[str, Any]
    call: int
    sources: tuple[Source, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]


class Calls(NamedTuple):
    """A model's inputs, its calls, each behind the calls whose tensors it takes, and its outputs.

    keys : the key that each input would have in a dict of inputs.
    """

    inputs: tuple[Source, ...]
    keys: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Source, ...]


def functional_calls(config: dict[str, Any], first_calls: dict[str, int]) -> Calls:
    """The calls that the outputs of a Functional model's config depend on.

    first_calls : for layers whose calls the model's outputs do not count from 0, the number of the first call.

    Raises UnsupportedLayerError where a call takes no tensor that comes from the inputs, FormatError where calls run in a circle.
    """
    inputs = tuple(references(config["input_layers"]))
    outputs = tuple(
        source._replace(call=source.call - first_calls.get(source.layer, 0)) for source in references(config["output_layers"])
    )
    keys = sorted(config["input_layers"]) if isinstance(config["input_layers"], dict) else [source.layer for source in inputs]
    return Calls(inputs, tuple(keys), tuple(_walk_back(by_name(config), inputs, outputs)), outputs)


def row_of_calls(layers: list[dict[str, Any]]) -> Calls:
    """The calls of a Sequential model's layers, each on all tensors that the one before it gives."""
    first = last = Source("", 0, None)
    steps = []
    for position, layer in enumerate(layers):
        if layer["class_name"] != "InputLayer":
            # Calls are numbered by position, because a file may give two layers the same name.
            steps.append(Step(layer, position + 1, (last,), (), {}))
            last = Source(layer["config"]["name"], position + 1, None)
    return Calls((first,), ("",), tuple(steps), (last,))


def _walk_back(layers: dict[str, dict[str, Any]], inputs: Iterable[Source], outputs: Iterable[Source]) -> Iterator[Step]:
    """Every call that the outputs depend on, once, behind the calls whose tensors it takes."""
    starts = dict.fromkeys(source.layer for source in inputs)
    waiting = [source.key for source in outputs][::-1]
    open_steps: dict[tuple[str, int], Step] = {}
    done: set[tuple[str, int]] = set()
    while waiting:
        key = waiting[-1]
        if key in open_steps:
            yield open_steps.pop(key)
            done.add(key)
        if key in done or key[0] in starts:
            waiting.pop()
            continue
        step = open_steps[key] = _step(layers[key[0]], key[1], starts)
        for source in reversed(step.sources):
            if source.key in open_steps:
                raise FormatError(f"the model's graph runs in a circle through layer {source.layer!r}")
            waiting.append(source.key)


def _step(layer: dict[str, Any], call: int, starts: Iterable[str]) -> Step:
    if not layer["inbound_nodes"]:
        names = ", ".join(repr(name) for name in islice(starts, 10))
        raise UnsupportedLayerError(
            f"layer {layer['config']['name']!r} takes nothing from the model's input {names}; fastjac takes models whose outputs "
            "depend on their inputs alone"
        )
    node = layer["inbound_nodes"][call]
    options = {name: value for name, value in node["kwargs"].items() if not _is_off(value)}
    return Step(layer, call, tuple(tensors([node["args"], node["kwargs"]])), tuple(node["args"]), options)


def _is_off(option: Any) -> bool:
    """Whether an option changes nothing: None or False, or lists and dicts of these, such as the masks of several tensors."""
    return all(map(_is_off, in_order(option))) if isinstance(option, (dict, list, tuple)) else option in (None, False)


def by_name(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The layers of a model's config by the names that its graph calls them."""
    return {entry["config"]["name"]: entry for entry in config["layers"]}


def tensors(arguments: Any) -> Iterator[Source]:
    """Every tensor in any nesting of lists and dicts of arguments, in Keras's order."""
    if is_tensor(arguments):
        yield Source(*arguments["config"]["keras_history"])
    elif isinstance(arguments, (dict, list, tuple)):
        for value in in_order(arguments):
            yield from tensors(value)


def references(ends: Any) -> Iterator[Source]:
    """The inputs or outputs of a model: each `[name, call, output]`, in any nesting of lists and dicts."""
    if isinstance(ends, (list, tuple)) and ends and isinstance(ends[0], str):
        yield Source(*ends[:3])
    else:
        for inner in in_order(ends):
            yield from references(inner)


def in_order(values: Any) -> Iterable[Any]:
    """What a list or dict holds; Keras sorts a dict by its keys."""
    return (values[key] for key in sorted(values)) if isinstance(values, dict) else values


def is_tensor(value: Any) -> bool:
    """Whether an argument of a call is a tensor."""
    return isinstance(value, dict) and value.get("class_name") == TENSOR
