"""The rule of an activation whose formula is composed of other formulas when the layer is made.

Its kernels are called as those of `activations` are. Besides fastjac's own sources they depend only on the source of the composed
functions, so they are kept on disk, under a digest of that source.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .activations import MOST_TRAINED, Rule
from .elementwise import parameter_pull_of, parameter_reader
from .jit import kernel, piece
from .memory import NUMBER, view


@dataclass(frozen=True, eq=False)
class Reaching:
    """A function `(x, parameters) -> numbers` that vectorizes but may have a limited reach, and a function for any x.

    near, anywhere : the function, and the function for any x, with the same bits within reach.
    beyond : a function `(x, parameters) -> (whether x is out of reach,)`; None where `near` takes every x.
    is_scalar : whether `near` calls the C library too, whose functions may have other bits in vectors.
    """

    near: Any
    anywhere: Any = None
    beyond: Any = None
    is_scalar: bool = False


@dataclass(frozen=True, eq=False)
class ComposedRule(Rule):
    """A rule of composed functions. p and q are the addresses of the first two rows of parameters; the others lie as far apart.

    formula : the `Reaching` function `(x, parameters) -> (value, slope, bend)`.
    digest : the digest of all sources, by which the kernels are named.  count : the number of parameters.
    pulls : for each of the first parameters the Reaching function that gives the derivatives of value and slope by it.
    """

    digest: str = ""
    count: int = 0
    pulls: tuple[Reaching, ...] = ()

    @property
    def name(self) -> str:
        """The ending of all its kernels' names."""
        return f"formula_{self.digest}"

    @functools.cached_property
    def activation(self) -> Any:
        """See `Rule`."""
        run = self._run(_activating, self.formula, "activation")

        @kernel(*[NUMBER] * 5, name=f"activation_{self.name}")
        def activate(zero, z, p, q, d, n):
            run(zero, (z, p, q), (d,), n)

        return activate

    @functools.cached_property
    def bend(self) -> Any:
        """See `Rule`."""
        run = self._run(_bending, self.formula, "bend")

        @kernel(*[NUMBER] * 5, name=f"bend_{self.name}")
        def write_bends(zero, z, p, q, b, n):
            run(zero, (z, p, q), (b,), n)

        return write_bends

    @functools.cached_property
    def parameter_pull(self) -> Any:
        """See `Rule`."""
        adders = [self._run(_adding, pull, f"pull_{place}") for place, pull in enumerate(self.pulls[:MOST_TRAINED])]
        return parameter_pull_of(adders[0], adders[-1], name=f"pull_{self.name}")

    def _run(self, loop: Callable[[Any, Any], Any], function: Reaching, what: str) -> Any:
        """The loop over units with the function that reaches all of them; its pieces are named after `what` it is for."""
        places, named = tuple(range(self.count)), f"{what}_{self.name}"
        near = piece(loop(function.near, parameter_reader(places, function.is_scalar)), name=f"near_{named}")
        if function.beyond is None:
            return near
        anywhere = piece(loop(function.anywhere, parameter_reader(places, is_scalar=True)), name=f"anywhere_{named}")
        beyond, read = function.beyond, parameter_reader(places)

        def run(zero: Any, taken: tuple[int, ...], given: tuple[int, ...], n: int) -> None:
            values, out_of_reach = view(zero, taken[0], n), 0
            for j in range(n):
                out_of_reach |= beyond(values[j], read(zero, taken[1], taken[2], j))[0]
            if out_of_reach:
                anywhere(zero, taken, given, n)
            else:
                near(zero, taken, given, n)

        return piece(run, name=f"run_{named}")


def _activating(formula: Any, read: Any) -> Callable[..., None]:
    """The loop of `Rule.activation`; `taken` holds the addresses z, p, q, and `given` d."""

    def activate(zero: Any, taken: tuple[int, ...], given: tuple[int, ...], n: int) -> None:
        values, slopes = view(zero, taken[0], n), view(zero, given[0], n)
        for j in range(n):
            values[j], slopes[j], _ = formula(values[j], read(zero, taken[1], taken[2], j))

    return activate


def _bending(formula: Any, read: Any) -> Callable[..., None]:
    """The loop of `Rule.bend`; `taken` holds the addresses z, p, q, and `given` b."""

    def write_bends(zero: Any, taken: tuple[int, ...], given: tuple[int, ...], n: int) -> None:
        values, bends = view(zero, taken[0], n), view(zero, given[0], n)
        for j in range(n):
            _, _, bends[j] = formula(values[j], read(zero, taken[1], taken[2], j))

    return write_bends


def _adding(pull: Any, read: Any) -> Callable[..., None]:
    """The loop of `Rule.parameter_pull`; `taken` holds the addresses z, p, q, and `given` by_value, by_slope and the sums'."""

    def add(zero: Any, taken: tuple[int, ...], given: tuple[int, ...], n: int) -> None:
        values, us, ts, sums = view(zero, taken[0], n), view(zero, given[0], n), view(zero, given[1], n), view(zero, given[2], n)
        for j in range(n):
            by_value, by_slope = pull(values[j], read(zero, taken[1], taken[2], j))
            sums[j] += us[j] * by_value + ts[j] * by_slope

    return add
