"""Samples taken part by part: from arrays, from data sets on disk, which are read one part at a time, and from iterables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import arguments
from ..dense import dense_array
from ..errors import DtypeError, FastjacError, ShapeError
from ..graphs.ends import shared_lead

if TYPE_CHECKING:
    from .blockwise import Blockwise


class Part(NamedTuple):
    """Samples that are computed together.

    index : where they lie along the first axis, a slice; `...` where x is one sample and has no such axis.
    stop : how many samples are done when this part is.
    points, lead : the samples as (n, n_in), or (n_in,) for one, and the leading shape they had.
    """

    index: Any
    stop: int
    points: np.ndarray
    lead: tuple[int, ...]


class ArraySamples:
    """Samples in one array or data set for each input. Each part is read when its turn comes.

    arrays : one for each input.  lead : the leading shape that they have together.
    total : the length of the first axis, or 1 for one sample.
    """

    def __init__(self, x: Any, net: Blockwise) -> None:
        self._net = net
        arguments.check_columns(x, net._feature_names, "x")
        given = net._inputs.given(x, "x") if net._inputs.several else [(x, net._n_in, "x")]
        self.arrays = [value if is_sliced(value) else dense_array(value, name) for value, _, name in given]
        for array, (_, size, name) in zip(self.arrays, given, strict=True):
            arguments.check_features(array.shape, size, name)
        self.lead = shared_lead([array.shape for array in self.arrays], "x")
        self.total = self.lead[0] if self.lead else 1

    def parts(self, size: int) -> Iterator[Part]:
        """Parts of `size` samples; the last one may have fewer."""
        if not self.lead:
            yield Part(..., 1, *self._net._taken(self._read(...)))
            return
        for start in range(0, self.total, size):
            stop = min(start + size, self.total)
            yield Part(slice(start, stop), stop, *self._net._taken(self._read(slice(start, stop))))

    def _read(self, index: Any) -> Any:
        read = tuple([array[index if self._has_first_axis(array.shape) else ...] for array in self.arrays])
        return read if self._net._inputs.several else read[0]

    def _has_first_axis(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape has the first axis itself, rather than be broadcast along it."""
        return len(shape) == len(self.lead) + 1 and shape[0] == self.total


class IterableSamples:
    """Samples that an iterable brings: each item is one sample (n_in,) or a batch (..., n_in).

    lead, total : None, because nobody knows how many samples there are before the last one has come.
    """

    arrays: Iterable[Any] = ()
    lead: tuple[int, ...] | None = None
    total: int | None = None

    def __init__(self, items: Iterable[Any], net: Blockwise) -> None:
        self._items, self._net = items, net

    def parts(self, size: int) -> Iterator[Part]:
        """Parts of `size` samples; the last one may have fewer. The next part is gathered in the memory of the one before."""
        gathered = np.empty((size, self._net._n_in), self._net._dtype)
        first = filled = 0
        for points in self._batches():
            while len(points):
                fitting, points = points[: size - filled], points[size - filled :]
                gathered[filled : filled + len(fitting)] = fitting
                filled += len(fitting)
                if filled == size:
                    yield Part(slice(first, first + size), first + size, gathered, (size,))
                    first, filled = first + size, 0
        if filled:
            yield Part(slice(first, first + filled), first + filled, gathered[:filled], (filled,))

    def _item(self, item: Any, number: int, samples: int) -> tuple[np.ndarray, tuple[int, ...]]:
        """The samples of one item, as `_taken` gives them; `number` and `samples` count what came before it."""
        try:
            return self._net._taken(item, f"x[{number}]")
        except FastjacError as error:
            error.add_note(f"x[{number}] is the item after {samples:,} samples")
            raise

    def _batches(self) -> Iterator[np.ndarray]:
        """The samples (n, n_in) of each item."""
        items = samples = 0
        for item in self._items:
            points, _ = self._item(item, items, samples)
            points = arguments.for_kernels(points.reshape(-1, points.shape[-1]), self._net._dtype)
            yield points
            items, samples = items + 1, samples + len(points)
        said = len(self._items) if isinstance(self._items, Sized) else items
        if items != said:
            raise ShapeError(f"x must have {said} items, as its len() says, but ended after {items}, with {samples} samples")


Samples = ArraySamples | IterableSamples


def samples_of(x: Any, net: Blockwise) -> Samples:
    """The samples of x: whatever `jacobian` takes, or is sliced like an array, or else an iterable."""
    if isinstance(x, (tuple, list)) or is_sliced(x):
        return ArraySamples(x, net)
    if isinstance(x, Iterable):
        return IterableSamples(x, net)
    raise DtypeError(
        f"x must be an array, a data set that is sliced like one, or an iterable of samples or batches, got {type(x).__name__}"
    )


def is_sliced(value: Any) -> bool:
    """Whether a value can be read part by part: it has a shape, and slices along its first axis."""
    return isinstance(getattr(value, "shape", None), tuple) and hasattr(value, "__getitem__")


def chunk_of(array: Any) -> int:
    """How many entries along the first axis lie in one chunk of a data set, which is read and written as a whole; else 1."""
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)
    return chunks[0] if isinstance(chunks, tuple) and chunks and isinstance(chunks[0], int) else 1
