"""The inputs and outputs of a model that the user chooses by name, and the calls that lead from these to those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import OptionError
from ..ir.graph import listed
from ..options import Options
from .calls import Flattened


def chosen(flat: Flattened, inputs: Sequence[str | None], options: Options) -> tuple[Flattened, list[int]]:
    """The calls that the chosen outputs depend on, and the numbers of the model's inputs that they take, in the chosen order.

    inputs : the names of the model's inputs.
    An output is the name of one of the model's, as in `model.output_names`, or of any other layer.

    Raises OptionError where a name is not the model's, or where the inputs are not those that the outputs depend on.
    """
    outputs = flat.outputs if options.outputs is None else _numbers(flat, options.outputs, len(inputs))
    needed = set(outputs)
    for number in range(len(inputs) + len(flat.calls) - 1, len(inputs) - 1, -1):
        if number in needed:
            needed.update(flat.calls[number - len(inputs)].operands)
    used = range(len(inputs)) if options.outputs is None else [number for number in range(len(inputs)) if number in needed]
    order = _in_order({inputs[number]: number for number in used}, options.inputs)
    kept = [*order, *sorted(number for number in needed if number >= len(inputs))]
    places = {number: place for place, number in enumerate(kept)}
    calls = [flat.calls[number - len(inputs)] for number in kept[len(order) :]]
    moved = tuple(replace(call, operands=tuple(places[operand] for operand in call.operands)) for call in calls)
    return Flattened(moved, tuple(places[number] for number in outputs), flat.names), order


def _numbers(flat: Flattened, wanted: Sequence[str], first: int) -> list[int]:
    """The tensors that some names stand for, where the calls' results are numbered from `first` on."""
    known: dict[str, list[int]] = {}
    for number, call in enumerate(flat.calls, first):
        known.setdefault(call.entry.name, []).append(number)
    of_model = {
        name: [number for number, other in zip(flat.outputs, flat.names, strict=True) if other == name] for name in flat.names
    }
    known |= of_model
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise OptionError(
            f"outputs must name some of the model's, which are {listed(list(of_model))}, or other layers of it; "
            f"got {listed(unknown or list(wanted)) or 'none'}"
        )
    return [number for name in wanted for number in known[name]]


def _in_order(found: dict[str | None, int], names: Sequence[str] | None) -> list[int]:
    """The numbers of inputs in the order of the names, if there are any."""
    if names is None:
        return list(found.values())
    known = [name for name in found if name is not None]
    if sorted(names) != sorted(known):
        what = (
            f"must name {listed(known)}, each once, which the outputs depend on"
            if known
            else "has no use, as the input has no name"
        )
        raise OptionError(f"inputs {what}; got {listed(list(names))}")
    return [found[name] for name in names]
