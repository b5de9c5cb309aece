"""What Keras's rectifiers become; every function takes a layer and the shape of one sample, and gives layers for each unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import layers as fl
from ...errors import UnsupportedLayerError
from .arrays import arrays, float_type
from .config import Entry
from .shapes import Shape, per_unit

MOST_DOUBLED = 1024
"""The most units that a ReLU with a slope and a threshold may have: it takes two matrices of twice as many rows or columns."""


def relu(entry: Entry, shape: Shape) -> Sequence[fl.Layer]:
    """`x` above `threshold`, `negative_slope (x - threshold)` below, and never more than `max_value`."""
    slope, threshold, top = (entry.config[name] for name in ("negative_slope", "threshold", "max_value"))
    if min(slope, threshold, top or 0.0) < 0.0:
        raise UnsupportedLayerError(
            f"negative_slope={slope}, threshold={threshold} and max_value={top} must not be negative, as Keras has it"
        )
    if slope and threshold:
        return _with_a_jump(entry, shape)
    if top is None:
        return [fl.LeakyReLU(slope) if slope else fl.Threshold(threshold, 0.0) if threshold else fl.ReLU()]
    if slope:
        return [fl.LeakyReLU(slope), fl.HardTanh(-math.inf, top)]
    if top == 0:
        raise UnsupportedLayerError("max_value=0 makes every output 0; fastjac takes a max_value above 0, or None")
    return [fl.Threshold(threshold, 0.0), fl.HardTanh(0.0, top)] if threshold else [fl.HardTanh(0.0, top)]


def _with_a_jump(entry: Entry, shape: Shape) -> Sequence[fl.Layer]:
    """A ReLU with a slope and a threshold t, as the sum of `min(x, max_value)` where x > t, and `-slope max(t - x, 0)`.

    Every unit is doubled, one copy for each term, since no layer that acts on one unit by itself both rises below t and jumps
    there. The Threshold of the first term acts on both copies; the second is lifted above t before it, so that it passes.
    """
    slope, threshold, top = (entry.config[name] for name in ("negative_slope", "threshold", "max_value"))
    n = math.prod(shape)
    if n > MOST_DOUBLED:
        raise UnsupportedLayerError(
            f"negative_slope={slope} together with threshold={threshold} is supported for up to {MOST_DOUBLED} units, not {n}; "
            "set one of them to 0"
        )
    dtype = float_type(entry.config)
    one, lifted = np.ones(n, dtype), np.full(n, threshold + 1.0, dtype)
    identity = np.eye(n, dtype=dtype)
    return [
        fl.Affine(np.vstack([identity, -identity]), np.concatenate([0.0 * one, dtype(threshold) * one])),
        fl.PReLU(np.concatenate([one, 0.0 * one])),
        fl.Scale(1.0, np.concatenate([0.0 * one, lifted])),
        fl.Threshold(threshold, 0.0),
        fl.Scale(np.concatenate([one, dtype(-slope) * one]), np.concatenate([0.0 * one, dtype(slope) * lifted])),
        *([] if top is None else [fl.HardTanh(-math.inf, top)]),
        fl.Affine(np.hstack([identity, identity])),
    ]


def leaky_relu(entry: Entry, shape: Shape) -> Sequence[fl.Layer]:
    """`x` above 0, `negative_slope x` below."""
    return [fl.LeakyReLU(entry.config["negative_slope"])]


def prelu(entry: Entry, shape: Shape) -> Sequence[fl.Layer]:
    """`x` above 0, `alpha x` below; `alpha` is spread over the axes that share it."""
    (alpha,) = arrays(entry, None)
    return [fl.PReLU(per_unit(alpha, range(alpha.ndim), shape))]


def elu(entry: Entry, shape: Shape) -> Sequence[fl.Layer]:
    """`x` above 0, `alpha (exp(x) - 1)` below."""
    return [fl.ELU(entry.config["alpha"])]
