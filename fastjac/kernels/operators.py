"""In-place products of an accumulated matrix with the Jacobians that stand between two affine layers.

An activation's Jacobian is a diagonal. A normalizer's (softmax, layer normalization) is `N = diag(a) (I - sum_r p_r q_r^T)`
with one or two terms, and both are applied as vectors: neither is ever stored as a matrix.

The matrix is row-major with `row` elements from one row to the next. Its units lie either along its columns (contiguous)
or along its rows. A tangent (`forward`) becomes `N t`; a cotangent (reverse) becomes `N^T u`.
"""

from __future__ import annotations

import numba
import numpy as np

from .jit import FROM_KERNELS_ALONE, OPTIONS, kernel, piece
from .memory import NUMBER, itemsize, view

BLOCK = 16
"""Rows and columns of the blocks in which a matrix is turned round."""
SHORT = 16
"""Sums of up to so many numbers are taken in order: so few gain nothing by lanes, and `lanes` adds in this order too."""


@piece
def dot(u, v):
    """`sum u v`; a long one may be reordered to use vector lanes, always in the same way for one length."""
    if u.size > SHORT:
        return _long_dot(u, v)
    total = u.dtype.type(0.0)
    for j in range(u.size):
        total += u[j] * v[j]
    return total


@numba.njit(**OPTIONS, **FROM_KERNELS_ALONE, fastmath={"reassoc"})
def _long_dot(u, v):
    total = u.dtype.type(0.0)
    for j in range(u.size):
        total += u[j] * v[j]
    return total


@piece
def factors_at(zero, address, units, rank):
    """The vectors of a normalizer's Jacobian, (1 + 2 * rank, units): a, p_1, q_1, p_2, q_2."""
    vectors = 1 + 2 * rank
    return view(zero, address, vectors * units).reshape((vectors, units))


@piece
def clear(zero, target, size):
    """Write so many zeros to address `target`."""
    numbers = view(zero, target, size)
    for j in range(size):
        numbers[j] = zero


@piece
def copy_vector(zero, source, target, size):
    """Copy so many numbers from one address to another."""
    a, b = view(zero, source, size), view(zero, target, size)
    for j in range(size):
        b[j] = a[j]


@piece
def add_vector(zero, source, target, size):
    """Add so many numbers at one address to those at another."""
    a, c = view(zero, source, size), view(zero, target, size)
    for j in range(size):
        c[j] += a[j]


@kernel(*(NUMBER,) * 8)
def copy(zero, source, source_row, source_column, target, target_row, rows, columns, scale):
    """Copy a strided matrix to a row-major one, times a vector along its columns.

    A source that is contiguous along its columns is read in blocks, so that whole cache lines are used.
    """
    size = itemsize(zero)
    factors = view(zero, scale, columns)
    if source_column == 1:
        for i in range(rows):
            from_row = view(zero, source + i * source_row * size, columns)
            to_row = view(zero, target + i * target_row * size, columns)
            for j in range(columns):
                to_row[j] = from_row[j] * factors[j]
        return
    if columns <= BLOCK:
        _copy_narrow(zero, source, source_column, target, target_row, rows, columns, factors)
        return
    for i0 in range(0, rows, BLOCK):
        for j0 in range(0, columns, BLOCK):
            for i in range(i0, min(i0 + BLOCK, rows)):
                from_row = view(zero, source + i * source_row * size, columns * source_column)
                to_row = view(zero, target + i * target_row * size, columns)
                for j in range(j0, min(j0 + BLOCK, columns)):
                    to_row[j] = from_row[np.uintp(j * source_column)] * factors[j]


@piece
def _copy_narrow(zero, source, source_column, target, target_row, rows, columns, factors):
    """Copy a few columns, each contiguous at the source, to the rows of the target."""
    size = itemsize(zero)
    for j in range(columns):
        column = view(zero, source + j * source_column * size, rows)
        spread = view(zero, target + j * size, (rows - 1) * target_row + 1)
        for i in range(rows):
            spread[np.uintp(i * target_row)] = column[i] * factors[j]


@piece
def add_scaled(zero, target, source, d):
    """`c += a * d` for vectors at two addresses."""
    c, a = view(zero, target, d.size), view(zero, source, d.size)
    for j in range(d.size):
        c[j] += a[j] * d[j]


@piece
def add_units(zero, target, source, units, scatters):
    """`c[units[j]] += a[j]` (scatters), or `c[j] += a[units[j]]`, for vectors at two addresses."""
    if scatters:
        a = view(zero, source, units.size)
        for j in range(units.size):
            view(zero, target + np.intp(units[j]) * itemsize(zero), 1)[0] += a[j]
    else:
        c = view(zero, target, units.size)
        for j in range(units.size):
            c[j] += view(zero, source + np.intp(units[j]) * itemsize(zero), 1)[0]


@piece
def scale_columns(zero, matrix, row, rows, d, masked):
    """`M diag(d)`; if `masked`, a column where d is 0 becomes 0 whatever it held."""
    for i in range(rows):
        m = view(zero, matrix + i * row * itemsize(zero), d.size)
        if masked:
            for j in range(d.size):
                m[j] = m[j] * d[j] if d[j] != zero else zero
        else:
            for j in range(d.size):
                m[j] *= d[j]


@piece
def scale_rows(zero, matrix, row, columns, d):
    """`diag(d) M`."""
    for i in range(d.size):
        m = view(zero, matrix + i * row * itemsize(zero), columns)
        factor = d[i]
        for j in range(columns):
            m[j] *= factor


@kernel(*(NUMBER,) * 7)
def normalize_columns(zero, matrix, row, rows, vectors, units, rank, forward):
    """Each row of M is a tangent t, which becomes `N t` (forward), or a cotangent u, which becomes `N^T u` (reverse).

    vectors : the address of N's vectors, as `factors_at` reads them.
    """
    factors = factors_at(zero, vectors, units, rank)
    a = factors[0]
    for i in range(rows):
        m = view(zero, matrix + i * row * itemsize(zero), a.size)
        if not forward:
            for j in range(a.size):
                m[j] *= a[j]
        # Both dot products are taken before m changes, so that the two terms do not see each other.
        first = dot(factors[2 if forward else 1], m)
        second = dot(factors[4 if forward else 3], m) if rank == 2 else first
        p = factors[1 if forward else 2]
        for j in range(a.size):
            m[j] -= first * p[j]
        if rank == 2:
            p = factors[3 if forward else 4]
            for j in range(a.size):
                m[j] -= second * p[j]
        if forward:
            for j in range(a.size):
                m[j] *= a[j]


@piece
def normalize_rows(zero, source, target, columns, factors, rank, forward, sums):
    """Each column of M is a tangent t, which becomes `N t` (forward), or a cotangent u, which becomes `N^T u` (reverse).

    source, target : the addresses of M and of the result, which may be M, and the elements from row to row.
    factors : as in `normalize_columns`.  sums : scratch, (rank, columns).
    """
    # One pass over M for the sums, and one for what is subtracted. Each row is read once where there is one term.
    a, first, second = factors[0], sums[0], sums[rank - 1]
    q, other_q = (factors[2], factors[2 * rank]) if forward else (factors[1], factors[2 * rank - 1])
    p, other_p = (factors[1], factors[2 * rank - 1]) if forward else (factors[2], factors[2 * rank])
    one, in_place = a.dtype.type(1.0), source[0] == target[0]
    sums[:] = 0.0
    for i in range(a.size):
        m = view(zero, source[0] + i * source[1] * itemsize(zero), columns)
        before = one if forward else a[i]
        weight, other_weight = q[i] * before, other_q[i] * before
        for j in range(columns):
            first[j] += weight * m[j]
        if rank == 2:
            for j in range(columns):
                second[j] += other_weight * m[j]
    for i in range(a.size):
        m = view(zero, source[0] + i * source[1] * itemsize(zero), columns)
        c = view(zero, target[0] + i * target[1] * itemsize(zero), columns)
        before, after = (one, a[i]) if forward else (a[i], one)
        next_scale, factor = after if rank == 1 else one, p[i]
        # LLVM uses vectors only where it sees whether two rows are the same.
        if in_place:
            for j in range(columns):
                c[j] = (c[j] * before - factor * first[j]) * next_scale
        else:
            for j in range(columns):
                c[j] = (m[j] * before - factor * first[j]) * next_scale
        if rank == 2:
            factor = other_p[i]
            for j in range(columns):
                c[j] = (c[j] - factor * second[j]) * after
