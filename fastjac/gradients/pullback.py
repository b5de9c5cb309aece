"""What a loss's derivatives by values and Jacobians become: a pullback, and the gradient that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from ..errors import ShapeError
from ..layers import Layer
from .runner import GradientRunner
from .scratch import Kept

if TYPE_CHECKING:
    from .trainable import Trainable


@dataclass(frozen=True, eq=False)
class Gradient:
    """The derivatives of a loss by a network's inputs and parameters.

    x : (..., n_in), by the inputs; the leading shape is theirs.
    parameters : (n_parameters,), by the parameters, summed over the inputs, in the order of `Network.parameters`.
    layers : the same for each layer, as its arrays by field name, which are views of `parameters`.
    """

    x: np.ndarray
    parameters: np.ndarray
    layers: tuple[dict[str, np.ndarray], ...]

    def __repr__(self) -> str:
        sizes = f"x {self.x.shape}, parameters {self.parameters.shape}"
        return f"Gradient({sizes}, {len(self.layers)} layer{'s' * (len(self.layers) != 1)}, {self.x.dtype})"


class Pullback:
    """The derivative, backwards, of a network's values and Jacobians at some inputs; see `Network.jacobian_vjp`.

    It may be pickled: another process gets the network and the inputs, and computes there what is kept here.
    """

    def __init__(
        self, network: Trainable, runner: GradientRunner, x: np.ndarray, lead: tuple[int, ...], kept: Kept | None = None
    ) -> None:
        # A copy: what the caller does to x later must not change the point at which this is the derivative.
        self._network, self._runner, self._x, self._lead, self._kept = network, runner, x.copy(), lead, kept

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._network, self._x, self._lead)

    def __call__(self, gy: Any = None, gJ: Any = None, *, threads: int | None = None) -> Gradient:  # noqa: N803
        """The derivatives of a loss by inputs and parameters, from those by the values and by the Jacobians.

        Parameters
        ----------
        gy : (..., n_out), `d loss / d y`, or None if the loss does not depend on the values; so gJ.
        gJ : (..., n_out, n_in), `d loss / d J`.
        threads : most threads to use. The result has the same bits for any number of them.

        Raises ShapeError or DtypeError for a gy or gJ that is no real array of the shape of y or J.
        Costs about twice the multiply-adds of the Jacobian, and of a large batch, of which not all is kept, three times.
        """
        lowered, n = self._runner.lowered, len(self._x)
        n_in, n_out = self._sizes
        x_gradient = np.empty((n, n_in), lowered.dtype)
        arrays = {
            "x": self._x,
            "x_gradient": x_gradient,
            "y_gradient": self._checked(gy, (n_out,), "gy"),
            "jacobian_gradient": self._checked(gJ, (n_out, n_in), "gJ"),
        }
        if gy is None and gJ is None:
            arrays["y_gradient"] = np.zeros((n, n_out), lowered.dtype)
        parameters = np.empty(int(lowered.layout[0]["n_parameters"]), lowered.dtype)
        self._runner.run(arrays, threads, {"parameter_gradient": parameters}, self._kept)
        return Gradient(x_gradient.reshape(*self._lead, n_in), parameters, tuple(views_of(parameters, self._network.layers)))

    def __repr__(self) -> str:
        n_in, n_out = self._sizes
        return f"Pullback(gy {(*self._lead, n_out)}, gJ {(*self._lead, n_out, n_in)}, {self._x.dtype})"

    @property
    def _sizes(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        layout = self._runner.lowered.layout[0]
        return int(layout["n_in"]), int(layout["n_out"])

    def _checked(self, value: Any, core: tuple[int, ...], name: str) -> np.ndarray | None:
        if value is None:
            return None
        array = arguments.real_array(value, name)
        if array.shape != (*self._lead, *core):
            raise ShapeError(f"{name} must have shape {(*self._lead, *core)}, that of {name[1]}, got {array.shape}")
        return arguments.for_kernels(array.reshape(len(self._x), *core), self._runner.lowered.dtype)


def _rebuilt(network: Trainable, x: np.ndarray, lead: tuple[int, ...]) -> Pullback:
    return Pullback(network, network._gradient_runner(), x, lead)


def views_of(flat: np.ndarray, layers: Sequence[Layer]) -> list[dict[str, np.ndarray]]:
    """A flat vector of parameters as arrays of each layer, by field name; none is copied."""
    views, start = [], 0
    for layer in layers:
        found = {}
        for name, array in layer.arrays.items():
            found[name] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
        views.append(found)
    return views
