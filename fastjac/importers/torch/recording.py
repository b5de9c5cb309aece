"""What the forward of a live module does: the operators of torch that it calls with tensors that depend on its inputs.

The forward runs on a batch of samples, whose numbers do not matter. Torch hands each operator to the Recorder before it takes it
apart, so that what is recorded is what torch.jit.trace and torch.export write into files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..precision import refuse_rounding
from ..tensors import as_numpy
from ..torch_program.aten.operators import REASONS, is_known
from ..torch_program.aten.products import NO_STATISTICS
from .no_writes import written_arguments
from .places import Place, Places

AUTOCAST_DEVICES = ("cpu", "cuda")
TRAINING = (
    "it is in training mode, where it computes something else at every call; call .eval() on the whole module first, and let a "
    "function know by training=self.training"
)
PART_CHANGED = (
    "has changed in place since, or a part of it; use operators without an underscore at their end, layers without "
    "inplace=True, and torch.cat or torch.stack in place of writing into a tensor"
)
DECOMPOSITIONS = "torch._decomp.decompositions"
"""Where functions in Python stand that take torch's operators apart into others of them."""
HALF_PRECISION = (torch.float16, torch.bfloat16)
CASTS = ("to", "_to_copy", "type_as")
DETACHES = ("detach", "detach_")


@dataclass(frozen=True)
class Variable:
    """A tensor that depends on the inputs, by its number among all that a forward makes."""

    number: int


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that does not depend on the inputs, as it was when an operator took it.

    entries : a copy.  tensor : itself.
    leaf : the parameter that it is, or is computed from, and of which torch would record the gradient; None where there is none.
    """

    entries: np.ndarray
    tensor: Any
    leaf: Any = None


@dataclass(frozen=True)
class Call:
    """One operator that a forward calls.

    name : by torch's own list, without the underscore of one in place.
    args, options : where tensors are Variable and Given.
    results : the numbers of the variables that it makes.
    cuts_off : whether torch records no gradient through it.
    """

    name: str
    args: Sequence[Any]
    options: dict[str, Any]
    results: Sequence[int]
    place: Place
    cuts_off: bool

    def given(self) -> Iterator[Given]:
        """The tensors that it takes and that do not depend on the inputs."""
        return (one for one in _leaves((self.args, self.options)) if isinstance(one, Given))


class Recorder(TorchDispatchMode):
    """Records the operators that are called with tensors that depend on the inputs, while it is entered.

    calls : so far.  faults : by the number of a variable, why its tensor may not be used any more.
    is_double : whether any of the variables holds numbers of double precision.
    copies : what is Given, by the addresses of the tensors; several recorders may share them.
    """

    def __init__(self, places: Places, inputs: Sequence[Any], copies: dict[int, Given]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.faults: dict[int, str] = {}
        self.is_double = False
        self._places, self._copies = places, copies
        self._tensors: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._sources: list[str] = []
        self._leaf_of: dict[int, tuple[Any, Any]] = {}
        self._gradients: dict[bool, str] = {}
        for tensor in inputs:
            self._keep(tensor, "the input")

    def number(self, tensor: Any) -> int | None:
        """The number of the variable that a tensor is; None where it does not depend on the inputs."""
        return self._numbers.get(id(tensor))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        library, _, name = func._schema.name.partition("::")
        name = name if library == "aten" else func._schema.name
        if all(self.number(tensor) is None for tensor in tensors_in((args, kwargs))):
            return self._constant(name, func, args, kwargs)
        place = self._places.here(name)
        with located(str(place)):
            check_modes()
            self._check_gradients(place)
            _check_evaluating(func, args, kwargs)
            taken = _mapped(self._taken, (args, kwargs))
        if name == "is_nonzero" and self._places.is_asserted():
            return True
        if not is_known(name) and (parts := self._taken_apart(func, args, kwargs)) is not NotImplemented:
            return parts
        result = func(*args, **kwargs)
        with located(str(place)):
            self._note(name, func, taken, args, result, place)
        return result

    def _taken_apart(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operator gives that torch itself takes apart into others, which are recorded; NotImplemented for others."""
        with self:
            found = func.decompose(*args, **kwargs)
            rule: Any = decomposition_table.get(func) if found is NotImplemented else None
            # Others take operators apart into those of a compiler.
            return rule(*args, **kwargs) if getattr(rule, "__module__", "") == DECOMPOSITIONS else found

    def _constant(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operator gives that takes nothing that depends on the inputs."""
        try:
            result = func(*args, **kwargs)
        except UnsupportedLayerError:  # it writes into a tensor that stays between calls
            place = self._places.here(name)
            if place.module is None or not place.module.training:
                raise
            with located(str(place)):
                raise FormatError(TRAINING) from None
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
        if number is not None:
            return Variable(number)
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
                "derivative is not that of the function; put torch.no_grad() around the whole forward, or leave it out"
            )

    def _note(self, name: str, func: Any, taken: Any, args: Any, result: Any, place: Place) -> None:
        """Note an operator that has been called."""
        written = list(tensors_in([args[position] for position, _ in written_arguments(func) if position < len(args)]))
        plain = name.removesuffix("_") if written and is_known(name.removesuffix("_")) else name
        found, options = taken
        if written and name == "copy_":
            plain, found, options = "expand_as", found[1::-1], {}
        made = list(tensors_in(result))
        for tensor in made:
            _check_type(tensor, name)
        for tensor in written:
            self._check_whole(tensor)
        numbers = [self._keep(tensor, str(place)) for tensor in made]
        for tensor in written:
            self._change(tensor, str(place))
        cuts_off = name in DETACHES and torch.is_grad_enabled() and not place.is_compiled
        self.calls.append(Call(plain, found, options, numbers, place, cuts_off))

    def _keep(self, tensor: Any, source: str) -> int:
        """Note a tensor that depends on the inputs."""
        number = len(self._sources)
        self._sources.append(source)
        self._tensors[id(tensor)], self._numbers[id(tensor)] = tensor, number
        self.is_double |= tensor.dtype == torch.float64
        return number

    def _check_whole(self, tensor: Any) -> None:
        """Refuse to write what depends on the inputs into a part of a constant."""
        if self.number(tensor) is None and tensor.numel() * tensor.element_size() != tensor.untyped_storage().nbytes():
            raise UnsupportedLayerError(REASONS["copy_"])

    def _change(self, changed: Any, source: str) -> None:
        """Note that whatever shares the memory of a tensor has changed: what is the same tensor is so still."""
        number, memory = self.number(changed), changed.untyped_storage()._cdata
        if number is None:
            return
        for key, tensor in self._tensors.items():
            if tensor is changed or tensor.untyped_storage()._cdata != memory:
                continue
            if _geometry(tensor) == _geometry(changed):
                self._numbers[key] = number
            else:
                fault = f"it uses the result of {self._sources[self._numbers[key]]}, which {source} {PART_CHANGED}"
                self._numbers[key] = len(self._sources)
                self.faults[len(self._sources)] = fault
                self._sources.append(source)


def check_modes() -> None:
    """Raise UnsupportedLayerError where torch rounds what any module computes."""
    if any(map(torch.is_autocast_enabled, AUTOCAST_DEVICES)):
        raise UnsupportedLayerError(
            "torch.autocast is on, which rounds to half precision; fastjac computes in float32 or float64 throughout, so leave "
            "autocast out"
        )


def _geometry(tensor: Any) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype


def is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are equal, also where their entries are no numbers."""
    if one.dtype != other.dtype:
        return False
    return np.array_equal(one, other) or (one.dtype.kind == "f" and np.array_equal(one, other, equal_nan=True))


def _check_evaluating(func: Any, args: Any, kwargs: Any) -> None:
    """Refuse what computes something else in training."""
    names = [argument.name for argument in func._schema.arguments]
    options = {**dict(zip(names, args, strict=False)), **kwargs}
    if "training" in names and options.get("running_mean", 0) is None:
        raise UnsupportedLayerError(NO_STATISTICS)
    chance = options.get("p", options.get("dropout", 1.0))  # of a unit to be dropped
    if (options.get("training") or options.get("train")) and chance != 0.0:
        raise FormatError(TRAINING)


def _check_type(tensor: Any, operator: str) -> None:
    """Refuse results in less precision than a network's."""
    if tensor.is_complex():
        raise UnsupportedLayerError(f"it computes numbers of type {tensor.dtype}; fastjac takes real numbers")
    if tensor.dtype in HALF_PRECISION or (operator in CASTS and not tensor.is_floating_point()):
        refuse_rounding(str(tensor.dtype).removeprefix("torch."))


def _leaves(value: Any) -> Iterator[Any]:
    """All that stands in tuples, lists and dictionaries inside one another."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def tensors_in(value: Any) -> Iterator[Any]:
    """All tensors in tuples, lists and dictionaries inside one another."""
    return (one for one in _leaves(value) if isinstance(one, torch.Tensor))


def _mapped(function: Any, value: Any) -> Any:
    """The same with what a function makes of each tensor."""
    if isinstance(value, dict):
        return {key: _mapped(function, inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_mapped(function, inner) for inner in value]
    return function(value) if isinstance(value, torch.Tensor) else value
