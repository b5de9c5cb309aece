"""Rows of a block on their way from the seeds to both ends, the Jacobians that they make there, and the way back."""

from __future__ import annotations

from .gradient_tables import read_operation
from .jit import jit
from .memory import itemsize
from .multiply import multiply
from .operators import copy
from .rows import pull, push, rows_at, start_rows, write_identity
from .second_order import has_second_order, second_order
from .tables import DENSE


@jit
def differentiate(zero, block, layout):
    """Rows at every boundary, from the seeds to both ends, but for an end that serves the Jacobian alone."""
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


@jit
def _pull_at(zero, block, number, target, spare):
    """Pull the rows at an operation's output."""
    o, source = read_operation(block.operations, number), rows_at(zero, block, number + 1, spare)
    if number == block.seeds_at - 1:
        start_rows(zero, block, o, source, target, False)
    else:
        pull(zero, block, o, source, target)


@jit
def _push_at(zero, block, number, target, spare):
    """Push the rows at an operation's input."""
    o, source = read_operation(block.operations, number), rows_at(zero, block, number, spare)
    if number == block.seeds_at:
        start_rows(zero, block, o, source, (target, o.out_row), True)
    else:
        push(zero, block, o, source, target)


@jit
def write_jacobians(zero, block, layout, target):
    """What arrives at the end that is not the seeds', or the product of what was pushed to the output and pulled to the input."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    spare = block.buffers + layout.spare_buffer * size
    first, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        _pull_at(zero, block, 0, (target, n_in), spare)
        return
    pulled, pushed = block.work + first.rows * size, block.work + last.rows * size
    if block.seeds_at == 0:
        pushed = block.buffers + layout.first_buffer * size
        _push_at(zero, block, block.n_operations - 1, pushed, spare)
    for sample in range(block.samples):
        left, c = pushed + sample * seeds * last.in_row * size, target + sample * n_in * n_out * size
        if block.seeds_at == 0:
            copy(zero, left, 1, last.in_row, c, n_in, n_out, n_in, block.ones)
        else:
            right = (pulled + sample * seeds * first.in_row * size, first.in_row)
            multiply(block, (n_out, n_in, seeds), block.lists, (left, 1, last.in_row), right, block.zeros, (c, n_in))


@jit
def go_back_through_rows(zero, block, layout, by_jacobian, gradient):
    """The loss's derivative by the rows, from both ends to the seeds."""
    size = itemsize(zero)
    scratch, spare = block.buffers + layout.piece * size, block.buffers + layout.spare_buffer * size
    first, second = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    here, there = _start_at_input(zero, block, layout, by_jacobian, first, scratch), second
    for number in range(block.seeds_at):
        o = read_operation(block.operations, number)
        if has_second_order(o, gradient):
            second_order(zero, block, o, rows_at(zero, block, number + 1, spare), here, gradient, scratch)
        if number < block.seeds_at - 1:
            push(zero, block, o, here, there)
            here, there = there, first + second - there
    here, there = first, second
    _start_at_output(zero, block, layout, by_jacobian, here, scratch)
    for number in range(block.n_operations - 1, block.seeds_at - 1, -1):
        o = read_operation(block.operations, number)
        if has_second_order(o, gradient):
            second_order(zero, block, o, here, rows_at(zero, block, number, spare), gradient, scratch)
        if number > block.seeds_at:
            pull(zero, block, o, here, (there, o.in_row))
            here, there = there, here


@jit
def _start_at_input(zero, block, layout, by_jacobian, target, scratch):
    """The address of the loss's derivative by the rows pulled to the input: where it is given, or address `target`."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    first, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        if n_in == first.in_row:
            return by_jacobian
        # Rows padded, here and below, because a multiplication reads its right operand in whole vectors.
        copy(zero, by_jacobian, n_in, 1, target, first.in_row, block.samples * seeds, n_in, block.ones)
    elif block.seeds_at > 0:
        for sample in range(block.samples):
            copy(zero, by_jacobian + sample * n_in * n_out * size, n_in, 1, scratch, first.in_row, n_out, n_in, block.ones)
            pushed = block.work + (last.rows + sample * seeds * last.in_row) * size
            c = (target + sample * seeds * first.in_row * size, first.in_row)
            shape = (seeds, n_in, n_out)
            multiply(block, shape, block.lists, (pushed, last.in_row, 1), (scratch, first.in_row), block.zeros, c)
    return target


@jit
def _start_at_output(zero, block, layout, by_jacobian, target, scratch):
    """The loss's derivative by the rows pushed to the output."""
    size, seeds, n_in, n_out = itemsize(zero), block.seeds, layout.n_in, layout.n_out
    first, last = read_operation(block.operations, 0), read_operation(block.operations, block.n_operations)
    if block.seeds_at == block.n_operations:
        return
    for sample in range(block.samples):
        source = by_jacobian + sample * n_in * n_out * size
        c = (target + sample * seeds * last.in_row * size, last.in_row)
        if block.seeds_at == 0:
            copy(zero, source, 1, n_in, c[0], last.in_row, n_in, n_out, block.ones)
            continue
        copy(zero, source, 1, n_in, scratch, last.in_row, n_in, n_out, block.ones)
        pulled = block.work + (first.rows + sample * seeds * first.in_row) * size
        shape = (seeds, n_out, n_in)
        multiply(block, shape, block.lists, (pulled, first.in_row, 1), (scratch, last.in_row), block.zeros, c)
