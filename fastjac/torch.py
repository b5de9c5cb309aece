"""Losses that the Jacobian of a live torch module takes part in.

    y, J = fastjac.torch.value_and_jacobian(module, x)
    loss = (y - target).square().mean() + (J.mT @ J).det().mean()
    loss.backward()                     # fills .grad of the module's parameters, and of x

No graph is recorded of what J is made of: its derivative is computed by `Network.jacobian_vjp`'s kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .errors import DtypeError, MissingDependencyError, OptionError, ShapeError, UnsupportedLayerError
from .gradients.lowering import lower
from .gradients.operations import Operation, ParameterName, operations_of
from .gradients.runner import GradientRunner
from .layers import Layer, PReLU
from .network import Network

try:
    import torch
except ImportError as error:
    raise MissingDependencyError("fastjac.torch needs PyTorch; install it with: pip install torch") from error

from .importers.torch.chain import chain as parts_of
from .importers.torch.modified import Evaluated, check_evaluating, own_class
from .importers.torch.tracing import traced

DTYPES = {torch.float32: np.float32, torch.float64: np.float64}


def value_and_jacobian(module: Any, x: Any) -> tuple[Any, Any]:
    """`y (..., n_out)` and `J (..., n_out, n_in)` of a module at `x (..., n_in)`, both differentiable by its parameters and x.

    Parameters
    ----------
    module : what `fastjac.from_torch` takes, with its parameters on the CPU, all float32 or all float64. Its parameters are read
        where they lie, at each call. Those that do not require grad are left out of the backward pass.
    x : tensor of the module's dtype, on the CPU.

    Raises
    ------
    DtypeError, ShapeError
        The module or x is of another type, device or size.
    UnsupportedLayerError, FormatError
        The module is not one that `fastjac.from_torch` takes, or uses parameters outside of torch's own modules.

    The second derivative of a piecewise linear activation is 0. What backward gives cannot be differentiated again: torch says
    so. A parameter that is changed in place between the call and backward is an error, as everywhere in torch.
    """
    chain = _chain_of(module)
    _check_input(chain, x)
    points = x.reshape(-1, chain.n_in)
    y, jacobians = _Function.apply(chain, points, *chain.tensors())
    lead = x.shape[:-1]
    return y.reshape(*lead, chain.n_out), jacobians.reshape(*lead, chain.n_out, chain.n_in)


def jacobian(module: Any, x: Any) -> Any:
    """`J (..., n_out, n_in)` of a module at `x (..., n_in)`; see `value_and_jacobian`."""
    return value_and_jacobian(module, x)[1]


@dataclass(eq=False)
class _Chain:
    """A module as operations whose parameters are tensors of the module, or computed from them by torch.

    names : the parameters' places among the layers.  sources : for each, what gives the tensor as it is now.
    """

    layers: tuple[Layer, ...]
    ops: list[Operation]
    names: list[ParameterName]
    sources: list[Callable[[], Any]]
    n_in: int
    n_out: int
    dtype: Any
    signature: Any
    runners: dict[frozenset[ParameterName], GradientRunner] = field(default_factory=dict)

    def tensors(self) -> list[Any]:
        """The parameters as they are now."""
        return [source() for source in self.sources]

    def runner(self, wanted: frozenset[ParameterName]) -> GradientRunner:
        """The runner that gives the gradients of these parameters."""
        if wanted not in self.runners:
            self.runners[wanted] = GradientRunner(lower(self.ops, np.dtype(DTYPES[self.dtype]), wanted), self.layers)
        return self.runners[wanted]


class _Function(torch.autograd.Function):
    """The values and Jacobians of a chain at `points (n, n_in)`."""

    @staticmethod
    def forward(ctx: Any, chain: _Chain, points: Any, *tensors: Any) -> tuple[Any, Any]:
        wanted = zip(chain.names, ctx.needs_input_grad[2:], strict=True)
        ctx.chain, ctx.runner = chain, chain.runner(frozenset(name for name, needed in wanted if needed))
        ctx.values = _pack(ctx.runner, chain.names, tensors)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(points, *tensors)
        dtype = DTYPES[chain.dtype]
        y = np.empty((len(points), chain.n_out), dtype)
        jacobians = np.empty((len(points), chain.n_out, chain.n_in), dtype)
        arrays = {"x": _array(points), "y": y, "jacobian": jacobians}
        ctx.runner.run(arrays, None, {"parameters": ctx.values})
        return torch.from_numpy(y), torch.from_numpy(jacobians)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_y: Any, by_jacobian: Any) -> tuple[Any, ...]:
        points, *tensors = ctx.saved_tensors  # raises where one was changed in place
        chain, runner = ctx.chain, ctx.runner
        x_gradient = np.empty(points.shape, DTYPES[chain.dtype]) if ctx.needs_input_grad[1] else None
        arrays = {"x": _array(points), "x_gradient": x_gradient}
        arrays |= {"y_gradient": _array(by_y), "jacobian_gradient": _array(by_jacobian)}
        if by_y is None and by_jacobian is None:
            return (None,) * (2 + len(tensors))
        sums = runner.run(arrays, None, {"parameters": ctx.values})
        found = {
            (op.position, op.fields[key]): place.of(sums)
            for op, places in zip(chain.ops, runner.lowered.gradients, strict=True)
            for key, place in places.items()
        }
        gradients = [
            torch.from_numpy(found[name]).reshape(tensor.shape) if name in found else None
            for name, tensor in zip(chain.names, tensors, strict=True)
        ]
        return (None, None if x_gradient is None else torch.from_numpy(x_gradient), *gradients)


def _array(tensor: Any) -> np.ndarray | None:
    """A tensor's entries, where they lie if they lie in C order."""
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _pack(runner: GradientRunner, names: Sequence[ParameterName], tensors: Sequence[Any]) -> np.ndarray:
    given: dict[int, dict[str, np.ndarray]] = {}
    for (position, name), tensor in zip(names, tensors, strict=True):
        given.setdefault(position, {})[name] = tensor.detach().numpy()
    return runner.pack_parameters(given)


def _check_input(chain: _Chain, x: Any) -> None:
    if not isinstance(x, torch.Tensor):
        raise DtypeError(f"x must be a torch tensor, got {type(x).__name__}; use torch.from_numpy, or fastjac.from_torch(module)")
    if x.dtype != chain.dtype:
        raise DtypeError(f"x must have the module's dtype {chain.dtype}, got {x.dtype}")
    if x.device.type != "cpu":
        raise OptionError(f"x must be on the CPU, it is on {x.device}; fastjac computes there only")
    if x.ndim == 0 or x.shape[-1] != chain.n_in:
        raise ShapeError(f"x must have shape (..., {chain.n_in}), got {tuple(x.shape)}")


_chains: WeakKeyDictionary[Any, _Chain] = WeakKeyDictionary()
"""What modules were found to be, while they live."""


def _chain_of(module: Any) -> _Chain:
    """The module as a chain, found anew where its inner modules, their modes or parameters are others than before."""
    if not isinstance(module, torch.nn.Module):
        raise DtypeError(f"fastjac.torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    signature = _signature(module)
    chain = _chains.get(module)
    if chain is None or chain.signature != signature:
        chain = _chains[module] = _found(module, signature)
    return chain


def _signature(module: Any) -> Any:
    inner = tuple((id(m), m.training, m.extra_repr(), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in module.modules())
    return inner, tuple((id(p), p.dtype, p.shape, p.device) for p in module.parameters())


def _found(module: Any, signature: Any) -> _Chain:
    dtype = _dtype_of(module)
    check_evaluating(module)
    found = traced(module)
    parts = list(parts_of(found))
    _check_parameters(module, found.modules.values())
    network = Network([layer for part in parts for layer in part.layers], dtype=DTYPES[dtype])
    layers: list[Any] = list(network.layers)
    names: list[ParameterName] = []
    sources: list[Callable[[], Any]] = []
    position = 0
    for part in parts:
        inner = found.modules.get(part.source.rpartition(" (")[0])
        given = _sources(inner, network.widths[position])
        names += [(position, name) for name in given]
        sources += given.values()
        if isinstance(inner, torch.nn.PReLU) and inner.num_parameters == 1:
            layers[position] = PReLU(np.full(network.widths[position], layers[position].weight, network.dtype))
        position += len(part.layers)
    ops = operations_of(layers, network.widths)
    return _Chain(tuple(layers), ops, names, sources, network.n_in, network.n_out, dtype, signature)


def _sources(module: Any, width: int) -> dict[str, Callable[[], Any]]:
    """For each field of the layer that one of torch's own modules becomes, what gives the tensor, as torch differentiates it."""
    name = own_class(module) if module is not None else None
    if name in ("BatchNorm1d", "SyncBatchNorm"):
        return {"weight": lambda: _batch_norm_scale(module), "bias": lambda: _batch_norm_shift(module)}
    if name == "PReLU" and module.num_parameters == 1:
        return {"weight": lambda: module.weight.expand(width)}
    fields = [field for field in ("weight", "bias") if getattr(module, field, None) is not None]
    return {field: partial(_computed, module, field) for field in fields}


def _computed(module: Any, field: str) -> Any:
    """A module's parameter, by way of its hooks if they compute it."""
    return getattr(Evaluated(module) if module._forward_pre_hooks else module, field)


def _batch_norm_scale(module: Any) -> Any:
    scale = torch.rsqrt(module.running_var + module.eps)
    return scale if module.weight is None else scale * module.weight


def _batch_norm_shift(module: Any) -> Any:
    shift = -module.running_mean * _batch_norm_scale(module)
    return shift if module.bias is None else shift + module.bias


def _dtype_of(module: Any) -> Any:
    tensors = dict(module.named_parameters())
    for name, tensor in tensors.items():
        if tensor.device.type != "cpu":
            raise OptionError(
                f"parameter {name} is on {tensor.device}; fastjac computes on the CPU only: call module.cpu() first"
            )
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if len(dtypes) != 1 or not dtypes <= DTYPES.keys():
        told = ", ".join(sorted(map(str, dtypes))) or "none"
        raise DtypeError(f"the module's parameters must all be float32 or all float64, they are {told}")
    return dtypes.pop()


def _check_parameters(module: Any, known: Iterable[Any]) -> None:
    """Refuse parameters that torch's own modules do not hold, whose gradients would be lost."""
    held = {id(parameter) for inner in known for parameter in inner.parameters()}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and id(parameter) not in held:
            raise UnsupportedLayerError(
                f"parameter {name} is not one of torch's own modules; fastjac.torch trains those of Linear, LayerNorm, "
                "GroupNorm, BatchNorm1d and PReLU: hold it in one of these, or call requires_grad_(False) on it"
            )
