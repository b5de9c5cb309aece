"""The inputs of a module: their names in its forward, and the shapes that the user states."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...arguments import positive_count
from ...errors import DtypeError, OptionError
from .modified import wrapped

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Inputs:
    """The inputs that a module is called with, in order.

    names : their names in its forward.
    shapes : the shape of one sample of each, None where the user states none.
    """

    names: tuple[str, ...]
    shapes: tuple[Shape | None, ...]


def inputs_of(module: Any, input_shape: Any = None) -> Inputs:
    """The inputs that a module's forward requires; where more shapes are stated, as many of its optional inputs as well.

    Raises DtypeError for what is no shape, OptionError where there are too few or too many shapes.
    """
    required, taken = _arguments(module)
    stated = _one_for_each(input_shape, max(1, len(required)))
    shapes = tuple(None if one is None else _shape(one) for one in stated)
    names = [*taken, *(["x"] if not taken else [])]
    if not max(1, len(required)) <= len(shapes) <= len(names):
        wanted = f"{len(required)} inputs, {', '.join(required)}" if len(required) > 1 else "one input"
        raise OptionError(
            f"input_shape must state one shape for each input, and the module's forward takes {wanted}; got {input_shape!r:.100}"
        )
    return Inputs(tuple(names[: len(shapes)]), shapes)


def _arguments(module: Any) -> tuple[list[str], list[str]]:
    """The names of the arguments that a forward requires by position, and of all that it takes by position."""
    while (inner := wrapped(module)) is not None:
        module = inner
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # a forward not of Python, such as a scripted one, which is refused later
        return [], []
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for p in positional if p.default is p.empty], [p.name for p in positional]


def _one_for_each(given: Any, count: int) -> Sequence[Any]:
    """The shapes that are stated, one for each input; there are at least `count` inputs."""
    if given is None:
        return (None,) * count
    if not isinstance(given, (list, tuple)) or (count == 1 and not any(isinstance(part, (list, tuple)) for part in given)):
        return (given,)
    return given


def _shape(given: Any) -> Shape:
    sizes: Sequence[Any] = given if isinstance(given, (list, tuple)) else [given]
    if not sizes or None in sizes:
        raise DtypeError(f"input_shape must hold a positive integer, or a tuple of them, for each input; got {given!r:.100}")
    return tuple(positive_count(size, "input_shape") or 0 for size in sizes)
