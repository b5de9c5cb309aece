"""The empirical neural tangent kernel `K K'^T`, K being the Jacobian by the parameters, from the factors of K.

For one affine map `dy_a / dW = u_a v^T`, so the product for two samples is `(u_a . u'_b) (v . v' + 1)`, the 1 for the bias: two
Gram matrices instead of a Jacobian with a column for every parameter. Each sample's *features* are v and the u_a of every
operation that has parameters, one after another. For a layer at several places K is the sum over the places, so each of its
operations meets every other.
"""

from __future__ import annotations

import numpy as np

from .gradient_tables import TAKEN, read_block, read_layout, read_operation, read_request
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .multiply import multiply
from .operators import clear, copy_vector
from .parameter_jacobian import values_by_parameters
from .rows import rows_at
from .tables import AFFINE, DENSE


@kernel(*TAKEN)
def write_features(zero, request, block, first, gradient):
    """Write v and the u_a of every operation that has parameters, (samples, features_size)."""
    request, block = read_request(request, 0), read_block(block)
    layout = read_layout(request.layout, 0)
    size, features_size = itemsize(zero), layout.features_size
    target = request.features + first * features_size * size
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        if o.features == DENSE:
            continue
        rows = rows_at(zero, block, o.target)
        for sample in range(block.samples):
            v = target + (sample * features_size + o.features) * size
            copy_vector(zero, block.work + (o.inputs + sample * o.in_row) * size, v, o.n_in)
            u = rows + sample * block.seeds * o.out_row * size
            target_u = v + o.in_row * size
            call_address(block.copy, (zero, u, o.out_row, 1, target_u, o.out_row, block.seeds, o.n_out, block.ones))


@kernel(*TAKEN)
def write_tangent_kernel(zero, request, block, first, gradient):
    """Write the kernel of a block of samples with all others, (samples, n_right, n_out, n_out)."""
    request, block = read_request(request, 0), read_block(block)
    layout, n_right, right = read_layout(request.layout, 0), request.n_right, request.right_features
    size, seeds = itemsize(zero), block.seeds
    left = request.features + first * layout.features_size * size
    target = request.tangent_kernel + first * n_right * seeds * seeds * size
    clear(zero, target, block.samples * n_right * seeds * seeds)
    for other in range(0, n_right, layout.right_block):
        count = min(layout.right_block, n_right - other)
        others = right + other * layout.features_size * size
        for number in range(block.n_operations):
            o = read_operation(block.operations, number)
            if o.features == DENSE:
                continue
            twin = np.intp(number)
            while True:
                part = (others + read_operation(block.operations, twin).features * size, other, count)
                if o.operation == AFFINE:
                    _add_affine(zero, block, layout, o, left, part, n_right, target)
                else:
                    _add_activation(zero, block, layout, o, left, part, n_right, target)
                twin = np.intp(read_operation(block.operations, twin).twin)
                if twin == number:
                    break


@piece
def _add_affine(zero, block, layout, o, left, right, n_right, target):
    """`(u_a . u'_b) (v . v' + 1)`.

    right : the address of the features on the right, of this operation or of a twin; the first sample there, and how many.
    """
    size, seeds, width = itemsize(zero), block.seeds, layout.right_row
    others, first, count = right
    stride = layout.features_size
    turned, by_rows = block.buffers + layout.turned * size, block.buffers + layout.by_rows * size
    by_inputs = block.buffers + layout.by_inputs * size
    v, u = o.features, o.features + o.in_row
    call_address(block.copy, (zero, others, 1, stride, turned, width, o.n_in, count, block.ones))
    shape = (block.samples, count, o.n_in)
    multiply(zero, block, shape, block.lists, (left + v * size, stride, 1), (turned, width), (block.zeros, 0), (by_inputs, width))
    for other in range(count):
        source, place = others + (other * stride + o.in_row) * size, turned + other * seeds * size
        call_address(block.copy, (zero, source, 1, o.out_row, place, width, o.n_out, seeds, block.ones))
    shape = (seeds, count * seeds, o.n_out)
    for sample in range(block.samples):
        a, c = (left + (sample * stride + u) * size, o.out_row, 1), (by_rows, width)
        multiply(zero, block, shape, block.lists, a, (turned, width), (block.zeros, 0), c)
        products = view(zero, by_inputs + sample * width * size, count)
        for other in range(count):
            factor = products[other] if o.weight_position != DENSE else zero
            factor += zero + 1 if o.bias_position != DENSE else zero
            cell = _cell(zero, sample, first + other, n_right, seeds, target)
            _add_scaled(zero, seeds, factor, by_rows + other * seeds * size, width, cell)


@piece
def _cell(zero, sample, other, n_right, seeds, target):
    """The address of the matrix (n_out, n_out) of one pair of samples."""
    return target + (sample * n_right + other) * seeds * seeds * itemsize(zero)


@piece
def _add_scaled(zero, seeds, factor, source, row, target):
    size = itemsize(zero)
    for a in range(seeds):
        found, sums = view(zero, source + a * row * size, seeds), view(zero, target + a * seeds * size, seeds)
        for b in range(seeds):
            sums[b] += factor * found[b]


@piece
def _add_activation(zero, block, layout, o, left, right, n_right, target):
    """`sum u_a u'_b (y_p y'_p + y_q y'_q)`, y_p and y_q being the derivatives of the activation's values by p and by q."""
    size, seeds, stride = itemsize(zero), block.seeds, layout.features_size
    others, first, count = right
    rows = block.buffers + layout.piece * size
    for sample in range(block.samples):
        mine = left + (sample * stride + o.features) * size
        by_p, by_q = values_by_parameters(zero, block, o, mine, rows)
        for other in range(count):
            its = others + other * stride * size
            its_by_p, its_by_q = values_by_parameters(zero, block, o, its, rows + 2 * o.n_in * size)
            sums = view(zero, _cell(zero, sample, first + other, n_right, seeds, target), seeds * seeds)
            for a in range(seeds):
                u = view(zero, mine + (o.in_row + a * o.out_row) * size, o.n_in)
                for b in range(seeds):
                    w = view(zero, its + (o.in_row + b * o.out_row) * size, o.n_in)
                    for j in range(o.n_in):
                        factor = by_p[j] * its_by_p[j] + by_q[j] * its_by_q[j]
                        sums[a * seeds + b] += factor * u[j] * w[j]
