"""FUNCTIONS and METHODS: every torch function and tensor method that fastjac reads, with what makes fastjac layers of it.

Each takes torch's own arguments under torch's own names; `input` is the tensor that runs through the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import layers as fl
from ..precision import refuse_rounding
from . import arithmetic, rules
from .rules import Converted
from .sample import Shape, Size

TENSOR_TYPES = {"FloatTensor": "float32", "DoubleTensor": "float64"}
"""Older names of types that `Tensor.type` takes."""


def _batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Converted:
    return rules.batch_norm(running_mean, running_var, weight, bias, training, eps)


def _layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Converted:
    return rules.layer_norm(normalized_shape, weight, bias, eps)


def _group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Converted:
    return rules.group_norm(num_groups, weight, bias, eps)


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Converted:
    return rules.dropout(p, training)


def _off_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Converted:
    return rules.dropout(p, training)


def _rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Converted:
    return rules.rrelu(lower, upper, training)


def _clamp(input: Any, min: float | None = None, max: float | None = None) -> Converted:
    return rules.clamp(min, max)


def _cast(input: Any, *targets: Any, **options: Any) -> Converted:
    """`x`, in another place or another precision, which the network has as a whole."""
    for target in (*targets, *options.values()):
        dtype = str(getattr(target, "dtype", target))
        if dtype.startswith("torch."):
            name = dtype.removeprefix("torch.")
            refuse_rounding(TENSOR_TYPES.get(name, name))
    return []


def _along_axis(rule: Callable[[int | None], Converted]) -> Callable[..., Converted]:
    """A softmax of some kind, with the arguments that all of them take."""

    def convert(input: Any, dim: int | None = None, _stacklevel: Any = 3, dtype: Any = None) -> Converted:
        # torch.softmax takes the dtype where torch.nn.functional.softmax takes the level of the stack.
        return [*_cast(input, _stacklevel, dtype), *rule(dim)]

    return convert


FUNCTIONS: dict[str, Callable[..., Converted]] = {
    # Affine maps
    "linear": arithmetic.linear,
    "matmul": arithmetic.matmul,
    "mm": arithmetic.matmul,
    "addmm": arithmetic.addmm,
    # Arithmetic, with constants where it takes two
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "subtract": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "multiply": arithmetic.multiply,
    "div": arithmetic.divide,
    "divide": arithmetic.divide,
    "true_divide": arithmetic.divide,
    "truediv": arithmetic.divide,
    "neg": arithmetic.negative,
    "negative": arithmetic.negative,
    "pow": arithmetic.power,
    "square": lambda input: [fl.Power(2.0)],
    "sqrt": lambda input: [fl.Sqrt()],
    "rsqrt": lambda input: [fl.Sqrt(), fl.Reciprocal()],
    "reciprocal": lambda input: [fl.Reciprocal()],
    "abs": lambda input: [fl.Abs()],
    "absolute": lambda input: [fl.Abs()],
    "clamp": _clamp,
    "clip": _clamp,
    # Normalization
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    # What does nothing in evaluation
    "dropout": _dropout,
    "dropout1d": _dropout,
    "alpha_dropout": _off_dropout,
    "feature_alpha_dropout": _off_dropout,
    "clone": lambda input: [],
    # Activations
    "relu": lambda input, inplace=False: [fl.ReLU()],
    "leaky_relu": lambda input, negative_slope=0.01, inplace=False: [fl.LeakyReLU(negative_slope)],
    "prelu": lambda input, weight: rules.prelu(weight),
    "rrelu": _rrelu,
    "relu6": lambda input, inplace=False: [fl.ReLU6()],
    "elu": lambda input, alpha=1.0, inplace=False: [fl.ELU(alpha)],
    "selu": lambda input, inplace=False: [fl.SELU()],
    "celu": lambda input, alpha=1.0, inplace=False: [fl.CELU(alpha)],
    "gelu": lambda input, approximate="none": [fl.GELU(approximate)],
    "silu": lambda input, inplace=False: [fl.SiLU()],
    "mish": lambda input, inplace=False: [fl.Mish()],
    "tanh": lambda input: [fl.Tanh()],
    "sigmoid": lambda input: [fl.Sigmoid()],
    "expit": lambda input: [fl.Sigmoid()],
    "exp": lambda input: [fl.Exp()],
    "log": lambda input: [fl.Log()],
    "sin": lambda input: [fl.Sin()],
    "cos": lambda input: [fl.Cos()],
    "erf": lambda input: [fl.Erf()],
    "hardtanh": lambda input, min_val=-1.0, max_val=1.0, inplace=False: [fl.HardTanh(min_val, max_val)],
    "hardsigmoid": lambda input, inplace=False: [fl.HardSigmoid()],
    "hardswish": lambda input, inplace=False: [fl.HardSwish()],
    "softplus": lambda input, beta=1.0, threshold=20.0: [fl.Softplus(beta, threshold)],
    "softsign": lambda input: [fl.Softsign()],
    "logsigmoid": lambda input: [fl.LogSigmoid()],
    "hardshrink": lambda input, lambd=0.5: [fl.HardShrink(lambd)],
    "softshrink": lambda input, lambd=0.5: [fl.SoftShrink(lambd)],
    "tanhshrink": lambda input: [fl.TanhShrink()],
    "threshold": lambda input, threshold, value, inplace=False: [fl.Threshold(threshold, value)],
    "softmax": _along_axis(rules.softmax),
    "softmin": _along_axis(rules.softmin),
    "log_softmax": _along_axis(rules.log_softmax),
}
"""By name, those of torch.nn.functional, torch, torch.special and Python's operators; they are methods of tensors too."""

METHODS: dict[str, Callable[..., Converted]] = {
    "contiguous": lambda input: [],
    "float": lambda input: [],
    "double": lambda input: [],
    "to": _cast,
    "type": _cast,
    "type_as": _cast,
    "cpu": lambda input: [],
    "cuda": lambda input, device=None, non_blocking=False: [],
}
"""By name, those that are methods of tensors alone."""

QUERIES: dict[str, Callable[..., Any]] = {
    "shape": Shape,
    "size": lambda input, dim=None: Shape(input) if dim is None else Shape(input)[dim],
    "dim": lambda input: Size.UNKNOWN,
    "ndim": lambda input: Size.UNKNOWN,
    "dtype": lambda input: Size.UNKNOWN,
    "device": lambda input: Size.UNKNOWN,
}
"""Attributes and methods that ask for the shape of the tensor and leave it as it is."""
