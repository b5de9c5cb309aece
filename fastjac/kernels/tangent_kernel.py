"""The empirical neural tangent kernel `K K'^T`, K being the Jacobian by the parameters, from the factors of K.

For one affine map `dy_a / dW = u_a v^T`, so the product for two samples is `(u_a . u'_b) (v . v' + 1)`, the 1 for the bias: two
Gram matrices instead of a Jacobian with a column for every parameter. Each sample's *features* are v and the u_a of every
operation that has parameters, one after another. For a layer at several places K is the sum over the places, so each of its
operations meets every other.
"""

from __future__ import annotations

import numpy as np

from .contract import Contraction, tile_shape
from .gradient_tables import read_feature, read_request
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, view
from .operators import clear
from .sweep import ones, zeros
from .tables import Tables, read_layout


@kernel(NUMBER, numbers(2), numbers(2))
def write_tangent_kernel(zero, address, samples, memory):
    """Write the kernel of a block of samples with all samples on the right, (samples, n_right, n_out, n_out).

    samples : the block's first one, and how many.  memory : the addresses of scratch, and of the numbers 0, 1, 2, ...
    """
    request = read_request(address, 0)
    program = Tables(zero, request.parameters, request.primal, request.live, request.steps, request.layout)
    size, n_right, features_size = itemsize(zero), request.n_right, request.features_size
    products = n_right * request.n_out * request.n_out
    target = request.tangent_kernel + samples[0] * products * size
    clear(zero, target, samples[1] * products)
    left = request.features + samples[0] * features_size * size, samples[1], target
    for first in range(0, n_right, request.right_block):
        count = min(request.right_block, n_right - first)
        features = request.right_features + first * features_size * size
        for number in range(request.n_feature_records):
            operation, twin = read_feature(request.feature_records, number), np.intp(number)
            while True:
                partner = read_feature(request.feature_records, twin)
                right = features + partner.features * size, first, count
                if operation.parameter_pull == 0:
                    _add_affine(program, request, operation, left, right, memory)
                else:
                    _add_activation(program, request, operation, left, right, memory)
                twin = np.intp(partner.twin)
                if twin == number:
                    break


@piece
def _add_affine(program, request, operation, left, right, memory):
    """`(u_a . u'_b) (v . v' + 1)`.

    left : the address of the features on the left, how many samples there are, and the address of the result.
    right : the address of the features on the right, of this operation or of a twin; the first sample there, and how many.
    """
    zero, o = program.zero, operation
    size, seeds, width, stride = itemsize(zero), request.n_out, request.right_row, request.features_size
    (features, samples, target), (others, first, count) = left, right
    turned, by_rows = memory[0] + request.turned * size, memory[0] + request.by_rows * size
    by_inputs = memory[0] + request.by_inputs * size
    v, u = features + o.features * size, features + (o.features + o.in_row) * size
    _turn(program, (others, stride), (turned, width), (count, o.n_in))
    _multiply(program, (samples, count, o.n_in), memory[1], (v, stride), (turned, width), (by_inputs, width))
    for other in range(count):
        source, place = others + (other * stride + o.in_row) * size, turned + other * seeds * size
        _turn(program, (source, o.out_row), (place, width), (seeds, o.n_out))
    shape = (seeds, count * seeds, o.n_out)
    for sample in range(samples):
        a, c = (u + sample * stride * size, o.out_row), (by_rows, width)
        _multiply(program, shape, memory[1], a, (turned, width), c)
        products = view(zero, by_inputs + sample * width * size, count)
        for other in range(count):
            factor = products[other] + (zero + 1 if o.bias else zero)
            cell = _cell(zero, request, sample, first + other, target)
            _add_scaled(zero, seeds, factor, by_rows + other * seeds * size, width, cell)


@piece
def _turn(program, source, target, shape):
    """Copy a matrix turned round; source and target : address, and stride from row to row.  shape : rows and columns."""
    layout = read_layout(program.layout, 0)
    copied = (source[0], 1, source[1], target[0], target[1], shape[1], shape[0], ones(program, layout))
    call_address(layout.copy, (program.zero, *copied))


@piece
def _multiply(program, shape, index, a, b, c):
    """`C = A B`; shape : rows and columns of C, and inner units.  a, b, c : address, and stride from row to row."""
    layout, (rows, columns, depth) = read_layout(program.layout, 0), shape
    operands = Contraction(
        rows, columns, a[0], a[1], 1, index, b[0], b[1], 1, index, depth,
        zeros(program, layout), 0, ones(program, layout), c[0], c[1],
    )  # fmt: skip
    tile_rows, tile_columns = tile_shape(program.zero, rows, columns)
    call_address(layout.contract, (program.zero, operands, tile_rows, tile_columns))


@piece
def _cell(zero, request, sample, other, target):
    """The address of the matrix (n_out, n_out) of one pair of samples."""
    return target + (sample * request.n_right + other) * request.n_out * request.n_out * itemsize(zero)


@piece
def _add_scaled(zero, seeds, factor, source, row, target):
    size = itemsize(zero)
    for a in range(seeds):
        products, sums = view(zero, source + a * row * size, seeds), view(zero, target + a * seeds * size, seeds)
        for b in range(seeds):
            sums[b] += factor * products[b]


@piece
def _add_activation(program, request, operation, left, right, memory):
    """`sum u_a u'_b (y_p y'_p + y_q y'_q)`, y_p and y_q being the derivatives of the activation's values by p and by q."""
    zero, o = program.zero, operation
    size, seeds, n = itemsize(zero), request.n_out, o.n_in
    (features, samples, target), (others, first, count) = left, right
    rows = memory[0] + request.by_parameters * size
    for sample in range(samples):
        here = features + (sample * request.features_size + o.features) * size
        by_p, by_q = _values_by_parameters(program, o, here, rows)
        for other in range(count):
            there = others + other * request.features_size * size
            right_by_p, right_by_q = _values_by_parameters(program, o, there, rows + 2 * n * size)
            sums = view(zero, _cell(zero, request, sample, first + other, target), seeds * seeds)
            for a in range(seeds):
                u = view(zero, here + (o.in_row + a * o.out_row) * size, n)
                for b in range(seeds):
                    w = view(zero, there + (o.in_row + b * o.out_row) * size, n)
                    for j in range(n):
                        factor = by_p[j] * right_by_p[j] + by_q[j] * right_by_q[j]
                        sums[a * seeds + b] += factor * u[j] * w[j]


@piece
def _values_by_parameters(program, operation, inputs, rows):
    """Write the derivatives of an activation's values by p and by q to two rows, 0 for one that is not trained."""
    zero, o = program.zero, operation
    layout, size, n = read_layout(program.layout, 0), itemsize(zero), o.n_in
    p, q, q_row = program.parameters + o.p * size, program.parameters + o.q * size, rows + n * size
    clear(zero, rows, 2 * n)
    derivatives = ones(program, layout), zeros(program, layout)
    targets = rows if o.trains_p else 0, q_row if o.trains_q else 0
    call_address(o.parameter_pull, (zero, inputs, p, q, *derivatives, *targets, n))
    return view(zero, rows, n), view(zero, q_row, n)
