"""Read a torch file: its container, then its state dict, then the network that the user's layers make of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...errors import OptionError
from ..located import located
from ..options import Options
from ..parts import Imported
from ..reading.limits import MOST_LETTERS, check_count
from ..reading.probe import Probe
from ..reading.records import Call
from ..weights import as_named, imported_weights, without_wrappers
from .checkpoint import MOST_SHOWN, StateDict, left_out, state_dicts
from .container import is_legacy, is_zip, opened
from .tensors import Tensors


def recognise(probe: Probe) -> bool:
    """Whether torch.save wrote the file, in its zip format or the one before torch 1.6."""
    return is_zip(probe) or is_legacy(probe)


def load(probe: Probe, options: Options) -> Imported:
    """Read the state dict in a torch file; `options.layers` tells the layers, which the file does not.

    Of several state dicts, `options.order` picks the groups of weights, whose names then begin with the keys that lead to them.
    Nothing that the file names is imported or called.

    Raises FormatError where it is damaged, holds no state dict, or where one holds something that is no tensor; OptionError
    where the layers are needed, or several state dicts leave a choice; and what `fastjac.from_state_dict` raises.
    """
    with opened(probe) as (value, storages):
        found = state_dicts(value)
        tensors = Tensors(storages, probe.size)
        if len(found) == 1:
            chosen = found
            kind = OrderedDict if found[0].is_ordered else dict
            imported = imported_weights(kind(arrays_of(found[0].tensors(), tensors)), options)
        else:
            chosen, named = _chosen(found, options.order)
            imported = as_named(arrays_of(named, tensors), options)
    return replace(imported, parts=(*left_out(value, chosen), *imported.parts))


def _chosen(found: list[StateDict], order: Sequence[str] | None) -> tuple[list[StateDict], dict[str, Call]]:
    """The state dicts that the groups in `order` belong to, and the tensors of these groups by their full names."""
    letters = sum(len(part) + 1 for state in found for name in state.names() for part in (*state.path, name))
    check_count(letters, MOST_LETTERS, "letters in the names of its tensors")
    owners = without_wrappers({".".join((*state.path, name)): (state, name) for state in found for name in state.names()})
    starts = tuple(f"{group}." for group in order) if isinstance(order, (list, tuple)) else ()
    if not starts or not all(any(key.startswith(start) for key in owners) for start in starts):
        raise OptionError(_choice(found, list(owners)))
    wanted = {key: owner for key, owner in owners.items() if key.startswith(starts)}
    chosen = [state for state in found if any(state is owner for owner, _ in wanted.values())]
    tensors = {state.path: state.tensors() for state in chosen}
    return chosen, {key: tensors[state.path][name] for key, (state, name) in wanted.items()}


def _choice(found: list[StateDict], names: list[str]) -> str:
    groups = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    paths = ", ".join(".".join(state.path) or "the outermost" for state in found[:MOST_SHOWN])
    return (
        f"the file holds {len(found)} dicts of weights ({paths}), so pass the names of the groups that make the network, from "
        f"input to output: order=[...] with some of {', '.join(groups[: 2 * MOST_SHOWN])}"
    )


def arrays_of(tensors: Mapping[str, Call], reader: Tensors) -> dict[str, np.ndarray]:
    """The numbers of tensors, by the same names."""
    arrays = {}
    for name, tensor in tensors.items():
        with located(f"{name!r:.200}"):
            arrays[name] = reader.array(tensor)
    return arrays
