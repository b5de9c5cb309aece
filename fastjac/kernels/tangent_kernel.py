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
from .parameter_jacobian import values_by_parameters
from .sweep import ones, zeros
from .tables import Tables, read_layout


@kernel(NUMBER, numbers(2), numbers(2))
def write_tangent_kernel(zero, address, samples, memory):
    """Write the kernel of a block of samples with all others, (samples, n_right, n_out, n_out).

    samples : the first one, and how many.  memory : the addresses of scratch, and of the numbers 0, 1, 2, ...
    """
    request = read_request(address, 0)
    size, seeds, n_right = itemsize(zero), request.n_out, request.n_right
    features_size = request.features_size
    target = request.tangent_kernel + samples[0] * n_right * seeds * seeds * size
    clear(zero, target, samples[1] * n_right * seeds * seeds)
    left = request.features + samples[0] * features_size * size, samples[1], target
    for other in range(0, n_right, request.right_block):
        count = min(request.right_block, n_right - other)
        others = request.right_features + other * features_size * size
        for number in range(request.n_feature_records):
            twin = np.intp(number)
            while True:
                mine, its = read_feature(request.feature_records, number), read_feature(request.feature_records, twin)
                right = others + its.features * size, other, count
                if mine.parameter_pull == 0:
                    _add_affine(zero, address, mine, left, right, memory)
                else:
                    _add_activation(zero, address, mine, left, right, memory)
                twin = np.intp(its.twin)
                if twin == number:
                    break


@piece
def _add_affine(zero, address, mine, left, right, memory):
    """`(u_a . u'_b) (v . v' + 1)`.

    left : the address of the features on the left, how many samples there are, and the address of the result.
    right : the address of the features on the right, of this operation or of a twin; the first sample there, and how many.
    """
    request = read_request(address, 0)
    size, seeds, width, stride = itemsize(zero), request.n_out, request.right_row, request.features_size
    (features, samples, target), (others, first, count) = left, right
    turned, by_rows = memory[0] + request.turned * size, memory[0] + request.by_rows * size
    by_inputs = memory[0] + request.by_inputs * size
    v, u = features + mine.features * size, features + (mine.features + mine.in_row) * size
    _turn(zero, address, (others, stride), (turned, width), (count, mine.n_in))
    shape = (samples, count, mine.n_in)
    _multiply(zero, address, shape, memory[1], (v, stride), (turned, width), (by_inputs, width))
    for other in range(count):
        source, place = others + (other * stride + mine.in_row) * size, turned + other * seeds * size
        _turn(zero, address, (source, mine.out_row), (place, width), (seeds, mine.n_out))
    shape = (seeds, count * seeds, mine.n_out)
    for sample in range(samples):
        a, c = (u + sample * stride * size, mine.out_row), (by_rows, width)
        _multiply(zero, address, shape, memory[1], a, (turned, width), c)
        products = view(zero, by_inputs + sample * width * size, count)
        for other in range(count):
            factor = products[other] + (zero + 1 if mine.bias else zero)
            cell = _cell(zero, request, sample, first + other, target)
            _add_scaled(zero, seeds, factor, by_rows + other * seeds * size, width, cell)


@piece
def _turn(zero, address, source, target, shape):
    """Copy a matrix turned round; source and target : address, and stride from row to row.  shape : rows and columns."""
    request = read_request(address, 0)
    layout = read_layout(request.layout, 0)
    its_ones = request.parameters + layout.ones * itemsize(zero)
    call_address(layout.copy, (zero, source[0], 1, source[1], target[0], target[1], shape[1], shape[0], its_ones))


@piece
def _multiply(zero, address, shape, index, a, b, c):
    """`C = A B`; shape : rows and columns of C, and inner units.  a, b, c : address, and stride from row to row."""
    request = read_request(address, 0)
    layout = read_layout(request.layout, 0)
    program = _program_of(zero, request)
    (rows, columns, depth), start, scale = shape, zeros(program, layout), ones(program, layout)
    tile_rows, tile_columns = tile_shape(zero, rows, columns)
    operands = Contraction(rows, columns, a[0], a[1], 1, index, b[0], b[1], 1, index, depth, start, 0, scale, c[0], c[1])
    call_address(layout.contract, (zero, operands, tile_rows, tile_columns))


@piece
def _program_of(zero, request):
    return Tables(zero, request.parameters, request.primal, request.live, request.steps, request.layout)


@piece
def _cell(zero, request, sample, other, target):
    """The address of the matrix (n_out, n_out) of one pair of samples."""
    return target + (sample * request.n_right + other) * request.n_out * request.n_out * itemsize(zero)


@piece
def _add_scaled(zero, seeds, factor, source, row, target):
    size = itemsize(zero)
    for a in range(seeds):
        found, sums = view(zero, source + a * row * size, seeds), view(zero, target + a * seeds * size, seeds)
        for b in range(seeds):
            sums[b] += factor * found[b]


@piece
def _add_activation(zero, address, mine, left, right, memory):
    """`sum u_a u'_b (y_p y'_p + y_q y'_q)`, y_p and y_q being the derivatives of the activation's values by p and by q."""
    request = read_request(address, 0)
    layout, program = read_layout(request.layout, 0), _program_of(zero, request)
    size, seeds, stride, n = itemsize(zero), request.n_out, request.features_size, mine.n_in
    (features, samples, target), (others, first, count) = left, right
    rows = memory[0] + request.by_parameters * size
    formula = mine.parameter_pull, request.parameters + mine.p * size, request.parameters + mine.q * size
    trained = mine.trains_p != 0, mine.trains_q != 0
    for sample in range(samples):
        here = features + (sample * stride + mine.features) * size
        by_p, by_q = values_by_parameters(program, layout, formula, trained, here, rows, n)
        for other in range(count):
            there = others + other * stride * size
            its_by_p, its_by_q = values_by_parameters(program, layout, formula, trained, there, rows + 2 * n * size, n)
            sums = view(zero, _cell(zero, request, sample, first + other, target), seeds * seeds)
            for a in range(seeds):
                u = view(zero, here + (mine.in_row + a * mine.out_row) * size, n)
                for b in range(seeds):
                    w = view(zero, there + (mine.in_row + b * mine.out_row) * size, n)
                    for j in range(n):
                        factor = by_p[j] * its_by_p[j] + by_q[j] * its_by_q[j]
                        sums[a * seeds + b] += factor * u[j] * w[j]
