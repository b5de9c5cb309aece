"""Carry out the operators of a program, and record what becomes of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ....errors import FastjacError, FormatError, UnsupportedLayerError
from ....graphs.nodes import Node
from ....layers import Activation, Layer
from ...ir.assembly import input_flow
from ...ir.choice import Condition
from ...ir.layout import each_unit, units
from ...ir.record import Record
from ...ir.values import Constant, Flow, Single, Value
from ...reading.limits import check_count
from .operators import MAKE_TENSORS, NOTES, operator
from .values import cast

IGNORED = ("device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "requires_grad", "generator", "out")
"""Options that state where a tensor lies, and not what it holds. `out`, the tensor to write a result to, is None or refused."""
LIKE_ANOTHER = frozenset({"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"})
"""Operators that make a constant in the precision of their first operand."""
MOST_OPERATORS = 10_000
"""The most operators that a program carries out, questions about shapes too; each takes about a tenth of a millisecond."""
MOST_NESTED = 8
"""The most levels of lists inside lists among an operator's arguments."""


class Evaluation:
    """What a program computes from its inputs, operator by operator.

    record : what became of each operator.  sizes : the sizes of all axes of all tensors.
    is_double : whether a tensor of float64 that has axes meets the network's inputs, so that torch computes in float64.
    folded : how many operators computed constants.  given : what the program returned.
    """

    def __init__(self) -> None:
        self.record = Record()
        self.sizes: set[int] = set()
        self.is_double = False
        self.folded = 0
        self.given: Any = None
        self._calls = 0
        self._replaced: dict[Value, Value] = {}
        self._fresh: set[Constant] = set()
        self._changed: set[Node] = set()

    def call(self, name: str, args: Sequence[Any], options: Mapping[str, Any], place: str, kind: str = "") -> Any:
        """The result of an operator.

        place : the name of the module that calls it.  kind : the module's class, if the module calls this operator alone.
        """
        self._calls += 1
        check_count(self._calls, MOST_OPERATORS, "operators that its program carries out")
        if options.get("out") is not None:
            raise UnsupportedLayerError("it writes its result into another tensor (out=); fastjac takes results as new tensors")
        function, is_in_place = operator(name)
        args = args if name == "append" else [self.current(one) for one in args]  # append changes a list itself
        options = {key: self.current(one) for key, one in options.items() if key not in IGNORED}
        operands = [*args, *options.values()]
        if name == "rms_norm" and (args[3] if len(args) > 3 else options.get("eps")) is None:
            args, options["eps"] = args[:3], self._step_at_one(args[2] if len(args) > 2 else options.get("weight"))
        result = called(function, args, options)
        if name in LIKE_ANOTHER and self.is_double and isinstance(operands[0], Flow) and isinstance(result, Constant):
            result = cast(result, "float64")
        self._note(name, operands, result, (place, kind or name))
        if is_in_place:
            return self._written(operands, result)
        taken = [one for one in flat(operands) if isinstance(one, Constant)]
        self._fresh.difference_update(taken)
        if name in MAKE_TENSORS and isinstance(result, Constant) and not any(result is one for one in taken):
            self._fresh.add(result)
        return _as_new(operands, result)

    def apply(self, layer: Layer, value: Flow, place: str) -> Flow:
        """The result of a layer of fastjac, which acts on each entry by itself, or on samples of one axis."""
        if isinstance(layer, Activation) and layer.n_in is None:
            found = each_unit(value, [layer])
        elif len(value.shape) == 2:
            found = input_flow(units(value)[0].follow(layer), (1, layer.n_out or value.shape[1]), 0, value.samples)
        else:
            raise UnsupportedLayerError(f"{layer!r:.80} takes samples of one axis, and these are of shape {value.shape[1:]}")
        self.record.add(place, "given", [found.node])
        return found

    def current(self, value: Any, depth: int = 0) -> Any:
        """A variable's value now; UnsupportedLayerError where the program has changed some of its entries under another name."""
        if isinstance(value, list) and any(isinstance(one, (Flow, Constant, list)) for one in value):
            check_count(depth, MOST_NESTED, "levels of lists")
            return [self.current(one, depth + 1) for one in value]
        if not isinstance(value, (Flow, Constant)):
            return value
        while value in self._replaced:
            value = self._replaced[value]
        if isinstance(value, Flow) and value.node in self._changed:
            raise UnsupportedLayerError(
                "it uses a tensor that was changed in place under another name; use operators without an underscore at their "
                "end, and layers without inplace=True"
            )
        return value

    def _step_at_one(self, weight: Any) -> float:
        """The step from 1 to the next number in the precision of a weight, or of the model where there is none."""
        precision = weight.alone.dtype if isinstance(weight, Constant) else "float64" if self.is_double else "float32"
        return float(np.finfo(precision).eps)

    def _written(self, operands: Sequence[Any], result: Any) -> Any:
        """The result of an operator in place; from now on it stands in the place of the operator's first operand."""
        first = operands[0] if operands else None
        if result is first:
            return result
        if first in self._fresh and isinstance(result, (Constant, Flow)) and first.shape == result.shape:
            self._replaced[first] = result  # no operator has taken `first`, so that no tensor shares its memory
            if isinstance(result, Constant):
                self._fresh.add(result)
            return result
        if not isinstance(first, Flow) or not isinstance(result, Flow) or first.shape != result.shape:
            raise UnsupportedLayerError(
                "it changes a tensor in place that is not a value on the way from input to output; fastjac takes modules that "
                "compute their outputs from their inputs alone"
            )
        result = replace(result)
        if result.node is not first.node:
            self._changed.add(first.node)
        elif not np.array_equal(result.alone, first.alone):
            # Other tensors of this node may share memory with `first` or not, and nothing here shows which of them do.
            raise UnsupportedLayerError(
                "it moves entries within a tensor in place; make another tensor of them by torch.cat or torch.stack"
            )
        self._replaced[first] = result
        return result

    def _note(self, name: str, operands: Sequence[Any], result: Any, place: tuple[str, str]) -> None:
        results = [
            one for one in (result if isinstance(result, list) else [result]) if isinstance(one, (Constant, Flow, Condition))
        ]
        given = flat(operands)
        for one in results:
            if isinstance(one, (Constant, Flow)):
                self.sizes.update(one.shape)
                if isinstance(one.batch, Single) and not one.batch.reason and not _has_single(given):
                    one.batch.reason = f"{place[0]} ({name})"
        if not any(isinstance(one, (Flow, Condition)) for one in given):
            self.folded += bool(results)
        elif any(isinstance(one, (Flow, Condition)) for one in results):
            self.is_double |= any(_is_double(one) for one in given)
            nodes = [one.node for one in results if isinstance(one, Flow)]
            self.record.add(*place, nodes, NOTES.get(name, ""))


def called(function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The result of a function; FormatError where its arguments do not fit it."""
    try:
        bound = _signature(function).bind(*args, **options)
    except TypeError as error:
        raise FormatError(f"it is given other arguments than torch gives it ({error}); the file is damaged") from error
    try:
        return function(*bound.args, **bound.kwargs)
    except FastjacError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise FormatError(f"its arguments do not fit it ({error!s:.200}); the file is damaged") from error


@lru_cache(maxsize=1000)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _as_new(operands: Sequence[Any], result: Any) -> Any:
    """The result; a copy if it is an operand itself, so that the two stay distinct when one of them is changed in place."""
    return replace(result) if isinstance(result, Flow) and any(result is one for one in operands) else result


def flat(operands: Sequence[Any]) -> list[Any]:
    """The operands, with the entries of each list in the list's place."""
    return [one for given in operands for one in (given if isinstance(given, (list, tuple)) else [given])]


def _has_single(operands: Sequence[Any]) -> bool:
    return any(isinstance(one, (Constant, Flow)) and isinstance(one.batch, Single) for one in operands)


def _is_double(value: Any) -> bool:
    return isinstance(value, Constant) and value.alone.dtype == np.float64 and value.alone.ndim > 0
