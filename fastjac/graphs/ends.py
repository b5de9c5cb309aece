"""Several inputs, or several outputs, of a network: one vector for the engine, a tuple of arrays for its user."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from weakref import ref

import numpy as np

from .. import arguments
from ..errors import DtypeError, OptionError, ShapeError
from ..kernels.float_mode import default_mode
from ..table import format_sizes
from .nodes import Input, Node
from .selection import selected_once

MOST_SHOWN = 8
"""Most inputs or outputs that an error lists."""


class End:
    """The vectors at one end of a network, which the engine takes as one, the first of them first.

    noun : "input" or "output".  sizes : the sizes of the vectors.  nodes : the nodes that they were written as, where known.
    names : the names of the vectors, by default those of the nodes; None for a vector without a name.
    """

    def __init__(
        self, noun: str, sizes: tuple[int, ...], nodes: Sequence[Node] = (), names: tuple[str | None, ...] | None = None
    ) -> None:
        self.noun, self.sizes = noun, sizes
        own = tuple(node.name if isinstance(node, Input) else None for node in nodes)
        self.names = names or own or (None,) * len(sizes)
        # Weak references, because an output node holds all layers as they were given, perhaps in another dtype.
        self._nodes = [ref(node) for node in nodes]
        self.total, self.several = sum(sizes), len(sizes) > 1
        self._parts: list[Any] = slices_of(sizes)

    def __reduce__(self) -> tuple[Any, ...]:
        # The nodes are known by identity, which ends with the process.
        return End, (self.noun, self.sizes, (), self.names)

    def split(self, array: np.ndarray, axis: int) -> Any:
        """The part of each vector along an axis, as a tuple of views; the array itself where there is one vector."""
        if not self.several:
            return array
        behind = (slice(None),) * (-1 - axis)
        return tuple([array[(..., part, *behind)] for part in self._parts])

    def numbers(self, index: Any, name: str) -> tuple[int, ...] | None:
        """The numbers, counted through all vectors, that an index, a name or a node stands for; None for all, in their order."""
        if index is None:
            return None
        if isinstance(index, (Node, str)):
            part = self._parts[self._place_of(index, name) if isinstance(index, Node) else self._place_called(index, name)]
            numbers = tuple(range(part.start, part.stop))
        else:
            numbers = self._counted(index, name)
        return None if len(numbers) == self.total and numbers == tuple(range(self.total)) else numbers

    def _counted(self, index: Any, name: str) -> tuple[int, ...]:
        try:
            return selected_once(index, self.total, name)
        except DtypeError as error:
            raise DtypeError(f"{error}; the network's {self._listed()}") from None

    def _place_of(self, node: Node, name: str) -> int:
        places = [place for place, known in enumerate(self._nodes) if known() is node]
        if not places:
            raise OptionError(
                f"{name} is {node!r}, which is no {self.noun} of this network; a network that was loaded or pickled knows no "
                f"nodes any more: give it their numbers or names; its {self._listed()}"
            )
        return places[0]

    def _place_called(self, called: str, name: str) -> int:
        places = [place for place, known in enumerate(self.names) if known == called]
        if len(places) != 1:
            fault = f"{len(places)} {self.noun}s" if places else f"no {self.noun}"
            raise OptionError(f"{name} is {called!r:.80}, the name of {fault} of this network; its {self._listed()}")
        return places[0]

    def _listed(self) -> str:
        """The vectors with their names and numbers, of the first few where there are many."""
        axis = "columns" if self.noun == "input" else "rows"
        called = ["" if name is None else f"{name!r:.80}, " for name in self.names]
        shown = [f"{name}{axis} {part.start}:{part.stop}" for name, part in zip(called, self._parts, strict=True)]
        if len(shown) > MOST_SHOWN:
            shown[MOST_SHOWN:] = [f"{len(shown) - MOST_SHOWN} more"]
        *before, last = shown
        return f"{self.noun}s are {', '.join(before)}, and {last}" if before else f"{self.noun} is {last}"

    def points(self, values: Any, dtype: np.dtype, name: str = "x") -> np.ndarray:
        """All inputs as one array (..., n_in) of the dtype; leading shapes are broadcast. Errors call it `name`."""
        # The usual case first: for one small input the checks below take as long as its Jacobian.
        if self._fit(values, dtype):
            return np.concatenate(values, axis=-1)
        parts = [arguments.features(value, size, part) for value, size, part in self.given(values, name)]
        x = np.empty((*shared_lead([part.shape for part in parts], name), self.total), dtype)
        with np.errstate(all="ignore"), default_mode():
            for target, part in zip(self.split(x, -1), parts, strict=True):
                target[...] = part
        return x

    def _fit(self, values: Any, dtype: np.dtype) -> bool:
        """Whether they are arrays of this dtype for one batch, with nothing to broadcast."""
        if type(values) is not tuple or len(values) != len(self.sizes) or type(values[0]) is not np.ndarray:
            return False
        lead = values[0].shape[:-1]
        for value, size in zip(values, self.sizes, strict=True):
            if type(value) is not np.ndarray or value.dtype != dtype or value.shape != (*lead, size):
                return False
        return True

    def seed(self, values: Any, lead: tuple[int, ...], core: tuple[int | None, ...], name: str) -> np.ndarray:
        """Tangents or cotangents of all vectors in one array, as `arguments.seed` gives it; `core` has 0 for their sizes."""
        if not self.several:
            return arguments.seed(values, lead, tuple(self.total if n == 0 else n for n in core), name)
        axis = core.index(0) - len(core)
        parts = [
            arguments.seed(value, lead, tuple(size if n == 0 else n for n in core), part)
            for value, size, part in self.given(values, name)
        ]
        if len({part.shape[: -len(core)] for part in parts}) > 1:
            shared = np.broadcast_shapes(*(part.shape[: -len(core)] for part in parts))
            parts = [np.broadcast_to(part, (*shared, *part.shape[-len(core) :])) for part in parts]
        try:
            return np.concatenate(parts, axis)
        except ValueError as error:
            listed = ", ".join(dict.fromkeys(str(part.shape[-len(core) :]) for part in parts))
            raise ShapeError(f"all arrays in {name} must have the same k, got matrices of shape {listed}") from error

    def given(self, values: Any, name: str) -> list[tuple[Any, int, str]]:
        """What a caller gives for each vector, its size, and what errors call it."""
        if isinstance(values, (tuple, list)) and len(values) == len(self.sizes):
            return [(value, size, f"{name}[{n}]") for n, (value, size) in enumerate(zip(values, self.sizes, strict=True))]
        sizes = format_sizes(self.sizes, ", ")
        wanted = f"{name} must be a tuple of {len(self.sizes)} arrays, one for each {self.noun} (of size {sizes})"
        if isinstance(values, (tuple, list)):
            raise ShapeError(f"{wanted}, got {len(values)}")
        raise DtypeError(f"{wanted}, got {type(values).__name__}{self._fix(values, name)}")

    def _fix(self, values: Any, name: str) -> str:
        """How an array that holds all vectors would be split."""
        if np.shape(values)[-1:] != (self.total,):
            return ""
        cuts = np.cumsum(self.sizes)[:-1].tolist()
        return f"; split it: tuple(numpy.split({name}, {cuts}, axis=-1))"


def shared_lead(shapes: Sequence[tuple[int, ...]], name: str) -> tuple[int, ...]:
    """The leading shape to which arrays of these shapes are broadcast, which errors call `name` together."""
    leads = [shape[:-1] for shape in shapes]
    try:
        return np.broadcast_shapes(*leads)
    except ValueError as error:
        listed = ", ".join(map(str, dict.fromkeys(leads)))
        raise ShapeError(f"the leading dimensions of all arrays in {name} must broadcast to one batch, got {listed}") from error


def slices_of(sizes: Sequence[int]) -> list[slice]:
    """Where each of several vectors lies in the one that they make, one after another."""
    return [slice(stop - size, stop) for size, stop in zip(sizes, accumulate(sizes), strict=True)]


def blocks(jacobian: np.ndarray, rows: End | None, columns: End | None) -> Any:
    """J in views, one for each output and input: a tuple for each end that is not None and has several vectors."""
    if rows is not None and rows.several:
        return tuple(blocks(part, None, columns) for part in rows.split(jacobian, -2))
    return jacobian if columns is None else columns.split(jacobian, -1)


def whole(parts: Any, rows: End | None, columns: End | None) -> np.ndarray:
    """J put together from its blocks, as `blocks` gives them."""
    if rows is not None and rows.several:
        return np.concatenate([whole(part, None, columns) for part in parts], axis=-2)
    return np.concatenate(parts, axis=-1) if columns is not None and columns.several else np.asarray(parts)


def shapes_of(parts: Any) -> Any:
    """The shapes of an array or of blocks, in tuples as they are."""
    return tuple(map(shapes_of, parts)) if isinstance(parts, tuple) else parts.shape


def check_outputs(out: Any, result: Any, dtype: np.dtype, x: np.ndarray, name: str = "out") -> None:
    """Raise unless a result, in blocks if it is a tuple, can be written to `out`."""
    if not isinstance(result, tuple):
        arguments.check_output(out, result.shape, dtype, x, name)
        return
    for number, (target, block) in enumerate(paired(out, result, name)):
        check_outputs(target, block, dtype, x, f"{name}[{number}]")
        if any(_share(target, other) for other in out[:number]):
            raise OptionError(f"{name}[{number}] must not overlap another block; pass an array of its own for each")


def paired(out: Any, result: tuple[Any, ...], name: str, form: str = "the result without out") -> list[tuple[Any, Any]]:
    """Each block of a result with the one in `out`, or an error if `out` has another form than this."""
    wanted = f"{name} must be a tuple of {len(result)}, in the form of {form}"
    if not isinstance(out, (tuple, list)):
        raise DtypeError(f"{wanted}, got {type(out).__name__}")
    if len(out) != len(result):
        raise ShapeError(f"{wanted}, got {len(out)}")
    return list(zip(out, result, strict=True))


def _share(a: Any, b: Any) -> bool:
    """Whether two arrays, or any of two tuples of arrays, have memory in common."""
    if not isinstance(a, np.ndarray):
        return any(_share(part, b) for part in a)
    if not isinstance(b, np.ndarray):
        return any(_share(part, a) for part in b)
    return np.may_share_memory(a, b, max_work=arguments.MOST_WORK)  # type: ignore[arg-type]


def write(out: Any, result: Any) -> None:
    """Copy a result to `out`, block by block."""
    if isinstance(result, tuple):
        for target, block in zip(out, result, strict=True):
            write(target, block)
    else:
        out[...] = result
