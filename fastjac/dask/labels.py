"""The labels of an xarray.DataArray, carried over to what is computed from it."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import Any

from ..errors import OptionError


class Labels:
    """Dimensions and coordinates of x (..., n_in), for the values and Jacobians at x; none where x is no DataArray.

    data : the array that x holds, or x itself.
    columns : which entries of its last dimension J has columns for.
    """

    def __init__(self, x: Any, columns: slice | list[int]) -> None:
        self._x = x if is_labelled(x) else None
        self.data = x if self._x is None else x.data
        self._columns = columns
        self._column: Hashable = None if self._x is None else x.dims[-1]
        if self._x is not None and "output" in x.dims:
            raise OptionError("x must have no dimension 'output', as J calls its rows; rename it: x.rename(output=...)")

    def values(self, y: Any) -> Any:
        """y (..., n_out), labelled."""
        return self._put(y, (*self._samples, "output"))

    def jacobians(self, jacobians: Any) -> Any:
        """J (..., n_out, n_in), labelled."""
        return self._put(jacobians, (*self._samples, "output", self._column))

    def mean(self, jacobian: Any) -> Any:
        """One J (n_out, n_in) for all samples, labelled."""
        return self._put(jacobian, ("output", self._column))

    def square(self, matrix: Any) -> Any:
        """A matrix (n_in, n_in), labelled; the second dimension has the name of the first with `_2` appended."""
        twin = f"{self._column}_2"
        result = self._put(matrix, (self._column, twin))
        if self._x is not None and self._column in result.coords:
            result = result.assign_coords({twin: (twin, result.coords[self._column].data)})
        return result

    @property
    def _samples(self) -> tuple[Hashable, ...]:
        return () if self._x is None else self._x.dims[:-1]

    def _put(self, result: Any, dims: tuple[Hashable, ...]) -> Any:
        """The result with these dimensions, and with the coordinates that lie along these dimensions alone."""
        if self._x is None:
            return result
        chosen = self._x.coords.to_dataset().isel({self._column: self._columns}, missing_dims="ignore")
        coords = {name: coord for name, coord in chosen.coords.items() if set(coord.dims) <= set(dims)}
        return sys.modules["xarray"].DataArray(result, coords, dims)


def is_labelled(x: Any) -> bool:
    """Whether x is a DataArray. None exists where xarray is not imported, so it is not imported to find out."""
    return "xarray" in sys.modules and isinstance(x, sys.modules["xarray"].DataArray)
