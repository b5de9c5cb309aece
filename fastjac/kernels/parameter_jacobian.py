"""The Jacobian by the parameters, written out, and its product with a direction of them.

With u_a the row of cotangents of output a at an affine map's output, and v the values at its input,
`dy_a / dW[i, j] = u_a[i] v[j]` and `dy_a / db[i] = u_a[i]`.
"""

from __future__ import annotations

from .activations import CODES
from .gradient_sweep import write_rows
from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request, read_value
from .jit import kernel, piece
from .memory import itemsize, view
from .multiply import multiply
from .operators import clear, copy_vector
from .rows import PUSH, derivative_at, move_rows, rows_at
from .tables import AFFINE, DENSE

SCALE = CODES["scale"]
"""Besides the leaky ReLU the one activation that has trained parameters."""
ONE_ROW = 1
"""Of each sample."""


@kernel(*TAKEN)
def write_parameter_jacobian(zero, request, block, first, gradient):
    """Write `dy / dtheta` (samples, n_out, n_parameters), from rows pulled from the output."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, n_parameters = itemsize(zero), layout.n_parameters
    target = request.parameter_jacobian + first * layout.n_out * n_parameters * size
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        if not has_parameters(o):
            continue
        rows = rows_at(zero, block, o.target)
        for sample in range(block.samples):
            v = block.work + (o.inputs + sample * o.in_row) * size
            for seed in range(block.seeds):
                row = sample * block.seeds + seed
                u = rows + row * o.out_row * size
                theta = target + row * n_parameters * size
                if o.operation == AFFINE:
                    _write_affine(zero, o, u, v, theta)
                else:
                    _write_activation(zero, o, u, v, theta)


@piece
def has_parameters(o):
    """Whether any of the trained parameters are an operation's."""
    return o.weight_position != DENSE or o.bias_position != DENSE or o.p_position != DENSE or o.q_position != DENSE


@piece
def _write_affine(zero, o, u, v, theta):
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
    if o.bias_position != DENSE:
        _write_shift(zero, o, u, theta + o.bias_position * size)


@piece
def _write_activation(zero, o, u, v, theta):
    size = itemsize(zero)
    if o.p_position != DENSE:
        p, factors, inputs = view(zero, theta + o.p_position * size, o.n_in), view(zero, u, o.n_in), view(zero, v, o.n_in)
        for j in range(o.n_in):
            # The slope of a leaky ReLU is a parameter of its negative side alone.
            found = factors[j] * inputs[j] if o.code == SCALE or not inputs[j] > 0.0 else zero
            p[j] = p[j] + found if o.repeats else found
    if o.q_position != DENSE:
        _write_shift(zero, o, u, theta + o.q_position * size)


@piece
def _write_shift(zero, o, u, target):
    """The derivative by what is added to each unit."""
    if not o.repeats:
        copy_vector(zero, u, target, o.n_out)
        return
    found, sums = view(zero, u, o.n_out), view(zero, target, o.n_out)
    for j in range(o.n_out):
        sums[j] += found[j]


@kernel(*TAKEN)
def push_direction(zero, request, block, first, gradient):
    """The values' tangents for a direction of the parameters."""
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
        elif has_parameters(o):
            _add_activation(zero, block, o, direction, there)
    last = derivative_at(zero, block, block.n_values - 1)
    write_rows(zero, block, last, request.y_tangent + first * layout.n_out * size)


@piece
def _add_affine(zero, block, o, direction, target):
    """`v dW^T + db`."""
    size = itemsize(zero)
    inputs, weight = (block.work + o.inputs * size, o.in_row, 1), (direction + o.transposed * size, o.out_row)
    shape, bias = (block.samples, o.n_out, o.n_in), (direction + o.bias * size, 0)
    multiply(zero, block, shape, block.lists, inputs, weight, bias, (block.spare, o.out_row))
    sums, found = view(zero, target, block.samples * o.out_row), view(zero, block.spare, block.samples * o.out_row)
    for j in range(sums.size):
        sums[j] += found[j]


@piece
def _add_activation(zero, block, o, direction, target):
    """`v dp + dq` for a scale, and `v dp` on the negative side of a leaky ReLU."""
    size = itemsize(zero)
    p, q = view(zero, direction + o.p * size, o.n_in), view(zero, direction + o.q * size, o.n_in)
    for sample in range(block.samples):
        row = sample * o.in_row * size
        t, v = view(zero, target + row, o.n_in), view(zero, block.work + o.inputs * size + row, o.n_in)
        if o.code == SCALE:
            for j in range(o.n_in):
                t[j] += p[j] * v[j] + q[j]
        else:
            for j in range(o.n_in):
                t[j] += p[j] * v[j] if not v[j] > 0.0 else 0.0
