"""A live torch module as a network whose parameters are the module's own tensors, and one call of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np
import torch

from ..errors import ShapeError
from ..gradients.lowering import lower
from ..gradients.operations import ParameterName, Unfolded
from ..gradients.runner import GradientRunner
from ..importers.torch.modes import is_plain
from .parameters import Reader
from .team import team_of_torch

DTYPES: dict[Any, np.dtype] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}

Needed = tuple[bool, ...]
"""For each of several tensors whether its gradient is needed."""


@dataclass(frozen=True, eq=False)
class ModuleChain:
    """The network of a module, whose parameters are tensors that are read from the module at each call.

    unfolded : its operations, and the layers that have the parameters.
    inputs, outputs : the size of each.  sized : whether the sizes of the inputs are known only from what it was called with.
    names : the parameters' places among those layers, in the order of `tensors`.
    readers : the modules that hold the parameters, each with the function that reads them.
    dtype : torch's dtype of all parameters.
    places : the shape of each parameter, its strides, and its start among the gradients, which lie one after another.
    runners : the runners, each by the parameters whose gradients it gives.

    The modules are held weakly, so that the chain does not keep alive the one that it belongs to.
    """

    unfolded: Unfolded
    names: list[ParameterName]
    readers: list[tuple[ref, Reader]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dtype: Any
    places: list[tuple[torch.Size, tuple[int, ...], int]]
    sized: bool = False
    runners: dict[Needed, GradientRunner] = field(default_factory=dict)

    @cached_property
    def n_in(self) -> int:
        """Number of inputs, all together."""
        return sum(self.inputs)

    @cached_property
    def n_out(self) -> int:
        """Number of outputs, all together."""
        return sum(self.outputs)

    @cached_property
    def several(self) -> bool:
        """Whether there are several inputs, or several outputs."""
        return len(self.inputs) > 1 or len(self.outputs) > 1

    def tensors(self) -> list[Any]:
        """The parameters as they are now."""
        return [tensor for module, reader in self.readers for tensor in reader(module()).values()]

    def takes(self, tensors: Sequence[Any]) -> bool:
        """Whether these may be its parameters."""
        if len(tensors) != len(self.places):
            return False
        for tensor, (shape, _, _) in zip(tensors, self.places, strict=True):
            if tensor.shape != shape or tensor.dtype != self.dtype or not is_plain(tensor) or not tensor.is_cpu:
                return False
        return True

    def runner(self, needed: Needed) -> GradientRunner:
        """The runner that gives the gradients of the parameters that are needed, and of no others."""
        runner = self.runners.get(needed)
        if runner is None:
            wanted = list(compress(self.names, needed))
            runner = self.runners[needed] = GradientRunner(
                lower(self.unfolded, DTYPES[self.dtype], wanted), self.unfolded.layers, team_of_torch()
            )
        return runner

    def split(self, gradient: Any, needed: Needed) -> list[Any]:
        """The parts of a flat gradient that belong to the parameters, one for each name; None for those that are not needed."""
        return [gradient.as_strided(*place) if wanted else None for place, wanted in zip(self.places, needed, strict=True)]


class Call:
    """A chain at some points, with some parameters.

    chain : the chain that is called.  needed : for the points and for each parameter, whether a gradient will be needed.
    keeps : whether to keep what `gradients` would compute again.
    """

    def __init__(self, chain: ModuleChain, needed: Needed, points: Any, tensors: Sequence[Any], keeps: bool = False) -> None:
        self.chain, self._runner = chain, chain.runner(needed[1:])
        in_order = [_dense(tensor) for tensor in tensors]
        sources = {name: tensor.data_ptr() for name, tensor in zip(chain.names, in_order, strict=True)}
        self._values = self._runner.packed(sources)
        self._kept = self._runner.keep(len(points)) if keeps else None
        self._given = _identity(points, tensors) if keeps else ()

    def evaluate(self, points: Any) -> tuple[Any, Any]:
        """Values and Jacobians."""
        chain = self.chain
        y, jacobians = _empty(chain, len(points), chain.n_out), _empty(chain, len(points), chain.n_out, chain.n_in)
        self._run(x=points, y=y, jacobian=jacobians)
        return y, jacobians

    def gradients(self, needed: Needed, by_y: Any, by_jacobian: Any, points: Any) -> tuple[Any, ...]:
        """The derivatives of a loss by points and parameters, from its derivatives by y and J; None for those not needed."""
        chain = self.chain
        x_gradient = _empty(chain, *points.shape) if needed[0] else None
        gradient = _empty(chain, chain.unfolded.n_parameters)
        read = {"x": points, "y_gradient": by_y, "jacobian_gradient": by_jacobian}
        self._run(x_gradient=x_gradient, parameter_gradient=gradient, **read)
        self._runner.clear_unused(gradient)
        return x_gradient, *chain.split(gradient, needed[1:])

    def _run(self, x: Any, **tensors: Any) -> None:
        """Carry out a request with these tensors, by the request's names for them."""
        dense = {name: _dense(tensor) for name, tensor in {"x": x, **tensors}.items() if tensor is not None}
        given = {name: tensor.data_ptr() for name, tensor in dense.items()}
        self._runner.run(len(x), given | self._values.memory.words, None, self._kept)

    def is_of(self, needed: Needed, points: Any, tensors: Sequence[Any]) -> bool:
        """Whether the call was made with these very tensors, and nothing has changed them since."""
        return self._runner is self.chain.runner(needed[1:]) and self._given == _identity(points, tensors)

    def held(self) -> Any:
        """A tensor that holds the call, for torch to save: so the call lives until backward is done, like all that is saved."""
        holder = np.empty(1).view(_Holder)
        holder.call = self
        tensor = torch.from_numpy(holder)
        _calls[tensor.data_ptr()] = self
        return tensor


class _Holder(np.ndarray):
    """An array that holds a call, and that a tensor holds in turn."""

    call: Call


_calls: WeakValueDictionary[int, Call] = WeakValueDictionary()
"""The calls that are held, by the addresses of the arrays that hold them."""


def call_of(holder: Any, chain: ModuleChain, needed: Needed, n: int, points: Any, tensors: Sequence[Any]) -> tuple[Call, Any]:
    """The call that a tensor holds, and its n points.

    Hooks for saved tensors may have given back copies instead of the saved tensors: activation checkpointing does, and so do
    hooks that move tensors elsewhere. Then the call is made again with the copies.
    """
    call = _calls.get(holder.data_ptr())
    if call is not None and call.is_of(needed, points, tensors):
        return call, points
    points, *tensors = (_restored(chain, tensor) for tensor in (points, *tensors))
    if points.shape != (n, chain.n_in) or not chain.takes(tensors):
        raise ShapeError(
            "a hook for saved tensors gave back one of another shape than it was given; torch.autograd.graph."
            "saved_tensors_hooks takes an unpack_hook that restores what pack_hook took"
        )
    return Call(chain, needed, points, tensors), points


def _restored(chain: ModuleChain, tensor: Any) -> Any:
    return tensor.detach().to(device="cpu", dtype=chain.dtype)


def _identity(points: Any, tensors: Sequence[Any]) -> tuple[Any, ...]:
    """A key that identifies tensors. On the way back the kernel reads the points anew, but copies of the parameters."""
    return points.data_ptr(), points._version, points.dtype, points.shape, *[tensor.data_ptr() for tensor in tensors]


def _empty(chain: ModuleChain, *shape: int) -> Any:
    return torch.empty(shape, dtype=chain.dtype, device="cpu")


def _dense(tensor: Any) -> Any:
    """The tensor itself if its entries lie in C order, with their own signs."""
    return tensor if tensor.is_contiguous() and not tensor.is_neg() else tensor.resolve_neg().contiguous()
