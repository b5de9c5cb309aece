"""The derivatives at the rows of a table, some rows at a time, in the units that are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from ..errors import OptionError
from ..graphs.ends import whole
from ..network import Network

Units = Literal["raw", "standard", "elasticity"]
"""The units in which derivatives are given: as they are, in standard deviations, or in per cent."""
NanPolicy = Literal["raise", "omit"]
"""What becomes of rows and derivatives that are not finite."""
FORMULAS: dict[Units, str] = {
    "raw": "d y / d x",
    "standard": "d y / d x * std(x) / std(y)",
    "elasticity": "d log y / d log x",
}
BLOCK_BYTES = 2**20
"""Bytes of derivatives in float64 that are computed at a time; intermediate results take some five times as much."""


class Block(NamedTuple):
    """Some rows, in float64: inputs `x (n, n_in)`, outputs `y (n, n_out)`, derivatives `(n, n_out, n_in)`, and weights `(n,)`."""

    x: np.ndarray
    y: np.ndarray
    derivatives: np.ndarray
    weights: np.ndarray


class Rows(NamedTuple):
    """The rows of a table at which derivatives are wanted.

    values : (n, n_in).  weights : (n,).
    input_names, output_names : the names of inputs and outputs in errors.
    output : the number of the only output that is wanted; None for all.
    """

    net: Network
    values: np.ndarray
    weights: np.ndarray
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    output: int | None = None

    def blocks(self, units: Units, nan_policy: NanPolicy, threads: int | None) -> Iterator[Block]:
        """The rows in blocks, as many at a time as BLOCK_BYTES hold; "standard" gives raw derivatives, to be scaled by all rows.

        Rows of weight 0 are left out. If `nan_policy` is "omit", so are rows with nan or inf in an input, and other derivatives
        that are not finite are nan or inf. If it is "raise", both are an OptionError that says where.
        """
        size = max(1, BLOCK_BYTES // (len(self.output_names) * self.net.n_in * 8))
        for first in range(0, len(self.values), size):
            rows = np.arange(first, min(first + size, len(self.values)))
            rows = rows[self.weights[rows] > 0.0]
            finite = np.isfinite(self.values[rows])
            if nan_policy == "raise" and not finite.all():
                self._refuse_input(rows, finite)
            rows = rows[finite.all(axis=1)]
            if rows.size == 0:
                continue
            block = self._block(rows, units, threads)
            if nan_policy == "raise" and not np.isfinite(block.derivatives).all():
                self._refuse_derivative(rows, block, units)
            yield block

    def _block(self, rows: np.ndarray, units: Units, threads: int | None) -> Block:
        x = self.values[rows].astype(np.float64)
        net, of = self.net, slice(None) if self.output is None else [self.output]
        # All inputs and outputs by their numbers, so that J is one matrix however many there are.
        y, jacobian = net.value_and_jacobian(net._inputs.split(x, -1), wrt=slice(None), of=of, threads=threads)
        y = whole(y, None, net._outputs)[:, of].astype(np.float64)
        derivatives = jacobian.astype(np.float64, copy=False)
        if units == "elasticity":
            with np.errstate(all="ignore"):
                derivatives *= x[:, None, :]
                derivatives /= y[:, :, None]
        return Block(x, y, derivatives, self.weights[rows])

    def _refuse_input(self, rows: np.ndarray, finite: np.ndarray) -> None:
        row, column = np.argwhere(~finite)[0]
        raise OptionError(
            f"the table must hold finite numbers, but row {rows[row]} (counted from 0) has {self.values[rows[row], column]} in "
            f'column {self.input_names[column]!r}; fill it in, or leave such rows out by nan_policy="omit" (in the shell: '
            "--nan-policy omit)"
        )

    def _refuse_derivative(self, rows: np.ndarray, block: Block, units: Units) -> None:
        row, i, j = np.argwhere(~np.isfinite(block.derivatives))[0]
        output, place = self.output_names[i], f"row {rows[row]} (counted from 0)"
        if units == "elasticity" and block.y[row, i] == 0.0:
            fault = f"the elasticity of {output!r} has no value in {place}, because the output is 0 there"
        else:
            what = "elasticity" if units == "elasticity" else "derivative"
            fault = f"the {what} of {output!r} by {self.input_names[j]!r} is {block.derivatives[row, i, j]} in {place}"
        raise OptionError(
            f'{fault}; nan_policy="omit" (in the shell: --nan-policy omit) leaves such entries out and counts the others'
        )
