"""What a live torch module computes, found by torch.fx: a chain, and what reads its parameters from the module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
import torch

from ..errors import DtypeError, OptionError, UnsupportedLayerError
from ..gradients.operations import ParameterName, unfold
from ..graph import path
from ..importers.parts import Part
from ..importers.torch.evaluation import check_evaluation
from ..importers.torch.graph import Followed, followed
from ..importers.torch.modes import is_plain, is_transformed, undisturbed
from ..importers.torch.modified import Evaluated, own_class
from ..importers.torch.tracing import Traced
from ..layers import PReLU
from ..network import Network
from .chain import DTYPES, Call, ModuleChain, Reader
from .reads import reading
from .watch import Watch


def followed_chain(module: Any) -> tuple[ModuleChain, Watch]:
    """The chain that a module is, and what says whether it still is.

    Raises as `fastjac.torch.value_and_jacobian` does.
    """
    dtype = _dtype_of(module)
    # Gradients are recorded even where the caller wants none now: they tell what is computed from parameters.
    with undisturbed():
        with reading() as reads:
            found = followed(module)
        parts = _parts_of_chain(found)
        _check_tensors(module, found.traced)
        reads.add(found.traced.constants)
        chain = _chain(module, found.traced, parts, dtype)
        check_evaluation(module, _Values(chain), found.inputs.shapes, found.traced.constants.values())
    return chain, Watch(module, reads)


def _parts_of_chain(found: Followed) -> Sequence[Part]:
    if found.parts is None:
        raise UnsupportedLayerError(
            "fastjac.torch trains chains, in which each step takes the result of the one before alone, and this forward is a "
            "graph; fastjac.from_torch gives its network as it is now"
        )
    return found.parts


def _chain(module: Any, found: Traced, parts: Sequence[Part], dtype: Any) -> ModuleChain:
    network = Network([layer for part in parts for layer in part.layers], dtype=DTYPES[dtype])
    layers: list[Any] = list(network.layers)
    named: list[tuple[int, str]] = []
    readers: list[tuple[ref, Reader]] = []
    registered = set(module.modules())
    for inner, source, position in _called(found, parts):
        width = network.widths[position]
        reader = _reader(inner, width)
        fields = reader(inner)
        if fields and inner not in registered:
            raise _not_registered(source)
        if fields:
            readers.append((ref(inner), reader))
            named += [(position, name) for name in fields]
        if _is_shared_slope(inner):
            layers[position] = PReLU(np.full(width, layers[position].weight, network.dtype))
    unfolded = unfold(path(layers, network.widths))
    names: list[ParameterName] = [(unfolded.layers.index(layers[position]), name) for position, name in named]
    trained = list(unfolded.positions)
    arrays = [unfolded.layers[position].arrays[name] for position, name in trained]
    places = [(number, torch.Size(arrays[number].shape)) for number in map(trained.index, names)]
    sizes = [array.size for array in arrays]
    return ModuleChain(unfolded, names, readers, network.n_in, network.n_out, dtype, sizes, places)


def _called(found: Traced, parts: Sequence[Part]) -> Iterator[tuple[Any, str, int]]:
    """Torch's own modules that became layers, with their names and the places of their first layers."""
    modules = {f"{path} ({type(inner).__name__})".lstrip(): inner for path, inner in found.modules.items()}
    position = 0
    for part in parts:
        if part.source in modules and part.layers:
            yield modules[part.source], part.source, position
        position += len(part.layers)


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


class _Values:
    """A chain's values and derivatives, as a network gives them."""

    def __init__(self, chain: ModuleChain) -> None:
        self.inputs, self.n_in, self.n_out, self.dtype = (chain.n_in,), chain.n_in, chain.n_out, DTYPES[chain.dtype]
        self._chain, self._tensors = chain, chain.tensors()

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The values at `x (n, n_in)`, and the Jacobians multiplied by `u (n_out,)`."""
        points, needed = torch.from_numpy(x), (False, *(tensor.requires_grad for tensor in self._tensors))
        with torch.no_grad():
            y, jacobians = Call(self._chain, needed, points, self._tensors).evaluate(points)
        return y.numpy(), u @ jacobians.numpy()


def _dtype_of(module: Any) -> Any:
    parameters = dict(module.named_parameters())
    if not parameters:
        raise DtypeError(
            "the module has no parameters to train, which would tell its dtype; use fastjac.from_torch(module, n_in)"
        )
    for name, parameter in parameters.items():
        if is_transformed(parameter) or not is_plain(parameter):
            raise OptionError(
                f"parameter {name} is a {type(parameter).__name__} without numbers, as torch.func and torch.export have; call "
                "fastjac.torch.value_and_jacobian(module, x) once before, with the module's own parameters"
            )
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


def _not_registered(source: str) -> UnsupportedLayerError:
    """Parameters of a module that the user's does not know of could not be found again."""
    return UnsupportedLayerError(
        f"{source}: it has parameters, but is not registered in the module; make it an attribute, or keep it in a "
        "torch.nn.ModuleList instead of a list"
    )


def _check_tensors(module: Any, found: Traced) -> None:
    """Refuse a forward that passes parameters on in ways that cannot be read from the module at each call.

    Their gradients would be lost, where it uses them itself, or where it gives others to a module for a call.
    """
    for source in found.replaced:
        raise UnsupportedLayerError(
            f"{source}: it is called with other tensors than it holds, as by torch.func.functional_call, whose gradients would "
            "be lost; put a torch.nn.utils.parametrize parametrization on it instead"
        )
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
