"""fastjac: exact Jacobians of feed-forward networks in NumPy, fast on a CPU.

    net = fastjac.load("digits.keras")      # or Network([...]), from_keras, from_torch, from_state_dict
    J = net.jacobian(x)                     # x (..., n_in) -> J (..., n_out, n_in)

The way of a call, which is also the way imports point:

    network.py      the face: holds what a user wrote, saves, copies, prints (drawing.py); derivatives.py, its base, computes:
                    arguments.py checks what comes in, ends.py makes one vector of several inputs, or blocks of one matrix
    sequence.py     what a user writes as a graph: layers in a row, blocks (blocks.py), nodes (nodes.py, selection.py)
    runners.py      the programs of a network, lowered at their first use
    gradients/      the derivatives of losses of y and J, and by the parameters: operations.py, lowering.py, runner.py
    batch.py        samples to calls and chunks (sharing.py) that threads take (crew.py), scratch memory
    program.py      chain and plan lowered to tables, in three parts:
                      values:  values.py says where each value lies, moves.py writes the steps that make them
                      J:       accumulation.py writes the steps of a plan, spans.py says where links are applied, passage.py takes
                               rows through a block by what traversal.py finds there; emitter.py, under both, writes records
                      lanes:   lanes.py writes the steps of narrow networks
                    matrix.py says where an operand lies
    product.py      what is wanted of a chain, as a product of matrices: J, some of its rows and columns, or J times a seed
    plan.py         the order of contractions: forward, reverse, mixed (steps.py shows it); cost.py predicts their time
    cuts.py         a graph as a chain: simplify.py rewrites it, and where one vector is all that passes it is cut into layers and
                    blocks (block.py)
    graph.py        vectors, and the operations that make them
    chain.py        layers and blocks as factors with links between (operators.py); folding.py makes one affine layer of two
    memory.py       packs all numbers that a program holds or works on; caches.py says into which pieces
    layers/         what a layer is, and a join
    kernels/        Numba: call.py and share.py start run.py in the one float mode (float_mode.py); it walks the tables, each
                    of whose steps names a kernel of sweep.py or accumulate.py by its address (jit.py), takes narrow networks
                    by lanes.py, and copies what twins.py finds; group.py says where a sample's numbers lie; gradient.py goes
                    back by its stages.py; contract.py and tile.py multiply, rules.py and pairwise.py differentiate
    frozen.py       arrays that nothing can write to; dense.py reads what others hand in as one; pickling.py refuses to send
                    what holds addresses
    errors.py       what can go wrong

The way of x to the tile, for J of one batch: `Network.jacobian` checks x and asks its Runners for a Runner. The first call makes
that: `cuts.chain_of_graph` gives a Chain, `product.product_of` the Product that is wanted of it, `plan.plan` the order, and
`program.lower` writes the tables. `Runner` hands the arrays to `kernels.run`, which takes block after block of samples: `sweep`
computes values and slopes, then for each group of samples `accumulate` takes every step of the plan, and each product goes by
`contract` to `tile`, which writes to J.

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
