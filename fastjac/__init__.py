"""fastjac: exact Jacobians of feed-forward networks in NumPy, fast on a CPU.

    net = fastjac.load("digits.keras")      # or Network([...]), from_keras, from_torch, from_state_dict
    J = net.jacobian(x)                     # x (..., n_in) -> J (..., n_out, n_in)

The way of a call, which is also the way imports point:

    network.py      the face; derivatives.py picks the plan and gives the answer back, arguments.py checks what comes in, and
                    ends.py makes one vector of several inputs, or outputs, and back; drawing.py prints
    sequence.py     what a user writes as a Graph (graph.py): layers in a row, blocks (blocks.py) and nodes (nodes.py), of which
                    selection.py takes units; known.py says which layers there are
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
                    tile.py multiply; formulas/ are the activations, of which activations.py makes kernels
    frozen.py       arrays that nothing can write to; dense.py reads what others hand in as one; pickling.py refuses to send
                    what holds addresses
    errors.py       what can go wrong

Above the network stand numba.py (the same from inside `@njit` code), importers/ (trained weights from other libraries), torch/
(losses of the Jacobian in torch), check.py and differences.py, and cli.py; saving.py writes fastjac's own files, optional.py
imports what only some calls need, and coldstart.py announces that kernels compile.
"""

import types
import typing

from .blocks import Parallel as Parallel
from .blocks import Residual as Residual
from .check import JacobianReport as JacobianReport
from .check import check_jacobian as check_jacobian
from .errors import FastjacError as FastjacError
from .gradients.pullback import Gradient as Gradient
from .gradients.pullback import Pullback as Pullback
from .importers import from_jax as from_jax
from .importers import from_keras as from_keras
from .importers import from_nnet as from_nnet
from .importers import from_onnx as from_onnx
from .importers import from_sklearn as from_sklearn
from .importers import from_state_dict as from_state_dict
from .importers import from_torch as from_torch
from .importers import load as load
from .layers import *  # noqa: F403
from .network import Network as Network
from .nodes import Input as Input
from .nodes import Node as Node
from .nodes import add as add
from .nodes import concatenate as concatenate
from .nodes import multiply as multiply
from .steps import Mode as Mode
from .steps import Plan as Plan

__version__ = "0.1.0"

# Type checkers take the imports above for exports; a list that is computed would hide them.
if not typing.TYPE_CHECKING:
    __all__ = sorted(
        name for name, value in globals().items() if not (name.startswith("_") or isinstance(value, types.ModuleType))
    )
