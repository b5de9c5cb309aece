"""Layers that stand in a model as several operations, as exporters write a layer that a format does not have: table PATTERNS.

In every tree, X is the vector that the layer is applied to. A tree that contains another one comes before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ... import layers as fl
from ...layers import Layer
from .trees import (
    Match,
    Mean,
    Named,
    Op,
    Spread,
    Tree,
    Units,
    X,
    added,
    chosen,
    either,
    gate,
    layer,
    less,
    may_match,
    negated,
    product,
    products,
    quotient,
    scaled,
    shifted,
    taken_from,
)

Built = Sequence[Layer] | None


@dataclass(frozen=True)
class Pattern:
    """Operations that are one layer.

    name : what messages call the layer.
    trees : the forms that the operations may have; any one of them counts.
    build : makes the layers, or gives None where the parameters in the tree make it something else.
    """

    name: str
    trees: tuple[Op, ...]
    build: Callable[[Match], Built]


def _plain(name: str, made: Callable[[], Layer], *trees: Op) -> Pattern:
    """A layer without options."""
    return Pattern(name, trees, lambda match: [made()])


# Layer normalization


def _layer_norm(match: Match) -> Built:
    """`(x - mean) / sqrt(variance + eps)`, then perhaps `weight` and `bias`."""
    eps, size = match.number("eps"), match.source.size  # type: ignore[union-attr]  # every match has found its source
    if not eps >= 0.0:
        return None
    arrays = {name: _array(match.parameters[name], size) for name in ("weight", "bias") if name in match.parameters}
    return [fl.LayerNorm(**arrays, eps=eps)]


def _array(value: fl.Parameter, size: int) -> np.ndarray:
    return (
        value if isinstance(value, np.ndarray) else np.full(size, value, np.float32 if np.float32(value) == value else np.float64)
    )


EPS = Named("eps")
DEVIATION = less(X, Spread(Mean(X)))
VARIANCE = Mean(either(layer(fl.Power, DEVIATION, exponent=2.0), product(DEVIATION, DEVIATION)))
STANDARD_DEVIATION = layer(fl.Sqrt, shifted(VARIANCE, EPS))
NORMALIZED = (
    quotient(DEVIATION, Spread(STANDARD_DEVIATION)),
    product(DEVIATION, Spread(layer(fl.Reciprocal, STANDARD_DEVIATION))),
)
LAYER_NORMS = (
    Pattern("LayerNorm", (shifted(scaled(either(*NORMALIZED), Named("weight")), Named("bias")),), _layer_norm),
    Pattern("LayerNorm", NORMALIZED, _layer_norm),
)


# Smooth activations


def _swish(match: Match) -> Built:
    """`x sigmoid(alpha x)`"""
    alpha = match.number("alpha")
    return None if math.isnan(alpha) or alpha == 0.0 else [fl.Scale(alpha), fl.SiLU(), fl.Scale(1.0 / alpha)]


def _softplus_with_threshold(match: Match) -> Built:
    """`log(1 + exp(beta x)) / beta`, and x itself where `beta x > threshold`."""
    beta, threshold = match.number("beta", 1.0), -match.number("limit")
    if math.isnan(beta) or math.isnan(threshold) or not math.isclose(beta * match.number("inverse", 1.0), 1.0, rel_tol=1e-6):
        return None
    return [fl.Softplus(beta, threshold)]


def _exp_plus_one(tree: Tree) -> Op:
    return shifted(layer(fl.Exp, tree), 1.0)


def _softplus(tree: Tree) -> Tree:
    return either(layer(fl.Softplus, tree, beta=1.0), layer(fl.Log, _exp_plus_one(tree)))


ROOT_OF_HALF = math.sqrt(1 / 2)
TWICE_PHI = shifted(layer(fl.Erf, either(scaled(X, ROOT_OF_HALF), negated(scaled(negated(X), ROOT_OF_HALF)))), 1.0)
CUBE = either(layer(fl.Power, X, exponent=3.0), product(X, either(product(X, X), layer(fl.Power, X, exponent=2.0))))
TWICE_TANH_PHI = shifted(layer(fl.Tanh, scaled(added(X, scaled(CUBE, 0.044715)), math.sqrt(2 / math.pi))), 1.0)
SIGMOID_OF_X = either(layer(fl.Sigmoid, X), layer(fl.Reciprocal, _exp_plus_one(negated(X))))
BETA_X = scaled(X, Named("beta"))
SMOOTH = (
    _plain("GELU", fl.GELU, *products(X, TWICE_PHI, 0.5)),
    _plain("GELU", lambda: fl.GELU("tanh"), *products(X, TWICE_TANH_PHI, 0.5)),
    _plain("SiLU", fl.SiLU, product(X, SIGMOID_OF_X)),
    Pattern("SiLU", (product(X, layer(fl.Sigmoid, scaled(X, Named("alpha")))),), _swish),
    _plain("Mish", fl.Mish, product(X, layer(fl.Tanh, _softplus(X)))),
    _plain("Softsign", fl.Softsign, quotient(X, shifted(layer(fl.Abs, X), 1.0))),
    _plain("TanhShrink", fl.TanhShrink, less(X, layer(fl.Tanh, X))),
    _plain("Sigmoid", fl.Sigmoid, layer(fl.Reciprocal, _exp_plus_one(negated(X)))),
    _plain("LogSigmoid", fl.LogSigmoid, layer(fl.Log, SIGMOID_OF_X)),
    _plain("LogSoftmax", fl.LogSoftmax, layer(fl.Log, layer(fl.Softmax, X))),
    _plain("Softplus", lambda: fl.Softplus(1.0, math.inf), layer(fl.Log, _exp_plus_one(X))),
    Pattern(
        "Softplus",
        (
            chosen(shifted(BETA_X, Named("limit")), X, scaled(_softplus(BETA_X), Named("inverse"))),
            chosen(shifted(X, Named("limit")), X, _softplus(X)),
        ),
        _softplus_with_threshold,
    ),
)


# Activations with kinks


def _threshold(match: Match) -> Built:
    """`x` above `threshold`, `value` elsewhere."""
    threshold, value = match.number("threshold", -match.number("limit")), match.number("value", 0.0)
    return None if math.isnan(threshold) or math.isnan(value) else [fl.Threshold(threshold, value)]


def _shrink(made: type[fl.HardShrink | fl.SoftShrink]) -> Callable[[Match], Built]:
    """A layer that maps everything from -lambd to lambd to 0; the tree may name lambd, its negative, or both."""

    def build(match: Match) -> Built:
        lambd = match.number("lambd", -match.number("minus", math.nan))
        others = [-match.number("minus", -lambd), -match.number("below", -lambd), match.number("above", lambd)]
        return [made(lambd)] if lambd >= 0.0 and all(other == lambd for other in others) else None

    return build


def _at_most(tree: Tree, limit: Named, value: Tree | None, otherwise: Tree) -> Op:
    """`value` where the tree is at most the limit, `otherwise` above; a value of None is 0."""
    condition = taken_from(limit, tree)
    rest = gate("not a >= 0", condition, otherwise)
    return rest if value is None else added(gate("a >= 0", condition, value), rest)


LAMBD, MINUS, BELOW, LIMIT, VALUE = (Named(name) for name in ("lambd", "minus", "below", "limit", "value"))
ZERO_X = shifted(X, 0.0)
SIGN = added(gate("a > 0", ZERO_X, Units(1.0)), gate("not a > 0", ZERO_X, gate("a > 0", taken_from(0.0, X), Units(-1.0))))
CLIPPED = either(
    layer(fl.HardTanh, shifted(X, 3.0), min_val=0.0, max_val=6.0),
    layer(fl.Clamp, shifted(X, 3.0), min_val=0.0, max_val=6.0),
    layer(fl.ReLU6, shifted(X, 3.0)),
)
ABOVE, UNDER = shifted(X, MINUS), taken_from(BELOW, X)
KINKED = (
    _plain("HardSwish", fl.HardSwish, product(X, layer(fl.HardSigmoid, X)), *products(X, CLIPPED, 1 / 6)),
    _plain("HardSigmoid", fl.HardSigmoid, scaled(CLIPPED, 1 / 6)),
    Pattern("SoftShrink", (added(gate("a > 0", ABOVE, ABOVE), gate("a > 0", UNDER, shifted(X, LAMBD))),), _shrink(fl.SoftShrink)),
    Pattern(
        "SoftShrink",
        (chosen(shifted(layer(fl.Abs, X), MINUS), less(X, scaled(SIGN, LAMBD)), scaled(X, 0.0)),),
        _shrink(fl.SoftShrink),
    ),
    Pattern(
        "HardShrink",
        (
            _at_most(layer(fl.Abs, X), LAMBD, None, X),
            added(gate("a > 0", ABOVE, X), gate("not a > 0", ABOVE, gate("a > 0", UNDER, X))),
            added(gate("a > 0", UNDER, X), gate("not a > 0", UNDER, gate("a > 0", ABOVE, X))),
        ),
        _shrink(fl.HardShrink),
    ),
    Pattern(
        "Threshold",
        (
            gate("a > 0", shifted(X, LIMIT), X),
            chosen(shifted(X, LIMIT), X, Units(VALUE)),
            _at_most(X, Named("threshold"), None, X),
            _at_most(X, Named("threshold"), Units(VALUE), X),
        ),
        _threshold,
    ),
)

PATTERNS = (*LAYER_NORMS, *SMOOTH, *KINKED)
"""Every way in which several operations are recognized as one layer."""


@cache
def trees_of(operation: type, operands: tuple[type, ...]) -> Sequence[tuple[Op, Pattern]]:
    """The trees, each with its pattern, whose last operation is of this kind and may take operands made by the other kinds."""
    trees = [(tree, pattern) for pattern in PATTERNS for tree in pattern.trees]
    return [(tree, pattern) for tree, pattern in trees if tree.operation is operation and may_match(tree, operands)]
