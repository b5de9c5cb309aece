"""Running statistics of observations and values: what libraries put before a network and behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ... import layers as fl
from ...errors import FormatError
from ...layers.base import as_float_array
from ..groups import Group
from ..located import located
from ..parts import Part


@dataclass(frozen=True)
class Normalizer:
    """How a library normalizes by a mean and a spread.

    mean, spread : the fields of a group that hold them.
    divisor : makes of the spread what `x - mean` is divided by.
    factor : makes of the spread what a normalized value is multiplied by to be a value again.
    clip : the bound of normalized numbers on both sides, if they have one.
    """

    mean: str
    spread: str
    divisor: Callable[[np.ndarray], np.ndarray]
    factor: Callable[[np.ndarray], np.ndarray]
    clip: float | None = None

    def before(self, group: Group, size: int, dtype: np.dtype) -> Part:
        """`clip((x - mean) / divisor)`, for a network of `size` inputs."""
        mean, spread = self._arrays(group, size)
        with np.errstate(all="ignore"):  # nan, inf and zero give what they give in torch
            weight = (1.0 / self.divisor(spread)).astype(dtype)
            # Two layers: with one, whose bias is the product of mean and weight, float32 would lose the digits of x - mean.
            layers = fl.Scale(1.0, (-mean).astype(dtype)), fl.Scale(weight), *self._clamp()
        return Part(f"{group.name} (normalizer)", layers, f"before the network{self._clip_note()}")

    def behind(self, group: Group, size: int, dtype: np.dtype) -> Part:
        """`mean + factor clip(y)`, for a network of `size` outputs."""
        mean, spread = self._arrays(group, size)
        with np.errstate(all="ignore"):
            scale = fl.Scale(self.factor(spread).astype(dtype), mean.astype(dtype))
        return Part(f"{group.name} (normalizer)", (*self._clamp(), scale), f"undone behind the network{self._clip_note()}")

    def fits(self, group: Group, size: int) -> bool:
        """Whether the group has statistics of so many numbers."""
        return {self.mean, self.spread} <= group.fields.keys() and np.size(group.fields[self.mean]) == size

    def _arrays(self, group: Group, size: int) -> tuple[np.ndarray, np.ndarray]:
        with located(str(group)):
            found = []
            for name in (self.mean, self.spread):
                if name not in group.fields:
                    raise FormatError(f"a normalizer has {self.mean} and {self.spread}, it holds {group.shapes}")
                array = np.ravel(group.fields[name])
                if array.size != size:
                    raise FormatError(f"{name} has {array.size} numbers, the network beside it {size}")
                found.append(as_float_array(array, name, 1).astype(np.float64))
        return found[0], found[1]

    def _clamp(self) -> tuple[fl.Layer, ...]:
        return () if self.clip is None else (fl.Clamp(-self.clip, self.clip),)

    def _clip_note(self) -> str:
        return "" if self.clip is None else f", clipped to [-{self.clip:g}, {self.clip:g}]"


RSL_RL = Normalizer("_mean", "_std", lambda deviation: deviation + 1e-2, lambda deviation: deviation)
RL_GAMES = Normalizer(
    "running_mean", "running_var", lambda variance: np.sqrt(variance + 1e-5), lambda variance: np.sqrt(variance + 1e-5), 5.0
)
SKRL = Normalizer("running_mean", "running_variance", lambda variance: np.sqrt(variance) + 1e-8, np.sqrt, 5.0)
"""Normalizers with the default constants of each library, whose files do not state them."""
