"""Rows of a block of samples, pushed from one boundary of the network to the next, or pulled back to the one before.

A push takes every row t to `J t`, a pull every row u to `u J`, where J is the operation's Jacobian at the row's sample. Each
is the adjoint of the other, so the derivative of a loss by pushed rows is pulled, and that by pulled rows is pushed.
"""

from __future__ import annotations

import numpy as np

from .gradient_sweep import list_of, slopes_of
from .gradient_tables import read_block, read_operation
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, stored, view
from .multiply import multiply
from .operators import clear
from .tables import ACTIVATE, AFFINE, DENSE

LEAST_ROWS = 4
"""Rows of a sample from which on it pays to skip its own dead units: fewer fill a tile only together with other samples' rows."""
PULL, PUSH = range(2)


@kernel(NUMBER, NUMBER, NUMBER, numbers(2), NUMBER, NUMBER)
def move(zero, block, number, source, target, direction, from_seeds):
    """Push or pull the rows at address `source` through an operation.

    block : its address.  target : address, and stride from row to row.
    from_seeds : whether the rows are those of the identity.
    """
    block = read_block(block)
    o = read_operation(block.operations, number)
    if o.operation != AFFINE:
        _transform(zero, block, o, source, target, direction)
        return
    forward = direction == PUSH
    depth, live, row = (o.n_in, o.live_in, o.in_row) if forward else (o.n_out, o.live_out, o.out_row)
    columns, weight, weight_row = (o.n_out, o.transposed, o.out_row) if forward else (o.n_in, o.weight, o.in_row)
    matrix = (block.parameters + weight * itemsize(zero), weight_row)
    if from_seeds:
        _repeat(zero, block, columns, matrix, target)
    else:
        _multiply(zero, block, columns, depth, live, (source, row), matrix, target)


@piece
def rows_at(zero, block, number, spare):
    """The address of the rows at a boundary; those that are not kept, behind an activation, are made again at address `spare`."""
    size = itemsize(zero)
    o = read_operation(block.operations, number)
    if o.rows != DENSE:
        return block.work + o.rows * size
    if number < block.seeds_at:
        step, kept, direction = number, number + 1, PULL
    else:
        step, kept, direction = number - 1, number - 1, PUSH
    source = block.work + read_operation(block.operations, kept).rows * size
    move_rows(zero, block, step, source, (spare, o.in_row), direction, False)
    return spare


@piece
def move_rows(zero, block, number, source, target, direction, from_seeds):
    """`move` by its address."""
    call_address(block.move, (zero, stored(block), number, source, target, direction, np.intp(from_seeds)))


@piece
def write_identity(zero, block, target, row):
    """For every sample the rows of the identity."""
    rows = block.samples * block.seeds
    clear(zero, target, rows * row)
    identity = view(zero, target, rows * row)
    for number in range(rows):
        identity[number * row + number % block.seeds] = 1.0


@piece
def _repeat(zero, block, columns, weight, target):
    """For every sample the weight itself, which is the identity's rows times it."""
    for sample in range(block.samples):
        rows = target[0] + sample * block.seeds * target[1] * itemsize(zero)
        call_address(block.copy, (zero, weight[0], weight[1], 1, rows, target[1], block.seeds, columns, block.ones))


@piece
def _multiply(zero, block, columns, depth, live, source, weight, target):
    """Rows times a weight: all samples' together, or each sample's with its own dead units skipped."""
    size = itemsize(zero)
    if live == DENSE or block.seeds < LEAST_ROWS:
        shape = (block.samples * block.seeds, columns, depth)
        multiply(zero, block, shape, block.lists, (source[0], source[1], 1), weight, block.zeros, target)
        return
    for sample in range(block.samples):
        count, units = list_of(block, live, sample)
        first = sample * block.seeds * size
        a, c = (source[0] + first * source[1], source[1], 1), (target[0] + first * target[1], target[1])
        multiply(zero, block, (block.seeds, columns, np.intp(count[0])), units, a, weight, block.zeros, c)


@piece
def _transform(zero, block, o, source, target, direction):
    """Rows times the Jacobian of an activation or a normalizer."""
    size = itemsize(zero)
    for sample in range(block.samples):
        first, slopes = sample * block.seeds * size, slopes_of(zero, block, o, sample)
        rows, to = source + first * o.in_row, target[0] + first * target[1]
        scale = slopes if o.operation == ACTIVATE else block.ones
        if o.operation == ACTIVATE or rows != to:
            call_address(block.copy, (zero, rows, o.in_row, 1, to, target[1], block.seeds, o.n_in, scale))
        if o.operation != ACTIVATE:
            normalized = (to, target[1], block.seeds, slopes, o.n_in, o.rank, direction)
            call_address(o.normalize_columns, (zero, *normalized))
