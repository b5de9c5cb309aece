"""A network as a chain: affine factors with links between them.

A link is what stands between two affine layers (or before the first, or after the last): diagonals, each a run of
elementwise layers taken together, and normalizers. Link k lies at boundary k; factor k leads from boundary k to k + 1.
Primal sweep and accumulation are both read off this one form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cost import fits_lanes
from .errors import LayerError
from .folding import composed, product, scaled_inputs, scaled_outputs
from .kernels.float_mode import default_mode
from .layers import Activation, Affine, Layer, LayerNorm, Normalizer, Scale
from .plan import SPARSE_LIVE_SHARE
from .steps import ChainShape


@dataclass(frozen=True, eq=False)
class Diagonal:
    """Elementwise layers in a row, whose Jacobian is one diagonal."""

    layers: tuple[Activation, ...]
    size: int
    rank = 0

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def binary(self) -> bool:
        """Whether every entry of the diagonal is 0 or 1."""
        return all(layer.binary for layer in self.layers)

    @property
    def sparse(self) -> bool:
        """Whether entries are exactly 0 on whole intervals of the input."""
        return any(layer.sparse for layer in self.layers)

    @property
    def piecewise_linear(self) -> bool:
        """Whether every entry has few values, each on whole intervals of the input."""
        return all(layer.piecewise_linear for layer in self.layers)


@dataclass(frozen=True, eq=False)
class Normalization:
    """A normalizer, whose Jacobian is a diagonal times (identity minus a matrix of rank `rank`)."""

    layer: Normalizer
    size: int
    n_layers = 1

    @property
    def rank(self) -> int:
        """Terms of the low-rank part."""
        return self.layer.rank


Link = tuple[Diagonal | Normalization, ...]


@dataclass(frozen=True, eq=False)
class Chain:
    """`links[0]`, `factors[0]`, `links[1]`, ..., `factors[-1]`, `links[-1]`, from input to output."""

    factors: tuple[Affine, ...]
    links: tuple[Link, ...]
    n_in: int
    dtype: np.dtype

    @property
    def sizes(self) -> tuple[int, ...]:
        """The boundary sizes, one more than there are factors."""
        return (self.n_in, *(factor.n_out for factor in self.factors))


@dataclass(frozen=True, eq=False)
class Product:
    """The matrices whose product is wanted: the chain's weights, and a seed at one end if there is one.

    `leaves[k]` leads from boundary k to k + 1: an affine layer, or None for the seed. `links[k]` lies at boundary k.
    """

    leaves: tuple[Affine | None, ...]
    links: tuple[Link, ...]
    sizes: tuple[int, ...]

    def shape(self, lanes: int) -> ChainShape:
        """What a plan for this product depends on."""
        live = tuple(SPARSE_LIVE_SHARE if len(link) == 1 and is_sparse(link[0]) else 1.0 for link in self.links)
        binary = tuple(all(is_binary(op) for op in link) for link in self.links)
        seed = self.leaves.index(None) if None in self.leaves else None
        # Asked of narrow products alone, because it may look at every weight.
        unitwise = fits_lanes(self.sizes, 1, lanes) and self._is_unitwise()
        return ChainShape(self.sizes, live, binary, lanes, seed, unitwise)

    def _is_unitwise(self) -> bool:
        """Whether samples may lie along the vector lanes: one layer stands at a boundary at most, inside elementwise ones alone.

        What stands behind the last factor must be applied to the whole Jacobian, not to a factor. Dead units are multiplied, so
        that where there are any every weight must be finite.
        """
        inner = [op for link in self.links[1:-1] for op in link]
        simple = all(len(link) <= 1 and all(op.n_layers == 1 for op in link) for link in self.links[1:])
        at_the_end = not self.links[-1] or self.sizes[0] < min(self.sizes[1:-1], default=0)
        if None in self.leaves or self.links[0] or not simple or not at_the_end or any(op.rank for op in inner):
            return False
        alive = not any(is_sparse(op) for op in inner)
        # A product has no dtype. What is finite in float32 is finite in float64 too.
        return alive or all(is_finite(factor, np.dtype(np.float32)) for factor in self.leaves if factor is not None)


def is_binary(op: Diagonal | Normalization) -> bool:
    """Whether the operator is a diagonal of zeros and ones."""
    return isinstance(op, Diagonal) and op.binary


def is_sparse(op: Diagonal | Normalization) -> bool:
    """Whether the operator is a diagonal, some of whose entries may be 0."""
    return isinstance(op, Diagonal) and op.sparse


def is_finite(factor: Affine, dtype: np.dtype) -> bool:
    """Whether every weight is finite in this dtype, so that 0 times any is 0."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(factor.weight.astype(dtype, copy=False)).all())


def is_piecewise_linear(op: Diagonal | Normalization) -> bool:
    """Whether the operator is the diagonal of a piecewise linear map."""
    return isinstance(op, Diagonal) and op.piecewise_linear


def product_of(chain: Chain, seed: str | None = None, seed_width: int = 0) -> Product:
    """The product that is the chain's Jacobian, or its product with a seed.

    seed : None, "tangents" (a matrix (n_in, seed_width) on the right) or "cotangents" ((seed_width, n_out) on the left).
    """
    leaves: tuple[Affine | None, ...] = chain.factors
    links, sizes = chain.links, chain.sizes
    if not leaves and seed is None:
        # Links alone have no matrix to act on, so they act on the identity.
        leaves, links, sizes = (Affine(np.eye(chain.n_in)),), ((), *links), (chain.n_in, *sizes)
    if seed == "tangents":
        return Product((None, *leaves), ((), *links), (seed_width, *sizes))
    if seed == "cotangents":
        return Product((*leaves, None), (*links, ()), (*sizes, seed_width))
    return Product(leaves, links, sizes)


@default_mode()
def chain_of(layers: tuple[Layer, ...], n_in: int, dtype: np.dtype) -> Chain:
    """The chain of a network's layers.

    A Scale next to an affine layer, and one affine layer next to another where their product is smaller, are folded in
    float64, unless `folding.product` finds that dtype does not hold the result. A Scale that adds to its input is not folded
    into the affine layer behind it: with a mean far above the deviation, `W (x - mean)` keeps digits that `W x - W mean` loses.
    """
    factors: list[Affine] = []
    links: list[list[Diagonal | Normalization]] = [[]]
    width = n_in
    for layer in _split_layer_norms(layers):
        link = links[-1]
        if isinstance(layer, Affine):
            layer = _absorb_scales(layer, link, dtype)
            if factors and not link and (folded := _folded(factors[-1], layer, dtype)):
                layer = folded
                factors.pop()
                links.pop()
            factors.append(layer)
            links.append([])
            width = layer.n_out
        elif isinstance(layer, Normalizer):
            link.append(Normalization(layer, width))
        elif isinstance(layer, Scale) and not link and factors and (folded := scaled_outputs(factors[-1], layer, dtype)):
            factors[-1] = folded
        elif isinstance(layer, Activation):
            if link and isinstance(link[-1], Diagonal) and _slopes_fit(link[-1].layers, layer, dtype):
                link[-1] = Diagonal((*link[-1].layers, layer), width)
            else:
                link.append(Diagonal((layer,), width))
        else:
            raise LayerError(f"a {type(layer).__name__} says nothing of what it computes; build the network from fastjac.layers")
    return Chain(tuple(factors), tuple(map(tuple, links)), n_in, dtype)


def _split_layer_norms(layers: tuple[Layer, ...]) -> list[Layer]:
    """A layer normalization's weight and bias as a Scale of their own behind it."""
    split: list[Layer] = []
    for layer in layers:
        split.append(layer)
        if isinstance(layer, LayerNorm) and layer.arrays:
            weight = 1.0 if layer.weight is None else layer.weight
            bias = 0.0 if layer.bias is None else layer.bias
            split.append(Scale(weight, bias))
    return split


def _folded(first: Affine, second: Affine, dtype: np.dtype) -> Affine | None:
    return composed(second, first, dtype) if _is_cheaper_folded(first, second) else None


def _is_cheaper_folded(first: Affine, second: Affine) -> bool:
    return second.n_out * first.n_in <= second.weight.size + first.weight.size


def _absorb_scales(affine: Affine, link: list[Diagonal | Normalization], dtype: np.dtype) -> Affine:
    """`W diag(a) x + c` as one affine layer, for the Scales at the link's end that add nothing; they leave the link."""
    while link and isinstance(diagonal := link[-1], Diagonal):
        scale = diagonal.layers[-1]
        if not isinstance(scale, Scale) or np.any(scale.bias) or not (folded := scaled_inputs(affine, scale, dtype)):
            break
        affine = folded
        link.pop()
        if len(diagonal.layers) > 1:
            link.append(Diagonal(diagonal.layers[:-1], diagonal.size))
    return affine


def _slopes_fit(layers: tuple[Activation, ...], layer: Activation, dtype: np.dtype) -> bool:
    """Whether the slopes of a diagonal's Scales, and of another layer behind them, may be multiplied in advance."""
    slopes: np.ndarray | None = np.ones(1)
    for scale in (*layers, layer):
        if isinstance(scale, Scale) and slopes is not None:
            slopes = product(np.multiply, slopes, scale.weight, dtype)
    return slopes is not None
