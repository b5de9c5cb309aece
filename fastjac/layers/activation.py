"""What maps of each unit by itself have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ShapeError
from ..kernels.activations import Rule
from .base import Layer, Parameter, as_float, store_per_unit


@dataclass(frozen=True, eq=False, repr=False)
class Activation(Layer):
    """A map of each unit by itself: `y[i] = f(x[i])`, whose Jacobian is diagonal.

    `rule` holds its formula, which gives the value, the slope (the derivative) and the bend (the second derivative).
    `binary` states that the slope is 0 or 1 and nothing else.
    `sparse` states that the slope is exactly 0 on whole intervals, so units can be dead.
    `piecewise_linear` states that the slope is constant between the kinks: samples may share all slopes, and the bend is 0.
    `period` is the distance from each kink to the next one like it; 0 where there is none.
    `trained` names the fields that may be trained, where they are arrays, in the order of the rule's parameters.
    """

    rule: ClassVar[Rule]
    binary: ClassVar[bool] = False
    sparse: ClassVar[bool] = False
    piecewise_linear: ClassVar[bool] = False
    period: ClassVar[float] = 0.0
    trained: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, as_float(getattr(self, field.name), f"{type(self).__name__} {field.name}"))

    @property
    def shown(self) -> dict[str, str]:
        return as_texts({field.name: getattr(self, field.name) for field in fields(self)})

    @property
    def rule_parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the rule, from `p` and `q` on: numbers, or one entry for each unit; 0 where the rule takes none."""
        p, q, *_ = [*(float(getattr(self, f.name)) for f in fields(self)), 0.0, 0.0]
        return p, q

    @property
    def has_bend(self) -> bool:
        """Whether the bend may be other than 0."""
        return not self.piecewise_linear

    @property
    def kinks(self) -> tuple[Parameter, ...]:
        """Inputs at which value or slope jump, or the slope is infinite: numbers, or one entry for each unit."""
        return ()

    def sides(self, x: np.ndarray) -> list[np.ndarray]:
        """For each kink, numbers that differ for inputs on different sides of it, or of a kink that lies whole periods away."""
        distances = [x - kink for kink in self.kinks]
        if not self.period:
            return [np.sign(distance) for distance in distances]
        return [np.floor(distance / self.period) + np.ceil(distance / self.period) for distance in distances]

    def of_units(self, index: Sequence[int]) -> Self:
        """The same layer for some of its units, by their numbers."""
        arrays = {name: array[np.array(index)] for name, array in self.arrays.items()}
        return self.with_arrays(arrays) if arrays else self


class PerUnit(Activation):
    """An activation each of whose fields is one number for all units, or an array with an entry for each, which may be trained.

    The fields are the rule's parameters, in its order. Raises ShapeError where their arrays differ in size.
    """

    def __post_init__(self) -> None:
        names = [field.name for field in fields(self)]
        sizes = {size for name in names if (size := store_per_unit(self, name)) is not None}
        if len(sizes) > 1:
            raise ShapeError(f"{type(self).__name__} {' and '.join(names)} must have the same size, got {sorted(sizes)}")

    @property
    def n_in(self) -> int | None:
        return next((value.size for value in vars(self).values() if isinstance(value, np.ndarray)), None)

    @property
    def rule_parameters(self) -> tuple[Parameter, ...]:
        p, q, *_ = [*(getattr(self, field.name) for field in fields(self)), 0.0, 0.0]
        return p, q


class ByName(Activation):
    """An activation whose parameters a user names: numbers, or arrays with one entry for each unit. Some are trained.

    `trained` names the parameters that are trained where they are arrays. `_order` names all parameters, in the rule's order, the
    trained ones first. `_store` checks the fields and brings them into their one form.
    """

    parameters: Mapping[str, Parameter]
    _order: Sequence[str]
    _store: Callable[[], None]

    def _check_sizes(self) -> None:
        """Raise ShapeError where arrays differ in size."""
        sizes = {value.size for value in self.parameters.values() if isinstance(value, np.ndarray)}
        if len(sizes) > 1:
            name = type(self).__name__
            raise ShapeError(f"arrays among the parameters of {name} must have the same size, got {sorted(sizes)}")

    @property
    def rule_parameters(self) -> tuple[Parameter, ...]:
        values = [self.parameters[name] for name in self._order]
        return (*values, *[0.0] * (2 - len(values)))

    @property
    def n_in(self) -> int | None:
        return next((value.size for value in self.parameters.values() if isinstance(value, np.ndarray)), None)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are trained."""
        return {name: value for name in self.trained if isinstance(value := self.parameters[name], np.ndarray)}

    @property
    def options(self) -> dict[str, Any]:
        return {name: value for name, value in self.parameters.items() if not isinstance(value, np.ndarray)}

    def of_units(self, index: Sequence[int]) -> Self:
        parameters = self.parameters.items()
        return self._with({name: v[np.array(index)] if isinstance(v, np.ndarray) else v for name, v in parameters})

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> Self:
        return self._with({**self.parameters, **arrays})

    def _with(self, parameters: Mapping[str, Parameter]) -> Self:
        """The same layer with other parameters."""
        return self._of(**{field.name: getattr(self, field.name) for field in fields(self)} | {"parameters": parameters})

    @classmethod
    def _of(cls, **values: Any) -> Self:
        """The layer with these fields, without the checks that are made when a user makes one."""
        made = object.__new__(cls)
        made._set(**values)
        made._store()
        return made

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _shown_as(self, what: str) -> str:
        """The layer as text: `what`, then its parameters."""
        parts = [f"{name}{v.shape}" if isinstance(v, np.ndarray) else f"{name}={v!r}" for name, v in self.parameters.items()]
        return f"{type(self).__name__}({', '.join([what, *parts])})"


def as_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as a table of layers shows them: an array by its least and its largest entry."""
    return {name: _range(value) if isinstance(value, np.ndarray) else str(value) for name, value in values.items()}


def _range(array: np.ndarray) -> str:
    """From the least entry to the largest, as in "-2.5..10"."""
    ends = [f"{end + 0.0:.4g}" for end in (np.min(array), np.max(array))]  # 0.0 makes 0 of -0
    return ends[0] if ends[0] == ends[1] else "..".join(ends)
