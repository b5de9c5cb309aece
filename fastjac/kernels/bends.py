"""The bends of the normalizers, which the gradient of a loss of J needs: derivatives of their Jacobians, summed over rows.

A normalizer's Jacobian N depends on the inputs through s, the softmax, or through x_hat and sigma. For rows of cotangents u and
tangents t the sum of `u N t` is differentiated by these, and then by the inputs. N's vectors are those of `normalizers`.
"""

from __future__ import annotations

from .jit import kernel, piece
from .memory import NUMBER, itemsize, numbers, view
from .operators import clear, dot, factors_at

TAKEN = (NUMBER, numbers(2), numbers(3), NUMBER, NUMBER)
"""What each kernel takes: the address of N's vectors; the addresses of the first u and t; the number of rows, their units, and
the elements from row to row; the address for the derivatives by the inputs; the address of a row of scratch."""


@piece
def _row(zero, first, number, shape):
    return view(zero, first + number * shape[2] * itemsize(zero), shape[1])


@kernel(*TAKEN)
def bend_softmax(zero, vectors, rows, shape, target, scratch):
    """`u N t = sum s u t - (s.u) (s.t)`."""
    s, sums = factors_at(zero, vectors, shape[1], 1)[2], view(zero, scratch, shape[1])
    clear(zero, scratch, shape[1])
    for number in range(shape[0]):
        u, t = _row(zero, rows[0], number, shape), _row(zero, rows[1], number, shape)
        with_u, with_t = dot(s, u), dot(s, t)
        for j in range(s.size):
            sums[j] += u[j] * t[j] - with_t * u[j] - with_u * t[j]
    _go_back_through_softmax(zero, s, sums, target)


@kernel(*TAKEN)
def bend_log_softmax(zero, vectors, rows, shape, target, scratch):
    """`u N t = u.t - (sum u) (s.t)`."""
    factors, sums = factors_at(zero, vectors, shape[1], 1), view(zero, scratch, shape[1])
    clear(zero, scratch, shape[1])
    for number in range(shape[0]):
        u, t = _row(zero, rows[0], number, shape), _row(zero, rows[1], number, shape)
        total = dot(factors[1], u)
        for j in range(t.size):
            sums[j] -= total * t[j]
    _go_back_through_softmax(zero, factors[2], sums, target)


@piece
def _go_back_through_softmax(zero, s, sums, target):
    bends = view(zero, target, s.size)
    common = dot(s, sums)
    for j in range(s.size):
        bends[j] = s[j] * (sums[j] - common)


@kernel(*TAKEN)
def bend_layer_norm(zero, vectors, rows, shape, target, scratch):
    """`sigma u N t = u.t - (sum u) (sum t) / n - (x_hat.u) (x_hat.t) / n`.

    Its derivative by x_hat is `(x_hat.t) u + (x_hat.u) t`, over -n. The derivative of `u N t` by the inputs is
    `-x_hat total / (n sigma^2)` from 1 / sigma, and `-N sums / (n sigma)` from x_hat.
    """
    factors, sums = factors_at(zero, vectors, shape[1], 2), view(zero, scratch, shape[1])
    clear(zero, scratch, shape[1])
    total = zero
    for number in range(shape[0]):
        total += _layer_norm_row(factors, _row(zero, rows[0], number, shape), _row(zero, rows[1], number, shape), sums)
    inverse, share, x_hat = factors[0][0], factors[2][0], factors[3]
    mean, along = dot(factors[2], sums), dot(factors[4], sums)
    bends = view(zero, target, shape[1])
    for j in range(x_hat.size):
        bends[j] = -share * inverse * inverse * (total * x_hat[j] + sums[j] - mean - x_hat[j] * along)


@piece
def _layer_norm_row(factors, u, t, sums):
    """`sigma u N t` for one pair of rows; adds `(x_hat.t) u + (x_hat.u) t`."""
    ones, share, x_hat = factors[1], factors[2], factors[3]
    with_u, with_t = dot(x_hat, u), dot(x_hat, t)
    for j in range(x_hat.size):
        sums[j] += with_t * u[j] + with_u * t[j]
    return dot(u, t) - dot(ones, u) * dot(share, t) - with_u * with_t * share[0]


BENDS = {"softmax": bend_softmax, "log_softmax": bend_log_softmax, "layer_norm": bend_layer_norm}
"""The kernel of each rule; sparsemax has no bend."""
