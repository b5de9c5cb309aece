"""fastjac: exact Jacobians of feed-forward networks in NumPy, fast on a CPU.

    import fastjac as fj

    net = fj.load("model.keras")                # or fj.Network([...]), fj.from_torch(module), fj.from_keras(model)
    y = net(x)                                  # x (..., n_in) -> y (..., n_out)
    J = net.jacobian(x)                         # J (..., n_out, n_in), J[..., i, j] = d y_i / d x_j

Get a network:

    load                    from a file of any format that fastjac reads
    from_...                from a live model, from weights, or from a file of one format
    Network                 from layers in a row, or from nodes: Input, add, multiply, concatenate
    Affine, ReLU, ...       the layers, each a class; Elementwise and Formula make your own activations
    Residual, Parallel      blocks of layers, which stand among layers

Ask it, at one input or at a batch of any shape (`help(fastjac.Network)` has all of it):

    net(x)                                      values
    net.jacobian, net.value_and_jacobian        J whole, or some of its columns and rows (wrt=, of=)
    net.jvp, net.vjp                            J times a vector, a vector times J
    net.pushforward, net.pullback               J times a matrix, a matrix times J
    net.linearize                               one primal sweep, from which any of these start
    net.jacobian_blocks                         J of more inputs than memory holds, part by part
    net.singular_values, net.jacobian_norm, net.rank, net.slogdet, net.gram, net.fisher
                                                what is read off J, without holding J for the batch
    net.jacobian_vjp                            gradients of a loss of y and J, by x and by every parameter
    net.parameter_jacobian, net.parameter_jvp, net.parameter_vjp, ...
                                                derivatives of y by the parameters
    net.plan, print(net)                        the order of multiplication with its cost; a table of the layers
    net.save                                    weights and architecture to one safe file

Check and explain:

    check_jacobian          J against central differences
    sensitivity             mean and spread of every derivative over the rows of a table

Errors are of `fastjac.errors`, and all of them are FastjacErrors. Each of these is imported by its own name:

    fastjac.numba           values and derivatives inside of Numba's @njit functions
    fastjac.torch           losses of J in torch
    fastjac.scipy           networks in SciPy's solvers
    fastjac.casadi          networks in CasADi's
    fastjac.dask            values and Jacobians of dask arrays
    fastjac.plot            pictures by matplotlib

How the modules stand together is in `fastjac.engine`.
"""

# ruff: noqa: F405  (the layers come by a star)
import sys
from typing import TYPE_CHECKING

from .check import JacobianReport, check_jacobian
from .errors import FastjacError
from .gradients.pullback import Gradient, Pullback
from .graphs.blocks import Parallel, Residual
from .graphs.nodes import Input, Node, add, concatenate, multiply
from .layers import *  # noqa: F403
from .linearization import Linearization
from .network import Network
from .planning.steps import Mode, Plan
from .tabular import Sensitivity, sensitivity

if TYPE_CHECKING:
    from .importers import from_jax, from_keras, from_nnet, from_onnx, from_sklearn, from_state_dict, from_torch, load

__version__ = "0.2.0"

# Grouped for readers, so not sorted. A test compares it with what is imported above.
# fmt: off
__all__ = [  # noqa: RUF022
    # Networks, and where they come from
    "Network", "load", "from_jax", "from_keras", "from_nnet", "from_onnx", "from_sklearn", "from_state_dict", "from_torch",
    # Networks that branch
    "Input", "Node", "Parallel", "Residual", "add", "concatenate", "multiply",
    # Layers: their base, affine ones, activations of one's own
    "Layer", "Affine", "Scale", "Elementwise", "Formula",
    # Activations with kinks, and such as jump
    "Abs", "Ceil", "Clamp", "ELU", "Floor", "HardShrink", "HardSigmoid", "HardSwish", "HardTanh", "LeakyReLU", "PReLU", "ReLU",
    "ReLU6", "Remainder", "Round", "SELU", "SoftShrink", "SparseSigmoid", "Threshold",
    # Smooth activations
    "CELU", "GELU", "GatedSwish", "LogSigmoid", "Mish", "SiLU", "Sigmoid", "Softplus", "Softsign", "SparsePlus", "SquarePlus",
    "Tanh", "TanhShrink",
    # Elementary functions
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Erf", "Exp", "Log", "Power", "Reciprocal", "Sin", "Sinh",
    "Sqrt", "Tan",
    # Normalizers
    "LayerNorm", "LogSoftmax", "Softmax", "Sparsemax",
    # What methods take and give
    "Mode", "Plan", "Linearization", "Gradient", "Pullback",
    # Checks and explanations
    "JacobianReport", "check_jacobian", "Sensitivity", "sensitivity",
    # The base of all errors; the others are in fastjac.errors
    "FastjacError",
]
# fmt: on


def __getattr__(name: str) -> object:
    """Import the importers when the first of them is asked for: they are half of the package, and most processes use none."""
    if name == "load" or name.startswith("from_"):
        from . import importers

        if name in importers.__all__:
            return globals().setdefault(name, getattr(importers, name))
    # With the module, so that Python suggests the name that was meant.
    raise AttributeError(f"module 'fastjac' has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
