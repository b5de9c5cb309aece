"""A pullback, which takes a loss's derivatives by values and Jacobians, and the gradient that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graphs.ends import End, shapes_of
from ..layers import Layer
from .memory import Kept
from .runner import GradientRunner, addresses_of
from .structure import blocks_of, gather

if TYPE_CHECKING:
    from .trainable import Trainable


@dataclass(frozen=True, eq=False)
class Gradient:
    """The derivatives of a loss by a network's inputs and parameters.

    x : (..., n_in), the derivatives by the inputs, in their shape. A tuple of such arrays for several inputs.
    parameters : (n_parameters,), the derivatives by the parameters, summed over the inputs, in the order of
        `Network.parameters`.
    layers : views of `parameters` for each layer, as its arrays by field name, in the order of `Network.layers`. A layer at
        several places of the network has the sum over all of them.

    >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
    >>> gradient = net.jacobian_vjp([0.5, 1.0])[2](gy=np.ones(2))
    >>> gradient
    Gradient(x (2,), parameters (4,), 2 layers, float64)
    >>> gradient.layers[0]
    {'weight': array([[0.39322387, 0.78644773],
           [0.20998717, 0.41997434]])}
    """

    x: Any
    parameters: np.ndarray
    layers: tuple[dict[str, np.ndarray], ...]

    def __repr__(self) -> str:
        sizes = f"x {shapes_of(self.x)}, parameters {self.parameters.shape}"
        return f"Gradient({sizes}, {len(self.layers)} layer{'s' * (len(self.layers) != 1)}, {self.parameters.dtype})"


class Pullback:
    """The derivative, backwards, of a network's values and Jacobians at some inputs; see `Network.jacobian_vjp`.

    It may be pickled: another process gets the network and the inputs, and computes anew what is kept here.

    >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
    >>> y, J, pullback = net.jacobian_vjp([0.5, 1.0])
    >>> pullback
    Pullback(gy (2,), gJ (2, 2), float64)
    >>> pullback(gJ=2 * J).x
    array([-1.14327791, -0.53731518])
    """

    def __init__(
        self, network: Trainable, runner: GradientRunner, x: np.ndarray, lead: tuple[int, ...], kept: Kept | None = None
    ) -> None:
        # A copy: what the caller does to x later must not change the point at which this is the derivative.
        self._network, self._runner, self._x, self._lead, self._kept = network, runner, x.copy(), lead, kept

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._network, self._x, self._lead)

    def __call__(self, gy: Any = None, gJ: Any = None, *, threads: int | None = None) -> Gradient:  # noqa: N803
        """The derivatives of a loss by inputs and parameters, from its derivatives by the values and by the Jacobians.

        Parameters
        ----------
        gy : (..., n_out), `d loss / d y`, or None if the loss does not depend on the values. For several outputs it is a tuple,
            as y is, whose items may be None too.
        gJ : (..., n_out, n_in), `d loss / d J`, or None if the loss does not depend on J. It is in blocks where J is, and a block
            may be None too.
        threads : most threads to use. The result has the same bits for any number of them.

        Raises ShapeError or DtypeError for a gy or gJ that is no real array of the shape of y or J.
        Costs about twice the multiply-adds of the Jacobian; three times for a batch too large for its rows to be kept.
        """
        lowered, n, net = self._runner.lowered, len(self._x), self._network
        x_gradient = np.empty((n, net.n_in), lowered.dtype)
        arrays = {
            "x": self._x,
            "x_gradient": x_gradient,
            "y_gradient": self._gathered(gy, "gy"),
            "jacobian_gradient": self._gathered(gJ, "gJ"),
        }
        parameters = np.empty(lowered.unfolded.n_parameters, lowered.dtype)
        self._runner.run(n, addresses_of(parameter_gradient=parameters, **arrays), threads, self._kept)
        self._runner.clear_unused(parameters)
        by_x = net._inputs.split(x_gradient.reshape(*self._lead, net.n_in), -1)
        return Gradient(by_x, parameters, tuple(views_of(parameters, net.layers)))

    def __repr__(self) -> str:
        shapes = []
        for ends in self._ends.values():
            array = np.broadcast_to(0.0, (*self._lead, *(end.total for end in ends)))
            shapes.append(shapes_of(blocks_of(array, ends)))
        return f"Pullback(gy {shapes[0]}, gJ {shapes[1]}, {self._x.dtype})"

    @property
    def _ends(self) -> dict[str, tuple[End, ...]]:
        """The ends along which the derivatives by y and by J are cut into blocks."""
        net = self._network
        return {"gy": (net._outputs,), "gJ": (net._outputs, net._inputs)}

    def _gathered(self, value: Any, name: str) -> np.ndarray | None:
        """A loss's derivative by y or J as one array, with a row for each input."""
        if value is None:
            return None
        ends = self._ends[name]
        array = gather(value, self._lead, ends, name, self._runner.lowered.dtype)
        return array.reshape(len(self._x), *(end.total for end in ends))


def _rebuilt(network: Trainable, x: np.ndarray, lead: tuple[int, ...]) -> Pullback:
    return Pullback(network, network._gradient_runner(), x, lead)


def views_of(flat: np.ndarray, layers: Sequence[Layer]) -> list[dict[str, np.ndarray]]:
    """A flat vector of parameters as arrays of each layer, by field name; none is copied.

    A layer that stands at several places has one set of arrays, whose views are the same at each place.
    """
    views: dict[Layer, dict[str, np.ndarray]] = {}
    start = 0
    for layer in dict.fromkeys(layers):
        found = views[layer] = {}
        for name, array in layer.arrays.items():
            found[name] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
    return [views[layer] for layer in layers]
