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
from .jit import OPTIONS, jit
from .operators import dot

CODES = {"softmax": 0, "log_softmax": 1, "sparsemax": 2, "layer_norm": 3}
SOFTMAX, LOG_SOFTMAX, SPARSEMAX, LAYER_NORM = range(4)
# By this power of 2 the largest numbers have squares that do not overflow, nor do sums of any number of them that fits in memory.
REDUCTION = constant(float32=2.0**-80, float64=2.0**-560)


@jit
def normalize(code, z, epsilon, factors):
    """Replace `z` by the rule's value and write the Jacobian's vectors to `factors`, (1 + 2 * rank, units)."""
    if code == LAYER_NORM:
        _layer_norm(z, epsilon, factors)
    elif code == SPARSEMAX:
        _sparsemax(z, factors)
    else:
        _softmax(z, factors, code == LOG_SOFTMAX)


@numba.njit(**OPTIONS, fastmath={"reassoc"})
def _sum(v):
    """The sum, in as many partial sums as there are lanes: faster, and nearer to the truth than one running sum."""
    total = v.dtype.type(0.0)
    for j in range(v.size):
        total += v[j]
    return total


@jit
def _softmax(z, factors, logarithm):
    a, p, s = factors[0], factors[1], factors[2]
    key = order_key(z[0])
    for j in range(z.size):
        key = max(key, order_key(z[j]))
    # A nan makes the total nan, and so all units, whether it is the largest or not.
    largest = of_order_key(key)
    for j in range(z.size):
        z[j] -= largest
        s[j] = exp(z[j])
        p[j] = 1.0
    total = _sum(s)
    for j in range(z.size):
        s[j] /= total
    if logarithm:
        log_total = np.log(total)
        for j in range(z.size):
            z[j] -= log_total
            a[j] = 1.0
    else:
        for j in range(z.size):
            z[j] = s[j]
            a[j] = s[j]


@jit
def _sparsemax(z, factors):
    """The threshold is the fixed point of `tau = (sum of units above tau - 1) / their number`, reached from below."""
    support, p, q = factors[0], factors[1], factors[2]
    n = z.size
    largest = z.max()
    for j in range(n):
        z[j] -= largest
    # The largest unit is 0 now, and it alone would give -1.
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


@jit
def _layer_norm(z, epsilon, factors):
    kind = z.dtype.type
    n = kind(z.size)
    unit = _reduce(z)
    # Twice, because the first mean of units far from 0 is off by their rounding.
    for _ in range(2):
        mean = _sum(z) / n
        for j in range(z.size):
            z[j] -= mean
    variance = dot(z, z) / n
    # Beside a variance in another unit epsilon would vanish, but for units that are all equal.
    deviation = np.sqrt(variance + epsilon) if unit == 1.0 else np.hypot(np.sqrt(variance), np.sqrt(epsilon) * unit)
    inverse = kind(1.0) / deviation
    for j in range(z.size):
        z[j] *= inverse
        factors[0, j] = inverse * unit
        factors[1, j] = 1.0
        factors[2, j] = kind(1.0) / n
        factors[3, j] = z[j]
        factors[4, j] = z[j] / n


@jit
def _reduce(z):
    """Where a square of z, or the sum of all, would overflow, bring z to another unit in place; that unit, or 1."""
    unit = z.dtype.type(1.0)
    if not dot(z, z) < np.inf:
        unit = REDUCTION(unit)
        for j in range(z.size):
            z[j] *= unit
    return unit
