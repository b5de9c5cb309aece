"""The Jacobian by the parameters, written out, and its product with a direction of them.

With u_a the row of cotangents of output a at an affine map's output, and v the values at its input,
`dy_a / dW[i, j] = u_a[i] v[j]` and `dy_a / db[i] = u_a[i]`.
"""

from __future__ import annotations

from .activations import CODES
from .gradient_sweep import factors_of, slopes_of
from .gradient_tables import read_operation
from .jit import jit, piece
from .memory import itemsize, view
from .multiply import multiply
from .operators import clear, copy, normalize_columns
from .rows import rows_at
from .tables import ACTIVATE, AFFINE, DENSE

LEAKY_RELU, SCALE = CODES["leaky_relu"], CODES["scale"]


@jit
def write_parameter_jacobian(zero, block, n_parameters, spare, target):
    """Write `dy / dtheta` (samples, n_out, n_parameters) to address `target`, from rows pulled from the output.

    spare : address of a buffer for rows.
    """
    size = itemsize(zero)
    for number in range(block.n_operations):
        o, rows = read_operation(block.operations, number), rows_at(zero, block, number + 1, spare)
        for sample in range(block.samples):
            v = block.work + (o.inputs + sample * o.in_row) * size
            for seed in range(block.seeds):
                row = sample * block.seeds + seed
                u = rows + row * o.out_row * size
                theta = target + row * n_parameters * size
                if o.operation == AFFINE:
                    _write_affine(zero, block, o, u, v, theta)
                elif o.p_position != DENSE or o.q_position != DENSE:
                    _write_activation(zero, block, o, u, v, theta)


@piece
def _write_affine(zero, block, o, u, v, theta):
    size = itemsize(zero)
    if o.weight_position != DENSE:
        factors, inputs = view(zero, u, o.n_out), view(zero, v, o.n_in)
        for i in range(o.n_out):
            row = view(zero, theta + (o.weight_position + i * o.n_in) * size, o.n_in)
            for j in range(o.n_in):
                row[j] = factors[i] * inputs[j]
    if o.bias_position != DENSE:
        copy(zero, u, o.out_row, 1, theta + o.bias_position * size, o.out_row, 1, o.n_out, block.ones)


@piece
def _write_activation(zero, block, o, u, v, theta):
    size = itemsize(zero)
    if o.p_position != DENSE:
        p, factors, inputs = view(zero, theta + o.p_position * size, o.n_in), view(zero, u, o.n_in), view(zero, v, o.n_in)
        for j in range(o.n_in):
            # The slope of a leaky ReLU is a parameter of its negative side alone.
            p[j] = factors[j] * inputs[j] if o.code == SCALE or not inputs[j] > 0.0 else 0.0
    if o.q_position != DENSE:
        copy(zero, u, o.out_row, 1, theta + o.q_position * size, o.out_row, 1, o.n_out, block.ones)


@jit
def push_direction(zero, block, direction, here, there, spare):
    """The values' tangents for a direction of the parameters at address `direction`; the address of (samples, out_row).

    here, there, spare : addresses of buffers for (samples, widest) numbers each.
    """
    size = itemsize(zero)
    first = read_operation(block.operations, 0)
    clear(zero, here, block.samples * first.in_row)
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
                normalize_columns(zero, row, o.in_row, 1, factors_of(zero, slopes, o), o.rank, True)
                continue
            t, d = view(zero, row, o.n_in), view(zero, slopes, o.n_in)
            v = view(zero, block.work + (o.inputs + sample * o.in_row) * size, o.n_in)
            p, q = view(zero, direction + o.p * size, o.n_in), view(zero, direction + o.q * size, o.n_in)
            for j in range(o.n_in):
                t[j] *= d[j]
            if o.code == SCALE:
                for j in range(o.n_in):
                    t[j] += p[j] * v[j] + q[j]
            elif o.code == LEAKY_RELU:
                for j in range(o.n_in):
                    t[j] += p[j] * v[j] if not v[j] > 0.0 else 0.0
    return here


@piece
def _push_affine(zero, block, o, direction, here, there, spare):
    """`t W^T + v dW^T + db`."""
    size = itemsize(zero)
    shape, target = (block.samples, o.n_out, o.n_in), (there, o.out_row)
    weight = (block.parameters + o.transposed * size, o.out_row)
    multiply(block, shape, block.lists, (here, o.in_row, 1), weight, block.zeros, target)
    inputs, weight = (block.work + o.inputs * size, o.in_row, 1), (direction + o.transposed * size, o.out_row)
    multiply(block, shape, block.lists, inputs, weight, direction + o.bias * size, (spare, o.out_row))
    sums, found = view(zero, there, block.samples * o.out_row), view(zero, spare, block.samples * o.out_row)
    for j in range(sums.size):
        sums[j] += found[j]
