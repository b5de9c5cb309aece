"""What a layer is: frozen, validated, without arithmetic.

The arithmetic lives in `fastjac.kernels`; a layer only names its rule there.
"""

from .affine import Affine
from .base import Layer, Parameter
from .elementwise import Elementwise, Scale
from .normalizers import LayerNorm, LogSoftmax, Normalizer, Softmax, Sparsemax
from .piecewise import (
    ELU,
    SELU,
    Clamp,
    HardShrink,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    SoftShrink,
    SparseSigmoid,
    Threshold,
)
from .smooth import (
    CELU,
    GELU,
    Exp,
    LogSigmoid,
    Mish,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    SparsePlus,
    SquarePlus,
    Tanh,
    TanhShrink,
)
from .widths import chain_widths

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Affine,
        ReLU,
        LeakyReLU,
        PReLU,
        ReLU6,
        ELU,
        SELU,
        HardTanh,
        Clamp,
        HardSigmoid,
        HardSwish,
        HardShrink,
        SoftShrink,
        Threshold,
        SparseSigmoid,
        CELU,
        GELU,
        SiLU,
        Mish,
        Tanh,
        Sigmoid,
        Softplus,
        Softsign,
        LogSigmoid,
        Exp,
        TanhShrink,
        SquarePlus,
        SparsePlus,
        Scale,
        Softmax,
        LogSoftmax,
        Sparsemax,
        LayerNorm,
    )
}
"""Every layer a network can hold, by name: what files store and errors list."""

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "LAYERS",
    "SELU",
    "Affine",
    "Clamp",
    "Elementwise",
    "Exp",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "Normalizer",
    "PReLU",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Scale",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "SquarePlus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "chain_widths",
]
