"""The Jacobian by the parameters, written out, and its product with a direction of them.

With u_a the row of cotangents of output a at an affine map's output, and v the values at its input,
`dy_a / dW[i, j] = u_a[i] v[j]` and `dy_a / db[i] = u_a[i]`.
"""

from __future__ import annotations

from .gradient_sweep import slopes_of, write_rows
from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .multiply import multiply
from .operators import clear, copy_vector
from .rows import rows_at
from .second_order import pull_parameters
from .tables import ACTIVATE, AFFINE, DENSE


@kernel(*TAKEN)
def write_parameter_jacobian(zero, request, block, first, gradient):
    """Write `dy / dtheta` (samples, n_out, n_parameters), from rows pulled from the output."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, n_parameters = itemsize(zero), layout.n_parameters
    spare = block.buffers + layout.spare_buffer * size
    target = request.parameter_jacobian + first * layout.n_out * n_parameters * size
    for number in range(block.n_operations):
        o, rows = read_operation(block.operations, number), rows_at(zero, block, number + 1, spare)
        for sample in range(block.samples):
            v = block.work + (o.inputs + sample * o.in_row) * size
            for seed in range(block.seeds):
                row = sample * block.seeds + seed
                u = rows + row * o.out_row * size
                theta = target + row * n_parameters * size
                if o.operation == AFFINE:
                    _write_affine(zero, o, u, v, theta)
                elif o.parameter_pull != 0:
                    _write_activation(zero, block, o, u, v, theta)


@piece
def _write_affine(zero, o, u, v, theta):
    size = itemsize(zero)
    if o.weight_position != DENSE:
        factors, inputs = view(zero, u, o.n_out), view(zero, v, o.n_in)
        for i in range(o.n_out):
            row = view(zero, theta + (o.weight_position + i * o.n_in) * size, o.n_in)
            for j in range(o.n_in):
                row[j] = factors[i] * inputs[j]
    if o.bias_position != DENSE:
        copy_vector(zero, u, theta + o.bias_position * size, o.n_out)


@piece
def _write_activation(zero, block, o, u, v, theta):
    size = itemsize(zero)
    by_p = theta + o.p_position * size if o.p_position != DENSE else 0
    by_q = theta + o.q_position * size if o.q_position != DENSE else 0
    for target in (by_p, by_q):
        if target != 0:
            clear(zero, target, o.n_in)
    pull_parameters(zero, block, o, v, (u, block.zeros), (by_p, by_q))


@kernel(*TAKEN)
def push_direction(zero, request, block, first, gradient):
    """The values' tangents for a direction of the parameters."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, direction = itemsize(zero), request.direction
    here, there = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    spare = block.buffers + layout.spare_buffer * size
    clear(zero, here, block.samples * read_operation(block.operations, 0).in_row)
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        if o.operation == AFFINE:
            _push_affine(zero, block, o, direction, here, there, spare)
            here, there = there, here
            continue
        for sample in range(block.samples):
            row = here + sample * o.in_row * size
            slopes = slopes_of(zero, block, o, sample)
            if o.operation != ACTIVATE:
                call_address(o.normalize_columns, (zero, row, o.in_row, 1, slopes, o.n_in, o.rank, 1))
                continue
            t, d = view(zero, row, o.n_in), view(zero, slopes, o.n_in)
            for j in range(o.n_in):
                t[j] *= d[j]
            if o.parameter_pull != 0:
                rows = block.buffers + layout.piece * size
                by_p, by_q = values_by_parameters(zero, block, o, block.work + (o.inputs + sample * o.in_row) * size, rows)
                p, q = view(zero, direction + o.p * size, o.n_in), view(zero, direction + o.q * size, o.n_in)
                for j in range(o.n_in):
                    t[j] += p[j] * by_p[j] + q[j] * by_q[j]
    write_rows(zero, block, here, request.y_tangent + first * layout.n_out * size)


@piece
def values_by_parameters(zero, block, o, inputs, rows):
    """The derivatives of an activation's values by p and by q, written to two rows, 0 for one that is not trained."""
    size = itemsize(zero)
    clear(zero, rows, 2 * o.n_in)
    by_p, by_q = rows, rows + o.n_in * size
    targets = (by_p if o.p_position != DENSE else 0, by_q if o.q_position != DENSE else 0)
    pull_parameters(zero, block, o, inputs, (block.ones, block.zeros), targets)
    return view(zero, by_p, o.n_in), view(zero, by_q, o.n_in)


@piece
def _push_affine(zero, block, o, direction, here, there, spare):
    """`t W^T + v dW^T + db`."""
    size = itemsize(zero)
    shape, target = (block.samples, o.n_out, o.n_in), (there, o.out_row)
    weight = (block.parameters + o.transposed * size, o.out_row)
    multiply(zero, block, shape, block.lists, (here, o.in_row, 1), weight, block.zeros, target)
    inputs, weight = (block.work + o.inputs * size, o.in_row, 1), (direction + o.transposed * size, o.out_row)
    multiply(zero, block, shape, block.lists, inputs, weight, direction + o.bias * size, (spare, o.out_row))
    sums, found = view(zero, there, block.samples * o.out_row), view(zero, spare, block.samples * o.out_row)
    for j in range(sums.size):
        sums[j] += found[j]
