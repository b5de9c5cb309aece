"""Rows of a block of samples, pushed from one boundary of the network to the next, or pulled back to the one before.

A push takes every row t to `J t`, a pull every row u to `u J`, where J is the operation's Jacobian at the row's sample. Each
is the adjoint of the other, so the derivative of a loss by pushed rows is pulled, and that by pulled rows is pushed.
"""

from __future__ import annotations

import numpy as np

from .gradient_sweep import factors_of, list_of, slopes_of
from .gradient_tables import read_operation
from .jit import jit, piece
from .memory import itemsize, view
from .multiply import multiply
from .operators import clear, copy, normalize_columns
from .tables import ACTIVATE, AFFINE, DENSE

LEAST_ROWS = 4
"""Rows of a sample from which on it pays to skip its own dead units: fewer fill a tile only together with other samples' rows."""


@jit
def rows_at(zero, block, number, spare):
    """The address of the rows at a boundary; those that are not kept, behind an activation, are made again at address `spare`."""
    size = itemsize(zero)
    o = read_operation(block.operations, number)
    if o.rows != DENSE:
        return block.work + o.rows * size
    if number < block.seeds_at:
        after = read_operation(block.operations, number + 1)
        _transform_rows(zero, block, o, block.work + after.rows * size, (spare, o.in_row), False)
    else:
        before = read_operation(block.operations, number - 1)
        _transform_rows(zero, block, before, block.work + before.rows * size, (spare, o.in_row), True)
    return spare


@jit
def push(zero, block, o, source, target):
    """Push the rows at address `source`, from the operation's input to its output."""
    if o.operation == AFFINE:
        weight = (block.parameters + o.transposed * itemsize(zero), o.out_row)
        _multiply_rows(zero, block, o.n_out, o.n_in, o.live_in, (source, o.in_row), weight, (target, o.out_row))
    else:
        _transform_rows(zero, block, o, source, (target, o.out_row), True)


@jit
def pull(zero, block, o, source, target):
    """Pull the rows at address `source`, from the operation's output to its input.

    target : address, and stride from row to row.
    """
    if o.operation == AFFINE:
        weight = (block.parameters + o.weight * itemsize(zero), o.in_row)
        _multiply_rows(zero, block, o.n_in, o.n_out, o.live_out, (source, o.out_row), weight, target)
    else:
        _transform_rows(zero, block, o, source, target, False)


@jit
def write_identity(zero, block, target, row):
    """For every sample the rows of the identity."""
    rows = block.samples * block.seeds
    clear(zero, target, rows * row)
    identity = view(zero, target, rows * row)
    for number in range(rows):
        identity[number * row + number % block.seeds] = 1.0


@jit
def start_rows(zero, block, o, source, target, forward):
    """Push (forward) or pull the rows of the identity, at address `source`, through the operation next to the seeds.

    target : address, and stride from row to row.
    """
    if o.operation != AFFINE:
        _transform_rows(zero, block, o, source, target, forward)
        return
    # For every sample the weight itself.
    size = itemsize(zero)
    weight, row, width = (o.transposed, o.out_row, o.n_out) if forward else (o.weight, o.in_row, o.n_in)
    for sample in range(block.samples):
        rows = target[0] + sample * block.seeds * target[1] * size
        copy(zero, block.parameters + weight * size, row, 1, rows, target[1], block.seeds, width, block.ones)


@piece
def _multiply_rows(zero, block, columns, depth, live, source, weight, target):
    """Rows times a weight: all samples' together, or each sample's with its own dead units skipped."""
    size = itemsize(zero)
    if live == DENSE or block.seeds < LEAST_ROWS:
        shape = (block.samples * block.seeds, columns, depth)
        multiply(block, shape, block.lists, (source[0], source[1], 1), weight, block.zeros, target)
        return
    for sample in range(block.samples):
        count, units = list_of(block, live, sample)
        first = sample * block.seeds * size
        a, c = (source[0] + first * source[1], source[1], 1), (target[0] + first * target[1], target[1])
        multiply(block, (block.seeds, columns, np.intp(count[0])), units, a, weight, block.zeros, c)


@jit
def _transform_rows(zero, block, o, source, target, forward):
    """Rows times the Jacobian of an activation or a normalizer."""
    size = itemsize(zero)
    for sample in range(block.samples):
        first, slopes = sample * block.seeds * size, slopes_of(zero, block, o, sample)
        rows, to = source + first * o.in_row, target[0] + first * target[1]
        if o.operation == ACTIVATE:
            copy(zero, rows, o.in_row, 1, to, target[1], block.seeds, o.n_in, slopes)
            continue
        if rows != to:
            copy(zero, rows, o.in_row, 1, to, target[1], block.seeds, o.n_in, block.ones)
        normalize_columns(zero, to, target[1], block.seeds, factors_of(zero, slopes, o), o.rank, forward)
