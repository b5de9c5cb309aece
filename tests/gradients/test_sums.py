"""Sums over operations: who writes first and who adds, and slots that no two values need at once."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.operations import Unfolded, unfold
from fastjac.gradients.sums import modes, slots
from fastjac.kernels.gradient_tables import ADDS, BRING, CLEARS, WRITES
from fastjac.kernels.tables import AFFINE
from tests.corner_graphs import CORNERS
from tests.gradients import seeded
from tests.graph_families import FAMILIES, graph_named

NAMES = [f"{name} 0" for name in (*FAMILIES, *CORNERS)]


def unfolded(inputs: fj.Input | tuple[fj.Input, ...], outputs: object) -> Unfolded:
    return seeded.unfolded(fj.Network(inputs=inputs, outputs=outputs))  # type: ignore[arg-type]


X = fj.Input(4)
TANH, AFFINES = fj.Tanh(), fj.Affine(np.ones((4, 4)))
MODES = {
    # Operations in the order of their targets: of a sum, one for each operand.
    "chain": (AFFINES(TANH(X)), [WRITES, WRITES], [WRITES, WRITES]),
    "sum": (X + TANH(X), [WRITES, WRITES, ADDS], [ADDS, WRITES, WRITES]),
    "square": (X * X, [WRITES, ADDS], [ADDS, WRITES]),
    "halves": (fj.concatenate([TANH(X[:2]), X[2:]]), [WRITES] * 5, [WRITES] * 5),
    "overlap": (X[:3] + X[1:], [WRITES, WRITES, WRITES, ADDS], [ADDS, CLEARS, WRITES, WRITES]),
    "gaps": (X[[0, 2]], [WRITES], [CLEARS]),
    "twice": (fj.concatenate([X, X]), [WRITES, WRITES], [ADDS, WRITES]),
}


@pytest.mark.parametrize("case", MODES)
def test_the_first_writes_and_others_add(case: str) -> None:
    y, push, pull = MODES[case]
    assert modes(unfolded(X, y)) == (push, pull)


@pytest.mark.parametrize("name", NAMES)
def test_every_unit_is_written_before_anything_is_added(name: str) -> None:
    """Carried out on what is there: nan before, and no nan behind."""
    found = unfold(graph_named(name))
    push, pull = modes(found)
    for way, numbers in ((push, found.makers), (pull, [readers[::-1] for readers in found.readers])):
        for size, in_order in zip(found.sizes, numbers, strict=True):
            units = np.full(size, np.nan)
            for number in in_order:
                op = found.operations[number]
                at = op.units.target if way is push else op.units.source
                index = slice(at, at + op.units.count) if op.kind == BRING else slice(0, size)
                if way is pull and op.units.index is not None:
                    index = list(op.units.index)
                if way[number] == CLEARS:
                    units[:] = 0.0
                units[index] = 1.0 if way[number] == WRITES else units[index] + 1.0
            assert not np.isnan(units).any() or not in_order


@pytest.mark.parametrize("name", NAMES)
def test_values_that_are_needed_at_once_have_slots_of_their_own(name: str) -> None:
    found = unfold(graph_named(name))
    chosen = slots(found)
    for number, op in enumerate(found.operations):
        needed = [
            value
            for value, (makers, readers) in enumerate(zip(found.makers, found.readers, strict=True))
            if (not makers or makers[0] <= number) and (not readers or readers[-1] >= number)
        ]
        others = [chosen[value] for value in needed if value not in (op.source, op.target)]
        assert len(set(others)) == len(others)
        assert not {chosen[op.source], chosen[op.target]} & set(others)
        if chosen[op.source] == chosen[op.target]:
            assert op.moves_all
            assert found.readers[op.source] == [number]
            assert found.makers[op.target][0] == number


def test_a_chain_needs_two_slots() -> None:
    net = fj.Network(seeded.alternating(np.random.default_rng(0), (3, 5, 4, 6), fj.Tanh(), fj.Softmax()))
    found = seeded.unfolded(net)
    assert slots(found) == [0, 1, 1, 0, 0, 1]
    assert [op.kind == AFFINE for op in found.operations] == [True, False, True, False, True]
