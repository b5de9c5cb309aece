"""Linear algebra: the table MATRICES."""

# ruff: noqa: N803  Arguments have the names that torch gives them, by which exported programs pass them.

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import contraction as ct
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import matrices as mt
from ...ir import movement as mv
from ...ir.choice import sign
from ...ir.reduction import reduce_sum
from ...ir.values import Constant, Value, computed, constant
from ...reading.limits import MOST_LAYERS, check_count
from .composed import COMPOSED
from .products import PRODUCTS
from .reductions import REDUCTIONS
from .values import axes, floating, listed, real, tensor, tensors, whole

Operator = Callable[..., Any]
NORM, CROSS, MATMUL = REDUCTIONS["norm"], COMPOSED["linalg_cross"], PRODUCTS["matmul"]
MOST_FACTOR = 64


def _norm(self: Any, ord: Any = None, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Value:
    """`torch.linalg.norm`: of vectors, or the Frobenius norm of matrices."""
    along = axes(dim)
    is_of_matrices = len(along) == 2 if along else (ord is not None and len(tensor(self).shape) == 2)
    if is_of_matrices and ord not in (None, "fro"):
        raise UnsupportedLayerError(f"it takes the norm {ord!r:.40} of matrices; fastjac has the Frobenius norm, 'fro'")
    return NORM(self, 2 if ord in (None, "fro") else ord, dim, keepdim)


def _matrix_norm(self: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: Any = False, dtype: Any = None) -> Value:
    return _norm(self, ord, list(dim), keepdim)


def _distances(x1: Any, x2: Any, p: Any = 2.0, compute_mode: Any = None) -> Value:
    """The distance of each row of a matrix from each row of another."""
    difference = el.subtract(mv.unsqueeze(tensor(x1), [-2]), mv.unsqueeze(tensor(x2), [-3]))
    return NORM(difference, real(p, "order"), [-1], False)


def _pair_distance(x1: Any, x2: Any, p: Any = 2.0, eps: Any = 1e-6, keepdim: Any = False) -> Value:
    difference = el.add(el.subtract(tensor(x1), tensor(x2)), tensor(real(eps)))
    return NORM(difference, real(p, "order"), [-1], keepdim)


def _power(self: Any, n: Any) -> Value:
    value, times = tensor(self), whole(n, "exponent")
    check_count(abs(times), MOST_FACTOR, "factors of a matrix power")
    factor = mt.inverse(value) if times < 0 else value
    if not times:
        raise UnsupportedLayerError("it takes a matrix to the power of 0, which is constant")
    return functools.reduce(ct.matmul, [factor] * abs(times))


def _solution(A: Any, B: Any, *, left: Any = True, check_errors: Any = False) -> Value:
    """The X of `A X = B`, or of `X A = B`; B may be a vector for each matrix."""
    matrix, right = floating(tensor(A)), floating(tensor(B))
    is_vector = len(right.shape) == 1 or (len(right.shape) == len(matrix.shape) - 1 and right.shape == matrix.shape[:-1])
    if is_vector:
        right = mv.unsqueeze(right, [-1])
    found = mt.solution(matrix, right) if left else ct.matmul(right, mt.inverse(matrix))
    return mv.squeeze(found, [-1]) if is_vector else found


def _triangle(A: Any, upper: Any) -> Value:
    return COMPOSED["triu" if upper else "tril"](A)


def _triangular(self: Any, B: Any, *, upper: Any, left: Any = True, unitriangular: Any = False) -> Value:
    if unitriangular:
        raise UnsupportedLayerError("its diagonal counts as ones (unitriangular); fastjac takes the diagonal as it is")
    right = tensor(B)
    matrix = _triangle(self, upper)
    return mt.solution(matrix, right) if left else ct.matmul(right, mt.inverse(matrix))


def _cholesky(self: Any, *, upper: Any = False, check_errors: Any = False) -> Value:
    found = mt.cholesky(tensor(self))
    return mv.swap_axes(found, -1, -2) if upper else found


def _chain(matrices: Any) -> Value:
    return functools.reduce(ct.matmul, tensors(matrices))


def _tensordot(self: Any, other: Any, dims_self: Any, dims_other: Any) -> Value:
    a, b = tensor(self), tensor(other)
    mine, its = (
        mv.checked_axes([whole(one, "axis") for one in listed(dims)], len(value.shape))
        for dims, value in ((dims_self, a), (dims_other, b))
    )
    return ct.summed_over(a, b, mine, its)


def _exponential(self: Any) -> Value:
    """The exponential of a constant matrix, by squaring a series."""
    value = tensor(self)
    if not isinstance(value, Constant):
        raise UnsupportedLayerError("it takes the exponential of a matrix that depends on the network's input")

    def called(array: np.ndarray) -> np.ndarray:
        halvings = max(0, math.ceil(math.log2(max(1e-300, float(np.abs(array).sum(-1).max(initial=0.0)))) + 4))
        scaled = np.float64(array) / 2.0**halvings
        term = found = np.broadcast_to(np.eye(array.shape[-1]), array.shape)
        for count in range(1, 18):
            term = term @ scaled / count
            found = found + term
        for _ in range(halvings):
            found = found @ found
        return found.astype(array.dtype)

    return computed(called, value)


def _triangle_places(row: Any, col: Any, offset: Any = 0, is_lower: bool = True) -> Constant:
    rows, columns, diagonal = whole(row), whole(col), whole(offset)
    check_count(rows * columns, MOST_LAYERS, "entries of a triangle")
    found = np.tril_indices(rows, diagonal, columns) if is_lower else np.triu_indices(rows, diagonal, columns)
    return constant(np.stack(found).astype(np.int64))


def _with_sign(A: Any) -> list[Value]:
    """The sign of a determinant, and the logarithm of its size."""
    found = mt.determinant(floating(tensor(A)))
    return [sign(found), fn.log(fn.absolute(found))]


def _axis_of_three(value: Any) -> int:
    """The first axis of three entries, along which torch takes the product where none is named."""
    shape = tensor(value).shape
    if 3 not in shape:
        raise FormatError(f"it takes the cross product of tensors of shape {shape}, no axis of which has 3 entries")
    return shape.index(3)


MATRICES: dict[str, Operator] = {
    "linalg_norm": _norm,
    "linalg_matrix_norm": _matrix_norm,
    "frobenius_norm": lambda self, dim=None, keepdim=False: NORM(self, 2, dim, keepdim),
    **dict.fromkeys(("cdist", "_cdist_forward", "_euclidean_dist"), _distances),
    "pairwise_distance": _pair_distance,
    "matrix_power": _power,
    "linalg_matrix_power": _power,
    "linalg_det": lambda A: mt.determinant(floating(tensor(A))),
    "linalg_pinv": lambda self, **options: mt.pseudo_inverse(floating(tensor(self))),
    "pinverse": lambda self, **options: mt.pseudo_inverse(floating(tensor(self))),
    "det": lambda self: mt.determinant(floating(tensor(self))),
    "_linalg_det": lambda A: [mt.determinant(floating(tensor(A)))],
    "logdet": lambda self: fn.log(mt.determinant(floating(tensor(self)))),
    "linalg_slogdet": _with_sign,
    "slogdet": lambda self: _with_sign(self),
    "_linalg_slogdet": _with_sign,
    "inverse": lambda self: mt.inverse(floating(tensor(self))),
    "linalg_inv": lambda A: mt.inverse(floating(tensor(A))),
    "linalg_inv_ex": lambda A, check_errors=False: [mt.inverse(floating(tensor(A)))],
    "linalg_solve": _solution,
    "linalg_solve_ex": lambda A, B, **options: [_solution(A, B, **options)],
    "_linalg_solve_ex": lambda A, B, **options: [_solution(A, B, **options)],
    "linalg_solve_triangular": _triangular,
    "linalg_cholesky": _cholesky,
    "cholesky": lambda self, upper=False: _cholesky(self, upper=upper),
    "linalg_cholesky_ex": lambda self, **options: [_cholesky(self, **options)],
    "linalg_matrix_exp": _exponential,
    "matrix_exp": _exponential,
    "trace": lambda self: reduce_sum(COMPOSED["diagonal"](self), [-1], False),
    "cross": lambda self, other, dim=None: CROSS(self, other, _axis_of_three(self) if dim is None else dim),
    "inner": lambda self, other: MATMUL(self, mv.swap_axes(tensor(other), -1, -2) if len(tensor(other).shape) > 1 else other),
    "vdot": lambda self, other: PRODUCTS["dot"](self, other),
    "linalg_vecdot": lambda x, y, *, dim=-1: reduce_sum(el.multiply(tensor(x), tensor(y)), [whole(dim, "axis")], False),
    "linalg_matmul": lambda self, other: MATMUL(self, other),
    "linalg_multi_dot": lambda tensors: _chain(tensors),
    "chain_matmul": lambda matrices: _chain(matrices),
    "tensordot": _tensordot,
    "baddbmm": lambda self, batch1, batch2, *, beta=1, alpha=1: PRODUCTS["addmm"](self, batch1, batch2, beta, alpha),
    "outer": lambda self, vec2: el.multiply(mv.unsqueeze(tensor(self), [-1]), tensor(vec2)),
    "eye": lambda n, m=None, **options: mt.identity(whole(n), whole(n if m is None or not isinstance(m, int) else m)),
    "tril_indices": lambda row, col, offset=0, **options: _triangle_places(row, col, offset),
    "triu_indices": lambda row, col, offset=0, **options: _triangle_places(row, col, offset, False),
}
"""Operators by torch's names."""

PRODUCTS_AND_NORMS = frozenset(
    {
        *("linalg_norm", "linalg_matrix_norm", "frobenius_norm", "pairwise_distance", "matrix_power", "linalg_matrix_power"),
        *("trace", "cross", "inner", "vdot", "linalg_vecdot", "linalg_matmul", "tensordot", "outer", "chain_matmul"),
    }
)
"""Those that are products and sums to torch too."""
