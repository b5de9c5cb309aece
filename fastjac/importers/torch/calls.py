"""The records of a forward: its calls of torch's operators, and what these take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .places import Place


@dataclass(frozen=True)
class Variable:
    """A tensor that depends on the inputs, given by its number among all such tensors of a forward."""

    number: int


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that does not depend on the inputs, as it was when an operator took it.

    entries : a copy of its entries.  tensor : the tensor itself, or None for entries that belong to no tensor of the module.
    leaf : the parameter that the tensor is, or is computed from, if torch would record that parameter's gradient; else None.
    """

    entries: np.ndarray
    tensor: Any = None
    leaf: Any = None


@dataclass(frozen=True)
class Call:
    """One operator that a forward calls.

    name : the operator's name in torch's own list; for an operator in place, without its underscore.
    args, options : its arguments; a Variable or a Given stands for each tensor.
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
        """The tensors among its arguments that do not depend on the inputs."""
        return (one for one in leaves((self.args, self.options)) if isinstance(one, Given))


def leaves(value: Any) -> Iterator[Any]:
    """All values in tuples, lists and dictionaries inside one another."""
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
