"""Linear layers next to each other made one, in float64 and ahead of time.

The network's dtype must hold a folded weight, with room for its products with what it meets next. Where it does not, as in
`x * 1e200 * 1e200` or with a product that is too small, the layers stay apart and compute step by step. So an input of a matching
size gives what it gives in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..layers import Affine, Scale

Combine = Callable[[Any, Any], Any]
"""`np.multiply` or `np.matmul`."""


def scaled_inputs(affine: Affine, scale: Scale, dtype: np.dtype) -> Affine | None:
    """`W diag(a) x + c` as one affine layer, if its numbers fit."""
    weight = product(np.multiply, affine.weight, scale.weight, dtype)
    return None if weight is None else Affine(weight, _bias(affine))


def scaled_outputs(affine: Affine, scale: Scale, dtype: np.dtype) -> Affine | None:
    """`diag(a) (W x + c) + b` as one affine layer, if its numbers fit."""
    a, b = (np.broadcast_to(_float64(v), affine.n_out) for v in scale.rule_parameters)
    with np.errstate(all="ignore"):
        bias = a * _bias(affine) + b
    weight = product(np.multiply, a[:, None], affine.weight, dtype) if _is_held(bias, dtype) else None
    return None if weight is None else Affine(weight, bias)


def composed(second: Affine, first: Affine, dtype: np.dtype) -> Affine | None:
    """`V (W x + c) + b` as one affine layer, if its numbers fit."""
    with np.errstate(all="ignore"):
        bias = _float64(second.weight) @ _bias(first) + _bias(second)
    weight = product(np.matmul, second.weight, first.weight, dtype) if _is_held(bias, dtype) else None
    return None if weight is None else Affine(weight, bias)


def product(combine: Combine, left: Any, right: Any, dtype: np.dtype) -> np.ndarray | None:
    """`combine(left, right)` in float64; None if dtype does not hold an entry: it overflows, or normal numbers underflow."""
    left, right = _float64(left), _float64(right)
    with np.errstate(all="ignore"):
        result = np.asarray(combine(left, right))
        return result if _is_held(result, dtype) and not _underflows(combine, left, right, result, dtype) else None


def _is_held(values: np.ndarray, dtype: np.dtype) -> bool:
    return bool((np.abs(values) <= np.sqrt(np.finfo(dtype).max)).all())


def _underflows(combine: Combine, left: np.ndarray, right: np.ndarray, result: np.ndarray, dtype: np.dtype) -> bool:
    """Whether an entry is too small for dtype though its factors are not; zeros, and terms that cancel, do not count."""
    smallest = np.finfo(dtype).tiny
    sizes = np.abs(left), np.abs(right)
    if (np.abs(result) >= smallest).all():
        return False
    terms = combine(*((size >= smallest).astype(np.float32) for size in sizes))
    return bool(((terms > 0) & (combine(*sizes) < smallest)).any())


def _bias(affine: Affine) -> np.ndarray:
    return np.zeros(affine.n_out) if affine.bias is None else _float64(affine.bias)


def _float64(values: Any) -> np.ndarray:
    # A cast of a signalling nan warns.
    with np.errstate(invalid="ignore"):
        return np.asarray(values).astype(np.float64)
