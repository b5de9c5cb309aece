"""A graph of torch.export: its inputs and outputs, and how its nodes are carried out in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....arguments import positive_count
from ....errors import FormatError, LayerError, UnsupportedLayerError
from ...ir.missing import Missing, refuse_missing
from ...ir.sources import Source
from ...located import located
from ...precision import refuse_rounding
from ...reading.limits import MOST_ENDS, MOST_LAYERS, MOST_NESTING, check_count
from ..aten.arithmetic import ARITHMETIC
from ..aten.evaluation import Evaluation, called
from ..aten.operators import is_known, missing
from ..aten.values import NUMBER_OF_TYPE
from ..inputs import other_inputs
from .described import argument_of, as_dict, dict_of, has_name, items_of, keys_of, list_of, name_of, only, text_of
from .weights import TYPES, Weights, integer

ATEN, PYTHON = "torch.ops.aten.", "_operator."
FLOATS = ("float32", "float64")
PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_string", "as_strings", "as_bool", "as_bools")
NAMED = ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor")
LISTS = ("as_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors")
PLACES = ("as_device", "as_memory_format", "as_layout")
PYTHON_OPERATORS: dict[str, Callable[..., Any]] = {
    **{name: ARITHMETIC[name] for name in ("add", "sub", "mul", "floordiv", "pow", "neg", "eq", "ne", "lt", "le", "gt", "ge")},
    "truediv": ARITHMETIC["div"],
    "mod": ARITHMETIC["remainder"],
    "and_": ARITHMETIC["__and__"],
    "or_": ARITHMETIC["__or__"],
    "not_": ARITHMETIC["__not__"],
}
"""Python's functions of sizes, by their names in Python's module `operator`."""


@dataclass(frozen=True)
class Node:
    """One operator of a graph.

    target : the operator's name with its overload.  label : the node's name in the graph.
    inputs : its arguments with their names in torch's schema.  outputs : descriptions of its results.
    """

    target: str
    label: str
    inputs: Sequence[tuple[str, Any]]
    outputs: Sequence[Any]

    @property
    def name(self) -> str:
        """The operator's name without its library and overload."""
        return self.target.removeprefix(ATEN).partition(".")[0]

    @property
    def called(self) -> str:
        """The operator's name if it is one of torch's own, else the whole target."""
        return self.name if _is_atens(self.target) else self.target

    @property
    def place(self) -> str:
        """The node in messages: its label and target."""
        return f"{self.label:.80} ({self.target:.80})"


class Graph:
    """A graph and its signature, from parsed JSON."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        graph, signature = dict_of(module, "graph"), dict_of(module, "signature")
        self.nodes = [_node(one) for one in list_of(graph, "nodes", MOST_LAYERS)]
        self._shapes = dict_of(graph, "tensor_values")
        self._inputs = [only(one, "an input") for one in list_of(signature, "input_specs", 10 * MOST_ENDS)]
        self._outputs = [only(one, "an output") for one in list_of(signature, "output_specs", MOST_ENDS)]
        self._keys = keys_of(module)

    def refuse_missing(self) -> None:
        """Raise UnsupportedLayerError for the first operator that fastjac does not have; the message counts all of them."""
        unknown = [node for node in self.nodes if not _has(node.target)]
        refuse_missing((Missing(node.place, node.target, missing(node.called)) for node in unknown), "nodes")

    def sources(self, n_in: int | None, chosen: Sequence[str] | None) -> list[Source]:
        """The inputs of the graph, those that the user chose first."""
        names = [
            name_of(spec.get("arg")) for kind, spec in self._inputs if kind == "user_input" and "as_tensor" in argument_of(spec)
        ]
        if not names:
            raise UnsupportedLayerError("it takes no tensor as its input; fastjac takes networks, not constants")
        named = list(chosen or ())
        if not set(named) <= set(names) or len(set(named)) != len(named):
            raise other_inputs(names, names, named)
        wanted = [*named, *(name for name in names if name not in named)]
        return [self._source(name, n_in if len(names) == 1 else None) for name in wanted]

    def _source(self, name: str, n_in: int | None) -> Source:
        """An input. Its first axis counts samples where the graph leaves the size of that axis open."""
        with located(f"input {name!r:.80}"):
            meta = dict_of(self._shapes, name)
            dtype = TYPES.get(meta["dtype"], "") if isinstance(meta.get("dtype"), int) else ""
            if dtype not in FLOATS:
                raise UnsupportedLayerError(f"it holds {dtype or 'no numbers'}; fastjac takes inputs of {' or '.join(FLOATS)}")
            sizes = [None if "as_expr" in one else integer(one) for one in list_of(meta, "sizes", 16)]
            is_open = bool(sizes) and sizes[0] is None
            shape = [1, *sizes[1:]] if is_open else sizes
            given = positive_count(n_in, "n_in")
            if shape.count(None) == 1 and given is not None:
                shape[shape.index(None)] = given
            if None in shape:
                raise LayerError(
                    "its size is open along another axis than the first, so the number of units is not known; pass it as "
                    "n_in, where it is one axis, or export the program with a fixed size"
                )
            return Source.of(name, tuple(size or 1 for size in shape), 0 if is_open else None, dtype)

    def run(self, evaluation: Evaluation, weights: Weights, inputs: Mapping[str, Any]) -> Any:
        """What the graph gives: a dict of its outputs by name, the key where the program returns a dict of tensors."""
        values: dict[str, Any] = {}
        for kind, spec in self._inputs:
            _set_input(values, kind, spec, weights, inputs)
        for node in self.nodes:
            with located(node.place):
                _compute(node, values, evaluation)
        found: dict[str, Any] = {}
        for number, (kind, spec) in enumerate(self._outputs):
            if kind == "user_output":
                arg = argument_of(spec)
                name = name_of(arg) if "as_tensor" in arg else f"output {number}"
                found[name if name not in found else f"{name} {number}"] = _argument(arg, values)
            elif kind != "token":
                raise UnsupportedLayerError(
                    f"it changes what it holds as it runs ({kind:.40}); export the model in evaluation mode"
                )
        return dict(zip(self._keys, found.values(), strict=True)) if len(self._keys) == len(found) else found


def _set_input(values: dict[str, Any], kind: str, spec: Mapping[str, Any], weights: Weights, inputs: Mapping[str, Any]) -> None:
    keys = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
    if kind == "user_input":
        arg = argument_of(spec)
        if "as_tensor" in arg:
            values[name_of(arg)] = inputs[name_of(arg)]
    elif kind in keys:
        target = spec.get(keys[kind])
        if not isinstance(target, str):
            raise FormatError(f"a {kind} of its graph has no name; the file is damaged")
        values[name_of(spec.get("arg"))] = _Lazy(weights, target)
    elif kind == "constant_input":
        values[name_of(spec)] = next(iter(argument_of(spec, "value").values()), None)
    else:
        raise UnsupportedLayerError(f"its graph takes a {kind:.40}; fastjac takes tensors and numbers")


@dataclass(frozen=True)
class _Lazy:
    """A tensor of the archive that is read when a node takes it."""

    weights: Weights
    name: str


def _compute(node: Node, values: dict[str, Any], evaluation: Evaluation) -> None:
    arguments = {name: _argument(arg, values) for name, arg in node.inputs}
    if node.target.startswith(PYTHON):
        name = node.target.removeprefix(PYTHON)
        made = called(_item if name == "getitem" else PYTHON_OPERATORS[name], list(arguments.values()), {})
    else:
        made = evaluation.call(node.name, (), arguments, node.label)
    outputs = node.outputs
    if len(outputs) == 1 and isinstance(outputs[0], dict) and "as_tensors" in outputs[0]:
        outputs = [{"as_tensor": one} for one in items_of(outputs[0]["as_tensors"])]
        made = made if isinstance(made, list) else [made]
    results = made if isinstance(made, list) and (len(outputs) > 1 or len(made) == len(outputs)) else [made]
    for output, result in zip(outputs, results, strict=False):
        if isinstance(output, dict) and not output.get("as_none"):
            values[name_of(output)] = result


def _item(values: Any, number: Any = 0) -> Any:
    if not isinstance(values, list) or not isinstance(number, int) or not -len(values) <= number < len(values):
        raise FormatError("it takes an entry out of what is no list of so many; the file is damaged")
    return values[number]


def _argument(arg: Any, values: Mapping[str, Any], depth: int = 0) -> Any:
    """The value that the description of an argument stands for."""
    check_count(depth, MOST_NESTING, "levels of arguments inside arguments")
    if not isinstance(arg, dict) or len(arg) != 1:
        raise FormatError("an argument of a node is not one thing of one kind; the file is damaged")
    ((kind, value),) = arg.items()
    if kind in PLAIN:
        return _number(value) if kind == "as_float" else value
    if kind in NAMED:
        return _value(value, values, depth)
    if kind in LISTS:
        return [_value(one, values, depth) for one in items_of(value)]
    if kind == "as_none" or kind in PLACES:
        return None
    if kind == "as_scalar_type":
        name = TYPES.get(value, "") if isinstance(value, int) else ""
        if name not in NUMBER_OF_TYPE:
            refuse_rounding(f"torch.export's type {value!s:.20}")
        return NUMBER_OF_TYPE[name]
    raise UnsupportedLayerError(f"it takes an argument of kind {kind:.40}, which fastjac does not read")


def _number(value: Any) -> Any:
    """A number. JSON has none for infinity and NaN, so these stand as text."""
    return float(value) if value in ("Infinity", "-Infinity", "NaN") else value


def _value(one: Any, values: Mapping[str, Any], depth: int) -> Any:
    """A value by its name, or a number that stands in its place."""
    if isinstance(one, dict) and not {"name", "as_name"} & set(one):
        return _argument(one, values, depth + 1)
    name = name_of(one)
    if name not in values:
        raise FormatError(f"it takes {name!r:.80}, which nothing before it gives; the file is damaged")
    found = values[name]
    return found.weights[found.name] if isinstance(found, _Lazy) else found


def _node(described: Any) -> Node:
    if not isinstance(described, dict) or not isinstance(described.get("target"), str):
        raise FormatError("a node of its graph has no target; the file is damaged")
    inputs = [(text_of(as_dict(one), "name"), as_dict(one).get("arg")) for one in list_of(described, "inputs", MOST_LAYERS)]
    outputs = list_of(described, "outputs", MOST_LAYERS)
    label = described.get("name") or next((name_of(one) for one in outputs if has_name(one)), "node")
    return Node(described["target"], str(label)[:200], inputs, outputs)


def _has(target: str) -> bool:
    if target.startswith(PYTHON):
        name = target.removeprefix(PYTHON)
        return name == "getitem" or name in PYTHON_OPERATORS
    return _is_atens(target) and is_known(target.removeprefix(ATEN).partition(".")[0])


def _is_atens(target: str) -> bool:
    return target.startswith(ATEN)
