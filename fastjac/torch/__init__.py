"""Losses of the Jacobian of a live torch module.

    y, J = fastjac.torch.value_and_jacobian(module, x)
    loss = (y - target).square().mean() + (J.mT @ J).det().mean()
    loss.backward()                     # fills .grad of the module's parameters, and of x

Torch records no graph of the steps that make J: the kernel of `Network.jacobian_vjp` computes J's derivative.

At the first call the module's forward is followed, which takes some 0.03 s, and the network is compared with the module's own
values and derivatives. These changes are seen at the next call, and the module is followed again:

- modules, parameters, buffers and attributes that are replaced, added or removed, hooks, modes, options, classes and methods;
- entries of tensors that the forward computes with beside torch's own modules, however they are written, and of NumPy arrays
  of up to 1 MB;
- entries of lists, dictionaries and other containers, and attributes of objects such as a configuration, 8 levels deep and
  2000 values in all.

What the forward does not read, such as counters or an optimizer, is not watched. The parameters of torch's own modules, and the
statistics of BatchNorm, are read at each call, so a step of training does not make fastjac follow the module again.

Not seen are changes of global variables and of variables in a function's closure, of entries of larger NumPy arrays, of further
values of larger containers, and of whatever is no attribute, such as a file or the state of a compiled object. Call
`fastjac.torch.forget(module)` after such a change.
"""

# function.py   y and J as a function of torch's autograd
# known.py      the network of a module: kept while it holds, found again where the module has changed
# followed.py   how the network is found, and compared with the module's own values
# watch.py      what is compared to see a change; values.py compares attributes, containers and entries, and reads.py finds
#               which of them the forward reads
# parameters.py the modules whose parameters are trained, and the functions that read these
# chain.py      the network, and one call of it
# inputs.py     arguments and results of a call: tensors, in tuples where there are several
# team.py       torch's threads, on which calls run

from __future__ import annotations

from typing import Any

from ..errors import MissingDependencyError, OptionError

try:
    import torch
except Exception as error:  # a torch that lacks a library of the system raises OSError
    raise MissingDependencyError(
        f"fastjac.torch needs PyTorch, which does not import ({type(error).__name__}: {error}); install it: pip install torch"
    ) from error

from ..importers.torch.modes import records
from .function import ValueAndJacobian
from .inputs import blocks, joined_input
from .known import chain_of, forget

__all__ = ["forget", "jacobian", "value_and_jacobian"]


def value_and_jacobian(module: Any, x: Any) -> tuple[Any, Any]:
    """`y (..., n_out)` and `J (..., n_out, n_in)` of a module at `x (..., n_in)`, both differentiable by its parameters and x.

    For several inputs x is a tuple, and J is a tuple with a block for each. For several outputs y is a tuple, and J is a tuple
    with all this for each.

    Parameters
    ----------
    module : what `fastjac.from_torch` takes, with its parameters on the CPU, all float32 or all float64. Parameters are read at
        each call. Those that do not require grad are left out of the backward pass.
    x : tensor of the module's dtype, on the CPU; or a tuple of tensors, whose leading shapes are broadcast.

    Raises
    ------
    DtypeError, OptionError, ShapeError
        The module or x is of another type, device or size.
    UnsupportedLayerError, FormatError
        The module is not one that `fastjac.from_torch` takes, is in training mode where that matters, or computes with a
        parameter outside of torch's own modules.

    The bend (the second derivative) of a piecewise linear activation is 0. The gradients that backward gives cannot be
    differentiated again: that is an OptionError.
    A parameter or x that is changed in place between the call and backward is an error, as everywhere in torch.

    y and J are computed in the module's dtype, also under `torch.autocast`. Hooks for saved tensors and activation checkpointing
    change no bit of the gradients.

    `torch.func.grad`, `vjp`, `jacrev` and `vmap` transform the function, also with parameters that `functional_call` gives; a
    call with the module's own parameters must then have come before. `vmap` over x is one call of the kernel. Over parameters,
    and for gradients of single samples by parameters, `vmap` makes one call for each. Forward mode is an OptionError.
    `torch.compile` leaves the call as it is. A tool that records operations without computing them, such as `torch.export`, is an
    OptionError.

    The module is followed at the first call, and again after a change. `help(fastjac.torch)` says which changes are not seen.

    Examples
    --------
    >>> import fastjac.torch, torch
    >>> module = torch.nn.Linear(3, 2)
    >>> y, J = fastjac.torch.value_and_jacobian(module, torch.ones(5, 3))
    >>> J.square().sum().backward()
    >>> y.shape, J.shape, module.weight.grad.shape
    (torch.Size([5, 2]), torch.Size([5, 2, 3]), torch.Size([2, 3]))
    """
    if torch.compiler.is_dynamo_compiling():  # the compiler comes back to Python for what is disabled
        return torch.compiler.disable(value_and_jacobian)(module, x)
    if records():
        raise OptionError(
            "fastjac computes numbers, which torch.jit.trace, make_fx, torch.export and FakeTensorMode cannot record; call it "
            "outside of them, or give them the module itself"
        )
    chain, tensors = chain_of(module, x)
    x = joined_input(chain, x)
    needed = tuple([tensor.requires_grad for tensor in (x, *tensors)])
    keeps = torch.is_grad_enabled() and any(needed)
    points = x if x.ndim == 2 else x.reshape(-1, chain.n_in)
    y, jacobians, _ = ValueAndJacobian.apply(chain, needed, keeps, points, *tensors)
    if points is not x:  # torch would undo each change of shape on the way back, also one to the same
        lead = x.shape[:-1]
        y, jacobians = y.reshape(*lead, chain.n_out), jacobians.reshape(*lead, chain.n_out, chain.n_in)
    return blocks(y, jacobians, chain) if chain.several else (y, jacobians)


def jacobian(module: Any, x: Any) -> Any:
    """`J (..., n_out, n_in)` of a module at `x (..., n_in)`, in blocks for several; see `value_and_jacobian`.

    >>> import fastjac.torch, torch
    >>> module = torch.nn.Linear(3, 2)
    >>> bool((fastjac.torch.jacobian(module, torch.ones(3)) == module.weight).all())
    True
    """
    return value_and_jacobian(module, x)[1]
