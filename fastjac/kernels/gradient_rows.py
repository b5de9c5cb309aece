"""Rows of a block on their way from the seeds to both ends, the Jacobians that they make there, and the way back."""

from __future__ import annotations

from .compress import list_nonzero
from .gradient_sweep import list_of, slopes_of
from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request, read_value
from .jit import kernel, piece
from .memory import call_address, itemsize, stored
from .multiply import multiply
from .rows import PULL, PUSH, derivative_at, move_rows, rows_at, write_identity
from .second_order import has_second_order
from .tables import DENSE


@kernel(*TAKEN)
def differentiate(zero, request, block, first, gradient):
    """List the live units of diagonals, and compute the rows at every value where they are kept, from the seeds to both ends."""
    block = read_block(block)
    size = itemsize(zero)
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        if o.live != DENSE:
            for sample in range(block.samples):
                count, units = list_of(block, o.live, sample)
                count[0] = list_nonzero(zero, slopes_of(zero, block, o, sample), o.n_in, units)
    seeds = read_value(block.values, block.seeds_at)
    write_identity(zero, block, block.work + seeds.rows * size, seeds.row)
    for number in range(block.turn - 1, -1, -1):
        v = read_value(block.values, read_operation(block.operations, number).source)
        if v.rows != DENSE:
            _pull_at(zero, block, number, (block.work + v.rows * size, v.row))
    for number in range(block.turn, block.n_operations):
        v = read_value(block.values, read_operation(block.operations, number).target)
        if v.rows != DENSE:
            _push_at(zero, block, number, block.work + v.rows * size)


@piece
def _pull_at(zero, block, number, target):
    """Pull the rows at an operation's target."""
    value = read_operation(block.operations, number).target
    source = rows_at(zero, block, value)
    move_rows(zero, block, number, source, target, (PULL, block.seeds, value == block.seeds_at))


@piece
def _push_at(zero, block, number, target):
    """Push the rows at an operation's source."""
    o = read_operation(block.operations, number)
    source = rows_at(zero, block, o.source)
    move_rows(zero, block, number, source, (target, o.out_row), (PUSH, block.seeds, o.source == block.seeds_at))


@kernel(*TAKEN)
def write_jacobians(zero, request, block, first, gradient):
    """Write the Jacobians: the rows at the end that is not the seeds', or the product of the rows at both ends.

    Where the seeds lie at one end and a single operation leads to the other, it writes the Jacobian itself.
    """
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    target = request.jacobian + first * n_in * n_out * size
    lowest, last = _ends(block)
    pulled, pushed = block.work + lowest.rows * size, block.work + last.rows * size
    if block.seeds_at == block.n_values - 1:
        if lowest.rows == DENSE:
            _pull_at(zero, block, 0, (target, n_in))
        else:
            call_address(block.copy, (zero, pulled, lowest.row, 1, target, n_in, block.samples * seeds, n_in, block.ones))
        return
    if last.rows == DENSE:
        pushed = derivative_at(zero, block, block.n_values - 1)
        _push_at(zero, block, block.n_operations - 1, pushed)
    for sample in range(block.samples):
        left, c = pushed + sample * seeds * last.row * size, target + sample * n_in * n_out * size
        if block.seeds_at == 0:
            call_address(block.copy, (zero, left, 1, last.row, c, n_in, n_out, n_in, block.ones))
        else:
            right = (pulled + sample * seeds * lowest.row * size, lowest.row)
            multiply(zero, block, (n_out, n_in, seeds), block.lists, (left, 1, last.row), right, (block.zeros, 0), (c, n_in))


@piece
def _ends(block):
    """The values of input and output."""
    return read_value(block.values, 0), read_value(block.values, block.n_values - 1)


@kernel(*TAKEN)
def go_back_through_rows(zero, request, block, first, gradient):
    """Take the loss's derivative by the rows from both ends to the seeds."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size = itemsize(zero)
    by_jacobian = request.jacobian_gradient + first * layout.n_in * layout.n_out * size
    scratch = block.buffers + layout.piece * size
    start = _start_at_input(zero, block, layout, by_jacobian, scratch)
    for number in range(block.turn):
        o = read_operation(block.operations, number)
        here = start if o.source == 0 else derivative_at(zero, block, o.source)
        if has_second_order(o, gradient):
            rows = (rows_at(zero, block, o.target), here)
            call_address(block.second_order, (zero, stored(block), number, rows, gradient, scratch))
        if o.target != block.seeds_at:
            target = (derivative_at(zero, block, o.target), o.out_row)
            move_rows(zero, block, number, here, target, (PUSH, block.seeds, 0))
    _start_at_output(zero, block, layout, by_jacobian, scratch)
    for number in range(block.n_operations - 1, block.turn - 1, -1):
        o = read_operation(block.operations, number)
        here = derivative_at(zero, block, o.target)
        if has_second_order(o, gradient):
            rows = (here, rows_at(zero, block, o.source))
            call_address(block.second_order, (zero, stored(block), number, rows, gradient, scratch))
        if o.source != block.seeds_at:
            target = (derivative_at(zero, block, o.source), o.in_row)
            move_rows(zero, block, number, here, target, (PULL, block.seeds, 0))


@piece
def _start_at_input(zero, block, layout, by_jacobian, scratch):
    """The address of the loss's derivative by the rows pulled to the input: in the given array, or in the buffers."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    lowest, last = _ends(block)
    target = derivative_at(zero, block, 0)
    if block.seeds_at == block.n_values - 1:
        if n_in == lowest.row:
            return by_jacobian
        # Rows are padded, here and below, because a multiplication reads its right operand in whole vectors.
        rows = block.samples * seeds
        call_address(block.copy, (zero, by_jacobian, n_in, 1, target, lowest.row, rows, n_in, block.ones))
    elif block.seeds_at > 0:
        for sample in range(block.samples):
            source = by_jacobian + sample * n_in * n_out * size
            call_address(block.copy, (zero, source, n_in, 1, scratch, lowest.row, n_out, n_in, block.ones))
            pushed = block.work + (last.rows + sample * seeds * last.row) * size
            c = (target + sample * seeds * lowest.row * size, lowest.row)
            shape = (seeds, n_in, n_out)
            multiply(zero, block, shape, block.lists, (pushed, last.row, 1), (scratch, lowest.row), (block.zeros, 0), c)
    return target


@piece
def _start_at_output(zero, block, layout, by_jacobian, scratch):
    """The loss's derivative by the rows pushed to the output."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    lowest, last = _ends(block)
    if block.seeds_at == block.n_values - 1:
        return
    target = derivative_at(zero, block, block.n_values - 1)
    for sample in range(block.samples):
        source = by_jacobian + sample * n_in * n_out * size
        c = (target + sample * seeds * last.row * size, last.row)
        turned = c[0] if block.seeds_at == 0 else scratch
        call_address(block.copy, (zero, source, 1, n_in, turned, last.row, n_in, n_out, block.ones))
        if block.seeds_at > 0:
            pulled = block.work + (lowest.rows + sample * seeds * lowest.row) * size
            shape = (seeds, n_out, n_in)
            multiply(zero, block, shape, block.lists, (pulled, lowest.row, 1), (scratch, last.row), (block.zeros, 0), c)
