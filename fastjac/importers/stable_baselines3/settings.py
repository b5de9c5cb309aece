"""What the JSON of a stable-baselines3 archive states: the policy's class and options, and what it observes and does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FormatError
from ..reading import jsontext

LONGEST_BOUNDS = 100_000
"""The most letters of an array as text. NumPy leaves out the middle of an array of more than a thousand numbers."""
OMISSION = "..."


@dataclass(frozen=True)
class Space:
    """A space of observations or actions.

    kind : the name of its class, such as "Box".
    entries : what the JSON says about it.
    """

    kind: str
    entries: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of its elements, None where that is not stated."""
        sizes = self.entries.get("_shape", self.entries.get("shape"))
        known = isinstance(sizes, list) and all(type(size) is int and 0 < size < 2**31 for size in sizes)
        return tuple(sizes) if known else None

    @property
    def is_image(self) -> bool:
        """Whether stable-baselines3 takes its elements for images: three axes of bytes that reach from 0 to 255."""
        bounds = self._one_bound("low"), self._one_bound("high")
        return self.entries.get("dtype") == "uint8" and len(self.shape or ()) == 3 and bounds == (0, 255)

    def bounds(self, size: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The least and the greatest of each of `size` numbers, (size,) float64 each; None where the JSON does not say."""
        low, high = (self._all_bounds(name, size) for name in ("low", "high"))
        if low is None or high is None:
            return None
        if not np.all(low <= high):
            raise FormatError("the space of actions has a lower bound above its upper bound; the archive is damaged")
        return low, high

    def _all_bounds(self, name: str, size: int) -> np.ndarray | None:
        text = self.entries.get(name)
        if not isinstance(text, str) or len(text) > LONGEST_BOUNDS or OMISSION in text:
            return None
        numbers = _numbers(text)
        if numbers.size != size:
            raise FormatError(f"the space of actions has {numbers.size} numbers in {name}, the network gives {size}")
        return numbers

    def _one_bound(self, name: str) -> float | None:
        """The bound that all numbers share, else None; of a long array, only the ends are written out and compared."""
        text = self.entries.get(name)
        if not isinstance(text, str) or len(text) > LONGEST_BOUNDS:
            return None
        numbers = _numbers(text.replace(OMISSION, " "))
        return float(numbers[0]) if numbers.size and np.all(numbers == numbers[0]) else None


@dataclass(frozen=True)
class Settings:
    """What an archive states besides its weights.

    module : where the policy's class is defined, such as "stable_baselines3.sac.policies".
    options : the policy's options that differ from its defaults.
    """

    module: str
    options: Mapping[str, Any]
    observation: Space
    action: Space

    def flag(self, name: str, default: bool) -> bool:
        """An option that is true or false."""
        return {"True": True, "False": False}.get(str(self.options.get(name)), default)

    def number(self, name: str, default: float) -> float:
        """An option that is a number; FormatError where it is none."""
        value = self.options.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e30:
            raise FormatError(f"policy_kwargs states {name}={value!r:.80}, which is no number")
        return float(value)

    def class_name(self, name: str) -> str | None:
        """The class that an option names, with its module; None where the option is not given, its text where it is no class."""
        value = self.options.get(name)
        if value is None:
            return None
        found = re.fullmatch(r"<class '([\w.<>]{1,200})'>", str(value)[:300])
        return found[1] if found else str(value)[:200]


def read(content: bytes) -> Settings:
    """The settings in the JSON of an archive; FormatError where it is damaged or does not state the policy."""
    data = jsontext.read_object(content, "data")
    policy = data.get("policy_class")
    module = policy.get("__module__") if isinstance(policy, dict) else None
    if not isinstance(module, str):
        raise FormatError("data does not state policy_class and its module, as every version of stable-baselines3 does")
    options = data.get("policy_kwargs")
    return Settings(module, options if isinstance(options, dict) else {}, _space(data, "observation"), _space(data, "action"))


def _space(data: Mapping[str, Any], what: str) -> Space:
    entries = data.get(f"{what}_space")
    if not isinstance(entries, dict):
        raise FormatError(f"data does not state {what}_space, as every version of stable-baselines3 does")
    return Space(str(entries.get(":type:"))[:200].rstrip("'>").rpartition(".")[2], entries)


def _numbers(text: str) -> np.ndarray:
    """The numbers of an array of any shape as NumPy writes it."""
    words = re.sub(r"[\[\],]", " ", text).split()
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise FormatError(f"an array in data must consist of numbers, it is {text!r:.80}") from error
