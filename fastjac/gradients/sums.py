"""How the sums over operations are formed: which operation writes first, and where the summands lie.

Values and tangents are sums over the operations that lead to a value, in their order; cotangents are sums over those that lead
away, in the opposite order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels.gradient_tables import ADDS, BRING, CLEARS, WRITES
from ..lowering.memory import LINE, Arena
from .operations import Operation, Unfolded

Span = tuple[int, int]
"""The first unit and the number of units; (0, 0) where units are scattered."""


def modes(unfolded: Unfolded) -> tuple[list[int], list[int]]:
    """What each operation does to the sum at its target when pushed, and at its source when pulled: WRITES, ADDS or CLEARS."""
    push, pull = ([WRITES] * len(unfolded.operations) for _ in range(2))
    ways = (push, unfolded.makers, _at_target, 1), (pull, unfolded.readers, _at_source, -1)
    for found, all_numbers, span_of, step in ways:
        for size, numbers in zip(unfolded.sizes, all_numbers, strict=True):
            in_order = numbers[::step]
            spans = [span_of(unfolded.operations[number]) for number in in_order]
            for number, mode in zip(in_order, _modes_of(spans, size), strict=True):
                found[number] = mode
    return push, pull


def _modes_of(spans: Sequence[Span], size: int) -> list[int]:
    """The modes of operations that bring these spans of a value's units, one after another."""
    ends = [first + count for first, count in sorted(spans)]
    if [first for first, _ in sorted(spans)] == [0, *ends][:-1] and ends[-1:] == [size] and (0, 0) not in spans:
        return [WRITES] * len(spans)
    return [(WRITES if spans[0] == (0, size) else CLEARS) if number == 0 else ADDS for number in range(len(spans))]


def _at_target(op: Operation) -> Span:
    return (op.units.target, op.units.count) if op.kind == BRING else (0, op.n_out)


def _at_source(op: Operation) -> Span:
    if op.kind != BRING:
        return 0, op.n_in
    return (op.units.source, op.units.count) if op.units.index is None else (0, 0)


def slots(unfolded: Unfolded) -> list[int]:
    """For each value a slot for its derivative, or for its tangent, which no other value has while that is needed.

    A derivative is needed from the first operation that leads to the value to the last one that leads away, in either direction.
    An operation that can work in place keeps the slot.
    """
    arena, readers = Arena(), unfolded.readers
    places = {0: arena.take(LINE)}
    for number, op in enumerate(unfolded.operations):
        if op.target not in places:
            in_place = op.moves_all and readers[op.source] == [number]
            places[op.target] = places[op.source] if in_place else arena.take(LINE)
        if readers[op.source][-1] == number and places[op.source] != places[op.target]:
            arena.free(places[op.source])
    return [places[value] // LINE for value in range(len(unfolded.sizes))]
