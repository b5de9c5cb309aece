"""The gradient kernel: values and Jacobians of many samples, and the derivatives of a loss of both.

For a block of samples at a time it keeps the values at every boundary, pushes and pulls rows from the seeds to both ends, whose
product is the Jacobian, and then goes back: the loss's derivative by the Jacobian runs from the ends to the seeds, leaving at
every operation what `second_order` says, and last that by the values runs from the output to the input.

Sums over samples are taken block by block, in an order that depends on the number of samples and on nothing else.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .gradient_sweep import Block, factors_of, slopes_of, sweep
from .gradient_tables import read_layout, read_operation, read_request
from .jit import address_of_compiled, entry, jit, piece
from .memory import itemsize, view
from .multiply import multiply
from .operators import clear, copy, normalize_columns
from .pack import add_up_sums, pack_parameters
from .parameter_jacobian import push_direction, write_parameter_jacobian
from .rows import pull, push, rows_at, start_rows, write_identity
from .second_order import add_parameter_gradient, add_weight_gradient, has_second_order, second_order
from .tables import ACTIVATE, AFFINE, DENSE
from .tangent_kernel import write_features, write_tangent_kernel


@entry()
def gradient_float32(request, thread, chunk, chunks):
    """`_run` for float32."""
    _run(np.float32(0), request, thread, chunk, chunks)


@entry()
def gradient_float64(request, thread, chunk, chunks):
    """`_run` for float64."""
    _run(np.float64(0), request, thread, chunk, chunks)


KERNELS = {np.dtype(np.float32): gradient_float32, np.dtype(np.float64): gradient_float64}
SIGNATURE = (types.intp,) * 4
"""What either takes: the address of a request, the number of the thread, and which of how many chunks to do."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, address, thread, chunk, chunks):
    """Carry out one of so many chunks of a request, with the scratch of this thread."""
    size = itemsize(zero)
    request = read_request(address, 0)
    layout = read_layout(request.layout, 0)
    if request.sources != 0:
        pack_parameters(zero, request, layout, chunk, chunks)
        return
    if request.parameter_gradient != 0:
        add_up_sums(zero, request, layout, chunk, chunks)
        return
    gradient = 0 if request.sums == 0 else request.sums + chunk * layout.gradient_size * size
    if request.starts_sums:
        clear(zero, gradient, layout.gradient_size)
    blocks = (request.n + layout.block - 1) // layout.block
    for number in range(blocks * chunk // chunks, blocks * (chunk + 1) // chunks):
        first = number * layout.block
        slot = number if request.keeps else thread
        block = Block(
            min(layout.block, request.n - first), layout.seeds, layout.seeds_at,
            request.operations, layout.n_operations, request.parameters,
            request.work + slot * request.work_stride, request.lists + slot * request.lists_stride,
            request.buffers + thread * request.buffers_stride, layout.list_row,
            request.parameters + layout.zeros * size, request.parameters + layout.ones * size, request.multiply,
        )  # fmt: skip
        if request.tangent_kernel != 0:
            left = request.features + first * layout.features_size * size
            target = request.tangent_kernel + first * request.n_right * layout.n_out * layout.n_out * size
            write_tangent_kernel(zero, block, layout, left, request.right_features, request.n_right, target)
            continue
        if not request.filled:
            _evaluate(zero, block, request, layout, first)
        spare = block.buffers + layout.spare_buffer * size
        if request.features != 0:
            write_features(zero, block, layout.features_size, spare, request.features + first * layout.features_size * size)
        if request.parameter_jacobian != 0:
            target = request.parameter_jacobian + first * layout.n_out * layout.n_parameters * size
            write_parameter_jacobian(zero, block, layout.n_parameters, spare, target)
        if request.jacobian != 0:
            _write_jacobians(zero, block, layout, request.jacobian + first * layout.n_in * layout.n_out * size)
        if request.jacobian_gradient != 0:
            by_jacobian = request.jacobian_gradient + first * layout.n_in * layout.n_out * size
            _go_back_through_rows(zero, block, layout, by_jacobian, gradient)
        if gradient != 0 or request.x_gradient != 0:
            _go_back_through_values(zero, block, layout, request, first, gradient)


@piece
def _evaluate(zero, block, request, layout, first):
    """Values at every boundary, and rows if anything that is asked for depends on them."""
    sweep(zero, block, request.x + first * layout.n_in * itemsize(zero))
    _write_values(zero, block, request, layout, first)
    if request.direction != 0:
        _push_direction(zero, block, layout, request, first)
    if request.jacobian + request.jacobian_gradient + request.parameter_jacobian + request.features != 0:
        _differentiate(zero, block, layout)


@jit
def _write_values(zero, block, request, layout, first):
    if request.y != 0:
        size = itemsize(zero)
        last = read_operation(block.operations, block.n_operations)
        target = request.y + first * layout.n_out * size
        copy(zero, block.work + last.inputs * size, last.in_row, 1, target, layout.n_out, block.samples, layout.n_out, block.ones)


@jit
def _push_direction(zero, block, layout, request, first):
    size = itemsize(zero)
    here, there = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    tangents = push_direction(zero, block, request.direction, here, there, block.buffers + layout.spare_buffer * size)
    last = read_operation(block.operations, block.n_operations)
    target = request.y_tangent + first * layout.n_out * size
    copy(zero, tangents, last.in_row, 1, target, layout.n_out, block.samples, layout.n_out, block.ones)


@jit
def _differentiate(zero, block, layout):
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
def _write_jacobians(zero, block, layout, target):
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
def _go_back_through_rows(zero, block, layout, by_jacobian, gradient):
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


@jit
def _go_back_through_values(zero, block, layout, request, first, gradient):
    """The loss's derivative by the values, from the output to the lowest operation that anything is wanted of."""
    size, samples = itemsize(zero), block.samples
    scratch = block.buffers + layout.piece * size
    here, there = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    last = read_operation(block.operations, block.n_operations)
    _start_at_values(zero, block, layout, request, first, here, last.in_row)
    lowest = 0 if request.x_gradient != 0 else layout.lowest
    for number in range(block.n_operations - 1, lowest - 1, -1):
        o = read_operation(block.operations, number)
        if o.operation == AFFINE:
            add_weight_gradient(zero, block, o, (samples, here, block.work + o.inputs * size), gradient, scratch)
            _add_bias_gradient(zero, block, o, here, gradient)
            if number > lowest or request.x_gradient != 0:
                weight, shape = (block.parameters + o.weight * size, o.in_row), (samples, o.n_in, o.n_out)
                multiply(block, shape, block.lists, (here, o.out_row, 1), weight, block.zeros, (there, o.in_row))
                here, there = there, here
            continue
        for sample in range(samples):
            _go_back_through_activation(zero, block, o, sample, here, request.jacobian_gradient != 0, gradient)
    if request.x_gradient != 0:
        target = request.x_gradient + first * layout.n_in * size
        o = read_operation(block.operations, 0)
        copy(zero, here, o.in_row, 1, target, layout.n_in, samples, layout.n_in, block.ones)


@jit
def _start_at_values(zero, block, layout, request, first, target, row):
    """The loss's derivative by the network's values."""
    size, n_out = itemsize(zero), layout.n_out
    if request.y_gradient != 0:
        source = request.y_gradient + first * n_out * size
        copy(zero, source, n_out, 1, target, row, block.samples, n_out, block.ones)
        return
    clear(zero, target, block.samples * row)


@jit
def _add_bias_gradient(zero, block, o, rows, gradient):
    if gradient == 0 or o.bias_gradient == DENSE:
        return
    size = itemsize(zero)
    sums = view(zero, gradient + o.bias_gradient * size, o.n_out)
    for sample in range(block.samples):
        found = view(zero, rows + sample * o.out_row * size, o.n_out)
        for j in range(o.n_out):
            sums[j] += found[j]


@jit
def _go_back_through_activation(zero, block, o, sample, rows, with_second, gradient):
    size = itemsize(zero)
    row = rows + sample * o.in_row * size
    by_value, slopes = view(zero, row, o.n_in), slopes_of(zero, block, o, sample)
    if o.operation == ACTIVATE:
        inputs = view(zero, block.work + (o.inputs + sample * o.in_row) * size, o.n_in)
        add_parameter_gradient(zero, o, inputs, by_value, view(zero, block.zeros, o.n_in), gradient)
        derivative = view(zero, slopes, o.n_in)
        for j in range(o.n_in):
            by_value[j] *= derivative[j]
    else:
        normalize_columns(zero, row, o.in_row, 1, factors_of(zero, slopes, o), o.rank, False)
    if with_second and o.second != DENSE:
        second = view(zero, block.work + (o.second + sample * o.in_row) * size, o.n_in)
        for j in range(o.n_in):
            by_value[j] += second[j]
