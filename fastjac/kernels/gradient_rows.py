"""Rows of a block on their way from the seeds to both ends, the Jacobians that they make there, and the way back."""

from __future__ import annotations

from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request
from .jit import kernel, piece
from .memory import call_address, itemsize, stored
from .multiply import multiply
from .rows import PULL, PUSH, move_rows, rows_at, write_identity
from .second_order import has_second_order
from .tables import DENSE


@kernel(*TAKEN)
def differentiate(zero, request, block, first, gradient):
    """Rows at every boundary, from the seeds to both ends, but for an end that serves the Jacobian alone."""
    layout, block = read_layout(read_request(request, 0).layout, 0), read_block(block)
    size = itemsize(zero)
    spare = block.buffers + layout.spare_buffer * size
    seeds = read_operation(block.operations, block.seeds_at)
    write_identity(zero, block, block.work + seeds.rows * size, seeds.in_row)
    for number in range(block.seeds_at - 1, -1 if block.seeds_at < block.n_operations else 0, -1):
        o = read_operation(block.operations, number)
        if o.rows != DENSE:
            _pull_at(zero, block, number, (block.work + o.rows * size, o.in_row), spare)
    for number in range(block.seeds_at, block.n_operations if block.seeds_at > 0 else block.n_operations - 1):
        after = read_operation(block.operations, number + 1)
        if after.rows != DENSE:
            _push_at(zero, block, number, block.work + after.rows * size, spare)


@piece
def _pull_at(zero, block, number, target, spare):
    """Pull the rows at an operation's output."""
    source = rows_at(zero, block, number + 1, spare)
    move_rows(zero, block, number, source, target, PULL, number == block.seeds_at - 1)


@piece
def _push_at(zero, block, number, target, spare):
    """Push the rows at an operation's input."""
    source = rows_at(zero, block, number, spare)
    row = read_operation(block.operations, number).out_row
    move_rows(zero, block, number, source, (target, row), PUSH, number == block.seeds_at)


@kernel(*TAKEN)
def write_jacobians(zero, request, block, first, gradient):
    """What arrives at the end that is not the seeds', or the product of what was pushed to the output and pulled to the input."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    target, spare = request.jacobian + first * n_in * n_out * size, block.buffers + layout.spare_buffer * size
    lowest, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        _pull_at(zero, block, 0, (target, n_in), spare)
        return
    pulled, pushed = block.work + lowest.rows * size, block.work + last.rows * size
    if block.seeds_at == 0:
        pushed = block.buffers + layout.first_buffer * size
        _push_at(zero, block, block.n_operations - 1, pushed, spare)
    for sample in range(block.samples):
        left, c = pushed + sample * seeds * last.in_row * size, target + sample * n_in * n_out * size
        if block.seeds_at == 0:
            call_address(block.copy, (zero, left, 1, last.in_row, c, n_in, n_out, n_in, block.ones))
        else:
            right = (pulled + sample * seeds * lowest.in_row * size, lowest.in_row)
            multiply(zero, block, (n_out, n_in, seeds), block.lists, (left, 1, last.in_row), right, block.zeros, (c, n_in))


@kernel(*TAKEN)
def go_back_through_rows(zero, request, block, first, gradient):
    """The loss's derivative by the rows, from both ends to the seeds."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size = itemsize(zero)
    by_jacobian = request.jacobian_gradient + first * layout.n_in * layout.n_out * size
    scratch, spare = block.buffers + layout.piece * size, block.buffers + layout.spare_buffer * size
    one, other = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    here, there = _start_at_input(zero, block, layout, by_jacobian, one, scratch), other
    for number in range(block.seeds_at):
        o = read_operation(block.operations, number)
        if has_second_order(o, gradient):
            rows = (rows_at(zero, block, number + 1, spare), here)
            call_address(block.second_order, (zero, stored(block), number, rows, gradient, scratch))
        if number < block.seeds_at - 1:
            move_rows(zero, block, number, here, (there, o.out_row), PUSH, False)
            here, there = there, one + other - there
    here, there = one, other
    _start_at_output(zero, block, layout, by_jacobian, here, scratch)
    for number in range(block.n_operations - 1, block.seeds_at - 1, -1):
        o = read_operation(block.operations, number)
        if has_second_order(o, gradient):
            rows = (here, rows_at(zero, block, number, spare))
            call_address(block.second_order, (zero, stored(block), number, rows, gradient, scratch))
        if number > block.seeds_at:
            move_rows(zero, block, number, here, (there, o.in_row), PULL, False)
            here, there = there, here


@piece
def _start_at_input(zero, block, layout, by_jacobian, target, scratch):
    """The address of the loss's derivative by the rows pulled to the input: where it is given, or address `target`."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    lowest, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        if n_in == lowest.in_row:
            return by_jacobian
        # Rows padded, here and below, because a multiplication reads its right operand in whole vectors.
        rows = block.samples * seeds
        call_address(block.copy, (zero, by_jacobian, n_in, 1, target, lowest.in_row, rows, n_in, block.ones))
    elif block.seeds_at > 0:
        for sample in range(block.samples):
            source = by_jacobian + sample * n_in * n_out * size
            call_address(block.copy, (zero, source, n_in, 1, scratch, lowest.in_row, n_out, n_in, block.ones))
            pushed = block.work + (last.rows + sample * seeds * last.in_row) * size
            c = (target + sample * seeds * lowest.in_row * size, lowest.in_row)
            shape = (seeds, n_in, n_out)
            multiply(zero, block, shape, block.lists, (pushed, last.in_row, 1), (scratch, lowest.in_row), block.zeros, c)
    return target


@piece
def _start_at_output(zero, block, layout, by_jacobian, target, scratch):
    """The loss's derivative by the rows pushed to the output."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    lowest, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        return
    for sample in range(block.samples):
        source = by_jacobian + sample * n_in * n_out * size
        c = (target + sample * seeds * last.in_row * size, last.in_row)
        turned = c[0] if block.seeds_at == 0 else scratch
        call_address(block.copy, (zero, source, 1, n_in, turned, last.in_row, n_in, n_out, block.ones))
        if block.seeds_at > 0:
            pulled = block.work + (lowest.rows + sample * seeds * lowest.in_row) * size
            shape = (seeds, n_out, n_in)
            multiply(zero, block, shape, block.lists, (pulled, lowest.in_row, 1), (scratch, last.in_row), block.zeros, c)
