"""The linear map of each unit by itself."""

from __future__ import annotations

import typing

import numpy as np

from ..kernels.activations import Rule
from ..kernels.formulas import piecewise as formulas
from .activation import PerUnit
from .base import Parameter
from .registry import declared_in, layer


@layer
class Scale(PerUnit):
    """`y = weight * x + bias`, unit by unit. Batch normalization and input scaling become this layer.

    weight, bias : (n,) float arrays, or one number for all units.

    >>> fj.Network([fj.Scale(np.array([2.0, 3.0]), 1.0)]).jvp([1, 1], [1, 1])
    (array([3., 4.]), array([2., 3.]))
    """

    rule = Rule(formulas.scale, formulas.pull_scale)
    piecewise_linear = True
    trained = ("weight", "bias")
    weight: Parameter = 1.0
    bias: Parameter = 0.0

    @property
    def binary(self) -> bool:  # type: ignore[override]
        return bool(np.all(np.asarray(self.weight) == 1.0))


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
