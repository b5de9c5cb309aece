"""A small language for trees of operators, in which patterns.py tells how exporters write one layer with several nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Input:
    """The value that a tree starts from, the same one wherever it stands."""


@dataclass(frozen=True)
class Constant:
    """A constant of any value, the same wherever the name stands."""

    name: str


@dataclass(frozen=True)
class OneOf:
    """Any of several trees."""

    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class Op:
    """A node of that operator whose first operands are such trees; those of a sum or a product in either order."""

    operator: str
    operands: tuple[Tree, ...]


Tree = Input | Constant | OneOf | Op | float
"""A number stands for a constant that is close to it."""
X = Input()


def either(*trees: Tree) -> OneOf:
    """Any of the trees."""
    return OneOf(trees)


def products(a: Tree, b: Tree, c: Tree) -> tuple[Op, ...]:
    """The product of three, in whatever order they are multiplied."""
    return mul(mul(a, b), c), mul(mul(a, c), b), mul(mul(b, c), a)


def _op(operator: str) -> Callable[..., Op]:
    return lambda *operands: Op(operator, operands)


add, sub, mul, div, power, matmul = (_op(name) for name in ("Add", "Sub", "Mul", "Div", "Pow", "MatMul"))
neg, absolute, sign, root, inverse = (_op(name) for name in ("Neg", "Abs", "Sign", "Sqrt", "Reciprocal"))
where, greater, less, at_most, holds_either = (_op(name) for name in ("Where", "Greater", "Less", "LessOrEqual", "Or"))
exp, log, erf, tanh, sigmoid, softplus = (_op(name) for name in ("Exp", "Log", "Erf", "Tanh", "Sigmoid", "Softplus"))
clip, hard_sigmoid, softmax, mean, cast = (_op(name) for name in ("Clip", "HardSigmoid", "Softmax", "ReduceMean", "Cast"))
