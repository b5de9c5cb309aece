"""Kernel machines: the kernel of the columns with each of the stored vectors, weighted. The table KERNELS."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node, concatenate, row
from ..reading.limits import MOST_UNITS, check_count
from .fitted import Fitted
from .scalers import float64

REST = "fastjac has linear, poly, rbf and sigmoid; fit it with one of these"


def kernel(estimator: Fitted, node: Node, vectors: np.ndarray, gamma: float) -> Node:
    """The kernel of the columns with each of the vectors, by the estimator's options `kernel`, `degree` and `coef0`."""
    if vectors.ndim != 2 or vectors.shape[1] != node.size:
        raise FormatError(f"its vectors are of shape {vectors.shape}, and there are {node.size} columns")
    check_count(len(vectors) * (1 + 2 * node.size), MOST_UNITS * 100, "weights of a kernel")
    name = estimator.get("kernel", "rbf")
    if not isinstance(name, str) or name not in ("linear", "poly", "polynomial", "rbf", "sigmoid"):
        raise UnsupportedLayerError(f"its kernel {name!s:.40} is not supported; {REST}")
    if name == "rbf":
        return _gaussian(node, vectors, gamma)
    if name == "linear":
        return row(node, fl.Affine(vectors))
    shift = _number(estimator, "coef0", 1.0 if estimator.name in COEF0_OF_ONE else 0.0)
    products = fl.Affine(gamma * vectors, np.full(len(vectors), shift))
    if name == "sigmoid":
        return row(node, products, fl.Tanh())
    return row(node, products, fl.Power(_number(estimator, "degree", 3.0)))


COEF0_OF_ONE = ("KernelRidge", "Nystroem")
"""Estimators whose coef0 is 1 by default; that of the others is 0."""


def _gaussian(node: Node, vectors: np.ndarray, gamma: float) -> Node:
    """`exp(-gamma |x - c|^2)` for each vector c, where the square is written out, as in scikit-learn."""
    weights = np.concatenate([2.0 * gamma * vectors, np.full(vectors.shape, -gamma)], axis=1)
    shift = -gamma * np.einsum("ij,ij->i", vectors, vectors)
    return row(concatenate([node, row(node, fl.Power(2.0))]), fl.Affine(weights, shift), fl.Exp())


def _number(estimator: Fitted, name: str, default: float) -> float:
    value = estimator.get(name, default)
    return default if value is None else float(estimator.numbers(value, name, 0))


def _gamma(estimator: Fitted, node: Node) -> float:
    """The option gamma, by default one over the number of columns."""
    return _number(estimator, "gamma", 1.0 / node.size)


def _ridge(estimator: Fitted, node: Node) -> Node:
    """`K(x, X) a`"""
    weights = estimator.array("dual_coef_", 1, 2)
    weights = np.asarray(weights, np.float64).reshape(len(weights), -1)
    made = kernel(estimator, node, np.asarray(estimator.array("X_fit_", 2), np.float64), _gamma(estimator, node))
    return row(made, fl.Affine(np.ascontiguousarray(weights.T)))


def _support_vectors(estimator: Fitted, node: Node) -> Node:
    """`K(x, vectors) a + b`, with the gamma that was found from the data."""
    weights, bias = float64(estimator, "dual_coef_", 2), float64(estimator, "intercept_")
    made = kernel(estimator, node, float64(estimator, "support_vectors_", 2), _number(estimator, "_gamma", math.nan))
    return row(made, fl.Affine(weights, bias))


def _nystroem(estimator: Fitted, node: Node) -> Node:
    """The kernel with some vectors, times a matrix that makes the products of two such rows the kernel of both."""
    made = kernel(estimator, node, float64(estimator, "components_", 2), _gamma(estimator, node))
    return row(made, fl.Affine(float64(estimator, "normalization_", 2)))


def _random_features(estimator: Fitted, node: Node) -> Node:
    """`sqrt(2 / m) cos(x W + b)`"""
    weights, shift = float64(estimator, "random_weights_", 2), float64(estimator, "random_offset_")
    scale = math.sqrt(2.0 / len(shift))
    return row(node, fl.Affine(np.ascontiguousarray(weights.T), shift), fl.Cos(), fl.Scale(scale))


KERNELS: dict[str, Callable[[Fitted, Node], Node]] = {
    "KernelRidge": _ridge,
    "SVR": _support_vectors,
    "NuSVR": _support_vectors,
    "Nystroem": _nystroem,
    "RBFSampler": _random_features,
}
"""What makes a node of an estimator and the node before it, by class name."""
