"""Losses that the Jacobian of a live torch module takes part in.

    y, J = fastjac.torch.value_and_jacobian(module, x)
    loss = (y - target).square().mean() + (J.mT @ J).det().mean()
    loss.backward()                     # fills .grad of the module's parameters, and of x

No graph is recorded of what J is made of: its derivative is computed by `Network.jacobian_vjp`'s kernel. What a module computes
is found by torch_chain.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import DtypeError, MissingDependencyError, OptionError, ShapeError
from .gradients.runner import GradientRunner

try:
    import torch
except ImportError as error:
    raise MissingDependencyError("fastjac.torch needs PyTorch; install it with: pip install torch") from error

from .torch_chain import ModuleChain, chain_of


def value_and_jacobian(module: Any, x: Any) -> tuple[Any, Any]:
    """`y (..., n_out)` and `J (..., n_out, n_in)` of a module at `x (..., n_in)`, both differentiable by its parameters and x.

    Parameters
    ----------
    module : what `fastjac.from_torch` takes, with its parameters on the CPU, all float32 or all float64. They are read at each
        call. Those that do not require grad are left out of the backward pass.
    x : tensor of the module's dtype, on the CPU.

    Raises
    ------
    DtypeError, OptionError, ShapeError
        The module or x is of another type, device or size.
    UnsupportedLayerError, FormatError
        The module is not one that `fastjac.from_torch` takes, is in training mode where that matters, or computes with a
        parameter outside of torch's own modules.

    The second derivative of a piecewise linear activation is 0. What backward gives cannot be differentiated again: OptionError.
    A parameter or x that is changed in place between the call and backward is an error, as everywhere in torch.

    The forward is followed at the first call, and again after a change of inner modules, their options, modes, buffers or
    constants. It must go by nothing else, such as a global variable or the entries of a list.
    """
    chain, tensors = chain_of(module)
    _check_input(chain, x)
    y, jacobians = _ValueAndJacobian.apply(chain, x.reshape(-1, chain.n_in), *tensors)
    lead = x.shape[:-1]
    return y.reshape(*lead, chain.n_out), jacobians.reshape(*lead, chain.n_out, chain.n_in)


def jacobian(module: Any, x: Any) -> Any:
    """`J (..., n_out, n_in)` of a module at `x (..., n_in)`; see `value_and_jacobian`."""
    return value_and_jacobian(module, x)[1]


@dataclass(frozen=True, eq=False)
class _Call:
    """One call: the runner that gives the gradients that it will need, and the parameters as the kernel reads them."""

    chain: ModuleChain
    runner: GradientRunner
    values: np.ndarray

    def empty(self, *shape: int) -> np.ndarray:
        return np.empty(shape, self.runner.lowered.dtype)


class _ValueAndJacobian(torch.autograd.Function):
    """The values and Jacobians of a chain at `points (n, n_in)`."""

    @staticmethod
    def forward(ctx: Any, chain: ModuleChain, points: Any, *tensors: Any) -> tuple[Any, Any]:
        needed = zip(chain.names, ctx.needs_input_grad[2:], strict=True)
        runner = chain.runner(frozenset(name for name, is_needed in needed if is_needed))
        call = ctx.call = _Call(chain, runner, _packed(runner, chain, tensors))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(points, *tensors)
        y, jacobians = call.empty(len(points), chain.n_out), call.empty(len(points), chain.n_out, chain.n_in)
        runner.run({"x": _array(points), "y": y, "jacobian": jacobians}, None, {"parameters": call.values})
        return torch.from_numpy(y), torch.from_numpy(jacobians)

    @staticmethod
    def backward(ctx: Any, by_y: Any, by_jacobian: Any) -> tuple[Any, ...]:
        points, *tensors = ctx.saved_tensors  # raises where one was changed in place
        if by_y is None and by_jacobian is None:
            return (None,) * (2 + len(tensors))
        needs_x = ctx.needs_input_grad[1]
        return None, *_Gradients.apply(ctx.call, needs_x, by_y, by_jacobian, points, *tensors)


class _Gradients(torch.autograd.Function):
    """The derivatives of a loss by points and parameters from those by values and Jacobians.

    A function of its own for create_graph=True: it depends on points and parameters, so torch's `once_differentiable` would lose
    derivatives where the loss is linear in y and J.
    """

    @staticmethod
    def forward(ctx: Any, call: _Call, needs_x: bool, by_y: Any, by_jacobian: Any, points: Any, *tensors: Any) -> tuple[Any, ...]:
        runner = call.runner
        x_gradient = call.empty(*points.shape) if needs_x else None
        arrays = {"x": _array(points), "x_gradient": x_gradient}
        arrays |= {"y_gradient": _array(by_y), "jacobian_gradient": _array(by_jacobian)}
        sums = runner.run(arrays, None, {"parameters": call.values})
        found = {
            (op.position, op.fields[key]): torch.from_numpy(place.of(sums))
            for op, places in zip(call.chain.ops, runner.lowered.gradients, strict=True)
            for key, place in places.items()
        }
        named = zip(call.chain.names, tensors, strict=True)
        gradients = [found[name].reshape(tensor.shape) if name in found else None for name, tensor in named]
        return None if x_gradient is None else torch.from_numpy(x_gradient), *gradients

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[Any, ...]:
        raise OptionError(
            "create_graph=True: the gradients of a loss of fastjac's y and J cannot be differentiated again; a loss may take "
            "J itself from value_and_jacobian, or differentiate torch's own module(x)"
        )


def _array(tensor: Any) -> np.ndarray | None:
    """A tensor's entries, where they lie if they lie in C order."""
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _packed(runner: GradientRunner, chain: ModuleChain, tensors: Sequence[Any]) -> np.ndarray:
    """The parameters as the kernel reads them."""
    given: dict[int, dict[str, np.ndarray]] = {}
    for (position, name), tensor in zip(chain.names, tensors, strict=True):
        given.setdefault(position, {})[name] = tensor.detach().numpy()
    return runner.pack_parameters(given)


def _check_input(chain: ModuleChain, x: Any) -> None:
    if not isinstance(x, torch.Tensor):
        raise DtypeError(f"x must be a torch tensor, got {type(x).__name__}; use torch.from_numpy, or fastjac.from_torch(module)")
    if x.dtype != chain.dtype:
        raise DtypeError(f"x must have the module's dtype {chain.dtype}, got {x.dtype}; use x.to({chain.dtype})")
    if x.device.type != "cpu":
        raise OptionError(f"x must be on the CPU, it is on {x.device}; fastjac computes there only")
    if x.ndim == 0 or x.shape[-1] != chain.n_in:
        raise ShapeError(f"x must have shape (..., {chain.n_in}), got {tuple(x.shape)}")
