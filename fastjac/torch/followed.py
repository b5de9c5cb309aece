"""What a live torch module computes, found by torch.fx: a network, and what reads its parameters from the module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
import torch

from ..errors import DtypeError, OptionError, ShapeError, UnsupportedLayerError
from ..gradients.operations import ParameterName, unfold
from ..graph import Graph
from ..importers.torch.evaluation import check_evaluation
from ..importers.torch.graph import Followed, followed
from ..importers.torch.inputs import inputs_of
from ..importers.torch.modes import is_plain, is_transformed, undisturbed
from ..importers.torch.modified import Evaluated, own_class
from ..importers.torch.tracing import Traced
from ..layers import Layer, PReLU
from .chain import DTYPES, Call, ModuleChain, Reader
from .reads import reading
from .watch import Watch


def followed_chain(module: Any, sizes: Sequence[int]) -> tuple[ModuleChain, Watch]:
    """The network that a module is, and what says whether it still is.

    sizes : of the inputs that it is called with.

    Raises as `fastjac.torch.value_and_jacobian` does.
    """
    dtype = _dtype_of(module)
    _check_count(module, sizes)
    # Gradients are recorded even where the caller wants none now: they tell what is computed from parameters.
    with undisturbed():
        with reading() as reads:
            found = followed(module, _shapes(sizes) if len(sizes) > 1 else None)
            sized = len(sizes) > 1 or None in found.sizes
            if len(sizes) == 1 and sized:
                found = followed(module, _shapes(sizes))
        _check_tensors(module, found.traced)
        reads.add(found.traced.constants)
        chain = _chain(module, found, dtype, sized)
        check_evaluation(module, _Values(chain), found.inputs.shapes, found.traced.constants.values())
    return chain, Watch(module, reads)


def _shapes(sizes: Sequence[int]) -> Any:
    """The sizes as from_torch takes them."""
    return sizes[0] if len(sizes) == 1 else list(sizes)


def _check_count(module: Any, sizes: Sequence[int]) -> None:
    try:
        inputs_of(module, _shapes(sizes) if sizes else None)
    except OptionError as error:
        raise ShapeError(
            f"x must hold a tensor for each input of the module's forward, in a tuple if there are several, got {len(sizes)}"
        ) from error


def _chain(module: Any, found: Followed, dtype: Any, sized: bool) -> ModuleChain:
    network = found.network(DTYPES[dtype])
    inner_of = {layers[0]: (inner, source) for inner, source, layers in _called(found.traced)}
    shared = [layer for layer, (inner, _) in inner_of.items() if _is_shared_slope(inner)]
    graph, origins = _spread(network._graph, shared, network.dtype)
    unfolded = unfold(graph)
    names: list[ParameterName] = []
    readers: list[tuple[ref, Reader]] = []
    registered = set(module.modules())
    for position, layer in enumerate(unfolded.layers):
        inner, source = inner_of.get(origins.get(layer, layer), (None, ""))
        if inner is None or not layer.arrays:
            continue
        reader = _reader(inner, layer)
        if inner not in registered:
            raise _not_registered(source)
        readers.append((ref(inner), reader))
        names += [(position, name) for name in reader(inner)]
    shapes = [torch.Size(unfolded.layers[position].arrays[name].shape) for position, name in names]
    strides = [(*shape[1:], 1) for shape in shapes]  # a weight's, or a vector's
    places = list(zip(shapes, strides, map(unfolded.positions.__getitem__, names), strict=True))
    return ModuleChain(unfolded, names, readers, network.inputs, network.outputs, dtype, places, sized)


def _called(found: Traced) -> Iterator[tuple[Any, str, Sequence[Layer]]]:
    """Torch's own modules that became layers, with their names and layers, of which the first has the parameters."""
    for node in found.nodes:
        if node.op == "call_module" and found.layers.get(node):
            yield found.modules[node.target], found.source(node), found.layers[node]


def _spread(graph: Graph, shared: Sequence[Layer], dtype: np.dtype) -> tuple[Graph, dict[Layer, Layer]]:
    """The graph with an entry for each unit in place of slopes that all units share, and what was there instead."""
    spread: dict[tuple[Layer, int], Layer] = {}
    vertices = list(graph.vertices)
    for number, vertex in enumerate(vertices):
        if isinstance(vertex.operation, PReLU) and vertex.operation in shared:
            key = vertex.operation, vertex.size
            if key not in spread:
                spread[key] = PReLU(np.full(vertex.size, vertex.operation.weight, dtype))
            vertices[number] = replace(vertex, operation=spread[key])
    return replace(graph, vertices=tuple(vertices)), {layer: origin for (origin, _), layer in spread.items()}


def _reader(module: Any, layer: Layer) -> Reader:
    """What reads the tensors of a module that became this layer."""
    if own_class(module) in ("BatchNorm1d", "SyncBatchNorm"):
        return _scale_and_shift
    return partial(_spread_slope, width=layer.n_in or 1) if _is_shared_slope(module) else _weight_and_bias


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
        self.inputs, self.n_in, self.n_out, self.dtype = chain.inputs, chain.n_in, chain.n_out, DTYPES[chain.dtype]
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
