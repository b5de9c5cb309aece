"""Where the values of a network lie while a block of samples is evaluated, and the moves that make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..kernels.target import padded
from ..planning.block import Block, BlockStep, Operator, Pair, Selection, Stack, Sum, jacobian_size, selected
from ..planning.chain import Chain
from ..planning.operators import Diagonal, Normalization
from .memory import Arena


@dataclass(frozen=True)
class Vector:
    """A vector of each sample: element j of sample i lies at `slot * samples + first + i * row + j`.

    slot : where the vector's room starts, in elements for one sample; None for vectors that lie among the inputs.
    whole : whether the rows have the room to themselves, so that their padding may be written to.
    """

    slot: int | None
    first: int
    row: int
    size: int
    whole: bool = True


@dataclass(frozen=True, eq=False)
class Move:
    """One step: an operator, its operands, and where its result lies. A selection also serves to copy what others still need.

    An activation or a normalizer changes its operand in place, so the operand is also the target, unless all values are kept.
    zeros : whether units of the operand can be exactly 0 on whole intervals of the input.
    """

    operator: Operator
    operands: tuple[Vector, ...]
    target: Vector
    zeros: bool = False


StatePlaces = dict[Operator, dict[str, int]]
"""For each operator the fields `state` and `state_row` of every record that reads its Jacobian's vectors."""


class Values:
    """The moves that take some steps, one after another.

    keeps : whether all values stay as they are made, the input too, each with room and padding of its own.
    moves : the moves, in order.  size : the room that they need, in elements for one sample.
    values : where each value lies, or has lain.  result : where the outputs lie.
    """

    def __init__(self, steps: Sequence[BlockStep], n_in: int, dtype: np.dtype, keeps: bool = False) -> None:
        self._dtype, self._arena, self._keeps = dtype, Arena(), keeps
        self._held: Counter[int] = Counter()
        self.moves: list[Move] = []
        self._readers = Counter(operand for step in steps for operand in step.operands)
        self._zeros = [False, *(isinstance(step.operator, Diagonal) and step.operator.sparse for step in steps)]
        x = Vector(None, 0, n_in, n_in)
        self.values = [self._copy(x) if keeps else x]
        if keeps:
            self._readers.update(range(len(steps) + 1))  # a reader that is never done
        for step in steps:
            self.values.append(self._evaluate(step))
        self.result = self.values[-1]
        if self.result.slot is None:
            self.result = self._copy(self.result)
        self.size = self._arena.end

    def _evaluate(self, step: BlockStep) -> Vector:
        operands = [self.values[number] for number in step.operands]
        operator = step.operator
        if isinstance(operator, Selection):
            run = selected(operator.index)
            if run.index is None:
                part = replace(operands[0], first=operands[0].first + run.source, size=run.count, whole=False)
                if self._keeps:
                    return self._copy(part)
                self._hold(part)
                self._release(step)
                return part
        if isinstance(operator, (Diagonal, Normalization)):
            target = self._new(step.size) if self._keeps else self._own(step, operands[0])
            self.moves.append(Move(operator, (operands[0] if self._keeps else target,), target))
            return target
        # A join reads a unit before it writes that unit, so a sum may overwrite its first operand.
        reuse = isinstance(operator, Sum) and self._last(step.operands[0])
        target = operands[0] if reuse else self._new(step.size)
        if reuse:
            self._hold(target)
        if isinstance(operator, Stack):
            self._stack(operands, target)
        elif isinstance(operator, Sum):
            for number, other in enumerate(operands[1:]):
                first = operands[0] if number == 0 else target
                self.moves.append(Move(operator, (first, other), target))
        else:
            zeros = any(self._zeros[number] for number in step.operands)
            self.moves.append(Move(operator, tuple(operands), target, zeros))
        self._release(step)
        return target

    def _stack(self, operands: Iterable[Vector], target: Vector) -> None:
        first = 0
        for operand in operands:
            part = replace(target, first=target.first + first, size=operand.size, whole=False)
            self.moves.append(Move(Selection(tuple(range(operand.size))), (operand,), part))
            first += operand.size

    def _own(self, step: BlockStep, operand: Vector) -> Vector:
        """The operand if nothing else needs it, else a copy."""
        if operand.whole and self._last(step.operands[0]):
            return operand
        copy = self._copy(operand)
        self._release(step)
        return copy

    def _copy(self, vector: Vector) -> Vector:
        copy = self._new(vector.size)
        self.moves.append(Move(Selection(tuple(range(vector.size))), (vector,), copy))
        return copy

    def _last(self, number: int) -> bool:
        """Whether a value has one reader left, and no other value shares its room."""
        slot = self.values[number].slot
        return slot is not None and self._readers[number] == 1 and self._held[slot] == 1

    def _release(self, step: BlockStep) -> None:
        """Give back the room of operands that nothing reads any more."""
        for number in step.operands:
            self._readers[number] -= 1
            slot = self.values[number].slot
            if self._readers[number] == 0 and slot is not None:
                self._held[slot] -= 1
                if self._held[slot] == 0:
                    self._arena.free(slot)

    def _hold(self, vector: Vector) -> None:
        if vector.slot is not None:
            self._held[vector.slot] += 1

    def _new(self, size: int) -> Vector:
        row = padded(size, self._dtype)
        vector = Vector(self._arena.take(row), 0, row, size)
        self._hold(vector)
        return vector


def steps_of(chain: Chain) -> Iterable[BlockStep]:
    """Every operator of a chain, those inside blocks included, with the values that it takes; value 0 is the input."""
    made = 0
    for position, link in enumerate(chain.links):
        for op in link:
            yield BlockStep(op, (made,))
            made += 1
        if position == len(chain.factors):
            break
        factor = chain.factors[position]
        if not isinstance(factor, Block):
            yield BlockStep(factor, (made,))
            made += 1
            continue
        for step in factor.steps:
            yield replace(step, operands=tuple(operand + made for operand in step.operands))
        made += len(factor.steps)


def place_state(operators: Iterable[Operator], dtype: np.dtype) -> tuple[StatePlaces, int]:
    """Where the vectors of each operator's Jacobian lie in the state of one sample, and how many elements the state has."""
    places: StatePlaces = {}
    end = 0
    for operator in operators:
        row, count = padded(jacobian_size(operator), dtype), 2 if isinstance(operator, Pair) else 1
        if row:
            places[operator] = {"state": end, "state_row": row}
            end += count * row
    return places, end
