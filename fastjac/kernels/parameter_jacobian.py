"""The Jacobian by the parameters, written out, and its product with a direction of the parameters.

With u_a the row of cotangents of output a at an affine map's output, and v the values at its input,
`dy_a / dW[i, j] = u_a[i] v[j]` and `dy_a / db[i] = u_a[i]`.
"""

from __future__ import annotations

from .gradient_tables import ONE_ROW, TAKEN, read_block, read_layout, read_operation, read_request, read_value
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .multiply import multiply
from .operators import add_vector, clear, copy_vector
from .rows import PUSH, derivative_at, move_rows, rows_at
from .second_order import pull_parameters
from .tables import AFFINE, DENSE


@kernel(*TAKEN)
def write_parameter_jacobian(zero, request, block, first, gradient):
    """Write `dy / dtheta` (samples, n_out, n_parameters), from rows pulled from the output."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, n_parameters = itemsize(zero), layout.n_parameters
    target = request.parameter_jacobian + first * layout.n_out * n_parameters * size
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        if o.operation != AFFINE and o.parameter_pull == 0:
            continue
        rows = rows_at(zero, block, o.target)
        for sample in range(block.samples):
            v = block.work + (o.inputs + sample * o.in_row) * size
            for seed in range(block.seeds):
                row = sample * block.seeds + seed
                u = rows + row * o.out_row * size
                theta = target + row * n_parameters * size
                if o.operation == AFFINE:
                    _write_affine(zero, block, o, u, v, theta)
                else:
                    _write_activation(zero, block, o, u, v, theta)


@piece
def _write_affine(zero, block, o, u, v, theta):
    size = itemsize(zero)
    if o.weight_position != DENSE:
        factors, inputs = view(zero, u, o.n_out), view(zero, v, o.n_in)
        for i in range(o.n_out):
            row = view(zero, theta + (o.weight_position + i * o.n_in) * size, o.n_in)
            if o.repeats:
                for j in range(o.n_in):
                    row[j] += factors[i] * inputs[j]
            else:
                for j in range(o.n_in):
                    row[j] = factors[i] * inputs[j]
    if o.bias_position == DENSE:
        return
    if o.repeats:
        add_vector(zero, u, theta + o.bias_position * size, o.n_out)
    else:
        copy_vector(zero, u, theta + o.bias_position * size, o.n_out)


@piece
def _write_activation(zero, block, o, u, v, theta):
    places = (o.p_position, o.q_position)
    for place in places:
        if place != DENSE and not o.repeats:
            clear(zero, theta + place * itemsize(zero), o.n_in)
    pull_parameters(zero, block, o, v, (u, block.zeros), theta, places)


@kernel(*TAKEN)
def push_direction(zero, request, block, first, gradient):
    """Push a direction of the parameters to the tangents of the values."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, direction = itemsize(zero), request.direction
    clear(zero, derivative_at(zero, block, 0), block.samples * read_value(block.values, 0).row)
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        here, there = derivative_at(zero, block, o.source), derivative_at(zero, block, o.target)
        move_rows(zero, block, number, here, (there, o.out_row), (PUSH, ONE_ROW, 0))
        if o.operation == AFFINE:
            _add_affine(zero, block, o, direction, there)
        elif o.parameter_pull != 0:
            _add_activation(zero, block, layout, o, direction, there)
    last, row = derivative_at(zero, block, block.n_values - 1), read_value(block.values, block.n_values - 1).row
    target, n_out = request.y_tangent + first * layout.n_out * size, layout.n_out
    call_address(block.copy, (zero, last, row, 1, target, n_out, block.samples, n_out, block.ones))


@piece
def _add_affine(zero, block, o, direction, target):
    """`v dW^T + db`."""
    size = itemsize(zero)
    inputs, weight = (block.work + o.inputs * size, o.in_row, 1), (direction + o.transposed * size, o.out_row)
    shape, bias = (block.samples, o.n_out, o.n_in), (direction + o.bias * size, 0)
    multiply(zero, block, shape, block.lists, inputs, weight, bias, (block.spare, o.out_row))
    add_vector(zero, block.spare, target, block.samples * o.out_row)


@piece
def _add_activation(zero, block, layout, o, direction, target):
    """`y_p dp + y_q dq`, y_p and y_q being the derivatives of the activation's values by p and by q."""
    size = itemsize(zero)
    p, q = view(zero, direction + o.p * size, o.n_in), view(zero, direction + o.q * size, o.n_in)
    for sample in range(block.samples):
        row = sample * o.in_row * size
        rows = block.buffers + layout.piece * size
        by_p, by_q = values_by_parameters(zero, block, o, block.work + o.inputs * size + row, rows)
        t = view(zero, target + row, o.n_in)
        for j in range(o.n_in):
            t[j] += p[j] * by_p[j] + q[j] * by_q[j]


@piece
def values_by_parameters(zero, block, o, inputs, rows):
    """Write the derivatives of an activation's values by p and by q to two rows, 0 for one that is not trained."""
    clear(zero, rows, 2 * o.n_in)
    places = (0 if o.p_position != DENSE else DENSE, o.n_in if o.q_position != DENSE else DENSE)
    pull_parameters(zero, block, o, inputs, (block.ones, block.zeros), rows, places)
    return view(zero, rows, o.n_in), view(zero, rows + o.n_in * itemsize(zero), o.n_in)
