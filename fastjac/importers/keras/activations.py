"""Keras's activations by name, with the option values that Keras gives them when only the name is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ... import layers as fl
from .. import entries
from ..ir import normalization as nm
from ..ir.values import Value

HARD_SIGMOID_2 = "hard_sigmoid (Keras 2)"
"""This package's name of the hard_sigmoid of Keras 1 and 2, whose slope is 0.2 and not 1/6; no function has such a name."""

SAME = (
    *("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "hard_swish", "mish", "tanh", "hard_tanh", "tanh_shrink"),
    *("hard_shrink", "soft_shrink", "sigmoid", "hard_sigmoid", "log_sigmoid", "softsign", "softmax", "log_softmax"),
)
"""Activations that Keras calls as torch does, with the same options by default."""
ACTIVATIONS: dict[str, tuple[fl.Layer, ...]] = {
    "linear": (),
    **{name: entries.ACTIVATIONS[name] for name in SAME},
    "leaky_relu": (fl.LeakyReLU(0.2),),  # the layer LeakyReLU has another default, 0.3
    "swish": (fl.SiLU(),),
    "hard_silu": (fl.HardSwish(),),
    HARD_SIGMOID_2: (fl.Scale(0.2, 0.5), fl.HardTanh(0.0, 1.0)),
    "sparse_sigmoid": (fl.SparseSigmoid(),),
    "softplus": (fl.Softplus(1.0, math.inf),),  # log(1 + exp(x)) throughout; only Keras's torch backend cuts it at 20
    "squareplus": (fl.SquarePlus(4.0),),
    "sparse_plus": (fl.SparsePlus(),),
    "exponential": (fl.Exp(),),
}
"""The layers that each name stands for, where the samples are vectors."""

REFUSED = {
    "threshold": "its name alone does not state the threshold; use the layer ReLU(threshold=...)",
    "sparsemax": "Keras up to 3.15 computes something else (keras-team/keras issue 23425); fastjac.Sparsemax is the real one",
}
"""Built-in activations that fastjac does not import, and why."""

MIXING: dict[str, Callable[[Value, Sequence[int]], Value]] = {
    "softmax": nm.softmax,
    "log_softmax": nm.log_softmax,
    "glu": lambda value, axes: nm.glu(value, axes[0]),
}
"""The activations that act along the last axis, as functions of a tensor and axes."""
