"""Jacobians of more samples than memory holds: given part by part, or written to disk as they come. A base of Network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from ..errors import DtypeError, OptionError, ShapeError
from ..graphs.ends import End, blocks
from ..planning.steps import Mode
from .progress import Progress, Report
from .samples import Part, Samples, chunk_of, samples_of
from .targets import check_targets, first_axis, is_data_set, leaves, part_of, reserve, store

if TYPE_CHECKING:
    from ..derivatives import Index

BLOCK_BYTES = 2**25
"""Most memory for inputs and Jacobians at a time. One J takes less than half of it, so the C library gives each J the memory of
an earlier one. From 32 MB on each J comes in new pages, which can take a third of the time that it takes to compute."""


class Blockwise:
    """Jacobians of some samples at a time."""

    __slots__ = ()

    if TYPE_CHECKING:
        # What Network has.
        _chosen: Any
        _inputs: End
        _jacobian: Any
        _taken: Any
        _feature_names: tuple[str, ...]
        _dtype: np.dtype
        _n_in: int

    def jacobian_blocks(
        self,
        x: Any,
        max_bytes: int | None = None,
        *,
        mode: Mode = "auto",
        wrt: Index | None = None,
        of: Index | None = None,
        threads: int | None = None,
        progress: Progress = False,
    ) -> Iterator[tuple[slice, Any]]:
        """The Jacobians `J (..., n_out, n_in)` at `x (..., n_in)`, some samples at a time: pairs `(part, J)`.

            for part, J in net.jacobian_blocks(x):
                norms[part] = np.linalg.norm(J, axis=(-2, -1))

        `part` is a slice of x's first axis, and J is what `jacobian(x[part])` gives, with the same bits. Each J is a new array,
        which the caller may keep.

        Parameters
        ----------
        x : whatever `jacobian` takes, with one leading axis at least. What is sliced like an array, such as a data set of h5py
            or zarr, is read part by part. Any other iterable brings samples (n_in,), batches (..., n_in) of any length, or both,
            and they are numbered in the order they come in; with several inputs each item is a tuple of arrays.
        max_bytes : most memory for Jacobians and inputs at a time; by default 32 MB, or what one sample takes. More is no faster.
            It counts two Jacobians of each sample, because the caller still holds the last J while the next one is computed.
        mode, wrt, of, threads : as for `jacobian`.
        progress : True draws a bar on stderr, which needs tqdm. A function is called after each part, with the number of
            samples done and the number of all samples, which is None for an iterable.

        Raises as `jacobian` does; OptionError for a max_bytes too small for one entry along x's first axis; ShapeError for
        an item of a wrong size, which it names, and for an iterable that ends before its len(). An error or an interrupt
        has a note that says how many samples are done.
        Costs what `jacobian` costs.

        Examples
        --------
        >>> net = fj.Network([fj.Tanh()], n_in=2)
        >>> [(part, J.shape) for part, J in net.jacobian_blocks(np.zeros((5, 2)), max_bytes=200)]
        [(slice(0, 2, None), (2, 2, 2)), (slice(2, 4, None), (2, 2, 2)), (slice(4, 5, None), (1, 2, 2))]
        """
        choice = mode, wrt, of
        samples = samples_of(x, self)
        if samples.lead == ():
            raise ShapeError(f"x must have an axis of samples before its {self._n_in} features; for one sample call jacobian")
        most = arguments.positive_count(max_bytes, "max_bytes")
        entry = self._entry_bytes(samples, self._chosen(*choice)[1])
        if most is not None and entry > most:
            raise OptionError(
                f"max_bytes must be at least {entry:,}, for one entry of x and twice its Jacobian, got {max_bytes:,}; "
                "wrt= and of= choose some columns and rows of J"
            )
        parts = samples.parts(part_size(most or BLOCK_BYTES, entry, samples.arrays))
        threads = arguments.positive_count(threads, "threads")
        return self._blocks(parts, choice, threads, Report(progress, samples.total, "Jacobians"))

    def _blocks(
        self, parts: Iterable[Part], choice: tuple[Any, ...], threads: int | None, report: Report
    ) -> Iterator[tuple[slice, Any]]:
        with report:
            for index, stop, points, lead in parts:
                yield index, self._jacobian(points, lead, None, choice, None, threads)
                report(stop)

    def _write(self, x: Any, out: Any, choice: tuple[Any, ...], threads: int | None, progress: Progress) -> Any:
        """Write the Jacobians at x part by part: to `out`, or to a new array if it is None."""
        samples = samples_of(x, self)
        _, core, ends = self._chosen(*choice)
        if samples.lead is None and out is None:
            raise DtypeError(
                f"x is a {type(x).__name__}, which does not say how many samples it brings; pass out=, or use jacobian_blocks"
            )
        lead = (first_axis(out),) if samples.lead is None else samples.lead
        total = lead[0] if lead else 1
        report = Report(progress, total, "Jacobians")
        if out is None:
            out = blocks(np.empty((*lead, *core), self._dtype), *ends)
        else:
            result = blocks(np.broadcast_to(np.empty((), self._dtype), (*lead, *core)), *ends)
            check_targets(out, result, self._dtype, samples.arrays)
            reserve(out)
        is_stored = any(map(is_data_set, leaves(out)))
        size = part_size(BLOCK_BYTES, self._entry_bytes(samples, core), [*leaves(out), *samples.arrays])
        with report:
            for index, stop, points, own in samples.parts(size):
                if stop > total:
                    raise ShapeError(f"x must bring the {total:,} samples that out has room for, but brings more")
                result = self._jacobian(points, own, None, choice, None if is_stored else part_of(out, index), threads)
                if is_stored:
                    store(out, index, result)
                report(stop)
            if report.done < total:
                raise ShapeError(f"x must bring the {total:,} samples that out has room for, but ended after {report.done:,}")
        return out

    def _entry_bytes(self, samples: Samples, core: tuple[int, int]) -> int:
        """What one entry along the first axis takes: its inputs, and its Jacobian, of shape `core`, twice."""
        numbers = self._n_in + 2 * math.prod(core)
        return math.prod((samples.lead or ())[1:]) * numbers * self._dtype.itemsize


def part_size(most_bytes: int, entry_bytes: int, arrays: Iterable[Any]) -> int:
    """How many entries along the first axis to take at a time: whole chunks of the first of the arrays that has any."""
    size = max(1, most_bytes // max(1, entry_bytes))
    chunk = next((chunk for chunk in map(chunk_of, arrays) if chunk > 1), 1)
    return size - size % chunk if size > chunk else size
