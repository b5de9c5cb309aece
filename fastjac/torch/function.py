"""The values and Jacobians of a module as functions that torch differentiates, and that torch.func transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch

from ..errors import OptionError
from ..importers.torch.modes import is_grads_batched, transforms
from .chain import Call, ModuleChain, Needed, call_of

AGAIN = (
    "create_graph=True: the gradients of a loss of fastjac's y and J cannot be differentiated again; a loss may take "
    "J itself from value_and_jacobian, or differentiate torch's own module(x)"
)
FORWARD_MODE = (
    "fastjac's y and J have no forward-mode derivative; y's is J itself, as in J @ tangent, and torch.autograd.grad or "
    "torch.func.jacrev differentiate J"
)
BATCHED = (
    "is_grads_batched=True and vectorize=True are not possible through fastjac's y and J; use torch.func.jacrev, or leave it out"
)


class _Function(torch.autograd.Function):
    """A function that torch.func may transform, and that costs no more than other functions where it does not."""

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        if transforms():
            return super().apply(*arguments)
        # The `apply` of torch.autograd.Function would look for defaults in the signature of forward each time.
        return super(torch.autograd.Function, cls).apply(*arguments)

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> NoReturn:
        raise OptionError(FORWARD_MODE)


class ValueAndJacobian(_Function):
    """The values and Jacobians of a module at `points (n, n_in)`, and a tensor that holds the call for the way back.

    needed : for the points and for each tensor, whether its gradient will be needed.  keeps : whether any will.
    """

    @staticmethod
    def forward(chain: ModuleChain, needed: Needed, keeps: bool, points: Any, *tensors: Any) -> tuple[Any, Any, Any]:
        call = Call(chain, needed, points, tensors, keeps)
        return *call.evaluate(points), call.held()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        chain, _, _, points, *tensors = inputs
        ctx.chain = chain
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(output[2], points, *tensors)

    @staticmethod
    def backward(ctx: Any, by_y: Any, by_jacobian: Any, _: Any) -> tuple[Any, ...]:
        holder, points, *tensors = ctx.saved_tensors  # raises where one was changed in place
        if by_y is None and by_jacobian is None:
            return (None,) * (4 + len(tensors))
        if is_grads_batched(by_y) or is_grads_batched(by_jacobian):
            raise OptionError(BATCHED)
        # Nothing is recorded, except for create_graph=True.
        gradients = _Gradients.apply if torch.is_grad_enabled() or transforms() else _Gradients.forward
        return None, None, None, *gradients(ctx.chain, ctx.needs_input_grad[3:], holder, by_y, by_jacobian, points, *tensors)

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[Any], *arguments: Any) -> tuple[Any, Any]:
        chain, needed, keeps, points, *tensors = arguments
        if any(dim is not None for dim in in_dims[4:]):
            y, jacobians, holder = _looped(ValueAndJacobian.apply, info.batch_size, in_dims, arguments)
            return (y, jacobians, holder[0]), (0, 0, None)
        flat = _flat(points, in_dims[3], info.batch_size)
        y, jacobians, holder = ValueAndJacobian.apply(chain, needed, keeps, flat, *tensors)
        lead = (info.batch_size, len(flat) // info.batch_size)
        return (y.reshape(*lead, chain.n_out), jacobians.reshape(*lead, chain.n_out, chain.n_in), holder), (0, 0, None)


class _Gradients(_Function):
    """The derivatives of a loss by points and tensors, from its derivatives by y and J; None for those not needed.

    They cannot be differentiated. Torch's `once_differentiable` would not refuse that everywhere: the gradients depend on points
    and parameters, so it would lose derivatives where the loss is linear in y and J.
    """

    @staticmethod
    def forward(
        chain: ModuleChain, needed: Needed, holder: Any, by_y: Any, by_jacobian: Any, points: Any, *tensors: Any
    ) -> tuple[Any, ...]:
        n = len(by_jacobian if by_y is None else by_y)
        call, points = call_of(holder, chain, needed, n, points, tensors)
        return call.gradients(needed, by_y, by_jacobian, points)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> NoReturn:
        raise OptionError(AGAIN)

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[Any], *arguments: Any) -> tuple[Any, Any]:
        chain, needed, holder, *batched = arguments
        size, dims = info.batch_size, in_dims[3:]
        if any(needed[1:]) or any(dim is not None for dim in dims[3:]):
            results = _looped(_Gradients.apply, size, in_dims, arguments)
        else:
            by_y, by_jacobian, points = (_flat(*of_samples, size) for of_samples in zip(batched[:3], dims[:3], strict=True))
            gradient, *results = _Gradients.apply(chain, needed, holder, by_y, by_jacobian, points, *batched[3:])
            results = [gradient.reshape(size, len(points) // size, chain.n_in), *results]
        return tuple(results), tuple(None if result is None else 0 for result in results)


def _flat(tensor: Any, dim: int | None, size: int) -> Any:
    """A batch of tensors of samples as one tensor of samples."""
    if tensor is None:
        return None
    return (tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)).flatten(0, 1)


def _looped(function: Callable[..., Any], size: int, in_dims: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    """The results of a function for each element of a batch, one after another, along a new first axis."""
    given = list(zip(arguments, in_dims, strict=True))
    results = [function(*(value.select(dim, k) if isinstance(dim, int) else value for value, dim in given)) for k in range(size)]
    return [None if parts[0] is None else torch.stack(parts) for parts in zip(*results, strict=True)]
