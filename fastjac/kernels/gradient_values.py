"""The way back through a block's values: the loss's derivative by them, from the output to the input."""

from __future__ import annotations

from .gradient_sweep import slopes_of
from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .multiply import multiply
from .operators import clear
from .second_order import add_parameter_gradient, add_weight_gradient
from .tables import ACTIVATE, AFFINE, DENSE


@kernel(*TAKEN)
def go_back_through_values(zero, request, block, first, gradient):
    """The loss's derivative by the values, from the output to the lowest operation that anything is wanted of."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
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
                multiply(zero, block, shape, block.lists, (here, o.out_row, 1), weight, block.zeros, (there, o.in_row))
                here, there = there, here
            continue
        for sample in range(samples):
            _go_back_through_activation(zero, block, o, sample, here, request.jacobian_gradient != 0, gradient)
    if request.x_gradient != 0:
        target = request.x_gradient + first * layout.n_in * size
        o = read_operation(block.operations, 0)
        call_address(block.copy, (zero, here, o.in_row, 1, target, layout.n_in, samples, layout.n_in, block.ones))


@piece
def _start_at_values(zero, block, layout, request, first, target, row):
    """The loss's derivative by the network's values."""
    size, n_out = itemsize(zero), layout.n_out
    if request.y_gradient != 0:
        source = request.y_gradient + first * n_out * size
        call_address(block.copy, (zero, source, n_out, 1, target, row, block.samples, n_out, block.ones))
        return
    clear(zero, target, block.samples * row)


@piece
def _add_bias_gradient(zero, block, o, rows, gradient):
    if gradient == 0 or o.bias_gradient == DENSE:
        return
    size = itemsize(zero)
    sums = view(zero, gradient + o.bias_gradient * size, o.n_out)
    for sample in range(block.samples):
        found = view(zero, rows + sample * o.out_row * size, o.n_out)
        for j in range(o.n_out):
            sums[j] += found[j]


@piece
def _go_back_through_activation(zero, block, o, sample, rows, with_bends, gradient):
    size = itemsize(zero)
    row = rows + sample * o.in_row * size
    by_value, slopes = view(zero, row, o.n_in), slopes_of(zero, block, o, sample)
    if o.operation == ACTIVATE:
        add_parameter_gradient(zero, block, o, sample, (row, block.zeros), gradient)
        derivative = view(zero, slopes, o.n_in)
        for j in range(o.n_in):
            by_value[j] *= derivative[j]
    else:
        call_address(o.normalize_columns, (zero, row, o.in_row, 1, slopes, o.n_in, o.rank, 0))
    if with_bends and o.bends != DENSE:
        bends = view(zero, block.work + (o.bends + sample * o.in_row) * size, o.n_in)
        for j in range(o.n_in):
            by_value[j] += bends[j]
