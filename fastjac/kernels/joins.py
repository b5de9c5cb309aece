"""Rows that meet other rows: units brought as they are, and rows that are added to rows already there."""

from __future__ import annotations

import numpy as np

from .gradient_sweep import slopes_of
from .gradient_tables import BRING, CLEARS, ONE_ROW, WRITES, read_block, read_operation
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, view
from .operators import add_scaled, add_units, add_vector, clear, copy_vector
from .tables import DENSE, INDEX, NORMALIZE


@kernel(NUMBER, NUMBER, NUMBER, numbers(2), numbers(2))
def join(zero, block, number, source, target, way):
    """`move` for units that are brought, or for rows that are added to others, through any operation but an affine map.

    way : whether to push, and how many rows each sample has.
    """
    block = read_block(block)
    o = read_operation(block.operations, number)
    forward, count = way
    mode = o.push if forward else o.pull
    from_row = o.in_row if forward else o.out_row
    if o.operation == BRING and source == target[0]:
        return
    size, rows = itemsize(zero), block.samples * count
    if mode == CLEARS:
        clear(zero, target[0], rows * target[1])
    for row in range(rows):
        from_, to = source + row * from_row * size, target[0] + row * target[1] * size
        if o.operation == BRING:
            _bring(zero, block, o, from_, to, forward, mode)
            continue
        slopes = slopes_of(zero, block, o, row // count)
        if o.operation == NORMALIZE:
            copy_vector(zero, from_, block.spare, o.n_in)
            normalized = (block.spare, o.in_row, ONE_ROW, slopes, o.n_in, o.rank, forward)
            call_address(o.normalize_columns, (zero, *normalized))
            add_vector(zero, block.spare, to, o.n_in)
        else:
            add_scaled(zero, to, from_, view(zero, slopes, o.n_in))


@piece
def _bring(zero, block, o, source, target, forward, mode):
    """The units of one row."""
    size = itemsize(zero)
    source += (o.first if forward else o.place) * size
    target += (o.place if forward else o.first) * size
    if o.units != DENSE:
        units = view(INDEX, block.parameters + o.units * size, o.count)
        if forward and mode == WRITES:
            result = view(zero, target, o.count)
            for j in range(o.count):
                result[j] = view(zero, source + np.intp(units[j]) * size, 1)[0]
        else:
            add_units(zero, target, source, units, not forward)
    elif mode == WRITES:
        copy_vector(zero, source, target, o.count)
    else:
        add_vector(zero, source, target, o.count)


@piece
def add_bends_of_pair(zero, block, o, sample, target):
    """Add the derivative by the source through the slopes of a PAIR, which `second_order` has left at both its operations."""
    other, size = read_operation(block.operations, o.partner), itemsize(zero)
    row = sample * o.in_row
    mine, its = block.work + (o.bends + row) * size, block.work + (other.bends + row) * size
    slopes = (slopes_of(zero, block, o, sample), slopes_of(zero, block, other, sample))
    call_address(o.bend, (zero, target, mine, its, *slopes, o.n_in))
