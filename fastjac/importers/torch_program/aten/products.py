"""Products of tensors: the table PRODUCTS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import UnsupportedLayerError
from ...ir import contraction as ct
from ...ir import elementwise as el
from ...ir import movement as mv
from ...ir import normalization as nm
from ...ir import reduction as rd
from ...ir.choice import where
from ...ir.values import Constant, Value, computed, constant
from .activations import check_evaluating
from .arithmetic import MULTIPLY
from .values import optional, real, tensor, tensors

Operator = Callable[..., Any]


def _matmul(self: Any, other: Any) -> Value:
    return ct.matmul(tensor(self), tensor(other))


def _addmm(self: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Value:
    """`beta self + alpha mat1 mat2`"""
    product = MULTIPLY(_matmul(mat1, mat2), alpha) if alpha != 1 else _matmul(mat1, mat2)
    return el.add(product, tensor(self if beta == 1 else MULTIPLY(self, beta)))


def _einsum(equation: Any, tensors_: Any, path: Any = None) -> Value:
    return ct.einsum(str(equation), tensors(tensors_))


def _outer_of_one(self: Any, other: Any) -> Value:
    """The inner product of two vectors."""
    return rd.reduce_sum(MULTIPLY(tensor(self), tensor(other)), None, False)


def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Value:
    """`x1^T W_k x2 + b_k`, as products of the entries of both."""
    first, second, weights = tensor(input1), tensor(input2), tensor(weight, "weight")
    if not isinstance(weights, Constant) or len(weights.shape) != 3:
        raise UnsupportedLayerError("its weight is no constant of three axes")
    products = el.multiply(mv.unsqueeze(first, [-1]), mv.unsqueeze(second, [-2]))
    rank = len(products.shape)
    shape = computed(lambda sizes: np.array([*sizes[: rank - 2], -1]), mv.shape_of(products))
    return ct.linear(mv.reshape(products, shape), mv.reshape(weights, [weights.shape[0], -1]), optional(bias, "bias"))


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: Any = 0.0,
    is_causal: Any = False,
    scale: Any = None,
    enable_gqa: Any = False,
) -> Value:
    """`softmax(scale Q K^T) V`; a mask of numbers is added to the scores, a mask of truth values states which of them count."""
    check_evaluating(dropout_p != 0)
    if enable_gqa:
        raise UnsupportedLayerError("its queries share keys (enable_gqa); repeat these by repeat_interleave instead")
    queries, keys = tensor(query), tensor(key)
    factor = 1.0 / math.sqrt(queries.shape[-1]) if scale is None else real(scale, "scale")
    scores = MULTIPLY(ct.matmul(queries, mv.swap_axes(keys, -1, -2)), factor)
    if is_causal:
        attn_mask = constant(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool))
    if isinstance(attn_mask, Constant) and attn_mask.alone.dtype == bool:
        scores = where(attn_mask, scores, constant(np.float32(-math.inf)))
    elif attn_mask is not None:
        scores = el.add(scores, tensor(attn_mask, "mask"))
    return ct.matmul(nm.softmax(scores, [-1]), tensor(value))


PRODUCTS: dict[str, Operator] = {
    "linear": lambda input, weight, bias=None: ct.linear(tensor(input), tensor(weight, "weight"), optional(bias, "bias")),
    "matmul": _matmul,
    "mm": lambda self, mat2: _matmul(self, mat2),
    "bmm": lambda self, mat2: _matmul(self, mat2),
    "mv": lambda self, vec: _matmul(self, vec),
    "dot": lambda self, tensor: _outer_of_one(self, tensor),
    "addmm": _addmm,
    "addmv": lambda self, mat, vec, beta=1, alpha=1: _addmm(self, mat, vec, beta, alpha),
    "scaled_dot_product_attention": _attention,
    "einsum": lambda equation, tensors, path=None: _einsum(equation, tensors, path),
    "bilinear": _bilinear,
}
"""Operators by torch's names."""
