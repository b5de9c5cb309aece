"""Losses that the Jacobian of a live torch module takes part in.

    y, J = fastjac.torch.value_and_jacobian(module, x)
    loss = (y - target).square().mean() + (J.mT @ J).det().mean()
    loss.backward()                     # fills .grad of the module's parameters, and of x

No graph is recorded of what J is made of: its derivative is computed by `Network.jacobian_vjp`'s kernel.

    function.py   y and J as a function of torch's autograd
    known.py      the chain that a module is: kept while it holds, found again where the module has changed
    followed.py   how it is found, and compared with the module's own values
    watch.py      what is compared to see a change; values.py: attributes, containers and entries; reads.py: which of them the
                  forward reads
    chain.py      the chain, and one call of it
    team.py       torch's threads, on which calls run

What a module computes is followed at the first call, which takes some 0.03 s, and compared with the module's own values and
derivatives. These changes are seen at the next call, and the module is followed again:

- modules, parameters, buffers and attributes that are replaced, added or removed, hooks, modes, options, classes and methods;
- entries of tensors that the forward computes with beside torch's own modules, however they are written, and of NumPy arrays
  of up to 1 MB;
- entries of lists, dictionaries and other containers, and attributes of objects such as a configuration, 8 levels deep and
  2000 values in all.

What the forward does not read is not watched, such as counters or an optimizer. The parameters of torch's own modules, and the
statistics of BatchNorm, are read at each call, so that training follows nothing again.

These changes are not seen: those of global variables and of variables that a function holds in its closure, of entries of larger
NumPy arrays, of further values of larger containers, and of whatever is no attribute, such as a file or the state of a compiled
object. Call `fastjac.torch.forget(module)` after such a change.
"""

from __future__ import annotations

from typing import Any

from ..errors import DtypeError, MissingDependencyError, OptionError, ShapeError

try:
    import torch
except Exception as error:  # a torch that lacks a library of the system raises OSError
    raise MissingDependencyError(
        f"fastjac.torch needs PyTorch, which does not import ({type(error).__name__}: {error}); install it: pip install torch"
    ) from error

from ..importers.torch.modes import is_plain, records
from .chain import ModuleChain
from .function import ValueAndJacobian
from .known import chain_of, forget

__all__ = ["forget", "jacobian", "value_and_jacobian"]


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

    Both are computed in the module's dtype, also under `torch.autocast`. Hooks for saved tensors and activation checkpointing
    change no bit of the gradients.

    `torch.func.grad`, `vjp`, `jacrev` and `vmap` transform the function, also by parameters that `functional_call` gives; then
    a call with the module's own must have come before. `vmap` over x is one call of the kernel, while over parameters, and for
    gradients of single samples by them, it is one for each. Forward mode is an OptionError. `torch.compile` leaves the call as
    it is; what records operations without computing them, such as `torch.export`, is an OptionError.

    The module is followed at the first call, and again after a change. `help(fastjac.torch)` says which changes are not seen.
    """
    if torch.compiler.is_dynamo_compiling():  # the compiler comes back to Python for what is disabled
        return torch.compiler.disable(value_and_jacobian)(module, x)
    if records():
        raise OptionError(
            "fastjac computes numbers, which torch.jit.trace, make_fx, torch.export and FakeTensorMode cannot record; call it "
            "outside of them, or give them the module itself"
        )
    chain, tensors = chain_of(module)
    x = _checked_input(chain, x)
    needed = tuple([tensor.requires_grad for tensor in (x, *tensors)])
    keeps = torch.is_grad_enabled() and any(needed)
    y, jacobians, _ = ValueAndJacobian.apply(chain, needed, keeps, x.reshape(-1, chain.n_in), *tensors)
    lead = x.shape[:-1]
    return y.reshape(*lead, chain.n_out), jacobians.reshape(*lead, chain.n_out, chain.n_in)


def jacobian(module: Any, x: Any) -> Any:
    """`J (..., n_out, n_in)` of a module at `x (..., n_in)`; see `value_and_jacobian`."""
    return value_and_jacobian(module, x)[1]


def _checked_input(chain: ModuleChain, x: Any) -> Any:
    if not isinstance(x, torch.Tensor):
        raise DtypeError(f"x must be a torch tensor, got {type(x).__name__}; use torch.from_numpy, or fastjac.from_torch(module)")
    if x.dtype != chain.dtype:
        raise DtypeError(f"x must have the module's dtype {chain.dtype}, got {x.dtype}; use x.to({chain.dtype})")
    if x.device.type != "cpu":
        raise OptionError(f"x must be on the CPU, it is on {x.device}; fastjac computes there only")
    if x.is_nested or not is_plain(x):
        kind = "nested tensor" if x.is_nested else type(x).__name__ if x.layout is torch.strided else f"tensor in {x.layout}"
        raise DtypeError(f"x must be a plain dense tensor, got a {kind}; pass its entries as one, such as x.to_dense()")
    if x.ndim == 0 or x.shape[-1] != chain.n_in:
        raise ShapeError(f"x must have shape (..., {chain.n_in}), got {tuple(x.shape)}")
    return x if type(x) is torch.Tensor else x.as_subclass(torch.Tensor)
