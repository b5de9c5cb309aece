"""Value and factored Jacobian of the normalizers, one row of units at a time.

The Jacobian is `N = diag(a) (I - sum_r p_r q_r^T)`, whose vectors go to the rows of `factors`: a, p_1, q_1, p_2, q_2.

| rule        | a            | p_1, q_1                | p_2, q_2              |
|-------------|--------------|-------------------------|-----------------------|
| softmax     | s            | 1, s                    |                       |
| log_softmax | 1            | 1, s                    |                       |
| sparsemax   | support      | 1, support / its size   |                       |
| layer_norm  | 1 / sigma    | 1, 1 / n                | x_hat, x_hat / n      |

Here s is the softmax, sigma the root of variance plus epsilon, and x_hat the normalized units (weight and bias of a layer
normalization are a scale of their own behind it).
"""

from __future__ import annotations

import numba
import numpy as np

from .elementary import exp
from .floating import constant, of_order_key, order_key
from .jit import FROM_KERNELS_ALONE, OPTIONS, kernel, piece
from .memory import NUMBER, view
from .operators import SHORT, dot, factors_at

TAKEN = (NUMBER,) * 4
"""What a normalizer takes: the address of a row of units, their number, and the addresses of its parameter and of N's vectors."""
# Times this power of 2, the largest numbers have squares that do not overflow, nor does any sum of them that fits in memory.
REDUCTION = constant(float32=2.0**-80, float64=2.0**-560)


@piece
def _sum(v):
    """The sum; a long one is taken in as many partial sums as there are lanes: faster, and more accurate than a single sum."""
    if v.size > SHORT:
        return _long_sum(v)
    total = v.dtype.type(0.0)
    for j in range(v.size):
        total += v[j]
    return total


@numba.njit(**OPTIONS, **FROM_KERNELS_ALONE, fastmath={"reassoc"})
def _long_sum(v):
    total = v.dtype.type(0.0)
    for j in range(v.size):
        total += v[j]
    return total


@kernel(*TAKEN)
def softmax(zero, row, n, epsilon, vectors):
    """The softmax."""
    z, factors = view(zero, row, n), factors_at(zero, vectors, n, 1)
    _exponentials(z, factors)
    for j in range(n):
        z[j] = factors[2, j]
        factors[0, j] = factors[2, j]


@kernel(*TAKEN)
def log_softmax(zero, row, n, epsilon, vectors):
    """The logarithm of the softmax."""
    z, factors = view(zero, row, n), factors_at(zero, vectors, n, 1)
    log_total = np.log(_exponentials(z, factors))
    for j in range(n):
        z[j] -= log_total
        factors[0, j] = 1.0


@piece
def _exponentials(z, factors):
    """Bring the largest unit to 0, and write p and s; returns the sum by which s was divided."""
    p, s = factors[1], factors[2]
    key = order_key(z[0])
    for j in range(z.size):
        key = max(key, order_key(z[j]))
    # A nan makes the total nan, and so all units, whether or not its key is the largest.
    largest = of_order_key(key)
    for j in range(z.size):
        z[j] -= largest
        s[j] = exp(z[j])
        p[j] = 1.0
    total = _sum(s)
    for j in range(z.size):
        s[j] /= total
    return total


@kernel(*TAKEN)
def sparsemax(zero, row, n, epsilon, vectors):
    """The threshold is the fixed point of `tau = (sum of units above tau - 1) / their number`, reached from below."""
    z, factors = view(zero, row, n), factors_at(zero, vectors, n, 1)
    support, p, q = factors[0], factors[1], factors[2]
    largest = z.max()
    for j in range(n):
        z[j] -= largest
    # The largest unit is 0 now; alone it gives a threshold of -1.
    tau = z.dtype.type(-1.0)
    count = 0
    for _ in range(n):
        total, above = z.dtype.type(-1.0), 0
        for j in range(n):
            if z[j] > tau:
                total += z[j]
                above += 1
        if above == count:
            break
        count, tau = above, total / z.dtype.type(above)
    for j in range(n):
        support[j] = 1.0 if z[j] > tau else 0.0
        p[j] = 1.0
        q[j] = support[j] / z.dtype.type(max(count, 1))
        z[j] = z[j] - tau if not z[j] <= tau else z.dtype.type(0.0)


@kernel(*TAKEN)
def layer_norm(zero, row, units, parameter, vectors):
    """Units less their mean, divided by their deviation."""
    z, factors, epsilon = view(zero, row, units), factors_at(zero, vectors, units, 2), view(zero, parameter, 1)[0]
    kind = z.dtype.type
    n = kind(z.size)
    unit = _reduce(z)
    # Twice, because the first mean of units far from 0 is off by their rounding.
    for _ in range(2):
        mean = _sum(z) / n
        for j in range(z.size):
            z[j] -= mean
    variance = dot(z, z) / n
    # Beside a variance in another unit epsilon vanishes, except where all units are equal, so it is converted and not dropped.
    deviation = np.sqrt(variance + epsilon) if unit == 1.0 else np.hypot(np.sqrt(variance), np.sqrt(epsilon) * unit)
    inverse = kind(1.0) / deviation
    for j in range(z.size):
        z[j] *= inverse
        factors[0, j] = inverse * unit
        factors[1, j] = 1.0
        factors[2, j] = kind(1.0) / n
        factors[3, j] = z[j]
        factors[4, j] = z[j] / n


@piece
def _reduce(z):
    """Where a square of z, or their sum, would overflow, bring z to another unit in place; returns that unit, else 1."""
    unit = z.dtype.type(1.0)
    if not dot(z, z) < np.inf:
        unit = REDUCTION(unit)
        for j in range(z.size):
            z[j] *= unit
    return unit


NORMALIZERS = {"softmax": softmax, "log_softmax": log_softmax, "sparsemax": sparsemax, "layer_norm": layer_norm}
"""The kernel of each rule."""
