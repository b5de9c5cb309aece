"""The activations as they stand in the textbooks, in mpmath at so many digits that nothing cancels: the naive twin."""

import functools
from collections.abc import Callable

import mpmath as mp
from mpmath import mpf

Formula = Callable[[mpf, mpf, mpf], mpf]
SELU_SCALE = mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mpf("1.6732632423543772848170429916717")


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def clip(x: mpf, low: mpf, high: mpf) -> mpf:
    return min(max(x, low), high)


FORMULAS: dict[str, Formula] = {
    "relu": lambda x, p, q: max(x, 0),
    "leaky_relu": lambda x, p, q: x if x > 0 else p * x,
    "elu": lambda x, p, q: x if x > 0 else p * (mp.exp(x) - 1),
    "selu": lambda x, p, q: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (mp.exp(x) - 1)),
    "celu": lambda x, p, q: x if x > 0 else p * (mp.exp(x / p) - 1),
    "gelu": lambda x, p, q: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda x, p, q: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))),
    "silu": lambda x, p, q: x * sigmoid(x),
    "mish": lambda x, p, q: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "tanh": lambda x, p, q: mp.tanh(x),
    "sigmoid": lambda x, p, q: sigmoid(x),
    "hard_tanh": lambda x, p, q: clip(x, p, q),
    "clamp": lambda x, p, q: clip(x, p, q),
    "hard_sigmoid": lambda x, p, q: clip(x / 6 + mpf(1) / 2, 0, 1),
    "hard_swish": lambda x, p, q: x * clip(x / 6 + mpf(1) / 2, 0, 1),
    "softplus": lambda x, p, q: x if p * x > q else mp.log(1 + mp.exp(p * x)) / p,
    "softsign": lambda x, p, q: x / (1 + abs(x)),
    "log_sigmoid": lambda x, p, q: mp.log(sigmoid(x)),
    "exp": lambda x, p, q: mp.exp(x),
    "hard_shrink": lambda x, p, q: x if abs(x) > p else 0,
    "soft_shrink": lambda x, p, q: mp.sign(x) * max(abs(x) - p, 0),
    "tanh_shrink": lambda x, p, q: x - mp.tanh(x),
    "threshold": lambda x, p, q: x if x > p else q,
    "square_plus": lambda x, p, q: (x + mp.sqrt(x * x + p)) / 2,
    "sparse_plus": lambda x, p, q: clip((x + 1) / 2, 0, 1) ** 2 if x < 1 else x,
    "sparse_sigmoid": lambda x, p, q: clip((x + 1) / 2, 0, 1),
    "scale": lambda x, p, q: p * x + q,
}


@functools.cache
def value_and_derivative(rule: str, x: float, p: float, q: float) -> tuple[mpf, mpf]:
    """The rule's formula at x and its central difference, which is good to tens of digits away from kinks."""
    # tanh at 1000 is within 1e-868 of 1, and its difference must be told from 0. erfc would take too long with so many digits,
    # and keeps its relative accuracy with few.
    digits = 80 if rule == "gelu" else 1300
    with mp.workdps(digits):
        formula, step = FORMULAS[rule], mpf(10) ** (-digits // 4)
        at, p, q = mpf(x), mpf(p), mpf(q)
        rise = formula(at + step, p, q) - formula(at - step, p, q)
        return formula(at, p, q), rise / (2 * step)
