"""Maps of each unit by itself: what they have in common, and the linear one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..errors import ShapeError
from .base import Layer, Parameter, as_float, store_per_unit


@dataclass(frozen=True, eq=False, repr=False)
class Elementwise(Layer):
    """A map of each unit by itself: `y[i] = f(x[i])`, whose Jacobian is diagonal.

    `rule` names the row of `fastjac.kernels.activations` that holds value and derivative.
    `binary` says that the derivative is 0 or 1 and nothing else.
    `sparse` says that the derivative is exactly 0 on whole intervals, so units can be dead.
    `piecewise_linear` says that the derivative is constant between the kinks, so that samples may share all of it.
    """

    rule: ClassVar[str]
    binary: ClassVar[bool] = False
    sparse: ClassVar[bool] = False
    piecewise_linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, as_float(getattr(self, field.name), f"{type(self).__name__} {field.name}"))

    @property
    def shown(self) -> dict[str, str]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _range(value) if isinstance(value, np.ndarray) else str(value) for name, value in values.items()}

    @property
    def rule_parameters(self) -> tuple[Parameter, Parameter]:
        """The two parameters `p, q` of the rule: numbers, or one entry for each unit; 0 where the rule takes none."""
        p, q, *_ = [*(float(getattr(self, f.name)) for f in fields(self)), 0.0, 0.0]
        return p, q

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        """Inputs at which the derivative jumps: numbers, or one entry for each unit."""
        return ()


def _range(array: np.ndarray) -> str:
    """From the least entry to the largest, as in "-2.5..10"."""
    ends = [f"{end + 0.0:.4g}" for end in (np.min(array), np.max(array))]  # 0.0 makes 0 of -0
    return ends[0] if ends[0] == ends[1] else "..".join(ends)


@dataclass(frozen=True, eq=False, repr=False)
class Scale(Elementwise):
    """`y = weight * x + bias`, unit by unit: what batch normalization and input scaling become.

    weight, bias : (n,) float arrays, or one number for all units.
    """

    rule = "scale"
    piecewise_linear = True
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
    def rule_parameters(self) -> tuple[Parameter, Parameter]:
        return self.weight, self.bias
