"""Read a torch file: its container, then its state dict, then the network of the user's layers with these weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import OptionError
from ..located import located
from ..options import Options
from ..parts import Imported
from ..policies import checkpoints
from ..policies.checkpoints import Checkpoint
from ..policies.libraries import CHECKPOINTS, recognised
from ..reading.limits import MOST_LETTERS, check_count
from ..reading.probe import Probe
from ..reading.records import Call
from ..weights import as_named, imported_weights, without_wrappers
from .checkpoint import MOST_SHOWN, StateDict, entries_of, left_out, numbered, state_dicts
from .container import is_legacy, is_zip, opened
from .records import is_module
from .tensors import Tensors, is_tensor
from .whole import whole_module, whole_state

Owner = tuple[StateDict, str]
"""The dict that a tensor stands in, and its name there."""


def recognise(probe: Probe) -> bool:
    """Whether torch.save wrote the file, in its zip format or the one before torch 1.6."""
    return is_zip(probe) or is_legacy(probe)


def load(probe: Probe, options: Options) -> Imported:
    """Read the state dict in a torch file; `options.layers` specifies the layers, which the file does not.

    A module that was saved as a whole specifies its layers itself, except what classes other than torch's compute, which
    `options.classes` lists. For a checkpoint of reinforcement learning that `policies.libraries` knows, `options.policy` names
    the network instead. From several state dicts, `options.order` picks groups of weights, whose names then begin with the keys
    that lead to them. Nothing that the file names is imported or called.

    Raises FormatError where the file is damaged or holds no state dict, or where a state dict holds something that is no tensor;
    OptionError where the layers are needed, or several state dicts leave a choice; and what `fastjac.from_state_dict` raises.
    """
    with opened(probe) as (saved, storages):
        value, tensors = numbered(saved), Tensors(storages, probe.size)
        module = _module_in(value)
        if module is not None:
            return _whole(module, tensors, options)
        found = state_dicts(value)
        chosen, imported = _from_states(found, tensors, options)
    return replace(imported, parts=(*left_out(value, chosen), *imported.parts))


def _from_states(found: list[StateDict], tensors: Tensors, options: Options) -> tuple[list[StateDict], Imported]:
    """The state dicts of a file whose weights the network has, and the network."""
    owners = _owners(found) if options.layers is None or len(found) > 1 else {}
    if options.layers is None:
        agent = recognised({checkpoints.without_wrappers(name) for name in owners})
        if agent is not None or options.policy is not None:
            return _agent(agent, found, owners, tensors, options)
    if len(found) == 1:
        kind = OrderedDict if found[0].is_ordered else dict
        return found, imported_weights(kind(arrays_of(found[0].tensors(), tensors)), options)
    chosen, named = _chosen(found, owners, options.order)
    return chosen, as_named(arrays_of(named, tensors), options)


def _whole(module: Call, tensors: Tensors, options: Options) -> Imported:
    """The network of a whole module, or of its weights alone where the user specifies the layers."""
    if options.layers is None:
        return whole_module(module, tensors, options)
    return imported_weights(OrderedDict(whole_state(module, tensors)), options)


def _module_in(value: Any) -> Call | None:
    """The whole module that was saved, alone or in a dict that holds no other module and no weights; None where there is none."""
    if is_module(value):
        return value
    entries = (entries_of(value) or {}).values()
    inside = [entry for entry in entries if is_module(entry)]
    return inside[0] if len(inside) == 1 and not any(map(is_tensor, entries)) else None


def _agent(
    known: Checkpoint | None, found: list[StateDict], owners: Mapping[str, Owner], tensors: Tensors, options: Options
) -> tuple[list[StateDict], Imported]:
    """The state dicts of an agent in a known checkpoint, and the network of that agent that the user names."""
    if known is None:
        libraries = ", ".join(dict.fromkeys(checkpoint.library for checkpoint in CHECKPOINTS))
        raise OptionError(
            f"policy={options.policy!r:.80} is for the agents of {libraries}, and the names in the file are those of none; pass "
            f"layers=[...]. {_choice(found, list(owners))}"
        )
    checkpoints.check_policy(known, options)
    unwrapped = {checkpoints.without_wrappers(key): owner for key, owner in owners.items()}
    chosen, wanted = _of_owners(found, {key: owner for key, owner in unwrapped.items() if known.reads(key)})
    return chosen, checkpoints.imported_agent(known, arrays_of(wanted, tensors), options)


def _owners(found: list[StateDict]) -> dict[str, Owner]:
    """For the full name of each tensor, the dict that it stands in and its name there."""
    letters = sum(len(part) + 1 for state in found for name in state.names() for part in (*state.path, name))
    check_count(letters, MOST_LETTERS, "letters in the names of its tensors")
    return {".".join((*state.path, name)): (state, name) for state in found for name in state.names()}


def _chosen(
    found: list[StateDict], owners: Mapping[str, Owner], order: Sequence[str] | None
) -> tuple[list[StateDict], dict[str, Call]]:
    """The state dicts that the groups in `order` belong to, and the tensors of these groups by their full names."""
    owners = without_wrappers(owners)
    starts = tuple(f"{group}." for group in order) if isinstance(order, (list, tuple)) else ()
    if not starts or not all(any(key.startswith(start) for key in owners) for start in starts):
        raise OptionError(_choice(found, list(owners)))
    return _of_owners(found, {key: owner for key, owner in owners.items() if key.startswith(starts)})


def _of_owners(found: list[StateDict], owners: Mapping[str, Owner]) -> tuple[list[StateDict], dict[str, Call]]:
    """The state dicts that these tensors stand in, and the tensors."""
    held = {id(state) for state, _ in owners.values()}
    chosen = [state for state in found if id(state) in held]
    tensors = {state.path: state.tensors() for state in chosen}
    return chosen, {key: tensors[state.path][name] for key, (state, name) in owners.items()}


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
