"""What the forward of a program takes: tensors, and tuples of tensors such as the state and the cell of a recurrent layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...arguments import positive_count
from ...errors import DtypeError, OptionError, UnsupportedLayerError
from ..ir.sources import Source
from ..reading.limits import MOST_ENDS, check_count
from .trees import Function

TENSOR, TENSORS = re.compile(r"Tensor|Optional\[Tensor\]"), re.compile(r"(Optional\[)?Tuple\[Tensor(, ?Tensor)*\]\]?")

WRAPPED = ": wrap the module in one whose forward takes these tensors one by one, and hands them to it as a dictionary"


@dataclass(frozen=True)
class Taken:
    """A parameter of forward that is an input of the network, or several.

    count : the number of tensors in a tuple; None for a tensor.
    """

    name: str
    count: int | None

    @property
    def names(self) -> list[str]:
        """The names of the inputs; those of a tuple end with their numbers."""
        return [self.name] if self.count is None else [f"{self.name}.{number}" for number in range(self.count)]

    def bound(self, tensors: Iterator[Any]) -> Any:
        """The value of the parameter: the next tensor, or a tuple of the next ones."""
        return next(tensors) if self.count is None else tuple(next(tensors) for _ in range(self.count))


def taken(forward: Function, chosen: Sequence[str] | None) -> list[Taken]:
    """The parameters of forward that may be inputs of the network, those that are named first, and those without a default."""
    parameters = dict(list(forward.parameters.items())[1:])
    check_count(len(parameters), MOST_ENDS, "inputs")
    needed = [name for name, parameter in parameters.items() if parameter.default is None]
    named = list(chosen or ())
    if chosen is not None and (not set(named) <= set(parameters) or len(set(named)) != len(named)):
        raise other_inputs(needed, list(parameters), named)
    names = [*named, *(name for name in needed if name not in named)]
    if not names:
        raise UnsupportedLayerError("forward takes no input; fastjac takes networks, not constants")
    return [Taken(name, _count(name, parameters[name].kind)) for name in names]


def other_inputs(needed: Sequence[str], parameters: Sequence[str], named: Sequence[str]) -> OptionError:
    """The error for names of inputs that are not those of a program."""
    return OptionError(
        f"inputs must name {', '.join(needed) or 'some'} of forward's parameters {', '.join(parameters)}; got "
        f"{', '.join(map(str, named))}"
    )


def _count(name: str, kind: str) -> int | None:
    if TENSOR.fullmatch(kind):
        return None
    if not TENSORS.fullmatch(kind):
        advice = WRAPPED if "Dict" in kind else ""
        raise UnsupportedLayerError(
            f"forward takes {name!r:.80}, a {kind:.200}; fastjac takes tensors, and tuples of tensors{advice}"
        )
    count = kind.count("Tensor")
    check_count(count, MOST_ENDS, "inputs")
    return count


def stated(names: Sequence[str], input_shape: Any) -> list[Source]:
    """The inputs with the shapes that a user states; OptionError unless there is one shape for each input.

    For an only input, ints in a tuple are its shape; for several inputs, each int is the size of one.
    """
    is_one = isinstance(input_shape, int) or (
        len(names) == 1
        and isinstance(input_shape, (tuple, list))
        and all(size is None or isinstance(size, int) for size in input_shape)
    )
    shapes = [input_shape] if is_one else input_shape
    if not isinstance(shapes, (tuple, list)) or len(shapes) != len(names):
        raise OptionError(f"input_shape must state one shape for each of {', '.join(names)}; got {input_shape!r:.200}")
    return [_stated(name, shape) for name, shape in zip(names, shapes, strict=True)]


def _stated(name: str, given: Any) -> Source:
    shape = (given,) if isinstance(given, int) else given
    if not isinstance(shape, (tuple, list)) or shape.count(None) > 1:
        raise DtypeError(
            "input_shape must hold for each input the shape of one sample, or a shape with None for the axis of the samples; "
            f"got {given!r:.100}"
        )
    sizes = (None, *shape) if None not in shape else tuple(shape)
    return Source.of(name, tuple(positive_count(size, "input_shape") or 1 for size in sizes), sizes.index(None))
