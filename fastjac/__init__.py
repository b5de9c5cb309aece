"""fastjac: exact Jacobians of feed-forward networks in NumPy, fast on a CPU.

    net = fastjac.load("digits.keras")      # or Network([...]), from_keras, from_torch, from_state_dict
    J = net.jacobian(x)                     # x (..., n_in) -> J (..., n_out, n_in)

The way of a call, which is also the way imports point:

    network.py      the face: picks the plan, gives the answer back; arguments.py checks what comes in, drawing.py prints
    sequence.py     what a user writes as a Graph (graph.py): layers in a row, blocks (blocks.py), nodes (nodes.py, selection.py)
    runners.py      the programs of a network, lowered at their first use
    gradients/      the derivatives of losses of y and J, and by the parameters: operations.py, lowering.py, runner.py
    batch.py        samples to calls and chunks (sharing.py) that threads take (crew.py), scratch memory
    program.py      chain and plan lowered to tables: accumulation.py and spans.py write the steps of a plan, lanes.py those
                    of narrow networks; matrix.py says where an operand lies, memory.py packs them all, and caches.py says
                    into which pieces
    chain.py        layers as affine factors with links between; folding.py makes one of two
    plan.py         the order of contractions: forward, reverse, mixed (steps.py shows it); cost.py predicts their time
    layers/         what a layer is
    kernels/        Numba: call.py and share.py start run.py in the one float mode (float_mode.py); it walks the tables, each
                    of whose steps names a kernel of sweep.py or accumulate.py by its address (jit.py), takes narrow networks
                    by lanes.py, and copies what twins.py finds; gradient.py goes back by its stages.py; contract.py and
                    tile.py multiply, rules.py differentiates
    frozen.py       arrays that nothing can write to; dense.py reads what others hand in as one; pickling.py refuses to send
                    what holds addresses
    errors.py       what can go wrong

Above the network stand numba.py (the same from inside `@njit` code), importers/ (trained weights from other libraries), torch/
(losses of the Jacobian in torch), check.py and differences.py, and cli.py; saving.py writes fastjac's own files, optional.py
imports what only some calls need, and coldstart.py announces that kernels compile.
"""

from .blocks import Parallel, Residual
from .check import JacobianReport, check_jacobian
from .errors import FastjacError
from .gradients.pullback import Gradient, Pullback
from .importers import from_jax, from_keras, from_nnet, from_onnx, from_sklearn, from_state_dict, from_torch, load
from .layers import (
    CELU,
    ELU,
    GELU,
    SELU,
    Affine,
    Clamp,
    Exp,
    HardShrink,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Scale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SoftShrink,
    Softsign,
    Sparsemax,
    SparsePlus,
    SparseSigmoid,
    SquarePlus,
    Tanh,
    TanhShrink,
    Threshold,
)
from .network import Network
from .nodes import Input, Node, add, concatenate, multiply
from .steps import Mode, Plan

__version__ = "0.1.0"

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Affine",
    "Clamp",
    "Exp",
    "FastjacError",
    "Gradient",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Input",
    "JacobianReport",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "Mode",
    "Network",
    "Node",
    "PReLU",
    "Parallel",
    "Plan",
    "Pullback",
    "ReLU",
    "ReLU6",
    "Residual",
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
    "add",
    "check_jacobian",
    "concatenate",
    "from_jax",
    "from_keras",
    "from_nnet",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "load",
    "multiply",
]
