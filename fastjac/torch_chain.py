"""A live torch module as a chain of operations whose parameters are the module's own tensors.

What `fastjac.torch` differentiates. A module is followed by torch.fx at its first use, and again where it has become another:
`_state` and `_strays` are what tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from .errors import DtypeError, OptionError, UnsupportedLayerError
from .gradients.lowering import lower
from .gradients.operations import Operation, ParameterName, operations_of
from .gradients.runner import GradientRunner
from .importers.located import located
from .importers.torch.chain import followed
from .importers.torch.modified import Evaluated, own_class
from .importers.torch.tracing import Traced
from .layers import Layer, PReLU
from .network import Network
from .torch_team import team_of_torch

DTYPES: dict[Any, np.dtype] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
INTERNAL = frozenset(vars(torch.nn.Module())) - {"training"}
"""What torch keeps in every module beside its options."""
PLAIN = (bool, int, float, str, tuple, type(None))
"""Options that are the same where they are equal."""

Needed = tuple[bool, ...]
"""Which of several tensors a gradient is needed of."""
Modules = Mapping[str, Any]
"""A module's inner ones and itself, by their paths."""
Reader = Callable[[Any], dict[str, Any]]
"""From one of torch's own modules the tensors of the layer that it becomes, by field name, as torch differentiates them."""


@dataclass(frozen=True, eq=False)
class ModuleChain:
    """What a module computes, for tensors that are read from it at each call.

    names : the parameters' places among the layers, in the order of `tensors`.
    readers : the paths of the modules that hold them, with what reads them.
    dtype : torch's, of all parameters.
    sizes : of all parameters whose gradients the kernel gives, one after another.
    places : which of these each of `names` is, and its shape.
    runners : by which of the parameters they give a gradient of.

    No module is held here, so that the chain does not keep alive the one that it belongs to.
    """

    layers: tuple[Layer, ...]
    ops: list[Operation]
    names: list[ParameterName]
    readers: list[tuple[str, Reader]]
    n_in: int
    n_out: int
    dtype: Any
    sizes: list[int]
    places: list[tuple[int, tuple[int, ...]]]
    runners: dict[Needed, GradientRunner] = field(default_factory=dict)

    def tensors(self, modules: Modules) -> list[Any]:
        """The parameters as they are now."""
        return [tensor for path, reader in self.readers for tensor in reader(modules[path]).values()]

    def runner(self, needed: Needed) -> GradientRunner:
        """What gives the gradients of the parameters that are needed, and of no others."""
        runner = self.runners.get(needed)
        if runner is None:
            wanted = list(compress(self.names, needed))
            runner = self.runners[needed] = GradientRunner(
                lower(self.ops, DTYPES[self.dtype], wanted), self.layers, team_of_torch()
            )
        return runner

    def split(self, gradient: Any, needed: Needed) -> list[Any]:
        """The parts of a flat gradient that belong to the parameters, one for each name; None for those that are not needed."""
        parts, found = gradient.split_with_sizes(self.sizes), zip(self.places, needed, strict=True)
        return [_shaped(parts[place], shape) if is_needed else None for (place, shape), is_needed in found]


def _shaped(vector: Any, shape: tuple[int, ...]) -> Any:
    return vector if len(shape) == 1 else vector.view(shape)


def chain_of(module: Any) -> tuple[ModuleChain, list[Any]]:
    """The chain that a module is, and its parameters as they are now.

    Raises as `fastjac.torch.value_and_jacobian` does.
    """
    if not isinstance(module, torch.nn.Module):
        raise DtypeError(f"fastjac.torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
    modules = dict(module.named_modules())
    state = [(path, *_state(inner)) for path, inner in modules.items()]
    known = _known.get(module)
    if known is None or known.state != state or known.versions != _versions(known.strays):
        # Gradients are recorded even where the caller wants none now: they tell what is computed from parameters.
        with torch.inference_mode(False), torch.enable_grad():
            chain, strays = _followed(module, modules)
        known = _known[module] = _Known(chain, state, strays, _versions(strays))
    return known.chain, known.chain.tensors(modules)


@dataclass(frozen=True, eq=False)
class _Known:
    """A module's chain, the state in which it was found, and the tensors that it was found to go by, with their versions."""

    chain: ModuleChain
    state: list[Any]
    strays: list[Any]
    versions: list[int]


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()
"""What modules were found to be, while they live."""


def _state(module: Any) -> tuple[Any, ...]:
    """What a module computes by, apart from its inner modules and the entries of its tensors."""
    hooks = (len(module._forward_hooks), len(module._forward_pre_hooks))
    tensors = [
        (name, id(tensor), tensor.dtype, tensor.shape, tensor.device, tensor.requires_grad)
        for held in (module._parameters, module._buffers)
        for name, tensor in held.items()
        if tensor is not None
    ]
    # A hook that computes a weight puts a new one down at every call of the module.
    options = [
        value if isinstance(value, PLAIN) else id(value)
        for name, value in vars(module).items()
        if name not in INTERNAL and (hooks[1] == 0 or isinstance(value, PLAIN))
    ]
    return type(module), hooks, tensors, options


def _versions(tensors: list[Any]) -> list[int]:
    """How often each tensor was changed in place."""
    return [tensor._version for tensor in tensors]


def _followed(module: Any, modules: Modules) -> tuple[ModuleChain, list[Any]]:
    """The chain, and the tensors whose entries are parts of it."""
    dtype = _dtype_of(module)
    found, parts = followed(module)
    _check_constants(module, found)
    network = Network([layer for part in parts for layer in part.layers], dtype=DTYPES[dtype])
    called = {f"{path} ({type(inner).__name__})".lstrip(): path for path, inner in found.modules.items()}
    layers: list[Any] = list(network.layers)
    names: list[ParameterName] = []
    readers: list[tuple[str, Reader]] = []
    position = 0
    for part in parts:
        path = called.get(part.source)
        if path is not None and part.layers:
            inner, width = found.modules[path], network.widths[position]
            reader = _reader(inner, width)
            fields = reader(inner)
            if fields:
                _check_registered(path, part.source, modules)
                readers.append((path, reader))
                names += [(position, name) for name in fields]
            if _is_shared_slope(inner):
                layers[position] = PReLU(np.full(width, layers[position].weight, network.dtype))
        position += len(part.layers)
    ops = operations_of(layers, network.widths)
    trained = [(op.position, name) for op in ops for name in op.fields.values()]
    arrays = [layers[position].arrays[name] for position, name in trained]
    sizes, places = [array.size for array in arrays], [(number, arrays[number].shape) for number in map(trained.index, names)]
    chain = ModuleChain(tuple(layers), ops, names, readers, network.n_in, network.n_out, dtype, sizes, places)
    return chain, list(_strays(modules, found))


def _reader(module: Any, width: int) -> Reader:
    """What reads the tensors of a module whose layer takes `width` inputs."""
    if own_class(module) in ("BatchNorm1d", "SyncBatchNorm"):
        return _scale_and_shift
    return partial(_spread_slope, width=width) if _is_shared_slope(module) else _weight_and_bias


def _weight_and_bias(module: Any) -> dict[str, Any]:
    """Weight and bias where there are any, by way of the hooks that compute them."""
    evaluated = Evaluated(module) if module._forward_pre_hooks else module
    held = module._parameters  # where attributes are found in the end, if not computed
    tensors = {name: held[name] if name in held else getattr(evaluated, name, None) for name in ("weight", "bias")}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def _scale_and_shift(module: Any) -> dict[str, Any]:
    """Batch normalization in evaluation, as it is folded."""
    scale = torch.rsqrt(module.running_var + module.eps)
    scale = scale if module.weight is None else scale * module.weight
    shift = -module.running_mean * scale
    return {"weight": scale, "bias": shift if module.bias is None else shift + module.bias}


def _spread_slope(module: Any, width: int) -> dict[str, Any]:
    """A slope that all units share, once for each; torch adds up their gradients."""
    return {"weight": module.weight.expand(width)}


def _is_shared_slope(module: Any) -> bool:
    return own_class(module) == "PReLU" and module.num_parameters == 1


def _strays(modules: Modules, found: Traced) -> Iterator[Any]:
    """The tensors that a forward may compute by without one of torch's own modules around them, and that the chain has copied."""
    read = {id(inner) for called in found.modules.values() for inner in called.modules()}
    for module in modules.values():
        if id(module) not in read:
            yield from _tensors((*module._parameters.values(), *module._buffers.values(), *vars(module).values()))
    yield from _tensors(found.constants.values())


def _tensors(values: Any) -> Iterator[Any]:
    """The tensors among the values, but for those of inference mode, which have no version."""
    return (value for value in values if isinstance(value, torch.Tensor) and not value.is_inference())


def _dtype_of(module: Any) -> Any:
    parameters = dict(module.named_parameters())
    if not parameters:
        raise DtypeError(
            "the module has no parameters to train, which would tell its dtype; use fastjac.from_torch(module, n_in)"
        )
    for name, parameter in parameters.items():
        if parameter.device.type != "cpu":
            raise OptionError(
                f"parameter {name} is on {parameter.device}; fastjac computes on the CPU only: call module.cpu() first"
            )
    dtypes = {parameter.dtype for parameter in parameters.values()}
    if len(dtypes) != 1 or not dtypes <= DTYPES.keys():
        raise DtypeError(
            f"the module's parameters must all be float32 or all float64, they are {', '.join(sorted(map(str, dtypes)))}; "
            "call module.float() or module.double() first"
        )
    return dtypes.pop()


def _check_registered(path: str, source: str, modules: Modules) -> None:
    """Refuse a module that the user's does not know of, since its parameters could not be found again."""
    if path not in modules:
        with located(source):
            raise UnsupportedLayerError(
                "it has parameters, but is not registered in the module; make it an attribute, or keep it in a "
                "torch.nn.ModuleList instead of a list"
            )


def _check_constants(module: Any, found: Traced) -> None:
    """Refuse parameters that a forward uses without one of torch's own modules around them: their gradients would be lost."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for constant in found.constants.values():
        if isinstance(constant, torch.Tensor) and constant.requires_grad:
            name = names.get(id(_leaf(constant)), "that is not registered")
            raise UnsupportedLayerError(
                f"parameter {name} is used by the forward itself; fastjac.torch trains those that Linear, LayerNorm, GroupNorm, "
                "BatchNorm1d and PReLU hold and use: use one of these, or call requires_grad_(False) on it"
            )


def _leaf(tensor: Any) -> Any:
    """A tensor that this one is computed from and that requires grad."""
    node = tensor.grad_fn
    while node is not None and not hasattr(node, "variable"):
        node = next(inner for inner, _ in node.next_functions if inner is not None)
    return tensor if node is None else node.variable
