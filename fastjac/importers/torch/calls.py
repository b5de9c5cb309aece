"""What a forward was recorded to do: calls of torch's operators, and what they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .places import Place


@dataclass(frozen=True)
class Variable:
    """A tensor that depends on the inputs, by its number among all that a forward makes."""

    number: int


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that does not depend on the inputs, as it was when an operator took it.

    entries : a copy.  tensor : itself, or None for what is no tensor of the module's.
    leaf : the parameter that it is, or is computed from, and of which torch would record the gradient; None where there is none.
    """

    entries: np.ndarray
    tensor: Any = None
    leaf: Any = None


@dataclass(frozen=True)
class Call:
    """One operator that a forward calls.

    name : by torch's own list, without the underscore of one in place.
    args, options : where tensors are Variable and Given.
    results : the numbers of the variables that it makes.
    cuts_off : whether torch records no gradient through it.
    """

    name: str
    args: Sequence[Any]
    options: dict[str, Any]
    results: Sequence[int]
    place: Place
    cuts_off: bool

    def given(self) -> Iterator[Given]:
        """The tensors that it takes and that do not depend on the inputs."""
        return (one for one in leaves((self.args, self.options)) if isinstance(one, Given))


def leaves(value: Any) -> Iterator[Any]:
    """All that stands in tuples, lists and dictionaries inside one another."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def tensors_in(value: Any) -> Iterator[Any]:
    """All tensors in tuples, lists and dictionaries inside one another."""
    return (one for one in leaves(value) if isinstance(one, torch.Tensor))
