"""Where tensors lie in memory. Several may share one piece, and then what is written to one of them changes the others."""

from __future__ import annotations

from typing import Any

import numpy as np


def storage_of(tensor: Any) -> Any:
    """The memory of a tensor; None for one that has none, such as a sparse tensor."""
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return None


def memory(tensor: Any) -> int | None:
    """A number that identifies the piece of memory in which a tensor lies; None for one that has none, as a sparse tensor."""
    storage = storage_of(tensor)
    return None if storage is None else int(storage._cdata)


def geometry(tensor: Any) -> tuple[Any, ...]:
    """Where a tensor's entries lie in its memory; the same for two tensors that are always equal."""
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype


def fills(tensor: Any) -> bool:
    """Whether a tensor's entries make up all of its memory, each once."""
    filled = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1 and stride != filled:
            return False
        filled *= size
    return filled * tensor.element_size() == tensor.untyped_storage().nbytes()


class Whole:
    """A tensor that fills its memory; the memory is read and written as this tensor.

    tensor : the tensor itself.
    """

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self._numbers = np.empty(tensor.numel(), np.int64)
        self._numbers[_places(tensor).ravel()] = np.arange(tensor.numel())

    def places(self, part: Any) -> np.ndarray:
        """For each entry of another tensor in this memory, its number among the whole's entries, counted row by row."""
        return self._numbers[_places(part)]


def _places(tensor: Any) -> np.ndarray:
    """For each entry of a tensor, its place in memory."""
    places = np.array(tensor.storage_offset())
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        places = places[..., None] + stride * np.arange(size)
    return places
