"""The linear map of each unit by itself."""

from __future__ import annotations

import typing

import numpy as np

from ..errors import ShapeError
from ..kernels.activations import Rule
from ..kernels.formulas import piecewise as formulas
from .activation import Activation
from .base import Parameter, store_per_unit
from .registry import declared_in, layer


@layer
class Scale(Activation):
    """`y = weight * x + bias`, unit by unit: what batch normalization and input scaling become.

    weight, bias : (n,) float arrays, or one number for all units.
    """

    rule = Rule(formulas.scale, formulas.pull_scale)
    piecewise_linear = True
    trained = ("weight", "bias")
    weight: Parameter = 1.0
    bias: Parameter = 0.0

    @property
    def binary(self) -> bool:  # type: ignore[override]
        return bool(np.all(np.asarray(self.weight) == 1.0))

    def __post_init__(self) -> None:
        sizes = {size for name in ("weight", "bias") if (size := store_per_unit(self, name)) is not None}
        if len(sizes) > 1:
            raise ShapeError(f"Scale weight and bias must have the same size, got {sorted(sizes)}")

    @property
    def n_in(self) -> int | None:
        sizes = [v.size for v in (self.weight, self.bias) if isinstance(v, np.ndarray)]
        return sizes[0] if sizes else None

    @property
    def rule_parameters(self) -> tuple[Parameter, ...]:
        return self.weight, self.bias


if not typing.TYPE_CHECKING:
    __all__ = declared_in(__name__)
