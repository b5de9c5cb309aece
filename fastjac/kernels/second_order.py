"""What a loss of the Jacobian says of one operation: its derivative by the parameters, and by the inputs through the Jacobian.

Let u be rows of cotangents at the operation's output and t rows of tangents at its input: one of them was computed on the way
to the network's Jacobian, the other is the loss's derivative by its like. The loss changes by the sum of `u dN t` over the
rows when the operation's own Jacobian N changes by dN. Normalizers' N and its vectors are those of `normalizers`.
"""

from __future__ import annotations

from .activations import CODES
from .curvature import curve
from .gradient_sweep import factors_of, slopes_of
from .jit import jit, piece
from .memory import itemsize, view
from .multiply import multiply
from .normalizers import LAYER_NORM, LOG_SOFTMAX
from .operators import clear, dot
from .tables import ACTIVATE, AFFINE, DENSE

SCALE = CODES["scale"]
"""Besides the leaky ReLU the one activation that has trained parameters."""
PIECE_ELEMENTS = 8192
"""Numbers in a piece of a weight's gradient, which stays in the first-level cache until it is added."""


@jit
def has_second_order(o, gradient):
    """Whether anything that is wanted follows from the rows at both ends of an operation."""
    if o.operation == AFFINE:
        return gradient != 0 and o.weight_gradient != DENSE
    return o.second != DENSE or o.p_gradient != DENSE


@jit
def second_order(zero, block, o, u, t, gradient, scratch):
    """For rows at addresses u and t, add to the gradient, and write the derivative by the inputs where it can be other than 0.

    gradient : address of the sums.  scratch : address of PIECE_ELEMENTS numbers, or a row.
    """
    size = itemsize(zero)
    if o.operation == AFFINE:
        add_weight_gradient(zero, block, o, (block.samples * block.seeds, u, t), gradient, scratch)
        return
    for sample in range(block.samples):
        rows = sample * block.seeds * o.in_row * size
        if o.operation == ACTIVATE:
            _curve(zero, block, o, sample, (u + rows, t + rows), gradient, scratch)
        else:
            _bend(zero, block, o, sample, (u + rows, t + rows), scratch)


@jit
def add_weight_gradient(zero, block, o, rows, gradient, scratch):
    """`gradient += U^T T`, piece by piece.

    rows : how many there are, and the addresses of those at the output, U, and at the input, T.
    """
    if not has_second_order(o, gradient):
        return
    size = itemsize(zero)
    depth, u, t = rows
    step = max(1, PIECE_ELEMENTS // o.in_row)
    for first in range(0, o.n_out, step):
        count = min(step, o.n_out - first)
        a = (u + first * size, 1, o.out_row)
        multiply(block, (count, o.n_in, depth), block.lists, a, (t, o.in_row), block.zeros, (scratch, o.in_row))
        sums = view(zero, gradient + (o.weight_gradient + first * o.in_row) * size, count * o.in_row)
        found = view(zero, scratch, count * o.in_row)
        for j in range(count * o.in_row):
            sums[j] += found[j]


@jit
def add_parameter_gradient(zero, o, inputs, by_value, by_slope, gradient):
    """Add the derivative by an activation's own parameters, from those by its values and by its slopes."""
    if gradient == 0:
        return
    size = itemsize(zero)
    if o.p_gradient != DENSE:
        p = view(zero, gradient + o.p_gradient * size, o.n_in)
        for j in range(o.n_in):
            # The slope of a leaky ReLU is a parameter of its negative side alone.
            counts = o.code == SCALE or not inputs[j] > 0.0
            p[j] += by_value[j] * inputs[j] + by_slope[j] if counts else 0.0
    if o.q_gradient != DENSE:
        q = view(zero, gradient + o.q_gradient * size, o.n_in)
        for j in range(o.n_in):
            q[j] += by_value[j]


@piece
def _second_of(zero, block, o, sample):
    return view(zero, block.work + (o.second + sample * o.in_row) * itemsize(zero), o.n_in)


@jit
def _curve(zero, block, o, sample, rows, gradient, scratch):
    """An activation: N is the diagonal of its slopes, whose own derivative is the second one."""
    size = itemsize(zero)
    inputs = view(zero, block.work + (o.inputs + sample * o.in_row) * size, o.n_in)
    clear(zero, scratch, o.n_in)
    by_slope = view(zero, scratch, o.n_in)
    for number in range(block.seeds):
        u, t = view(zero, rows[0] + number * o.in_row * size, o.n_in), view(zero, rows[1] + number * o.in_row * size, o.n_in)
        for j in range(o.n_in):
            by_slope[j] += u[j] * t[j]
    add_parameter_gradient(zero, o, inputs, view(zero, block.zeros, o.n_in), by_slope, gradient)
    if o.second != DENSE:
        second = _second_of(zero, block, o, sample)
        p, q = view(zero, block.parameters + o.p * size, o.n_in), view(zero, block.parameters + o.q * size, o.n_in)
        curve(o.code, inputs, p, q, second)
        for j in range(o.n_in):
            second[j] *= by_slope[j]


@jit
def _bend(zero, block, o, sample, rows, scratch):
    """A normalizer, whose N depends on its inputs by way of s, the softmax, or x_hat and sigma."""
    size = itemsize(zero)
    factors = factors_of(zero, slopes_of(zero, block, o, sample), o)
    second, sums = _second_of(zero, block, o, sample), view(zero, scratch, o.n_in)
    clear(zero, scratch, o.n_in)
    total = zero
    for number in range(block.seeds):
        u, t = view(zero, rows[0] + number * o.in_row * size, o.n_in), view(zero, rows[1] + number * o.in_row * size, o.n_in)
        if o.code == LAYER_NORM:
            total += _layer_norm_row(factors, u, t, sums)
        elif o.code == LOG_SOFTMAX:
            _log_softmax_row(factors, u, t, sums)
        else:
            _softmax_row(factors, u, t, sums)
    if o.code == LAYER_NORM:
        _finish_layer_norm(factors, total, sums, second)
    else:
        s = factors[2]
        common = dot(s, sums)
        for j in range(o.n_in):
            second[j] = s[j] * (sums[j] - common)


@jit
def _softmax_row(factors, u, t, sums):
    """`u N t = sum s u t - (s.u) (s.t)`; adds its derivative by s."""
    s = factors[2]
    with_u, with_t = dot(s, u), dot(s, t)
    for j in range(s.size):
        sums[j] += u[j] * t[j] - with_t * u[j] - with_u * t[j]


@jit
def _log_softmax_row(factors, u, t, sums):
    """`u N t = u.t - (sum u) (s.t)`; adds its derivative by s."""
    total = dot(factors[1], u)
    for j in range(t.size):
        sums[j] -= total * t[j]


@jit
def _layer_norm_row(factors, u, t, sums):
    """`sigma u N t = u.t - (sum u) (sum t) / n - (x_hat.u) (x_hat.t) / n`, which it gives; adds `(x_hat.t) u + (x_hat.u) t`."""
    ones, share, x_hat = factors[1], factors[2], factors[3]
    with_u, with_t = dot(x_hat, u), dot(x_hat, t)
    for j in range(x_hat.size):
        sums[j] += with_t * u[j] + with_u * t[j]
    return dot(u, t) - dot(ones, u) * dot(share, t) - with_u * with_t * share[0]


@jit
def _finish_layer_norm(factors, total, sums, second):
    """By 1 / sigma, `-x_hat total / (n sigma^2)`, and by x_hat, `-N sums / (n sigma)`."""
    inverse, share, x_hat = factors[0][0], factors[2][0], factors[3]
    mean, along = dot(factors[2], sums), dot(factors[4], sums)
    for j in range(x_hat.size):
        second[j] = -share * inverse * inverse * (total * x_hat[j] + sums[j] - mean - x_hat[j] * along)
