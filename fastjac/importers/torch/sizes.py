"""The shapes of inputs that the user does not state: the first weight or constant that each input meets shows its shape.

The forward runs on samples of a size that no tensor of the module has, until a tensor of that size meets a weight of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from ..torch_program.widths import BESIDE, MEETS
from .calls import tensors_in
from .inputs import Shape
from .running import FailedError

FIRST_SIZE = 97
"""The size tried for the first input whose shape is not stated; each next input has a larger one. Few sizes of a module are
multiples of these."""

COPIES = ("clone", "detach", "lift_fresh", "to", "_to_copy")
"""Operators that show nothing of a tensor; what they give is a tensor of the same size."""


class _FoundError(BaseException):
    """The shape of an input has been found, so that the forward need not run any further."""

    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__()
        self.name, self.shape = name, shape


def shapes_met(module: Any, run: Callable[[Mapping[str, Shape]], Any], shapes: Mapping[str, Shape | None]) -> dict[str, Shape]:
    """The shapes of all inputs whose shapes are stated, that meet a weight, or that no operator takes: those may have any shape.

    run : runs the module on samples of given shapes.

    Raises FailedError where the module fails on samples of one axis.
    """
    found = {name: shape for name, shape in shapes.items() if shape is not None}
    sizes = _unlikely_sizes(module)
    guesses = {name: (next(sizes),) for name in shapes if name not in found}
    for _ in range(len(guesses)):
        try:
            with _Meetings({size: name for name, (size,) in guesses.items() if name not in found}) as meetings:
                run({name: found.get(name) or guesses[name] for name in shapes})
            return found | dict.fromkeys(meetings.not_taken(), (1,))
        except _FoundError as error:
            found[error.name] = error.shape
        except FailedError:
            unknown = [name for name in shapes if name not in found]
            fits = [size for size in _own_sizes(module) if _runs(run, found | {unknown[0]: (size,)})] if len(unknown) == 1 else []
            if len(fits) != 1:
                raise
            found[unknown[0]] = (fits[0],)
    return found


def _runs(run: Callable[[Mapping[str, Shape]], Any], shapes: Mapping[str, Shape]) -> bool:
    try:
        run(shapes)
    except FailedError:
        return False
    return True


def _own_sizes(module: Any) -> list[int]:
    """The sizes of the last axes of the module's tensors."""
    held = (*module.parameters(), *module.buffers())
    return list(dict.fromkeys(tensor.shape[-1] for tensor in held if tensor.ndim))


def _unlikely_sizes(module: Any) -> Iterator[int]:
    """Numbers that are not the size of any axis of the module's tensors."""
    held = {size for tensor in (*module.parameters(), *module.buffers()) for size in tensor.shape}
    size = FIRST_SIZE
    while True:
        if size not in held:
            yield size
        size += 6


class _Meetings(TorchDispatchMode):
    """Watches for a tensor whose last axis has an input's size and which meets a weight of another size.

    names : the names of inputs, by their sizes.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self._names = names
        self._taken: set[str] = set()

    def not_taken(self) -> set[str]:
        """The inputs that no operator has taken, but for copies that no other operator has taken."""
        return set(self._names.values()) - self._taken

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::").removesuffix("_")
        tensors = list(tensors_in((args, kwargs)))
        for tensor in tensors:
            size = tensor.shape[-1] if tensor.ndim else 0
            if size in self._names and name not in COPIES:
                self._taken.add(self._names[size])
            if size in self._names and (shape := self._met(name, tensor, tensors, args, kwargs)) and shape[-1] not in self._names:
                raise _FoundError(self._names[size], shape)
        return func(*args, **kwargs)

    def _met(self, name: str, tensor: Any, tensors: Sequence[Any], args: Any, kwargs: Any) -> Shape | None:
        """The shape of samples that an operator shows when it takes a tensor of an unlikely size; None where it shows none."""
        if name in MEETS:
            width = MEETS[name](args, kwargs)
        elif name in ("view", "reshape"):
            width = args[1][-1] if isinstance(args[1], (list, tuple)) and len(args[1]) == 2 else None
        elif name in BESIDE:
            return next((_sample_shape(one) for one in tensors if one is not tensor and one.ndim and one.shape[-1] > 1), None)
        else:
            width = None
        return (width,) if isinstance(width, int) and width > 0 else None


def _sample_shape(constant: Any) -> Shape:
    """The shape of a sample, from a constant beside it, which may have an axis of size 1 for the batch."""
    shape = tuple(constant.shape)
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
