"""The records that a Program's tables are made of: what `fastjac.program` writes and `fastjac.kernels.run` reads.

Offsets and strides count elements of the network's dtype. A matrix is named by a place and an offset in it.
"""

from __future__ import annotations

import numpy as np

PARAMETERS, WORK, SEED, OUT = range(4)
"""Places of a matrix: the network's parameters, the thread's workspace, the sample's seed, the sample's result."""

AFFINE, ACTIVATE, NORMALIZE = range(3)
"""Operations of the primal sweep."""

CONTRACT, COPY, APPLY = range(3)
"""Operations of the accumulation."""

DENSE = -1
"""In place of a live list or of a scale: there is none."""


def _record(*names: str) -> np.dtype:
    return np.dtype([(name, np.int64) for name in names])


PRIMAL = _record(
    "operation",
    "n_in",
    "row",  # elements from one sample's values to the next's, and from one row of the transposed weight to the next
    "weight",  # AFFINE: the transposed weight in the parameters, and the bias
    "bias",
    "code",  # ACTIVATE, NORMALIZE: the rule, and its parameters: for every value of a block (ACTIVATE), or one number
    "p",
    "q",
    "state",  # in the workspace: the Jacobian's vectors of the block's first sample, and the elements to the next one's
    "state_row",
    "rank",  # NORMALIZE: terms of the Jacobian
    "compose",  # ACTIVATE: multiply onto the derivative that is there
)

STEP = _record(
    "operation",
    "rows",
    "columns",
    "a_place",  # CONTRACT: left operand; COPY: source
    "a",
    "a_row",
    "a_column",
    "b_place",  # CONTRACT: right operand, row-major
    "b",
    "b_row",
    "c_place",  # result, row-major; APPLY: the matrix changed in place
    "c",
    "c_row",
    "live",  # CONTRACT: the live list that the inner index runs over, or DENSE
    "depth",  # CONTRACT: length of the inner index where it is DENSE
    "state",  # APPLY: the Jacobian's vectors; else a diagonal that scales the result's columns, or DENSE
    "state_row",
    "rank",  # APPLY: 0 for a diagonal, else the terms of a normalizer
    "units_on_columns",  # APPLY: whether the units lie along the columns or the rows
    "forward",  # APPLY: N t on tangents, or N^T u on cotangents
    "scratch",  # APPLY with units on rows: offset of (rank, columns) in the workspace
)

LIVE = _record("state", "state_row", "size", "list")
"""A diagonal whose live units are listed: where it lies, its size, and where its list starts.

A list is its length followed by the units' numbers, in order.
"""

LAYOUT = _record(
    "n_in",
    "n_out",
    "seed_size",  # of one sample
    "out_size",
    "block",  # samples that share one primal sweep
    "buffer",  # offsets in the workspace: second activation buffer, a spare one
    "spare",
    "zeros",  # offsets in the parameters: a row of zeros, a row of ones
    "ones",
    "work_size",  # of one thread's workspace and lists
    "list_size",
    "n_identity",  # numbers 0, 1, 2, ... at the start of the lists
)
"""The one record that says how a Program uses memory.

The first activation buffer starts the workspace.
"""
