"""The table of activations, and the kernel of each, which applies it to a row of units.

To add an activation, write its function in `rules` and give it a row in RULES.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import rules
from .jit import kernel
from .memory import NUMBER, view

RULES: dict[str, Callable[..., Any]] = {
    "relu": rules.relu,
    "leaky_relu": rules.leaky_relu,
    "elu": rules.elu,
    "selu": rules.selu,
    "celu": rules.celu,
    "gelu": rules.gelu,
    "gelu_tanh": rules.gelu_tanh,
    "silu": rules.silu,
    "mish": rules.mish,
    "tanh": rules.tanh,
    "sigmoid": rules.sigmoid,
    "hard_tanh": rules.hard_tanh,
    "clamp": rules.clamp,
    "hard_sigmoid": rules.hard_sigmoid,
    "hard_swish": rules.hard_swish,
    "softplus": rules.softplus,
    "softsign": rules.softsign,
    "log_sigmoid": rules.log_sigmoid,
    "exp": rules.exponential,
    "hard_shrink": rules.hard_shrink,
    "soft_shrink": rules.soft_shrink,
    "tanh_shrink": rules.tanh_shrink,
    "threshold": rules.threshold,
    "square_plus": rules.square_plus,
    "sparse_plus": rules.sparse_plus,
    "sparse_sigmoid": rules.sparse_sigmoid,
    "scale": rules.scale,
}
"""Every activation by the name that `Elementwise.rule` gives."""

CODES: dict[str, int] = {name: code for code, name in enumerate(RULES)}
"""The number under which the gradient's tables know each activation."""


@functools.cache
def activation(name: str) -> Any:
    """The kernel `(z, p, q, d, n)`, `z[j], d[j] = rule(z[j], p[j], q[j])` in place for n numbers, by the name of its rule.

    z, p, q, d : addresses; z and d overlap no other. A kernel for each rule, because one loop for all would not vectorize.
    """
    rule = RULES[name]

    @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, name=f"activation_{name}")
    def activate(zero: Any, z: int, p: int, q: int, d: int, n: int) -> None:
        values, slopes, ps, qs = view(zero, z, n), view(zero, d, n), view(zero, p, n), view(zero, q, n)
        for j in range(n):
            values[j], slopes[j] = rule(values[j], ps[j], qs[j])

    return activate
