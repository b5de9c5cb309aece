"""Losses that the Jacobian of a live torch module takes part in.

    y, J = fastjac.torch.value_and_jacobian(module, x)
    loss = (y - target).square().mean() + (J.mT @ J).det().mean()
    loss.backward()                     # fills .grad of the module's parameters, and of x

No graph is recorded of what J is made of: its derivative is computed by `Network.jacobian_vjp`'s kernel. What a module computes
is found by torch_chain.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np

from .errors import DtypeError, MissingDependencyError, OptionError, ShapeError
from .gradients.runner import GradientRunner
from .gradients.scratch import Kept, Lent

try:
    import torch
except ImportError as error:
    raise MissingDependencyError("fastjac.torch needs PyTorch; install it with: pip install torch") from error

from .torch_chain import ModuleChain, Needed, chain_of


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


class _Holder(np.ndarray):
    """An array that holds a call, for a tensor to hold it."""

    call: _Call


@dataclass(frozen=True, eq=False)
class _Call:
    """One call: the runner that gives the gradients that it will need, the parameters as the kernel reads them, and what is kept
    of the way to y and J.

    It is held by a tensor that torch saves, and so, like what torch itself saves, until backward has used it.
    """

    chain: ModuleChain
    runner: GradientRunner
    values: Lent[np.ndarray]
    kept: Kept | None

    def held(self) -> Any:
        """A tensor that holds this call."""
        holder = np.empty(1).view(_Holder)
        holder.call = self
        return torch.from_numpy(holder)


class _ValueAndJacobian(torch.autograd.Function):
    """The values and Jacobians of a chain at `points (n, n_in)`."""

    @staticmethod
    def forward(ctx: Any, chain: ModuleChain, points: Any, *tensors: Any) -> tuple[Any, Any]:
        needed = ctx.needs_input_grad
        runner = chain.runner(needed[2:])
        in_order = [tensor.contiguous() for tensor in tensors]
        values = runner.packed({name: tensor.data_ptr() for name, tensor in zip(chain.names, in_order, strict=True)})
        call = _Call(chain, runner, values, runner.keep(len(points)) if any(needed) else None)
        ctx.call = ref(call)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(call.held(), points, *tensors)
        y = torch.empty(len(points), chain.n_out, dtype=chain.dtype)
        jacobians = torch.empty(len(points), chain.n_out, chain.n_in, dtype=chain.dtype)
        results = {"y": y.numpy(), "jacobian": jacobians.numpy()}
        runner.run({"x": _array(points)} | results, None, {"parameters": values.memory}, call.kept)
        return y, jacobians

    @staticmethod
    def backward(ctx: Any, by_y: Any, by_jacobian: Any) -> tuple[Any, ...]:
        _holder, points, *tensors = ctx.saved_tensors  # raises where one was changed in place
        if by_y is None and by_jacobian is None:
            return (None,) * (2 + len(tensors))
        # Nothing is recorded, but for create_graph=True.
        gradients = _Gradients.apply if torch.is_grad_enabled() else _gradients
        return None, *gradients(ctx.call(), ctx.needs_input_grad[1:], by_y, by_jacobian, points, *tensors)


def _gradients(call: _Call, needed: Needed, by_y: Any, by_jacobian: Any, points: Any, *tensors: Any) -> tuple[Any, ...]:
    """The derivatives of a loss by points and parameters from those by values and Jacobians; None for what is not needed."""
    chain = call.chain
    x_gradient = torch.empty(points.shape, dtype=chain.dtype) if needed[0] else None
    gradient = torch.empty(sum(chain.sizes), dtype=chain.dtype)
    arrays = {"x": points, "x_gradient": x_gradient, "y_gradient": by_y, "jacobian_gradient": by_jacobian}
    shared = {"parameters": call.values.memory, "parameter_gradient": gradient.numpy()}
    call.runner.run({name: _array(tensor) for name, tensor in arrays.items()}, None, shared, call.kept)
    return x_gradient, *chain.split(gradient, needed[1:])


class _Gradients(torch.autograd.Function):
    """`_gradients`, which cannot be differentiated.

    Torch's `once_differentiable` would not do: the gradients depend on points and parameters, so it would lose derivatives where
    the loss is linear in y and J.
    """

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Any, ...]:
        return _gradients(*arguments)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[Any, ...]:
        raise OptionError(
            "create_graph=True: the gradients of a loss of fastjac's y and J cannot be differentiated again; a loss may take "
            "J itself from value_and_jacobian, or differentiate torch's own module(x)"
        )


def _array(tensor: Any) -> np.ndarray | None:
    """A tensor's entries, where they lie if they lie in C order."""
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _check_input(chain: ModuleChain, x: Any) -> None:
    if not isinstance(x, torch.Tensor):
        raise DtypeError(f"x must be a torch tensor, got {type(x).__name__}; use torch.from_numpy, or fastjac.from_torch(module)")
    if x.dtype != chain.dtype:
        raise DtypeError(f"x must have the module's dtype {chain.dtype}, got {x.dtype}; use x.to({chain.dtype})")
    if x.device.type != "cpu":
        raise OptionError(f"x must be on the CPU, it is on {x.device}; fastjac computes there only")
    if x.ndim == 0 or x.shape[-1] != chain.n_in:
        raise ShapeError(f"x must have shape (..., {chain.n_in}), got {tuple(x.shape)}")
