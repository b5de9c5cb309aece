"""The affine layer."""

from __future__ import annotations

import typing

import numpy as np

from ..errors import ShapeError
from .base import Layer, as_float_array
from .registry import declared_in, layer


@layer
class Affine(Layer):
    """`y = W x + b`.

    Parameters
    ----------
    weight : (n_out, n_in) float array; `weight[i, j]` is the effect of input j on output i (torch's layout).
    bias : (n_out,) float array, or None for no bias.

    Examples
    --------
    >>> fj.Network([fj.Affine(np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones(2))]).value_and_jacobian([1, 0])
    (array([2., 4.]), array([[1., 2.],
           [3., 4.]]))
    """

    weight: np.ndarray
    bias: np.ndarray | None = None

    def __post_init__(self) -> None:
        weight = as_float_array(self.weight, "Affine weight", 2)
        if 0 in weight.shape:
            raise ShapeError(f"Affine weight must have at least one row and one column, got shape {weight.shape}")
        object.__setattr__(self, "weight", weight)
        if self.bias is not None:
            bias = as_float_array(self.bias, "Affine bias", 1)
            if bias.size != weight.shape[0]:
                raise ShapeError(
                    f"Affine bias must have one entry for each of the weight's {weight.shape[0]} rows, got {bias.size}; "
                    "fastjac takes weights as (n_out, n_in), so a kernel of Keras, Flax or Haiku must be transposed"
                )
            object.__setattr__(self, "bias", bias)

    @property
    def n_in(self) -> int:
        return self.weight.shape[1]

    @property
    def n_out(self) -> int:
        return self.weight.shape[0]


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
