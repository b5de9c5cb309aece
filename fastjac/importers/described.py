"""The network that the header of fastjac's own file describes, in the form that `fastjac.saving` states.

Files may come from anywhere: every number is checked before it is used, and how large a network may be is bounded.
Sizes and other things that do not fit together are refused by the public classes, since the network is built of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import FormatError
from ..graphs.blocks import Parallel, Residual
from ..graphs.nodes import Input, Node
from ..layers import Layer
from ..layers.joins import Join
from ..network import Network
from .located import located
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count


def restored(described: Any, layers: Sequence[Layer], dtype: str) -> Network:
    """The network of a JSON object that refers to layers by their numbers; every layer must be used.

    Raises FormatError for an object that is damaged or too large, and what Network raises where layers do not fit.
    """
    described_network = _Description(layers)
    network = described_network.network(described, "the network", dtype)
    unused = [number for number in range(len(layers)) if number not in described_network.used]
    if unused:
        raise FormatError(f"layer {unused[0]} stands nowhere in the network; the file was changed after it was written")
    return network


def is_count(value: Any) -> bool:
    """Whether the value is a positive whole number."""
    return type(value) is int and value > 0


class _Description:
    """Reads JSON objects, and counts what they ask for."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._count = 0
        self.used: set[int] = set()

    def network(self, described: Any, place: str, dtype: str | None = None) -> Network:
        """The network of a JSON object."""
        inputs = self._inputs(_field(described, "inputs", list, place), place)
        if "sequence" in described:
            if len(inputs) != 1:
                raise FormatError(f"{place} is a sequence, so it must have one input, the header gives {len(inputs)}")
            items = self._items(described["sequence"], f"the sequence of {place}")
            with located(place):
                made = Network(items, n_in=inputs[0].size, dtype=dtype)
        else:
            outputs = self._outputs(described, inputs, place)
            with located(place):
                made = Network(inputs=inputs, outputs=outputs, dtype=dtype)
        check_count(max(vertex.size for vertex in made._graph.vertices), MOST_UNITS, "units in a layer")
        return made

    def _inputs(self, described: list[Any], place: str) -> list[Input]:
        check_count(len(described), MOST_LAYERS, "inputs")
        for entry in described:
            named = isinstance(entry, dict) and isinstance(entry.get("name"), str | None)
            if not named or not is_count(entry.get("size")):
                raise FormatError(f"an input of {place} must have a positive size and a name or null, it is {entry!r:.80}")
            check_count(entry["size"], MOST_UNITS, "units in an input")
        return [Input(entry["size"], entry.get("name")) for entry in described]

    def _outputs(self, described: Any, inputs: Sequence[Node], place: str) -> list[Node]:
        nodes = list(inputs)
        for entry in _field(described, "vertices", list, place):
            here = f"vertex {len(nodes)} of {place}"
            if not isinstance(entry, list) or len(entry) < 2:
                raise FormatError(f"{here} must list a layer and the vertices that it takes, it is {entry!r:.80}")
            layer = self._layer(entry[0], here)
            first, *others = _all_numbered(entry[1:], nodes, f"{here}, which takes vertices before it,")
            if others and not isinstance(layer, Join):
                raise FormatError(
                    f"{here} is a {type(layer).__name__}, which takes one vertex, the header gives {len(entry) - 1}"
                )
            with located(here):
                nodes.append(layer(first, *others))
            check_count(nodes[-1].size, MOST_UNITS, "units in a vertex")
        outputs = _field(described, "outputs", list, place)
        check_count(len(outputs), MOST_LAYERS, "outputs")
        return _all_numbered(outputs, nodes, f"an output of {place}")

    def _items(self, described: Any, place: str) -> list[Any]:
        if not isinstance(described, list):
            raise FormatError(f"{place} must be a list of items, it is {described!r:.80}")
        self._count_one_more()
        return [self._item(entry, f"item {position} of {place}") for position, entry in enumerate(described)]

    def _item(self, described: Any, place: str) -> Any:
        if not isinstance(described, dict):
            return self._layer(described, place)
        if "residual" in described:
            shortcut = described.get("shortcut")
            layers = self._items(described["residual"], place)
            branch = None if shortcut is None else self._items(shortcut, f"the shortcut of {place}")
            with located(place):
                return Residual(layers, branch)
        if "parallel" in described:
            branches = enumerate(_field(described, "parallel", list, place))
            items = [self._items(branch, f"branch {number} of {place}") for number, branch in branches]
            with located(place):
                return Parallel(items, _field(described, "join", str, place))
        return self.network(described, place)

    def _layer(self, number: Any, place: str) -> Layer:
        """The layer of this number."""
        self._count_one_more()
        layer = _numbered(number, self._layers, f"the layer of {place}")
        self.used.add(number)
        return layer

    def _count_one_more(self) -> None:
        """Count one more place of a layer, or one more list of items."""
        self._count += 1
        check_count(self._count, MOST_LAYERS, "layers and blocks")


def _all_numbered(numbers: list[Any], things: Sequence[Any], place: str) -> list[Any]:
    return [_numbered(number, things, place) for number in numbers]


def _numbered(number: Any, things: Sequence[Any], place: str) -> Any:
    if type(number) is not int or not 0 <= number < len(things):
        raise FormatError(f"{place} must be a number from 0 to {len(things) - 1}, the header gives {number!r:.80}")
    return things[number]


def _field(described: Any, name: str, kind: type, place: str) -> Any:
    if not isinstance(described, dict) or not isinstance(described.get(name), kind):
        raise FormatError(f"{place} must be a JSON object with {name}, a {kind.__name__}; it is {described!r:.80}")
    return described[name]
