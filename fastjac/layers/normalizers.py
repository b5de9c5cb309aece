"""Maps that tie all units together: softmax and its kin, and layer normalization.

In every formula `x` is the vector of a layer's inputs.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import OptionError, ShapeError
from .base import Layer, as_float, as_float_array
from .registry import declared_in, layer


@dataclass(frozen=True, eq=False, repr=False)
class Normalizer(Layer):
    """A map whose Jacobian is a diagonal times (identity minus a matrix of rank 1 or 2); never stored densely.

    `rule` names the function of `fastjac.kernels.normalizers`; `rank` is the rank above.
    """

    rule: ClassVar[str]
    rank: ClassVar[int] = 1


@layer
class Softmax(Normalizer):
    """`exp(x - max x) / sum exp(x - max x)` over all units; the Jacobian is applied as `s * (v - s.v)`.

    >>> fj.Network([fj.Softmax()], n_in=3)([0, 1, 2])
    array([0.09003057, 0.24472847, 0.66524096])
    """

    rule = "softmax"


@layer
class LogSoftmax(Normalizer):
    """`x - max x - log sum exp(x - max x)` over all units; the Jacobian is applied as `v - s.v`.

    >>> fj.Network([fj.LogSoftmax()], n_in=3)([0, 1, 2])
    array([-2.40760596, -1.40760596, -0.40760596])
    """

    rule = "log_softmax"


@layer
class Sparsemax(Normalizer):
    """The projection of x on the probability simplex (Martins & Astudillo 2016); units outside the support get 0.

    >>> fj.Network([fj.Sparsemax()], n_in=3)([0, 1, 2])
    array([0., 0., 1.])
    """

    rule = "sparsemax"


@layer
class LayerNorm(Normalizer):
    """`weight * (x - mean) / sqrt(var + eps) + bias` over all units, with the biased variance, as in torch.

    weight, bias : (n,) float arrays, or None for 1 and 0.
    eps : what is added to the variance; 1e-5 in torch, 1e-3 in Keras.

    >>> fj.Network([fj.LayerNorm()], n_in=3)([0, 1, 2])
    array([-1.22473569,  0.        ,  1.22473569])
    """

    rule = "layer_norm"
    rank = 2
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("weight", "bias"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, as_float_array(value, f"LayerNorm {name}", 1))
        sizes = {array.size for array in self.arrays.values()}
        if len(sizes) > 1:
            raise ShapeError(f"LayerNorm weight and bias must have the same size, got {sorted(sizes)}")
        object.__setattr__(self, "eps", as_float(self.eps, "LayerNorm eps"))
        if not self.eps >= 0.0:
            raise OptionError(f"LayerNorm eps must be 0 or more, got {self.eps}")

    @property
    def n_in(self) -> int | None:
        return next((array.size for array in self.arrays.values()), None)


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
