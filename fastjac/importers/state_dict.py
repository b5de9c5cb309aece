"""Import weights that come without an architecture: a state dict, and the list of layers that the user knows.

A state dict states which arrays there are and nothing about what stands between them, so the list must state the rest. Every
entry of the list is resolved, every key is used, and what does not follow from the two is asked for, never guessed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import layers as fl
from ..errors import DtypeError, FormatError, LayerError, OptionError
from ..graphs.blocks import Item, Residual
from ..network import Network
from .entries import (
    ACTIVATIONS,
    OF_VECTOR,
    RESIDUAL,
    TAKES,
    LayerEntry,
    all_entries,
    check_options,
    residual_entries,
    takes_weights,
)
from .groups import MOST_SHOWN, NAMING, Group, as_groups, groups_in_order, listed, registered_twice
from .ir.assembly import assemble_row, of_vector
from .located import located
from .parts import Imported, Part


def from_state_dict(
    state: Mapping[str, Any], layers: Sequence[LayerEntry], order: Sequence[str] | None = None, n_in: int | None = None
) -> Network:
    """The network of a state dict's weights and a list of its layers.

    Parameters
    ----------
    state : names to arrays or tensors, as `module.state_dict()` and `safetensors.numpy.load_file` give. Names that differ only
        in their last part form a group, which is one layer: "net.0.weight" and "net.0.bias" are group "net.0". Affine weights
        have shape (n_out, n_in). Where torch's weight_norm or prune stores other arrays, the weight is computed from them.
    layers : the chain from input to output, in one of two forms.

        In full, with every layer that has weights named in its place: "affine", "batch_norm", "layer_norm", "rms_norm" and
        "prelu" each take the next group: `["affine", "batch_norm", "relu", "affine"]`.

        In short, where all groups are affine and none is named: one entry for each, which follows it. `["relu", "relu",
        "softmax"]` stands for affine, relu, affine, relu, affine, softmax. Write "identity" where nothing follows.

        Other entries are names of activations with torch's default options ("relu", "tanh", "gelu", ...), or fastjac layers,
        such as `fastjac.GELU("tanh")`; "glu" halves the units. `("batch_norm", {"eps": 1e-3})` sets the eps of a normalization,
        which a state dict does not hold; otherwise it is torch's default, 1e-5, and for "rms_norm" the step from 1 to the next
        number. `("residual", [...])` is `x + f(x)`, where the list says of f what
        `layers` says of the whole: `[("residual", ["tanh", "identity"])]` for `x + W2 tanh(W1 x)`.
    order : the groups' names from input to output; those that it leaves out are not used. Without it, groups whose names
        differ only in integers come in the order of the integers ("net.2" before "net.10", wherever they stand in the
        mapping); other names come in the order of the mapping, which must then be known to be the order of the layers: a
        plain dict sorted by name, as a safetensors file gives it, is refused.
    n_in : the number of inputs; needed only where no layer states it, as with a single shared PReLU slope.

    Returns
    -------
    Network
        In the precision of the weights: float64 if any is, else float32.

    Raises
    ------
    OptionError
        An entry of `layers` has no meaning, or `order` is needed or does not name the groups.
    DtypeError, ShapeError
        An argument or array is of the wrong type or size; the message names it.
    FormatError
        Keys are left over or missing, or a group does not hold what its layer needs; the message names them.
    LayerError
        The layers do not chain.

    Examples
    --------
    >>> state = {"0.weight": np.eye(2), "0.bias": np.zeros(2), "2.weight": np.ones((1, 2))}
    >>> fj.from_state_dict(state, layers=["tanh", "identity"])
    Network(2-2-1, 3 layers, float64)
    """
    return imported(state, layers, order, n_in).network


def imported(
    state: Mapping[str, Any], layers: Sequence[LayerEntry], order: Sequence[str] | None = None, n_in: int | None = None
) -> Imported:
    """The network and its parts; see `from_state_dict`."""
    if not isinstance(state, Mapping):
        is_list = isinstance(state, (list, tuple))
        pairs = '; of pairs (W, b) make {"0.weight": W, "0.bias": b, ...}, W of shape (n_out, n_in)' if is_list else ""
        raise DtypeError(f"state must map names to arrays, got {type(state).__name__}; pass module.state_dict() or a dict{pairs}")
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise DtypeError(f'layers must be a list such as ["relu", "softmax"], got {layers!r}')
    known = as_groups(state)
    groups = groups_in_order(known, order, isinstance(state, OrderedDict))
    entries = _in_full(layers, groups)
    _check_count(entries, groups)
    row = _Row(iter(groups))
    items, _ = row.resolved(entries, "layers", n_in)
    unused = [group.name for group in known if group not in groups]
    row.parts += [Part(f"{name} (weights)".lstrip(), (), "left out: order does not name it") for name in unused]
    return assemble_row(row.parts, n_in, "n_in=...", items=items)


class _Row:
    """What the entries of a list stand for. Each that has weights takes the next of the groups.

    parts : the parts of the entries that are resolved so far.
    """

    def __init__(self, groups: Iterator[Group]) -> None:
        self._groups = groups
        self.parts: list[Part] = []

    def resolved(self, entries: Sequence[LayerEntry], name: str, size: int | None) -> tuple[list[fl.Layer | Item], int | None]:
        """The items of a list of that name, and how many units they give, where that is known; `size` units stand before them."""
        items: list[fl.Layer | Item] = []
        for position, entry in enumerate(entries):
            place = f"{name}[{position}]"
            inner = residual_entries(entry)
            found: Sequence[fl.Layer | Item]
            if inner is None:
                with located(f"{place} {entry!r:.200}"):
                    source, made = self._resolve(entry, size)
                self.parts.append(Part(source, tuple(layer for item in made for layer in _layers(item))))
                found = made
            else:
                block, size = self.resolved(inner, f"{place}[1]", size)
                with located(f"{place} {entry!r:.200}"):
                    found = [Residual(block)]
            items += found
            size = next((count for item in reversed(found) if (count := _size_behind(item)) is not None), size)
        return items, size

    def _resolve(self, entry: LayerEntry, size: int | None) -> tuple[str, Sequence[fl.Layer | Network]]:
        """The name of one entry in the account, and what it stands for."""
        if isinstance(entry, fl.Layer):
            return f"{type(entry).__name__} (given)", [entry]
        if takes_weights(entry):
            name, options = entry if isinstance(entry, tuple) else (entry, {})
            check_options(name, options)
            group = next(self._groups)
            with located(str(group)):
                return f"{group.name} ({name})".lstrip(), [TAKES[name](group, **options)]
        if isinstance(entry, str) and entry in ACTIVATIONS:
            return f"{entry} (given)", ACTIVATIONS[entry]
        if isinstance(entry, str) and entry in OF_VECTOR:
            if size is None:
                raise LayerError("no layer before it states how many units it takes; pass the number of inputs: n_in=...")
            return f"{entry} (given)", [of_vector(OF_VECTOR[entry], size)]
        if entry == "linear":
            raise OptionError('"linear" means a layer to torch and no activation to Keras; write "affine" or "identity"')
        raise OptionError(f"it is none of {', '.join([*TAKES, RESIDUAL, *ACTIVATIONS, *OF_VECTOR])}, and no fastjac layer")


def _in_full(entries: Sequence[LayerEntry], groups: list[Group]) -> list[LayerEntry]:
    """The list with every layer that has weights named; the short form gets one affine layer before each entry."""
    given = list(all_entries(entries))
    if any(map(takes_weights, given)):
        return list(entries)
    other = next((group for group in groups if not group.is_affine), None)
    if other is not None:
        affine = [group.name for group in groups if group.is_affine]
        leave_out = f"leave out what belongs to no layer by order={listed(affine)}" if other.kind is None and affine else ""
        name_all = 'or name all layers, each in its place, as in ["affine", "batch_norm", "relu"]'
        way = f"{leave_out or 'drop what belongs to no layer'}, {name_all}" if other.name or affine else NAMING
        raise OptionError(
            f"{other} is no affine layer, which has a weight and perhaps a bias: it holds {', '.join(other.keys)}; {way}"
        )
    if len(given) != len(groups):
        raise OptionError(
            f"layers has {len(given)} entries for {len(groups)} affine layers, {listed([group.name for group in groups])}; "
            'give one entry for each, which follows it ("identity" where nothing does), or name every "affine" in its place.'
            + registered_twice(groups)
        )
    return _with_affines(entries)


def _with_affines(entries: Sequence[LayerEntry]) -> list[LayerEntry]:
    """The short form with an affine layer before every entry, also inside blocks."""
    full: list[LayerEntry] = []
    for entry in entries:
        inner = residual_entries(entry)
        full += ["affine", entry] if inner is None else [(RESIDUAL, _with_affines(inner))]
    return full


def _check_count(entries: list[LayerEntry], groups: list[Group]) -> None:
    takers = sum(map(takes_weights, all_entries(entries)))
    if takers > len(groups):
        names = listed([group.name for group in groups])
        raise FormatError(f"layers names {takers} layers with weights, the state dict holds {len(groups)}: {names}")
    if takers < len(groups):
        strange = [group for group in groups if group.kind is None]
        unused = strange if takers == len(groups) - len(strange) else groups[takers:]
        keys = [key for group in unused for key in group.keys]
        kept = [group.name for group in groups if group not in unused]
        raise FormatError(
            f"no entry of layers uses {', '.join(keys[:MOST_SHOWN])}; name every layer in its place, or leave these out by "
            f"order={listed(kept)}"
        )


def _layers(item: fl.Layer | Network) -> Sequence[fl.Layer]:
    return item.layers if isinstance(item, Network) else [item]


def _size_behind(item: fl.Layer | Item) -> int | None:
    """How many units an item gives, where it states that."""
    return item.n_out if isinstance(item, (fl.Layer, Network)) and item.n_out is not None else item.n_in
