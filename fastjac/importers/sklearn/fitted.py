"""A fitted estimator as its class and attributes, alike for a live one and for one that a file describes.

Nothing else about an estimator is used: a file holds nothing else, and properties and methods of a live one may compute anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...errors import DtypeError, FormatError
from ...table import format_name
from ..ir.account import hold
from ..reading.records import Call, Name
from ..tensors import as_numpy


class Source(Protocol):
    """Where estimators come from, and the precision of the arrays that were read so far.

    has_double, has_single : whether there were float64 arrays, and float32 ones, among them.
    version : the version of the scikit-learn that made the estimators, where these do not state it themselves.
    """

    version: str

    has_double: bool
    has_single: bool

    def plain(self, value: Any) -> Any:
        """The value of an attribute, with arrays as NumPy arrays; estimators in it stay as they are."""

    def fitted(self, value: Any) -> Fitted | None:
        """The estimator that a value stands for, None if it stands for none."""

    def function(self, value: Any) -> str | None:
        """The name of a function of NumPy or SciPy, such as "numpy.log1p"; None for any other value."""


@dataclass(frozen=True)
class Fitted:
    """An estimator: the name and the module of its class, and what its attributes hold."""

    name: str
    module: str
    attributes: Mapping[str, Any]
    source: Source

    @property
    def version(self) -> tuple[int, ...]:
        """The first two numbers of the version of the scikit-learn that made it."""
        parts = str(self.get("_sklearn_version", self.source.version)).split(".")[:2]
        return tuple(int(part) for part in parts if part.isdecimal() and len(part) < 5)

    def has(self, name: str) -> bool:
        """Whether it has an attribute that is not None."""
        return self.attributes.get(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        return self.source.plain(self.attributes[name]) if name in self.attributes else default

    def required(self, name: str) -> Any:
        """The value of an attribute that every fitted estimator of this class has; FormatError where it is missing."""
        if not self.has(name):
            raise FormatError(f"it has no {name}, which scikit-learn gives a fitted {self.name}; fit it, or save it again")
        return self.get(name)

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether an option is set."""
        value = self.get(name, default)
        if not isinstance(value, (bool, int, np.bool_, np.integer)):
            raise FormatError(f"its {name} must be True or False, got {kind(value)}")
        return bool(value)

    def text(self, name: str, default: str | None = None) -> str:
        """An option that is a word."""
        value = self.required(name) if default is None else self.get(name, default)
        if not isinstance(value, str):
            raise FormatError(f"its {name} must be text, got {kind(value)}")
        return value

    def items(self, name: str) -> Sequence[Any]:
        """The list or tuple that an attribute holds."""
        value = self.required(name)
        if not isinstance(value, (list, tuple)):
            raise FormatError(f"its {name} must be a list, got {kind(value)}")
        return value

    def array(self, name: str, *ndims: int) -> np.ndarray:
        """An array of real numbers that has one of these numbers of axes."""
        return self.numbers(self.required(name), name, *ndims)

    def numbers(self, value: Any, name: str, *ndims: int) -> np.ndarray:
        """What an attribute called `name` holds, or one of its items, as an array of real numbers."""
        if hasattr(value, "toarray") or is_inert(value):
            raise DtypeError(f"one of its {name} is a {kind(value)}; put its .toarray() in its place")
        array = as_numpy(value)
        hold(array.size)
        if array.dtype.kind not in "fiub":
            raise DtypeError(f"its {name} must hold real numbers, got {array.dtype}")
        if ndims and array.ndim not in ndims:
            raise FormatError(f"its {name} must have {' or '.join(map(str, ndims))} axes, got shape {array.shape}")
        if hasattr(value, "dtype"):
            self.source.has_single |= array.dtype in (np.float32, np.float16)
            self.source.has_double |= array.dtype == np.float64
        return array

    def estimator(self, name: str) -> Fitted:
        """The estimator that an attribute holds."""
        return self.as_estimator(self.required(name), name)

    def as_estimator(self, value: Any, name: str) -> Fitted:
        """The estimator that a value of the attribute `name` stands for; FormatError if it is none."""
        found = self.source.fitted(value)
        if found is None:
            raise FormatError(f"its {name} must hold estimators, got {kind(value)}")
        return found

    def step(self, value: Any, name: str) -> Fitted | None:
        """As `as_estimator`, but None for a step that lets all columns pass."""
        return None if value is None or is_word(value, "passthrough") else self.as_estimator(value, name)


def is_word(value: Any, *words: str) -> bool:
    """Whether a value is one of these texts."""
    return isinstance(value, str) and value in words


def is_inert(value: Any) -> bool:
    """Whether a value is an object that a pickle describes and nobody made."""
    return isinstance(value, (Call, Name))


def kind(value: Any) -> str:
    """What a value is, for a message."""
    return str(value)[:80] if is_inert(value) else type(value).__name__


def shown(value: Any) -> str:
    """A label or name, which may come from a file, short and in letters that can be printed."""
    text = str(value) if isinstance(value, (str, int, float, bool, np.generic)) else type(value).__name__
    return format_name(text)
