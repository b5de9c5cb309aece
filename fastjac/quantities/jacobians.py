"""The Jacobians of a batch, made piece by piece, each held only until a result is computed from it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from .. import arguments
from ..kernels.float_mode import default_mode
from ..planning.product import Wanted
from ..planning.steps import Mode
from ..running.batch import Runner
from ..running.runners import Runners
from ..running.sharing import FAR_READ_COST, READING_SHARE
from .pieces import in_order, most_workers, pieces_of
from .waist import Algebra, waist_of

SUM_COST = 500
"""Multiply-adds that a piece must do for each number that is added to a sum, so that adding takes a small share of its time."""

Result = TypeVar("Result")
Take = Callable[[slice, np.ndarray, np.ndarray | None], Result]
"""A function that takes the Jacobians of the samples of a slice: `left (n, n_out, n_in)` and None, or, at a waist of r units,
their factors `left (n, n_out, r)` and `right (n, r, n_in)`. All are float64."""


class _Stretch(NamedTuple):
    """A stretch of a chain, between two boundaries, with what computes its J.

    shape : rows and columns of J.  n_values : how many values at the stretch's end are computed with J: all or none.
    """

    runner: Runner
    shape: tuple[int, int]
    n_values: int = 0

    def at(self, x: np.ndarray, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Values (n, n_values), and J (n, rows, columns) in float64, at the inputs x of the stretch."""
        nothing = np.empty((0, 0), x.dtype)
        values, jacobian = (np.empty((len(x), *core), x.dtype) for core in ((self.n_values,), self.shape))
        self.runner(x, nothing, values, jacobian, threads)
        return values, jacobian.astype(np.float64, copy=False)


class Jacobians:
    """J (n_out, n_in), or the wanted rows and columns of J, at every row of `x (n, inputs of the network)`.

    n : rows of x.  shape : n_out and n_in.  threads : most threads to use; None for as many as there are cores.
    """

    def __init__(self, runners: Runners, x: np.ndarray, mode: Mode, wanted: Wanted, threads: int | None) -> None:
        self._runners, self._x, self._mode, self._wanted, self._threads = runners, x, mode, wanted, threads
        self.n = len(x)
        self.shape = wanted.shape(runners.chain.sizes[-1], runners.chain.n_in)
        self.n_out, self.n_in = self.shape

    def each(self, algebra: Algebra, take: Take[Result], result_size: int = 0) -> Iterator[Result]:
        """What `take` gives for every piece of the batch, in order.

        algebra : the multiply-adds of `take` for one J; they decide whether J is taken whole or in two factors.
        result_size : how many numbers `take` gives for a piece.

        The thread that takes a piece makes its Jacobians. Neither their bits nor the pieces depend on the number of threads.
        """
        chain = self._runners.chain
        waist = waist_of(chain, self.n_out, self.n_in, algebra)
        stretches = self._stretches(waist)
        works = [stretch.runner.work for stretch in stretches]
        r = None if waist is None else chain.sizes[waist]
        cost = sum(work.cost for work in works) + algebra(self.n_out, self.n_in, r)
        reading = FAR_READ_COST * sum(work.weight_bytes for work in works)
        overhead = reading / READING_SHARE + SUM_COST * result_size
        pieces = pieces_of(self.n, cost, 8 * sum(math.prod(stretch.shape) for stretch in stretches), overhead)
        inner = self._threads if len(pieces) == 1 else 1

        def take_piece(piece: slice) -> Result:
            with np.errstate(all="ignore"), default_mode():
                return take(piece, *_joined(stretches, arguments.for_kernels(self._x[piece], chain.dtype), inner))

        return in_order(take_piece, pieces, most_workers(len(pieces), self._threads))

    def run(self, algebra: Algebra, take: Take[None]) -> None:
        """Call `take` for every piece of the batch, as `each` does; this `take` returns nothing, but stores its results."""
        deque(self.each(algebra, take), maxlen=0)

    def _stretches(self, waist: int | None) -> list[_Stretch]:
        """The whole chain, or the chain before a waist and the chain behind it."""
        get, mode, wanted = self._runners.get, self._mode, self._wanted
        if waist is None:
            return [_Stretch(get(mode, wanted), self.shape)]
        chain = self._runners.chain
        width, last = chain.sizes[waist], len(chain.factors)
        before = _Stretch(get(mode, Wanted(wrt=wanted.wrt), (0, waist)), (width, self.n_in), width)
        return [before, _Stretch(get(mode, Wanted(of=wanted.of), (waist, last)), (self.n_out, width))]


def _joined(stretches: list[_Stretch], x: np.ndarray, threads: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """J, or its factors: the chain behind a waist starts from the values of the chain before it, so there is one primal sweep."""
    values, jacobian = stretches[0].at(x, threads)
    return (jacobian, None) if len(stretches) == 1 else (stretches[1].at(values, threads)[1], jacobian)
