"""The way back through a block's values: the loss's derivative by the values, from the output to the input."""

from __future__ import annotations

from .gradient_tables import ONE_ROW, PAIR, TAKEN, read_block, read_layout, read_operation, read_request, read_value
from .jit import kernel, piece
from .joins import add_bends_of_pair
from .memory import call_address, itemsize
from .operators import add_vector, clear
from .rows import PULL, derivative_at, move_rows
from .second_order import add_parameter_gradient, add_weight_gradient
from .tables import AFFINE, DENSE


@kernel(*TAKEN)
def go_back_through_values(zero, request, block, first, gradient):
    """Take the loss's derivative by the values from the output to the lowest operation whose gradient is wanted."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, samples = itemsize(zero), block.samples
    scratch = block.buffers + layout.piece * size
    _start_at_values(zero, block, layout, request, first)
    lowest = 0 if request.x_gradient != 0 else layout.lowest
    for number in range(block.n_operations - 1, lowest - 1, -1):
        o = read_operation(block.operations, number)
        here, there = derivative_at(zero, block, o.target), derivative_at(zero, block, o.source)
        if o.operation == AFFINE:
            add_weight_gradient(zero, block, o, (samples, here, block.work + o.inputs * size), gradient, scratch)
            _add_bias_gradient(zero, block, o, here, gradient)
        elif o.parameter_pull != 0:
            _add_activation_gradient(zero, block, o, here, gradient)
        if request.x_gradient != 0 or o.source_made >= lowest:
            move_rows(zero, block, number, here, (there, o.in_row), (PULL, ONE_ROW, 0))
            if request.jacobian_gradient != 0 and o.bends != DENSE:
                _add_bends(zero, block, o, there)
    if request.x_gradient != 0:
        target = request.x_gradient + first * layout.n_in * size
        here, row = derivative_at(zero, block, 0), read_value(block.values, 0).row
        call_address(block.copy, (zero, here, row, 1, target, layout.n_in, samples, layout.n_in, block.ones))


@piece
def _start_at_values(zero, block, layout, request, first):
    """Start with the loss's derivative by the network's outputs."""
    size, n_out, last = itemsize(zero), layout.n_out, block.n_values - 1
    target, row = derivative_at(zero, block, last), read_value(block.values, last).row
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
    for sample in range(block.samples):
        add_vector(zero, rows + sample * o.out_row * size, gradient + o.bias_gradient * size, o.n_out)


@piece
def _add_activation_gradient(zero, block, o, rows, gradient):
    for sample in range(block.samples):
        row = rows + sample * o.in_row * itemsize(zero)
        add_parameter_gradient(zero, block, o, sample, (row, block.zeros), gradient)


@piece
def _add_bends(zero, block, o, rows):
    """Add the derivative by the source through the operation's Jacobian."""
    size = itemsize(zero)
    if o.operation == PAIR:
        for sample in range(block.samples):
            add_bends_of_pair(zero, block, o, sample, rows + sample * o.in_row * size)
        return
    # All rows as one, their padding included.
    add_vector(zero, block.work + o.bends * size, rows, block.samples * o.in_row)
