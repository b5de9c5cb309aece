"""The networks of an agent by the names that a library gives their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ... import layers as fl
from ...errors import FormatError, LayerError, OptionError
from ...graphs.nodes import Input, concatenate
from ...layers.base import as_float_array
from ..groups import Group
from ..ir.assembly import assemble, assemble_row
from ..ir.record import Record
from ..parts import Imported, Part
from .mlp import STATE_LAYERS, MakeActivation, Weights, dtype_of, input_size, numbered, output_size
from .normalizers import Normalizer

MakeNetwork = Callable[[Weights, MakeActivation], Imported]


@dataclass(frozen=True)
class Row:
    """A row of linear layers, perhaps with a head of another name as the last one, and statistics before and behind.

    rows : the names that the row may have.
    heads : the names that the head may have. The first name that the weights have is taken; without a head, the row has the last
        layer.
    normalizer : how statistics are used.
    before, behind : the names of groups of statistics; one of them may be there.
    note : what happens to the outputs that the file does not state.
    """

    rows: tuple[str, ...]
    heads: tuple[str, ...] = ()
    normalizer: Normalizer | None = None
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    note: str = ""

    def __call__(self, weights: Weights, activation: MakeActivation) -> Imported:
        row = next((name for name in self.rows if weights.below(name)), self.rows[0])
        head = next((name for name in self.heads if weights.get(name)), None)
        parts = weights.row(row, activation, ends=head is not None)
        if head is not None:
            parts.append(weights.affine(head))
        first, last = self._normalized(weights, parts)
        output = [Part("output", (), self.note)] if self.note else []
        return assemble_row([*first, *parts, *last, *output], None, "n_in=...", dtype_of(parts))

    def _normalized(self, weights: Weights, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """What the statistics of inputs become, and those of outputs."""
        used = self.normalizer
        if used is None:
            return [], []
        n_in, n_out, dtype = input_size(parts), output_size(parts), dtype_of(parts)
        first = [used.before(group, n_in, dtype) for group in _chosen(weights, self.before, used, n_in)]
        return first, [used.behind(group, n_out, dtype) for group in _chosen(weights, self.behind, used, n_out)]


def _chosen(weights: Weights, names: Sequence[str], normalizer: Normalizer, size: int) -> list[Group]:
    """The statistics among these names that a network has, one group or none; where there are several, the one of its size."""
    found = [group for group in map(weights.get, names) if group is not None]
    fitting = [group for group in found if normalizer.fits(group, size)]
    if len(fitting) > 1:
        several = " and ".join(group.name for group in fitting)
        raise OptionError(f"{several} have statistics of {size} numbers, the file does not state which are used; {STATE_LAYERS}")
    return fitting if len(found) > 1 else found


@dataclass(frozen=True)
class SquashedActor:
    """Linear layers fc1, fc2 and so on, the mean, then `tanh(mean) action_scale + action_bias`."""

    root: str
    mean: str

    def __call__(self, weights: Weights, activation: MakeActivation) -> Imported:
        parts = _numbered(weights, self.root, activation)
        parts += [activation(), weights.affine(f"{self.root}.{self.mean}")]
        scale = _scale(weights.get(self.root), output_size(parts), dtype_of(parts))
        parts += [Part("action (Tanh)", (fl.Tanh(),)), Part("action_scale, action_bias", (scale,))]
        return assemble_row(parts, None, "n_in=...", dtype_of(parts))


@dataclass(frozen=True)
class PairCritics:
    """Critics of linear layers fc1, fc2 and so on, which take an observation and the action of `actor`; each gives an output."""

    roots: tuple[str, ...]
    actor: SquashedActor

    def __call__(self, weights: Weights, activation: MakeActivation) -> Imported:
        rows = [_numbered(weights, root, activation) for root in self.roots if weights.below(root)]
        if not rows:
            raise FormatError("it holds no critic behind the actor; the file is damaged, or of another script")
        n_action = output_size([weights.affine(f"{self.actor.root}.{self.actor.mean}")])
        return pair_network(rows, n_action, Part("action", (), "scaled to its bounds, as the actor gives it"))


def pair_network(rows: Sequence[Sequence[Part]], n_action: int, *before: Part) -> Imported:
    """A network of an observation and an action. Each row of layers takes both, one behind the other, and gives one output.

    before : parts in front of the rows; their layers act on the observation.
    """
    n_both = input_size(rows[0])
    if not 0 < n_action < n_both:
        raise LayerError(f"the critics take {n_both} numbers, the actor gives {n_action}, which leaves none for observations")
    observation, action = Input(n_both - n_action, "observation"), Input(n_action, "action")
    record = Record()
    joined = concatenate([record.row(observation, before), action])
    record.add("observation and action", "Concatenate", [joined])
    return assemble([observation, action], [record.row(joined, row) for row in rows], record)


def _numbered(weights: Weights, root: str, activation: MakeActivation) -> list[Part]:
    """The linear layers fc1, fc2 and so on, with an activation between them."""
    numbers = numbered((group.name.removeprefix(f"{root}.") for group in weights.below(root)), "fc")
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        held = ", ".join(f"fc{number}" for number in numbers[:5]) or "none"
        raise FormatError(f"of the linear layers fc1, fc2 and so on, {root} holds {held}; it is damaged, or of another script")
    parts = [part for number in numbers for part in (weights.affine(f"{root}.fc{number}"), activation())]
    return parts[:-1]


def _scale(group: Group | None, size: int, dtype: np.dtype) -> fl.Layer:
    """`action_scale y + action_bias`"""
    arrays = []
    for name in ("action_scale", "action_bias"):
        if group is None or name not in group.fields:
            raise FormatError(f"it holds no {name}, by which the action is scaled; the file is damaged, or of another script")
        array = as_float_array(np.ravel(group.fields[name]), name, 1)
        if array.size not in (1, size):
            raise FormatError(f"{name} has {array.size} numbers, an action {size}")
        arrays.append(np.broadcast_to(array, (size,)).astype(dtype))
    return fl.Scale(*arrays)
