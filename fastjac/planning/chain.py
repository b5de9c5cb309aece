"""A network as a chain: factors with links between them.

A factor is an affine layer, or a block: a part of the graph between two vertices through which all of it passes. A link is what
stands between two factors (or before the first, or after the last): diagonals, each a run of elementwise layers taken together,
and normalizers. Link k lies at boundary k; factor k leads from boundary k to k + 1. Primal sweep and accumulation are both read
off this one form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from secrets import randbits
from typing import TypeVar

import numpy as np

from ..errors import LayerError
from ..kernels.float_mode import default_mode
from ..layers import Activation, Affine, Layer, LayerNorm, Normalizer, Scale
from .block import Block, Operator, Pair
from .folding import composed, product, scaled_inputs, scaled_outputs
from .operators import Diagonal, Link, Normalization

Given = TypeVar("Given")


@dataclass(frozen=True, eq=False)
class Chain:
    """`links[0]`, `factors[0]`, `links[1]`, ..., `factors[-1]`, `links[-1]`, from input to output.

    number : drawn at random, so that no other chain has the same. By it a program recognizes the states of its own chain, in any
        process.
    """

    factors: tuple[Affine | Block, ...]
    links: tuple[Link, ...]
    n_in: int
    dtype: np.dtype
    number: int = field(default_factory=partial(randbits, 62), repr=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The boundary sizes, one more than there are factors."""
        return (self.n_in, *(factor.n_out for factor in self.factors))

    @property
    def operators(self) -> tuple[Operator, ...]:
        """Every operator that acts on a vector, those inside blocks included: link by link, and then factor by factor."""
        inside = (factor.operators if isinstance(factor, Block) else (factor,) for factor in self.factors)
        return tuple(op for part in (*self.links, *inside) for op in part)

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """The matrix of every affine map."""
        return tuple(op.weight for op in self.operators if isinstance(op, Affine))

    def between(self, start: int, stop: int) -> Chain:
        """The chain from boundary `start` to boundary `stop`, without the link at `stop` unless the whole chain ends there."""
        last = self.links[stop] if stop == len(self.factors) else ()
        return Chain(self.factors[start:stop], (*self.links[start:stop], last), self.sizes[start], self.dtype)

    @property
    def n_activations(self) -> int:
        """How many numbers are activated, normalized, or joined otherwise than by a sum."""
        return sum(op.size * op.n_layers for op in self.operators if isinstance(op, (Diagonal, Normalization, Pair)))

    @property
    def value_sizes(self) -> tuple[int, ...]:
        """The size of every vector on the way, some of them repeatedly."""
        inside = (factor.sizes for factor in self.factors if isinstance(factor, Block))
        return (*self.sizes, *(size for sizes in inside for size in sizes))

    @property
    def piecewise_linear(self) -> bool:
        """Whether equal slopes at every unit make equal Jacobians."""
        return all(not isinstance(op, Pair) and getattr(op, "piecewise_linear", True) for op in self.operators)


@default_mode()
def chain_of(layers: Iterable[Layer | Block], n_in: int, dtype: np.dtype) -> Chain:
    """The chain of layers and blocks that follow one another.

    A Scale next to an affine layer, and one affine layer next to another where their product is smaller, are folded in
    float64, unless `folding.product` finds that dtype does not hold the result. A Scale that adds to its input is not folded
    into the affine layer behind it: with a mean far above the deviation, `W (x - mean)` keeps digits that `W x - W mean` loses.
    """
    factors: list[Affine | Block] = []
    links: list[list[_Run | Normalization]] = [[]]
    width = n_in
    for layer in (part for given in layers for part in parts_of(given)):
        link = links[-1]
        if isinstance(layer, Affine):
            layer = _absorb_scales(layer, link, dtype)
        last = factors[-1] if factors and not link else None
        if isinstance(layer, Affine) and isinstance(last, Affine) and (folded := _folded(last, layer, dtype)):
            layer = folded
            factors.pop()
            links.pop()
        if isinstance(layer, (Affine, Block)):
            factors.append(layer)
            links.append([])
            width = layer.n_out
        elif isinstance(layer, Normalizer):
            link.append(Normalization(layer, width))
        elif isinstance(layer, Scale) and isinstance(last, Affine) and (folded := scaled_outputs(last, layer, dtype)):
            factors[-1] = folded
        elif isinstance(layer, Activation):
            if not (link and isinstance(link[-1], _Run) and link[-1].goes_on(layer, dtype)):
                link.append(_Run(layer, width, dtype))
        else:
            raise LayerError(f"a {type(layer).__name__} says nothing of what it computes; build the network from fastjac.layers")
    return Chain(tuple(factors), tuple(_finished(link) for link in links), n_in, dtype)


class _Run:
    """A diagonal while elementwise layers are added to it.

    slopes : the product of the slopes of its Scales, multiplied in advance; None where dtype does not hold it.
    """

    def __init__(self, first: Activation, size: int, dtype: np.dtype) -> None:
        self.layers = [first]
        self._size, self._slopes = size, _with_slopes(np.ones(1), first, dtype)

    def goes_on(self, layer: Activation, dtype: np.dtype) -> bool:
        """Add a layer behind, if its slopes too may be multiplied in advance; returns whether it was added."""
        slopes = None if self._slopes is None else _with_slopes(self._slopes, layer, dtype)
        if slopes is None:
            return False
        self.layers.append(layer)
        self._slopes = slopes
        return True

    def finished(self) -> Diagonal:
        """The diagonal."""
        return Diagonal(tuple(self.layers), self._size)


def _with_slopes(slopes: np.ndarray, layer: Activation, dtype: np.dtype) -> np.ndarray | None:
    return product(np.multiply, slopes, layer.weight, dtype) if isinstance(layer, Scale) else slopes


def _finished(link: Sequence[_Run | Normalization]) -> Link:
    return tuple(one.finished() if isinstance(one, _Run) else one for one in link)


def parts_of(layer: Given) -> tuple[Given | Scale, ...]:
    """The layer itself; a layer normalization's weight and bias are a Scale of their own behind it."""
    if not isinstance(layer, LayerNorm) or not layer.arrays:
        return (layer,)
    return layer, Scale(1.0 if layer.weight is None else layer.weight, 0.0 if layer.bias is None else layer.bias)


def _folded(first: Affine, second: Affine, dtype: np.dtype) -> Affine | None:
    return composed(second, first, dtype) if _is_cheaper_folded(first, second) else None


def _is_cheaper_folded(first: Affine, second: Affine) -> bool:
    return second.n_out * first.n_in <= second.weight.size + first.weight.size


def _absorb_scales(affine: Affine, link: list[_Run | Normalization], dtype: np.dtype) -> Affine:
    """`W diag(a) x + c` as one affine layer, for the Scales at the link's end that add nothing; they leave the link."""
    while link and isinstance(run := link[-1], _Run):
        scale = run.layers[-1]
        if not isinstance(scale, Scale) or np.any(scale.bias) or not (folded := scaled_inputs(affine, scale, dtype)):
            break
        affine = folded
        run.layers.pop()
        if not run.layers:
            link.pop()
    return affine
