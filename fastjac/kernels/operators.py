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
from .transpose import transpose_block
from .vectors import lanes_of

NARROW = 4
"""A register is turned round for more columns than this part of its lanes; fewer are copied number by number."""
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

    Of the source either the rows are contiguous or the columns. In the second case it is turned round.
    """
    size, width = itemsize(zero), lanes_of(zero)
    factors = view(zero, scale, columns)
    if source_column == 1:
        for i in range(rows):
            from_row = view(zero, source + i * source_row * size, columns)
            to_row = view(zero, target + i * target_row * size, columns)
            for j in range(columns):
                to_row[j] = from_row[j] * factors[j]
    elif columns * NARROW <= width:
        _copy_narrow(zero, source, source_column, target, target_row, rows, columns, factors)
    else:
        for i in range(0, rows, width):
            for j in range(0, columns, width):
                block = source + (i + j * source_column) * size, source_column, target + (i * target_row + j) * size, target_row
                transpose_block(zero, *block, rows - i, columns - j, scale + j * size)


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
