"""Which tensors depend on the inputs of a running forward, and what becomes of them where it writes to a part of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import UnsupportedLayerError
from ..torch_program.aten.operators import REASONS
from .calls import Call, Given, Variable
from .memory import Whole, fills, geometry, memory
from .places import Place


@dataclass(frozen=True)
class Written:
    """A piece of memory that is written to: the tensor that fills it, what that tensor holds, and the place that writes."""

    whole: Whole
    contents: Variable | Given
    place: Place


class Variables:
    """The tensors that depend on the inputs, by their numbers.

    calls : the calls of operators so far; a call of torch.put or torch.take stands for writing or reading a part of memory.
    given : makes the Given that stands for a tensor that does not depend on the inputs.
    """

    def __init__(self, given: Callable[[Any], Given]) -> None:
        self.calls: list[Call] = []
        self._given = given
        self._count = 0
        # Tensors are held, so that no new tensor gets the address of one that is gone.
        self._tensors: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._wholes: dict[int | None, Any] = {}
        self._written: dict[int | None, Written] = {}

    def number(self, tensor: Any) -> int | None:
        """The number of the variable that a tensor is; None where it does not depend on the inputs."""
        number = self._numbers.get(id(tensor))
        if number is None and self._written and memory(tensor) in self._written:
            return self._read(tensor)
        return number

    def add(self, tensor: Any) -> int:
        """Note a tensor that depends on the inputs, and return its number."""
        self.be(tensor, self._count)
        self._count += 1
        return self._count - 1

    def be(self, tensor: Any, number: int) -> None:
        """Note that a tensor is the variable of this number."""
        self._tensors[id(tensor)], self._numbers[id(tensor)] = tensor, number

    def note_constant(self, tensor: Any) -> None:
        """Note a constant that fills memory of its own; a forward may write to parts of that memory later."""
        self._wholes[memory(tensor)] = tensor

    def before_writing(self, tensor: Any, place: Place) -> Written | None:
        """What the memory of a tensor holds that is about to be written to; None if no other tensor has a part of that memory."""
        if memory(tensor) in self._written:
            return replace(self._written[memory(tensor)], place=place)
        if self.number(tensor) is None:
            beside = [tensor, self._wholes.get(memory(tensor), tensor)]
        else:
            beside = [other for other in self._beside(tensor) if geometry(other) != geometry(tensor)]
            if not beside:
                return None
        whole = next((other for other in [tensor, *beside] if fills(other)), None)
        if whole is None:
            raise UnsupportedLayerError(REASONS["copy_"])
        number = self.number(whole)
        return Written(Whole(whole), self._given(whole) if number is None else Variable(number), place)

    def after_writing(self, tensor: Any, held: Written | None) -> None:
        """Note that a tensor, which has a number by now, was written to; `held` states what its memory held before.

        Tensors of exactly the same entries in memory stay equal to it. Tensors that share a part of them are read anew when used.
        """
        number, beside = self._numbers[id(tensor)], self._beside(tensor)
        if held is None:
            for other in beside:
                self.be(other, number)
            return
        contents = self._call("put", [held.contents, Given(held.whole.places(tensor)), Variable(number)], held.place)
        self._written[memory(tensor)] = replace(held, contents=Variable(contents))
        for other in beside:
            del self._numbers[id(other)]

    def _beside(self, tensor: Any) -> list[Any]:
        """The other tensors with numbers that lie in the memory of a tensor."""
        tensors = (self._tensors[key] for key in self._numbers)
        return [other for other in tensors if other is not tensor and memory(other) == memory(tensor)]

    def _read(self, tensor: Any) -> int:
        """Note that a tensor's entries are those in its memory now, and return its number."""
        held = self._written[memory(tensor)]
        if tensor.dtype != held.whole.tensor.dtype:
            raise UnsupportedLayerError(f"{held.place}: it writes into a tensor that is also read as one of {tensor.dtype}")
        number = self._call("take", [held.contents, Given(held.whole.places(tensor))], held.place)
        self.be(tensor, number)
        return number

    def _call(self, name: str, args: Sequence[Any], place: Place) -> int:
        """Note a call of an operator that is not carried out here, and return the number of its result."""
        self.calls.append(Call(name, args, {}, [self._count], place, cuts_off=False))
        self._count += 1
        return self._count - 1
