"""The network that a live torch module computes, and the functions that read its parameters from the module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import ref

import numpy as np
import torch

from ..errors import DtypeError, OptionError, ShapeError, UnsupportedLayerError
from ..gradients.operations import ParameterName, unfold
from ..graphs.graph import Graph
from ..importers.ir.assembly import network_of
from ..importers.tensors import as_numpy
from ..importers.torch.calls import Call, Given
from ..importers.torch.evaluation import check_evaluation
from ..importers.torch.following import Followed, followed
from ..importers.torch.inputs import inputs_of
from ..importers.torch.modes import is_plain, is_transformed, undisturbed
from ..importers.torch.recording import is_same
from ..layers import Affine, Layer, LayerNorm, PReLU, Scale
from .chain import DTYPES, ModuleChain
from .chain import Call as ChainCall
from .parameters import TRAINED, Reader, is_shared_slope, is_trained, reader_of
from .reads import reading
from .watch import Watch

PARAMETRIZED = (Affine, LayerNorm, PReLU, Scale)
"""The layers that the modules of TRAINED become."""


def followed_chain(module: Any, sizes: Sequence[int]) -> tuple[ModuleChain, Watch]:
    """The network that a module computes, and a watch that says whether it still does.

    sizes : the sizes of the inputs with which it is called.

    Raises as `fastjac.torch.value_and_jacobian` does.
    """
    dtype = _dtype_of(module)
    _check_count(module, sizes)
    # Gradients are recorded even where the caller wants none now: they show what is computed from parameters.
    with undisturbed():
        with reading() as reads:
            found = followed(module, list(sizes)) if len(sizes) > 1 else followed(module, otherwise=sizes or None)
        _check_used(found)
        _check_tensors(module, found)
        reads.add([given.tensor for call in found.calls if not is_trained(call.place.module) for given in call.given()])
        chain = _chain(module, found, dtype, len(sizes) > 1 or not found.is_sized)
        check_evaluation(found.subject, _Values(chain))
    return chain, Watch(module, reads)


def _check_count(module: Any, sizes: Sequence[int]) -> None:
    try:
        inputs_of(module, sizes[0] if len(sizes) == 1 else list(sizes) or None)
    except OptionError as error:
        raise ShapeError(
            f"x must hold a tensor for each input of the module's forward, in a tuple if there are several, got {len(sizes)}"
        ) from error


def _check_used(found: Followed) -> None:
    """Refuse inputs that reach no output."""
    for node in found.unused:
        raise UnsupportedLayerError(
            f"what its forward returns does not depend on the input {node.name}; leave this input out of the forward"
        )


def _chain(module: Any, found: Followed, dtype: Any, sized: bool) -> ModuleChain:
    network = network_of(found.inputs, found.outputs, DTYPES[dtype])
    shared = [layer for layer, place in found.places.items() if is_shared_slope(place.module)]
    graph, origins = _spread(network._graph, shared, network.dtype)
    unfolded = unfold(graph)
    names: list[ParameterName] = []
    readers: list[tuple[ref, Reader]] = []
    registered = set(module.modules())
    for position, layer in enumerate(unfolded.layers):
        place = found.places.get(origins.get(layer, layer))
        if place is None or not is_trained(place.module) or not isinstance(layer, PARAMETRIZED):
            continue
        reader = reader_of(place.module, layer)
        if place.module not in registered:
            # Its parameters could not be found again.
            raise UnsupportedLayerError(
                f"{place}: it has parameters, but is not registered in the module; make it an attribute, or keep it in a "
                "torch.nn.ModuleList instead of a list"
            )
        tensors = reader(place.module)
        if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != {
            name: array.shape for name, array in layer.arrays.items()
        }:
            raise UnsupportedLayerError(
                f"{place}: it acts on samples of several axes, or on groups of channels, so that it is no one layer with its "
                "parameters, which fastjac.torch could train; use fastjac.from_torch(module)"
            )
        readers.append((ref(place.module), reader))
        names += [(position, name) for name in tensors]
    shapes = [torch.Size(unfolded.layers[position].arrays[name].shape) for position, name in names]
    strides = [(*shape[1:], 1) for shape in shapes]  # a weight's, or a vector's
    places = list(zip(shapes, strides, map(unfolded.positions.__getitem__, names), strict=True))
    return ModuleChain(unfolded, names, readers, network.inputs, network.outputs, dtype, places, sized)


def _spread(graph: Graph, shared: Sequence[Layer], dtype: np.dtype) -> tuple[Graph, dict[Layer, Layer]]:
    """The graph with an entry for each unit in place of slopes that all units share, and the layers that were there before."""
    spread: dict[tuple[Layer, int], Layer] = {}
    vertices = list(graph.vertices)
    for number, vertex in enumerate(vertices):
        if isinstance(vertex.operation, PReLU) and vertex.operation in shared:
            key = vertex.operation, vertex.size
            if key not in spread:
                spread[key] = PReLU(np.full(vertex.size, vertex.operation.weight, dtype))
            vertices[number] = replace(vertex, operation=spread[key])
    return replace(graph, vertices=tuple(vertices)), {layer: origin for (origin, _), layer in spread.items()}


class _Values:
    """A chain's values and derivatives, as a network gives them."""

    def __init__(self, chain: ModuleChain) -> None:
        self.inputs, self.n_in, self.n_out, self.dtype = chain.inputs, chain.n_in, chain.n_out, DTYPES[chain.dtype]
        self._chain, self._tensors = chain, chain.tensors()

    def vjp(self, x: np.ndarray, u: np.ndarray, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The values at `x (n, n_in)`, and the Jacobians multiplied by `u (n_out,)`."""
        points, needed = torch.from_numpy(x), (False, *(tensor.requires_grad for tensor in self._tensors))
        with torch.no_grad():
            y, jacobians = ChainCall(self._chain, needed, points, self._tensors).evaluate(points)
        return y.numpy(), u @ jacobians.numpy()


def _dtype_of(module: Any) -> Any:
    parameters = dict(module.named_parameters())
    if not parameters:
        raise DtypeError(
            "the module has no parameters to train, from which its dtype would follow; use fastjac.from_torch(module, n_in)"
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


def _check_tensors(module: Any, found: Followed) -> None:
    """Refuse a forward that passes parameters on in ways that cannot be read from the module at each call.

    Their gradients would be lost where a module other than those of TRAINED uses the parameters, or the forward itself does, or
    where the forward gives a module other parameters for a call.
    """
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for call in found.calls:
        used = [given for given in call.given() if given.leaf is not None]
        if is_trained(call.place.module):
            _check_own(call, used)
        elif used:
            name = names.get(id(used[0].leaf), "that is not registered")
            user = "the forward itself" if call.place.module is None else call.place.source
            raise UnsupportedLayerError(
                f"parameter {name} is used by {user}; fastjac.torch trains those that {', '.join(TRAINED)} hold and use: use one "
                "of these, or call requires_grad_(False) on it"
            )


def _check_own(call: Call, used: Sequence[Given]) -> None:
    """Refuse a module that is called with tensors other than its own, unless it computes them itself."""
    module = call.place.module
    if hasattr(module, "parametrizations") or module._forward_pre_hooks:
        return
    held = [*module.parameters(), *module.buffers()]
    for given in used:
        alike = any(one.shape == given.tensor.shape and is_same(given.entries, as_numpy(one)) for one in held)
        if alike and any(given.leaf is one for one in held):
            continue
        raise UnsupportedLayerError(
            f"{call.place}: it is called with other tensors than it holds, as by torch.func.functional_call, whose gradients "
            "would be lost; put a torch.nn.utils.parametrize parametrization on it instead"
        )
