"""Carry out the recorded operators of a forward, by the operators that fastjac has for torch's programs in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...errors import FastjacError, UnsupportedLayerError
from ...graphs.conversion import in_order
from ...graphs.nodes import Input, Node
from ...layers import Layer
from ..ir.values import Constant, Flow
from ..located import located
from ..torch_program.aten.evaluation import Evaluation
from ..torch_program.aten.operators import REASONS
from ..torch_program.aten.values import NUMBER_OF_TYPE
from .calls import Call, Given, Variable
from .places import Place
from .recording import GIVE_NUMBERS, is_same
from .running import Recording

PLACES_IN_MEMORY = (torch.device, torch.layout, torch.memory_format)
DECIDES = (
    "it takes a number out of a tensor that depends on the network's input, by which a forward may decide; keep it a tensor, and "
    "choose by torch.where"
)

CUT_OFF = "which cuts off the gradient, so that torch's derivative is not that of the function; leave detach and .data out"


class _MismatchError(UnsupportedLayerError):
    """A forward does something else to one sample than to several."""


class Replay:
    """What a forward computes, from two recordings of it: of a batch, and of the batch's first sample alone.

    values : the values of variables, by their numbers; an error stands for a value that fastjac cannot compute.
    places : for each layer, where the forward calls the operator that became it.
    """

    def __init__(self, batch: Recording, alone: Recording, inputs: Sequence[Flow], evaluation: Evaluation) -> None:
        self.values: dict[int, Any] = dict(enumerate(inputs))
        self.places: dict[Layer, Place] = {}
        self._layers: dict[Any, Sequence[Layer]] = {}
        self._same: dict[Layer, Layer] = {}
        self._constants: dict[int, Constant] = {}
        self._user = ""
        self._faults: dict[int, str] = {}
        self._evaluation = evaluation
        for one, many in zip(alone.calls, batch.calls, strict=False):
            self._carry_out(one, many)
        if len(alone.calls) != len(batch.calls):
            longer = max(alone.calls, batch.calls, key=len)
            raise _mismatch(longer[min(len(alone.calls), len(batch.calls))])
        self._user = "the output"

    def value(self, number: int) -> Any:
        """The value of a variable; raises the error that explains why fastjac cannot compute it."""
        if number in self._faults:
            raise UnsupportedLayerError(f"{self._user}: {self._faults[number]}")
        value = self.values[number]
        if isinstance(value, FastjacError):
            raise value
        return value

    def shared(self, outputs: Sequence[Node]) -> list[Node]:
        """The same nodes, in which a module that is called twice is one layer."""
        found: dict[Node, Node] = {}
        for node in in_order(outputs):
            if isinstance(node, Input):
                found[node] = node
            else:
                assert node.operation is not None
                first, *others = (found[operand] for operand in node.operands)
                found[node] = first.follow(self._same.get(node.operation, node.operation), *others)
        return [found[node] for node in outputs]

    def _carry_out(self, one: Call, many: Call) -> None:
        if one.name != many.name or len(one.args) != len(many.args) or one.options.keys() != many.options.keys():
            # Where torch writes into a list of places of several samples, it may write into a view of the one sample.
            writes = next((call for call in (many, one) if call.name in REASONS), None)
            raise UnsupportedLayerError(f"{writes.place}: {REASONS[writes.name]}") if writes else _mismatch(many)
        record, self._user = self._evaluation.record, str(many.place)
        before = len(record.operations)
        try:
            args = [self._paired(*pair) for pair in zip(one.args, many.args, strict=True)]
            options = {name: self._paired(value, many.options[name]) for name, value in one.options.items()}
            with located(str(many.place)):
                made = self._evaluation.call(many.name, args, options, many.place.source)
        except _MismatchError as error:
            raise _mismatch(many) from error
        except FastjacError as error:
            if many.name in GIVE_NUMBERS:
                raise UnsupportedLayerError(f"{many.place}: {DECIDES}") from error
            if not many.results:
                raise
            made = [error] * len(many.results)
        found = made if isinstance(made, list) else [made]
        lacking = UnsupportedLayerError(f"{many.place}: it uses a result of this operator that fastjac does not have")
        for position, number in enumerate(many.results):
            self.values[number] = found[position] if position < len(found) else lacking
            if many.cuts_off and isinstance(self.values[number], Flow):
                self._faults[number] = f"it uses the result of {many.place}, {CUT_OFF}"
        nodes = [node for operation in record.operations[before:] for node in operation.nodes]
        self._note([node.operation for node in nodes if node.operation is not None], many)

    def _note(self, layers: Sequence[Layer], call: Call) -> None:
        """Note where layers come from, and which of them an earlier call of the same module has made already."""
        self.places |= dict.fromkeys(layers, call.place)
        if call.place.module is None:
            return
        first = self._layers.setdefault((id(call.place.module), call.name, len(layers)), layers)
        if first is not layers:
            self._same |= {layer: known for layer, known in zip(layers, first, strict=True) if _are_equal(layer, known)}

    def _paired(self, one: Any, many: Any) -> Any:
        """An argument as fastjac's operators take it, from its recorded values for one sample and for a batch."""
        if isinstance(one, Variable) and one == many:
            return self.value(one.number)
        if isinstance(one, Given) and isinstance(many, Given):
            return self._constant(one, many)
        if isinstance(one, list) and isinstance(many, list) and len(one) == len(many):
            return [self._paired(*pair) for pair in zip(one, many, strict=True)]
        if isinstance(one, torch.dtype) and one == many:
            return NUMBER_OF_TYPE.get(str(one).removeprefix("torch."), str(one))
        if isinstance(one, PLACES_IN_MEMORY):
            return None
        if one == many and type(one) is type(many):
            return one
        if isinstance(one, (int, float)) and isinstance(many, (int, float)):
            return Constant(np.array(one), np.array(many))
        raise _MismatchError

    def _constant(self, one: Given, many: Given) -> Constant:
        """A tensor that does not depend on the inputs; one and the same Constant wherever it is used."""
        if one is not many:
            return Constant(one.entries, one.entries if is_same(one.entries, many.entries) else many.entries)
        if id(one) not in self._constants:
            self._constants[id(one)] = Constant(one.entries, one.entries)
        return self._constants[id(one)]


def _mismatch(call: Call) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{call.place}: its forward does something else to one sample of a batch than to several; fastjac takes one that does "
        "the same to each"
    )


def _are_equal(one: Layer, other: Layer) -> bool:
    """Whether two layers compute the same."""
    return (
        type(one) is type(other)
        and one.options == other.options
        and one.arrays.keys() == other.arrays.keys()
        and all(np.array_equal(array, other.arrays[name], equal_nan=True) for name, array in one.arrays.items())
    )
