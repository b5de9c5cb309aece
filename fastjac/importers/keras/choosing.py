"""The inputs and outputs of a model that the user chooses by name, and the calls that lead from these to those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...errors import OptionError
from ..ir.graph import listed
from ..ir.sources import chosen_inputs, named_outputs
from ..options import Options
from .calls import Flattened

Named = tuple[str, int]
"""The name of a tensor, and its number."""


def chosen(flat: Flattened, inputs: Sequence[str | None], options: Options) -> tuple[Flattened, list[int]]:
    """The calls that the chosen outputs depend on, and the numbers of the model's inputs that they take, in the chosen order.

    inputs : the names of the model's inputs.
    An output is the name of one of the model's, as in `model.output_names`, or of any other layer.

    Raises OptionError where a name is not the model's, or where the inputs are not those that the outputs depend on.
    """
    named = list(zip(flat.names, flat.outputs, strict=True))
    outputs = named if options.outputs is None else _named(flat, named, options.outputs, len(inputs))
    needed = {number for _, number in outputs}
    for number in range(len(inputs) + len(flat.calls) - 1, len(inputs) - 1, -1):
        if number in needed:
            needed.update(flat.calls[number - len(inputs)].operands)
    all_used = options.outputs is None and options.inputs is None
    used = [number for number in range(len(inputs)) if all_used or number in needed]
    order = _in_order({inputs[number]: number for number in used}, options.inputs)
    kept = [*order, *sorted(number for number in needed if number >= len(inputs))]
    places = {number: place for place, number in enumerate(kept)}
    calls = [flat.calls[number - len(inputs)] for number in kept[len(order) :]]
    moved = tuple(replace(call, operands=tuple(places[operand] for operand in call.operands)) for call in calls)
    return Flattened(moved, tuple(places[number] for _, number in outputs), tuple(name for name, _ in outputs)), order


def _named(flat: Flattened, named: Sequence[Named], wanted: Sequence[str], first: int) -> list[Named]:
    """The tensors that some names stand for, where the calls' results are numbered from `first` on.

    named : the model's outputs, whose names come before those of other layers.
    """
    of_model = _by_name(named)
    known = _by_name((call.entry.name, number) for number, call in enumerate(flat.calls, first)) | of_model
    names = named_outputs(of_model, wanted, known, beside=", or other layers of it")
    return [(name, number) for name in names for number in known[name]]


def _by_name(named: Iterable[Named]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, number in named:
        found.setdefault(name, []).append(number)
    return found


def _in_order(found: dict[str | None, int], names: Sequence[str] | None) -> list[int]:
    """The numbers of inputs in the order of the names, if there are any."""
    if names is None:
        return list(found.values())
    known = [name for name in found if name is not None]
    if names and not known:
        raise OptionError(f"inputs has no use, as the input has no name; got {listed(list(names))}")
    return [found[name] for name in chosen_inputs(known, names)]
