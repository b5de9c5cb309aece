"""What every layer has, and how its parameters are validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..dense import dense_array
from ..errors import DtypeError, ShapeError
from ..frozen import frozen

if TYPE_CHECKING:
    from ..graphs.nodes import Node

Parameter = float | np.ndarray
"""A number for all units, or an array with one entry for each."""


def as_float_array(value: Any, what: str, rank: int) -> np.ndarray:
    """A read-only float32 or float64 copy of `value`, C-ordered, or an error that names `what`."""
    array = dense_array(value, what)
    if array.dtype.kind != "f":
        # ml_dtypes' bfloat16, which Keras and JAX hand out, is of kind "V" yet casts to float32.
        if array.dtype.name != "bfloat16":
            raise DtypeError(f"{what} must hold floating-point numbers, got {array.dtype}; convert it with .astype(np.float64)")
        array = array.astype(np.float32)
    if array.ndim != rank:
        raise ShapeError(f"{what} must have {rank} dimension{'s' * (rank != 1)}, got shape {array.shape}")
    dtype = np.dtype(np.float64 if array.dtype.itemsize >= 8 else np.float32)
    if array.dtype != dtype:
        with np.errstate(all="ignore"):
            array = array.astype(dtype)
    return frozen(array)


def as_float(value: Any, what: str) -> float:
    """`value` as a Python float, or an error that names `what`."""
    if type(value) is float:  # as it mostly is
        return value
    try:
        if isinstance(value, (bool, str, bytes)) or np.iscomplexobj(value) or np.ndim(value) != 0:
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DtypeError(f"{what} must be a real number, got {value!r:.80}") from error


@dataclass(frozen=True, eq=False, repr=False)
class Layer:
    """One map of the chain. Sizes are None where the layer takes any width.

    >>> layer = fj.Affine(np.ones((3, 2)), np.zeros(3))
    >>> layer, layer.n_in, layer.n_out, layer.n_parameters
    (Affine(weight(3, 2), bias(3,)), 2, 3, 9)
    """

    @property
    def n_in(self) -> int | None:
        """Number of inputs, or None if the layer takes any width."""
        return None

    @property
    def n_out(self) -> int | None:
        """Number of outputs, or None if it equals the number of inputs, whatever that is."""
        return self.n_in

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The layer's array parameters by field name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    @property
    def options(self) -> dict[str, Any]:
        """The layer's scalar options by field name; arrays and absent parameters are not among them."""
        return {name: value for name, value in vars(self).items() if not (value is None or isinstance(value, np.ndarray))}

    @property
    def shown(self) -> dict[str, str]:
        """What a table of layers shows of a layer besides its class: its options as text, by field name."""
        return {name: str(value) for name, value in self.options.items()}

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> Self:
        """The same layer with other arrays, by field name."""
        return replace(self, **arrays)

    @property
    def n_parameters(self) -> int:
        """Number of array parameters, counted one by one."""
        return sum(array.size for array in self.arrays.values())

    def __call__(self, node: Node) -> Node:
        """Record this layer behind a node of a network; the result is a node too. A layer called twice is shared."""
        return self._record(node)

    def _record(self, *nodes: Any) -> Node:
        # The node records itself: `nodes` imports layers, so importing it here would go in a circle.
        for node in nodes:
            if not hasattr(node, "follow"):
                raise DtypeError(
                    f"{type(self).__name__} is called on nodes of a network, such as fastjac.Input(3), and records itself; got "
                    f"{type(node).__name__}. To compute values, build a Network of the layer and call that"
                )
        return nodes[0].follow(self, *nodes[1:])

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, because a pickled array forgets that it was read-only.
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    def __repr__(self) -> str:
        shapes = [f"{name}{array.shape}" for name, array in self.arrays.items()]
        options = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"{type(self).__name__}({', '.join(shapes + options)})"


def store_per_unit(layer: Layer, name: str) -> int | None:
    """Store field `name` as a number or a one-dimensional float array; return its size, None for a number."""
    value = as_per_unit(getattr(layer, name), f"{type(layer).__name__} {name}")
    object.__setattr__(layer, name, value)
    return value.size if isinstance(value, np.ndarray) else None


def as_per_unit(value: Any, what: str) -> Parameter:
    """`value` as a number, or as a one-dimensional float array, or an error that names `what`."""
    if not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) == 0:
        return as_float(value, what)
    array = as_float_array(value, what, 1)
    if array.size == 0:
        raise ShapeError(f"{what} must have at least one entry")
    return array
