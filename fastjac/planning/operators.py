"""What stands between two affine layers, as its Jacobian is applied: diagonals and normalizers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers import Activation, Affine, Normalizer


@dataclass(frozen=True, eq=False)
class Diagonal:
    """Activation layers in a row, whose Jacobian is one diagonal."""

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
        """Whether every entry takes few values, each on whole intervals of the input."""
        return all(layer.piecewise_linear for layer in self.layers)


@dataclass(frozen=True, eq=False)
class Normalization:
    """A normalizer, whose Jacobian is a diagonal times (identity minus a matrix of rank `rank`)."""

    layer: Normalizer
    size: int
    n_layers = 1
    binary = sparse = piecewise_linear = False

    @property
    def rank(self) -> int:
        """Terms of the low-rank part."""
        return self.layer.rank


Link = tuple[Diagonal | Normalization, ...]


def is_finite(factor: Affine, dtype: np.dtype) -> bool:
    """Whether every weight is finite in this dtype, so that 0 times any weight is 0."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(factor.weight.astype(dtype, copy=False)).all())
