"""Rows of a block of samples, pushed from the source of an operation to its target, or pulled from the target to the source.

A push takes every row t to `J t`, a pull every row u to `u J`, where J is the operation's Jacobian at the row's sample. Each
is the adjoint of the other, so a loss's derivative by pushed rows is pulled, and its derivative by pulled rows is pushed.
Derivatives by the values, and tangents of theirs, move as one row for each sample.
"""

from __future__ import annotations

import numpy as np

from .gradient_sweep import list_of, slopes_of
from .gradient_tables import ADDS, BRING, WRITES, read_block, read_operation, read_value
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, stored, view
from .multiply import multiply
from .operators import clear, scale_columns
from .tables import AFFINE, DENSE, NORMALIZE

LEAST_ROWS = 4
"""Least rows of a sample for which it pays to skip its own dead units: fewer fill a tile only with other samples' rows."""
PULL, PUSH = range(2)


@kernel(NUMBER, NUMBER, NUMBER, numbers(2), numbers(3))
def move(zero, block, number, source, target, way):
    """Push or pull the rows at address `source` through an operation, to the first rows at `target` or onto those there.

    block : its address.  target : address, and stride from row to row.
    way : PUSH or PULL, how many rows each sample has, and whether these are the rows of the identity.
    """
    block = read_block(block)
    o = read_operation(block.operations, number)
    direction, count, from_seeds = way
    forward = direction == PUSH
    mode = o.push if forward else o.pull
    if o.operation != AFFINE:
        if mode == WRITES and o.operation != BRING:
            _transform(zero, block, o, source, target, direction, count)
        else:
            call_address(block.join, (zero, stored(block), number, source, target, (direction, count)))
        return
    depth, live, row = (o.n_in, o.live_in, o.in_row) if forward else (o.n_out, o.live_out, o.out_row)
    columns, weight, weight_row = (o.n_out, o.transposed, o.out_row) if forward else (o.n_in, o.weight, o.in_row)
    matrix = (block.parameters + weight * itemsize(zero), weight_row)
    if from_seeds and mode == WRITES:
        _repeat(zero, block, columns, matrix, target)
    else:
        _multiply(zero, block, (count, columns, depth), live, (source, row), matrix, target, mode == ADDS)


@piece
def derivative_at(zero, block, value):
    """The address, in the buffers, of the loss's derivative by a value's numbers or rows."""
    return block.buffers + read_value(block.values, value).derivative * itemsize(zero)


@piece
def rows_at(zero, block, value):
    """The address of the rows at a value; rows behind an activation that are not kept are made again in the spare buffer."""
    size = itemsize(zero)
    v = read_value(block.values, value)
    if v.rows != DENSE:
        return block.work + v.rows * size
    o = read_operation(block.operations, v.made_again)
    kept, direction = (o.target, PULL) if value < block.seeds_at else (o.source, PUSH)
    source = block.work + read_value(block.values, kept).rows * size
    move_rows(zero, block, v.made_again, source, (block.spare, v.row), (direction, block.seeds, 0))
    return block.spare


@piece
def move_rows(zero, block, number, source, target, way):
    """`move` by its address."""
    call_address(block.move, (zero, stored(block), np.intp(number), source, target, (way[0], way[1], np.intp(way[2]))))


@piece
def write_identity(zero, block, target, row):
    """Write the rows of the identity for every sample."""
    rows = block.samples * block.seeds
    clear(zero, target, rows * row)
    identity = view(zero, target, rows * row)
    for number in range(rows):
        identity[number * row + number % block.seeds] = 1.0


@piece
def _repeat(zero, block, columns, weight, target):
    """Write the weight itself for every sample: the product of the identity's rows with it."""
    for sample in range(block.samples):
        rows = target[0] + sample * block.seeds * target[1] * itemsize(zero)
        call_address(block.copy, (zero, weight[0], weight[1], 1, rows, target[1], block.seeds, columns, block.ones))


@piece
def _multiply(zero, block, shape, live, source, weight, target, adds):
    """Multiply rows by a weight: those of all samples together, or those of each sample with its own dead units skipped.

    shape : rows of a sample, columns, and inner units.  adds : whether the products are added to the rows at the target.
    """
    size = itemsize(zero)
    count, columns, depth = shape
    if live == DENSE or count < LEAST_ROWS:
        start = target if adds else (block.zeros, np.intp(0))
        shape = (block.samples * count, columns, depth)
        multiply(zero, block, shape, block.lists, (source[0], source[1], 1), weight, start, target)
        return
    for sample in range(block.samples):
        length, units = list_of(block, live, sample)
        first = sample * count * size
        a, c = (source[0] + first * source[1], source[1], 1), (target[0] + first * target[1], target[1])
        start = c if adds else (block.zeros, np.intp(0))
        multiply(zero, block, (count, columns, np.intp(length[0])), units, a, weight, start, c)


@piece
def _transform(zero, block, o, source, target, direction, count):
    """Multiply rows by the Jacobian of an activation or a normalizer, or by the slopes by one of two operands."""
    size = itemsize(zero)
    for sample in range(block.samples):
        first, slopes = sample * count * size, slopes_of(zero, block, o, sample)
        rows, to = source + first * o.in_row, target[0] + first * target[1]
        if rows == to and o.operation != NORMALIZE:
            scale_columns(zero, to, target[1], count, view(zero, slopes, o.n_in), False)
        elif rows != to:
            scale = slopes if o.operation != NORMALIZE else block.ones
            call_address(block.copy, (zero, rows, o.in_row, 1, to, target[1], count, o.n_in, scale))
        if o.operation == NORMALIZE:
            normalized = (to, target[1], count, slopes, o.n_in, o.rank, direction)
            call_address(o.normalize_columns, (zero, *normalized))
