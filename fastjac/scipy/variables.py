"""Which of a network's inputs a solver varies, and how the network's whole input is put together from them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .. import arguments
from ..derivatives import Index
from ..errors import DtypeError, ShapeError
from ..graphs.selection import as_index
from ..kernels.float_mode import default_mode
from ..network import Network, checked_network

Kind = TypeVar("Kind")


class Variables:
    """The inputs that vary, `free`, and the others, `held`, as indices of the network's whole input.

    columns : the numbers of the free inputs, or None where these are all inputs in order.
    listed : the numbers of the held inputs, for errors.
    """

    def __init__(self, net: Network, wrt: Index | None) -> None:
        self.columns = checked_network(net)._inputs.numbers(wrt, "wrt")
        free = tuple(range(net.n_in)) if self.columns is None else self.columns
        self.held = np.setdiff1d(np.arange(net.n_in), free)
        self.free, self.n_free = as_index(free), len(free)
        self.listed = f"{', '.join(map(str, self.held[:8]))}{', ...' if len(self.held) > 8 else ''}"


def checked_kind(value: Kind, kind: type[Kind], name: str, call: str) -> Kind:
    """`value` itself if it is of this class, else a DtypeError that says by which call to make one."""
    if not isinstance(value, kind):
        raise DtypeError(f"{name} must be a fastjac.scipy.{kind.__name__}, got {type(value).__name__}; pass {call}")
    return value


def vector(value: Any, size: int, name: str, meaning: str) -> np.ndarray:
    """`value` as a float64 vector (size,), with one entry for each of `meaning`."""
    # The usual case first: for a small network the checks below take as long as its Jacobian.
    if type(value) is np.ndarray and value.dtype == np.float64 and value.shape == (size,):
        return value
    array = arguments.real_array(value, name)
    if array.shape != (size,):
        raise ShapeError(f"{name} must have shape ({size},), one number for each {meaning}, got {array.shape}")
    return array.astype(np.float64, copy=False)


def put(target: np.ndarray, places: slice | np.ndarray, values: np.ndarray) -> None:
    """Write values to these entries of the last axis; values that the dtype does not hold become infinite, without a warning."""
    if target.dtype == values.dtype:
        target[..., places] = values
        return
    with np.errstate(all="ignore"), default_mode():
        target[..., places] = values
