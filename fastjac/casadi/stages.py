"""The samples of a horizon: columns of CasADi's matrices, and rows of the network's batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import casadi
import numpy as np

from ..graphs.ends import slices_of

Buffer = Any
"""The memory of a matrix's nonzeros, column by column in float64; None for a matrix that is zero, or that nobody wants."""


class Stages:
    """Where the numbers of `count` samples lie.

    inputs, outputs : sizes of the network's vectors, which follow one another in a row of the batch.
    """

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...], count: int) -> None:
        self.inputs, self.outputs, self.count = inputs, outputs, count
        self.columns, self.rows = slices_of(inputs), slices_of(outputs)

    def matrix(self, size: int) -> Any:
        """The sparsity of a vector's values: (size, count), dense."""
        return casadi.Sparsity.dense(size, self.count)

    def derivative(self, output: int, source: int) -> Any:
        """The sparsity of the derivative of an output's matrix by an input's: a dense block on the diagonal for each stage."""
        return casadi.diagcat(*[casadi.Sparsity.dense(self.outputs[output], self.inputs[source])] * self.count)

    def gathered(self, buffers: Sequence[Buffer], dtype: np.dtype) -> np.ndarray:
        """The batch (count, n_in) of all inputs."""
        batch = np.zeros((self.count, sum(self.inputs)), dtype)
        for columns, buffer in zip(self.columns, buffers, strict=True):
            if buffer is not None:
                with np.errstate(all="ignore"):
                    batch[:, columns] = np.frombuffer(buffer).reshape(self.count, -1)
        return batch

    def write_values(self, y: np.ndarray, buffers: Sequence[Buffer]) -> None:
        """Write y (count, n_out) of all outputs."""
        for rows, buffer in zip(self.rows, buffers, strict=True):
            if buffer is not None:
                np.frombuffer(buffer).reshape(self.count, -1)[...] = y[:, rows]

    def write_block(self, jacobian: np.ndarray, buffer: Buffer) -> None:
        """Write one block of J (count, rows, columns)."""
        transposed = jacobian.transpose(0, 2, 1)
        np.frombuffer(buffer).reshape(transposed.shape)[...] = transposed
