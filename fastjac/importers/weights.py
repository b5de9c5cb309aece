"""Files that hold nothing but named weights, in torch's or anyone's naming: npz, safetensors, torch's own.

The user states the layers; what wrappers of the model put in front of every name is taken off.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import FormatError, OptionError
from .groups import MOST_SHOWN, NAMING, Group, as_groups, listed, registered_twice
from .options import Options
from .parts import Imported
from .reading.limits import MOST_ARRAYS, MOST_LETTERS, check_count
from .state_dict import imported

WRAPPER_PREFIXES = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.")
"""What DataParallel, torch.compile, FullyShardedDataParallel, and Lightning or a user's wrapper put in front of every name."""
MOST_WRAPPERS = 5
"""How many wrappers around each other are taken off; every one of them costs a look at all names."""


def imported_weights(arrays: Mapping[str, np.ndarray], options: Options) -> Imported:
    """The network of a file's weights, whose layers `options.layers` states.

    arrays : names to arrays, in the order of the file; an OrderedDict where that is known to be the order of the layers.

    Raises OptionError where the layers are not stated, with the file's groups of weights and what to pass, or where another
    option is given; whatever `fastjac.from_state_dict` raises where layers and weights do not fit.
    """
    return as_named(without_wrappers(arrays), options)


def as_named(state: Mapping[str, np.ndarray], options: Options) -> Imported:
    """As `imported_weights`, with all names as they are."""
    options.refuse_all_but("layers", "order", "n_in")
    check_count(len(state), MOST_ARRAYS, "arrays")
    check_count(sum(map(len, state)), MOST_LETTERS, "letters in the names of its arrays")
    if not state:
        raise FormatError("it holds no weights; was the right file saved?")
    if options.layers is None:
        raise OptionError(_layers_needed(as_groups(state)))
    return imported(state, options.layers, options.order, options.n_in)


def without_wrappers(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same entries without the prefixes that wrappers put on all names, also wrappers within wrappers."""
    names = list(state)
    for _ in range(MOST_WRAPPERS):
        prefix = next((known for known in WRAPPER_PREFIXES if all(name.startswith(known) for name in names)), "")
        names = [name.removeprefix(prefix) for name in names]
    kind = OrderedDict if isinstance(state, OrderedDict) else dict
    return kind(zip(names, state.values(), strict=True))


def _layers_needed(groups: Sequence[Group]) -> str:
    known = [group for group in groups if group.kind is not None]
    if not known:
        says = "it holds weights and no architecture, and its names do not say what makes one layer"
        return f"{says}: {NAMING}. It holds {_listed(groups)}"
    layers, meaning = _proposal([group.kind for group in known if group.kind is not None])
    note = registered_twice(known)
    if note or not follow_each_other(known):
        layers = "[...], order=[...]"
        note = note or (
            " They do not follow each other, so some belong to another network: order names those of one, from input to output."
        )
    elif len(known) < len(groups):
        layers += f", order={listed([group.name for group in known])}"
        keys = [key for group in groups if group.kind is None for key in group.keys]
        note = f" No layer holds {', '.join(keys[:MOST_SHOWN])}, which order leaves out."
    alone = next((group for group in known if group.kind == "prelu" and np.size(group.fields["weight"]) > 1), None)
    if alone is not None:
        note += f' {alone.keys[0]} alone may also be that of "rms_norm".'
    return (
        f"it holds weights and no architecture, so specify the layers, as in fastjac.load(path, layers={layers}), {meaning}."
        f"{note} Its groups of weights: {_listed(groups)}"
    )


def _proposal(kinds: Sequence[str]) -> tuple[str, str]:
    """A list of layers for groups of these kinds, and what such a list means."""
    if all(kind == "affine" for kind in kinds):
        layers = [*["relu"] * (len(kinds) - 1), "identity"]
        meaning = "which says what follows each affine layer"
    else:
        layers = [*kinds[:-1], "relu", kinds[-1]]
        meaning = "which names every layer in its place, also those without weights"
    if len(layers) > MOST_SHOWN:
        return f'["relu", "relu", ...] with {len(kinds)} entries', meaning
    return "[" + ", ".join(f'"{layer}"' for layer in layers) + "]", meaning


def follow_each_other(groups: Sequence[Group]) -> bool:
    """Whether each affine layer takes as many units as the one before it gives."""
    shapes = [np.shape(group.fields["weight"]) for group in groups if group.kind == "affine"]
    return all(len(behind) != 2 or before[:1] == behind[1:] for before, behind in pairwise(shapes))


def _listed(groups: Sequence[Group]) -> str:
    listed = [f"{group.name or '(no name)'} with {group.shapes}" for group in groups[:MOST_SHOWN]]
    return "; ".join(listed) + (f"; and {len(groups) - MOST_SHOWN} more" if len(groups) > MOST_SHOWN else "")
