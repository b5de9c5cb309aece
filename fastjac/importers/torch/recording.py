"""What the forward of a live module does: the operators of torch that it calls with tensors that depend on its inputs.

The forward runs on a batch of samples, whose numbers do not matter. Torch hands each operator to the Recorder before it takes the
operator apart. The Recorder therefore notes the same operators that torch.jit.trace and torch.export write into files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..precision import refuse_rounding
from ..tensors import as_numpy
from ..torch_program.aten.normalization import NO_STATISTICS
from ..torch_program.aten.operators import TAKEN_APART, is_known
from .calls import Call, Given, Variable, tensors_in
from .memory import fills, memory
from .modes import is_plain
from .no_writes import written_arguments
from .places import Place, Places
from .variables import Variables, Written

AUTOCAST_DEVICES = ("cpu", "cuda")
TRAINING = (
    "it is in training mode, where it computes something else at every call; call .eval() on the whole module first, and let a "
    "function know by training=self.training"
)
DECOMPOSITIONS = "torch._decomp.decompositions"
"""The module of torch whose functions take operators apart into other operators of torch."""
HALF_PRECISION = (torch.float16, torch.bfloat16)
FILLS = ("copy_", "fill_", "zero_")
"""Operators that overwrite all entries of a tensor."""
UNFILLED = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided")
"""Operators whose results hold arbitrary entries."""
GIVE_NUMBERS = ("item", "_local_scalar_dense", "is_nonzero", "equal")
"""Operators whose results are Python numbers."""
CASTS = ("to", "_to_copy", "type_as")
DETACHES = ("detach", "detach_")


class Recorder(TorchDispatchMode):
    """Records the operators that are called with tensors that depend on the inputs, while it is entered.

    variables : those tensors, and the calls so far.
    is_double : whether any of those tensors holds numbers of double precision.
    copies : the Given of each tensor that does not depend on the inputs, by its address; several recorders may share them.
    """

    def __init__(self, places: Places, inputs: Sequence[Any], copies: dict[int, Given]) -> None:
        super().__init__()
        self.variables = Variables(self._given)
        self.is_double = False
        self._places, self._copies = places, copies
        self._leaf_of: dict[int, tuple[Any, Any]] = {}
        self._gradients: dict[bool, str] = {}
        for tensor in inputs:
            self._keep(tensor)

    def number(self, tensor: Any) -> int | None:
        """The number of the variable that a tensor is; None where it does not depend on the inputs."""
        return self.variables.number(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        library, _, name = func._schema.name.partition("::")
        name = name if library == "aten" else func._schema.name
        if all(self.number(tensor) is None for tensor in tensors_in((args, kwargs))):
            return self._constant(name, func, args, kwargs)
        place = self._places.here(name)
        with located(str(place)):
            taken, held = self._before(func, args, kwargs, place)
        if (number := self._promised(name, func, args, kwargs)) is not NotImplemented:
            return number
        is_whole = name in FILLS or (is_known(name) and name not in TAKEN_APART)
        if not is_whole and (parts := self._taken_apart(func, args, kwargs)) is not NotImplemented:
            return parts
        result = func(*args, **kwargs)
        if name == "view" and self._places.is_assigned():
            # Torch leaves out the first axes of size 1 of a tensor that is assigned. The axis of the samples may be one of them.
            self.variables.be(result, taken[0][0].number)
            return result
        with located(str(place)):
            self._note(name, bool(held), taken, result, place)
        for tensor, before in held:
            self.variables.after_writing(tensor, before)
        return result

    def _before(self, func: Any, args: Any, kwargs: Any, place: Place) -> tuple[Any, list[tuple[Any, Written | None]]]:
        """What an operator takes, and the tensors that it writes to, each with what its memory holds before."""
        check_modes()
        self._check_gradients(place)
        _check_evaluating(func, args, kwargs)
        taken = _mapped(self._taken, (args, kwargs))
        positions = [position for position, _ in written_arguments(func) if position < len(args)]
        written = tensors_in([args[position] for position in positions])
        return taken, [(tensor, self.variables.before_writing(tensor, place)) for tensor in written]

    def _promised(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """The number that an operator gives, if it decides about nothing but an exception; NotImplemented for any other."""
        if name == "is_nonzero" and self._places.is_asserted():
            return True
        return func(*args, **kwargs) if name in GIVE_NUMBERS and self._places.is_guarding() else NotImplemented

    def _taken_apart(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of an operator that torch takes apart into others, which are recorded; NotImplemented for any other."""
        with self:
            found = func.decompose(*args, **kwargs)
            rule: Any = decomposition_table.get(func) if found is NotImplemented else None
            # Decompositions elsewhere take operators apart into the operators of a compiler.
            return rule(*args, **kwargs) if getattr(rule, "__module__", "") == DECOMPOSITIONS else found

    def _constant(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of an operator none of whose arguments depends on the inputs."""
        try:
            result = func(*args, **kwargs)
        except UnsupportedLayerError:  # it writes into a tensor that stays between calls
            place = self._places.here(name)
            if place.module is None or not place.module.training:
                raise
            with located(str(place)):
                raise FormatError(TRAINING) from None
        given = {memory(tensor) for tensor in tensors_in((args, kwargs)) if is_plain(tensor)}
        for tensor in tensors_in(result):
            if is_plain(tensor) and memory(tensor) not in given and fills(tensor):
                self.variables.note_constant(tensor)
                if name in UNFILLED:
                    tensor.zero_()
        leaf = next((found for tensor in tensors_in((args, kwargs)) if (found := self._leaf(tensor)) is not None), None)
        if leaf is not None and torch.is_grad_enabled() and name not in DETACHES:
            for tensor in tensors_in(result):
                if tensor.is_floating_point():
                    self._leaf_of[id(tensor)] = tensor, leaf
        return result

    def _leaf(self, tensor: Any) -> Any:
        _, leaf = self._leaf_of.get(id(tensor), (None, None))
        return tensor if leaf is None and tensor.requires_grad else leaf

    def _taken(self, tensor: Any) -> Variable | Given:
        """A tensor as an operator takes it."""
        number = self.number(tensor)
        return self._given(tensor) if number is None else Variable(number)

    def _given(self, tensor: Any) -> Given:
        """A tensor that does not depend on the inputs, as it is now."""
        known = self._copies.get(id(tensor))
        with torch._C._DisableTorchDispatch():
            entries = as_numpy(tensor)
        if known is not None and known.tensor is tensor and is_same(known.entries, entries):
            return known
        if entries.dtype.kind not in "fiub":
            raise UnsupportedLayerError(f"it computes with a constant of type {entries.dtype}; fastjac takes real numbers")
        given = self._copies[id(tensor)] = Given(entries.copy(), tensor, self._leaf(tensor))
        return given

    def _check_gradients(self, place: Place) -> None:
        """Refuse a forward that switches gradients off for some operators alone, where torch's derivative is 0 by intent."""
        self._gradients[torch.is_grad_enabled()] = place.source
        if len(self._gradients) == 2:
            raise UnsupportedLayerError(
                f"gradients are switched off for {self._gradients[False]} and recorded for {self._gradients[True]}, so torch's "
                "derivative is not that of the function; put torch.no_grad() around the whole forward, or leave it out. A "
                "torch.autograd.Function switches them off too: write what its forward computes without it"
            )

    def _note(self, name: str, writes: bool, taken: Any, result: Any, place: Place) -> None:
        """Note an operator that has been called."""
        plain = name.removesuffix("_") if writes and is_known(name.removesuffix("_")) else name
        found, options = taken
        if name in FILLS:
            plain, found, options = "expand_as", [_as_given(found[1] if len(found) > 1 else 0.0), found[0]], {}
        made = list(tensors_in(result))
        for tensor in made:
            _check_type(tensor, name)
        numbers = [self._keep(tensor) for tensor in made]
        cuts_off = name in DETACHES and torch.is_grad_enabled() and not place.is_compiled
        self.variables.calls.append(Call(plain, found, options, numbers, place, cuts_off))

    def _keep(self, tensor: Any) -> int:
        """Note a tensor that depends on the inputs."""
        self.is_double |= tensor.dtype == torch.float64
        return self.variables.add(tensor)


def check_modes() -> None:
    """Raise UnsupportedLayerError where torch rounds what any module computes."""
    if any(map(torch.is_autocast_enabled, AUTOCAST_DEVICES)):
        raise UnsupportedLayerError(
            "torch.autocast is on, which rounds to half precision; fastjac computes in float32 or float64 throughout, so leave "
            "autocast out"
        )


def _as_given(value: Any) -> Any:
    return value if isinstance(value, (Variable, Given)) else Given(np.array(value))


def is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have one dtype and equal entries; NaN equals NaN."""
    if one.dtype != other.dtype:
        return False
    return np.array_equal(one, other) or (one.dtype.kind == "f" and np.array_equal(one, other, equal_nan=True))


def _check_evaluating(func: Any, args: Any, kwargs: Any) -> None:
    """Refuse an operator that computes something else in training."""
    names = [argument.name for argument in func._schema.arguments]
    options = {**dict(zip(names, args, strict=False)), **kwargs}
    if "training" in names and options.get("running_mean", 0) is None:
        raise UnsupportedLayerError(NO_STATISTICS)
    chance = options.get("p", options.get("dropout", 1.0))  # of a unit to be dropped
    if (options.get("training") or options.get("train")) and chance != 0.0:
        raise FormatError(TRAINING)


def _check_type(tensor: Any, operator: str) -> None:
    """Refuse a result in less precision than a network has."""
    if tensor.is_complex():
        raise UnsupportedLayerError(f"it computes numbers of type {tensor.dtype}; fastjac takes real numbers")
    if tensor.dtype in HALF_PRECISION or (operator in CASTS and not tensor.is_floating_point()):
        refuse_rounding(str(tensor.dtype).removeprefix("torch."))


def _mapped(function: Any, value: Any) -> Any:
    """The same value, with what a function makes of each tensor in the tensor's place."""
    if isinstance(value, dict):
        return {key: _mapped(function, inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_mapped(function, inner) for inner in value]
    return function(value) if isinstance(value, torch.Tensor) else value
