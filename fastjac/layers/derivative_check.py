"""The functions of an `Elementwise`, compared with central differences in float64 at some points when the layer is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from ..errors import LayerError
from ..kernels.elementwise import call_rule, returned
from ..kernels.float_mode import default_mode
from ..kernels.jit import kernel_address

if TYPE_CHECKING:
    from .elementwise import Elementwise

POINTS = 64
"""How many inputs are tried, between -8 and 8 and between -1 and 1, at places where no kink is likely to lie."""
MOST_UNITS = 8
"""Most units whose parameters are tried, where there are arrays."""
STEP = 2.0**-17
RTOL = 1e-6
NOISE = 64.0 * float(np.finfo(np.float64).eps)
"""Rounding error allowed in a value, relative to it."""

Function = Callable[[float | np.ndarray], np.ndarray]
"""A function's results at all points, shifted by the argument."""


def check_functions(layer: Elementwise) -> None:
    """Raise LayerError where a function of the layer does not compile, or does not agree with differences."""
    _check_types(layer)
    with default_mode(), np.errstate(all="ignore"):
        points = _Points(layer)
        points.compare("slope", points.slopes(0.0), points.values)
        if layer.bend is not None:
            points.compare("bend", points.bends(), points.slopes)
        elif layer.piecewise_linear:
            points.compare("the second derivative of a piecewise_linear layer", np.zeros(points.x.size), points.slopes)
        if layer.binary:
            points.check_binary()
        for number, name in enumerate(layer.trained):
            points.compare_by(number, name)


def _check_types(layer: Elementwise) -> None:
    functions = {"value": layer.value, "slope": layer.slope, "bend": layer.bend}
    for name, pair in layer.by_parameter.items():
        functions |= {f"derivative of value by {name}": pair[0], f"derivative of slope by {name}": pair[1]}
    taken = f"({', '.join(['x', *layer.parameters])})"
    for what, function in functions.items():
        if function is None:
            continue
        try:
            kind = returned(function, len(layer.parameters))
        except (NumbaError, TypeError) as error:
            raise LayerError(
                f"Elementwise {what}, {function.__name__}, does not compile for numbers {taken}, which are x and the parameters "
                f"in the order of the dict: {error}"
            ) from error
        if not isinstance(kind, (types.Float, types.Integer, types.Boolean)):
            raise LayerError(f"Elementwise {what}, {function.__name__}, must give one real number for {taken}, it gives {kind}")


class _Points:
    """The layer's functions at every point, for some of its units."""

    def __init__(self, layer: Elementwise) -> None:
        self._layer = layer
        spread = (np.arange(POINTS) + 0.5) * 0.6180339887498949 % 1.0 * 2.0 - 1.0
        points = spread * np.where(np.arange(POINTS) % 2, 8.0, 1.0)
        size = layer.n_in or 1
        units = np.unique(np.linspace(0, size - 1, min(size, MOST_UNITS)).astype(int))
        self.x = np.tile(points, len(units))
        given = [np.broadcast_to(np.asarray(value, np.float64), size) for value in layer.rule_parameters]
        self._rows = np.array([np.repeat(value[units], POINTS) for value in given])

    def values(self, shift: float | np.ndarray) -> np.ndarray:
        return self._evaluate(self.x + shift, self._rows)[0]

    def slopes(self, shift: float | np.ndarray) -> np.ndarray:
        return self._evaluate(self.x + shift, self._rows)[1]

    def bends(self) -> np.ndarray:
        found = np.empty_like(self.x)
        self._call(self._layer.rule.bend, self.x, self._rows, found)
        return found

    def compare(self, what: str, given: np.ndarray, function: Function, scale: np.ndarray | None = None) -> None:
        """Raise LayerError unless `given` are the function's derivatives, up to the differences' error, and except at kinks."""
        h = STEP * np.maximum(1.0, np.abs(self.x if scale is None else scale))
        forth, back, far_forth, far_back = (function(step) for step in (h, -h, 2.0 * h, -2.0 * h))
        near, far = (forth - back) / (2.0 * h), (far_forth - far_back) / (4.0 * h)
        expected = (4.0 * near - far) / 3.0
        # Where a kink lies between the points, the two differences are far apart.
        error = np.abs(near - far) + NOISE * np.maximum(np.abs(forth), np.abs(back)) / h
        allowed = error + RTOL * np.abs(expected)
        wrong = np.isfinite(allowed) & ~(np.abs(given - expected) <= allowed)
        if wrong.any():
            worst = int(np.argmax(np.where(wrong, np.abs(given - expected) / allowed, 0.0)))
            found, wanted = f"{given[worst]:.10g} at {self._place(worst)}", f"{expected[worst]:.10g} within {allowed[worst]:.1e}"
            raise LayerError(
                f"Elementwise {what} is {found}, where differences give {wanted}; correct it, or what it is the derivative of"
            )

    def compare_by(self, number: int, name: str) -> None:
        """Compare the derivatives by the parameter of this number."""
        ones, zeros, parameter = np.ones_like(self.x), np.zeros_like(self.x), self._rows[number]

        def shifted(which: int) -> Function:
            def function(shift: float | np.ndarray) -> np.ndarray:
                rows = self._rows.copy()
                rows[number] += shift
                return self._evaluate(self.x, rows)[which]

            return function

        for which, (what, factors) in enumerate({"value": (ones, zeros), "slope": (zeros, ones)}.items()):
            found = np.zeros_like(self.x)
            targets = [found.ctypes.data if row == number else 0 for row in range(2)]
            self._call(self._layer.rule.parameter_pull, self.x, self._rows, *factors, *targets)
            self.compare(f"derivative of {what} by {name}", found, shifted(which), parameter)

    def check_binary(self) -> None:
        """Raise LayerError for a slope other than 0 and 1."""
        slopes = self.slopes(0.0)
        other = np.flatnonzero(np.isfinite(slopes) & (slopes != 0.0) & (slopes != 1.0))
        if other.size:
            found = f"{slopes[other[0]]:.10g} at {self._place(int(other[0]))}"
            raise LayerError(f"an Elementwise that is binary has slopes 0 and 1, not {found}; leave binary out")

    def _place(self, point: int) -> str:
        names = [*self._layer.trained, *(name for name in self._layer.parameters if name not in self._layer.trained)]
        parameters = [f"{name} = {row[point]:.10g}" for name, row in zip(names, self._rows, strict=False)]
        return ", ".join([f"x = {self.x[point]:.10g}", *parameters])

    def _evaluate(self, x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, slopes = x.copy(), np.empty_like(x)
        self._call(self._layer.rule.activation, values, rows, slopes)
        return values, slopes

    def _call(self, kernel: Any, x: np.ndarray, rows: np.ndarray, *others: np.ndarray | int) -> None:
        arrays = (x, rows[0], rows[1], *others)
        addresses = tuple(array if isinstance(array, int) else array.ctypes.data for array in arrays)
        call_rule(kernel_address(kernel, np.dtype(np.float64)), (np.float64(0.0), *addresses, x.size))
