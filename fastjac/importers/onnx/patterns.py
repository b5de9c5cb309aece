"""Several nodes that are one layer, as exporters write those for which an opset has no operator: the table PATTERNS.

In every tree X is the value that the layer is applied to. A tree that holds another one as a part stands before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ... import layers as fl
from . import affine, normalization, shapes
from .activations import clip_bounds, is_hard_sigmoid, swish
from .calls import Converted
from .matching import Match
from .trees import (
    Constant,
    Op,
    X,
    absolute,
    add,
    at_most,
    cast,
    clip,
    div,
    either,
    erf,
    exp,
    greater,
    hard_sigmoid,
    holds_either,
    inverse,
    less,
    log,
    matmul,
    mean,
    mul,
    neg,
    power,
    products,
    root,
    sigmoid,
    sign,
    softmax,
    softplus,
    sub,
    tanh,
    where,
)

Built = Converted | None


@dataclass(frozen=True)
class Pattern:
    """Nodes that are one layer.

    name : what they are.
    trees : any of which they may be.
    build : makes fastjac layers of them, or gives None where the numbers in the tree make it something else.
    """

    name: str
    trees: tuple[Op, ...]
    build: Callable[[Match], Built]


# Affine layers and layer normalization


def _affine(match: Match) -> Built:
    """`x W + b`"""
    return affine.add_bias(match.call("Add"), affine.matmul_weight(match.call("MatMul")))


def _layer_norm(match: Match) -> Built:
    """`(x - mean) / sqrt(variance + eps)`, then perhaps `weight` and `bias`."""
    eps = match.number("eps")
    means = [call for call in match.calls if call.node.operator == "ReduceMean"]
    if math.isnan(eps) or any(math.prod(shapes.reduced(call)) != 1 for call in means):
        return None
    result = match.calls[0]
    arrays = {
        name: result.spread(array, shapes.elementwise(result), name) for name, array in match.constants.items() if name != "eps"
    }
    return [fl.LayerNorm(**arrays, eps=eps)]


WEIGHT, BIAS, EPS = Constant("weight"), Constant("bias"), Constant("eps")
DEVIATION = sub(X, mean(X))
VARIANCE = mean(either(power(DEVIATION, 2.0), mul(DEVIATION, DEVIATION)))
STANDARD_DEVIATION = root(add(VARIANCE, EPS))
NORMALIZED = (div(DEVIATION, STANDARD_DEVIATION), mul(DEVIATION, inverse(STANDARD_DEVIATION)))
AFFINE_PATTERNS = (
    Pattern("affine layer", (add(matmul(X, WEIGHT), BIAS), add(matmul(WEIGHT, X), BIAS)), _affine),
    Pattern("LayerNorm", (add(mul(either(*NORMALIZED), WEIGHT), BIAS),), _layer_norm),
    Pattern("LayerNorm", NORMALIZED, _layer_norm),
)


# Smooth activations


def _swish(match: Match) -> Built:
    """`x sigmoid(alpha x)`"""
    alpha = match.number("alpha")
    return None if math.isnan(alpha) else swish(alpha)


def _log_softmax(match: Match) -> Built:
    return normalization.log_softmax(match.call("Softmax"))


def _softplus_with_threshold(match: Match) -> Built:
    """`log(1 + exp(beta x)) / beta`, and x itself where `beta x > threshold`."""
    beta, threshold = match.number("beta", 1.0), match.number("threshold")
    return None if math.isnan(beta) or math.isnan(threshold) else [fl.Softplus(beta, threshold)]


ONE_AND_EXP = add(exp(neg(X)), 1.0)
TWICE_PHI = add(erf(either(div(X, math.sqrt(2)), mul(X, math.sqrt(1 / 2)))), 1.0)
CUBE = either(power(X, 3.0), mul(X, mul(X, X)))
TWICE_TANH_PHI = add(tanh(mul(add(X, mul(CUBE, 0.044715)), math.sqrt(2 / math.pi))), 1.0)
BETA_X, LIMIT = mul(X, Constant("beta")), Constant("threshold")
SMOOTH_PATTERNS = (
    Pattern("GELU", products(X, TWICE_PHI, 0.5), lambda match: [fl.GELU()]),
    Pattern("GELU", products(X, TWICE_TANH_PHI, 0.5), lambda match: [fl.GELU("tanh")]),
    Pattern("SiLU", (mul(X, sigmoid(X)),), lambda match: [fl.SiLU()]),
    Pattern("SiLU", (mul(X, sigmoid(mul(X, Constant("alpha")))),), _swish),
    Pattern("Mish", (mul(X, tanh(softplus(X))),), lambda match: [fl.Mish()]),
    Pattern("Softsign", (div(X, add(absolute(X), 1.0)),), lambda match: [fl.Softsign()]),
    Pattern("TanhShrink", (sub(X, tanh(X)),), lambda match: [fl.TanhShrink()]),
    Pattern("Sigmoid", (div(1.0, ONE_AND_EXP), inverse(ONE_AND_EXP)), lambda match: [fl.Sigmoid()]),
    Pattern("LogSigmoid", (log(sigmoid(X)),), lambda match: [fl.LogSigmoid()]),
    Pattern("LogSoftmax", (log(softmax(X)),), _log_softmax),
    Pattern("Softplus", (log(add(exp(X), 1.0)),), lambda match: [fl.Softplus(1.0, math.inf)]),
    Pattern(
        "Softplus",
        (where(greater(BETA_X, LIMIT), X, div(softplus(BETA_X), Constant("beta"))), where(greater(X, LIMIT), X, softplus(X))),
        _softplus_with_threshold,
    ),
)


# Activations with kinks


def _hard_swish(match: Match) -> Built:
    return [fl.HardSwish()] if is_hard_sigmoid(match.call("HardSigmoid")) else None


def _hard_swish_of_clip(match: Match) -> Built:
    return [fl.HardSwish()] if clip_bounds(match.call("Clip")) == (0.0, 6.0) else None


def _threshold(match: Match) -> Built:
    """`x` above `threshold`, `value` elsewhere."""
    threshold, value = match.number("threshold"), match.number("value")
    return None if math.isnan(threshold) or math.isnan(value) else [fl.Threshold(threshold, value)]


def _shrink(match: Match, layer: type[fl.HardShrink | fl.SoftShrink]) -> Built:
    """What sends all from -lambd to lambd to 0."""
    lambd = match.number("lambd")
    return [layer(lambd)] if lambd >= 0.0 and match.number("below", -lambd) == -lambd else None


LAMBD, BELOW, THRESHOLD, VALUE = (Constant(name) for name in ("lambd", "below", "threshold", "value"))
CLIPPED = clip(add(X, 3.0))
ABOVE_LAMBD, BELOW_LAMBD = greater(X, LAMBD), less(X, BELOW)
OUTSIDE_LAMBD = holds_either(either(cast(ABOVE_LAMBD), ABOVE_LAMBD), either(cast(BELOW_LAMBD), BELOW_LAMBD))
KINKED_PATTERNS = (
    Pattern("HardSwish", (mul(X, hard_sigmoid(X)),), _hard_swish),
    Pattern(
        "HardSwish", (div(mul(X, CLIPPED), 6.0), mul(X, div(CLIPPED, 6.0)), *products(X, CLIPPED, 1 / 6)), _hard_swish_of_clip
    ),
    Pattern("Threshold", (where(at_most(X, THRESHOLD), VALUE, X), where(greater(X, THRESHOLD), X, VALUE)), _threshold),
    Pattern(
        "HardShrink",
        (where(at_most(absolute(X), LAMBD), 0.0, X), where(OUTSIDE_LAMBD, X, 0.0)),
        lambda match: _shrink(match, fl.HardShrink),
    ),
    Pattern(
        "SoftShrink",
        (
            where(greater(absolute(X), LAMBD), sub(X, mul(sign(X), LAMBD)), mul(X, 0.0)),
            add(where(ABOVE_LAMBD, sub(X, LAMBD), 0.0), where(BELOW_LAMBD, add(X, LAMBD), 0.0)),
        ),
        lambda match: _shrink(match, fl.SoftShrink),
    ),
)

PATTERNS = (*AFFINE_PATTERNS, *SMOOTH_PATTERNS, *KINKED_PATTERNS)
"""Every way in which fastjac takes several nodes for one layer."""


def trees_of(operator: str) -> Sequence[tuple[Op, Pattern]]:
    """The trees whose result is that of such a node, each with its pattern."""
    return BY_OPERATOR.get(operator, ())


BY_OPERATOR: dict[str, list[tuple[Op, Pattern]]] = {}
for _pattern in PATTERNS:
    for _tree in _pattern.trees:
        BY_OPERATOR.setdefault(_tree.operator, []).append((_tree, _pattern))
