"""From an actor's last linear layer to the action that `predict(deterministic=True)` gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import layers as fl
from ...layers import Layer
from ..parts import Part
from ..policies.mlp import dtype_of, output_size
from .settings import Settings

UNKNOWN_BOUNDS = "the archive does not state the bounds of actions in words"
DISCRETE = {
    "Discrete": "predict chooses the action of the largest output",
    "MultiDiscrete": "predict chooses the largest of each action's outputs",
    "MultiBinary": "predict gives 1 where an output is above 0",
}
"""What `predict` does with the outputs, by the kind of the space of actions."""


def as_given(parts: Sequence[Part], settings: Settings) -> list[Part]:
    """The mean of an action, clipped to its bounds as `predict` does; squashed where an option says so."""
    if settings.action.kind in DISCRETE:
        return [*parts, chosen(settings)]
    if settings.flag("squash_output", False):
        return squashed(parts, settings)
    size = output_size(parts)
    bounds = settings.action.bounds(size)
    if bounds is None:
        return [*parts, Part("action", (), f"{UNKNOWN_BOUNDS}, to which predict clips the outputs")]
    return [*parts, Part("action", _clipped(*bounds, dtype_of(parts)), "clipped to its bounds")]


def squashed(parts: Sequence[Part], settings: Settings) -> list[Part]:
    """The tanh of the outputs, scaled from [-1, 1] to the bounds of actions."""
    behind = [*parts, Part("action (Tanh)", (fl.Tanh(),))]
    bounds = settings.action.bounds(output_size(parts))
    if bounds is None:
        return [*behind, Part("action", (), f"{UNKNOWN_BOUNDS}, to which predict scales the outputs from [-1, 1]")]
    half, middle = _halves(*bounds)
    return [*behind, Part("action", (_scale(half, middle, dtype_of(parts)),), "scaled from [-1, 1] to its bounds")]


def chosen(settings: Settings) -> Part:
    """A note on outputs from which `predict` chooses an action."""
    return Part(f"action ({settings.action.kind})", (), DISCRETE.get(settings.action.kind, ""))


def _clipped(low: np.ndarray, high: np.ndarray, dtype: np.dtype) -> tuple[Layer, ...]:
    """`min(max(x, low), high)`; bounds that differ from unit to unit are first scaled to [-1, 1]."""
    if np.all(low == low[0]) and np.all(high == high[0]):
        return (fl.Clamp(float(low[0]), float(high[0])),)
    half, middle = _halves(low, high)
    step = np.where(half > 0, half, 1.0)
    return _scale(1 / step, -middle / step, dtype), fl.Clamp(-1.0, 1.0), _scale(half, middle, dtype)


def _halves(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = (high - low) / 2
    return half, low + half


def _scale(weight: np.ndarray, bias: np.ndarray, dtype: np.dtype) -> Layer:
    return fl.Scale(weight.astype(dtype), bias.astype(dtype))
