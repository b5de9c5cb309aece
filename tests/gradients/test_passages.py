"""Rows on their way from the seeds and back, executed, against sums over the operations' dense matrices."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.emitter import GradientEmitter, array
from fastjac.gradients.layout import Layout
from fastjac.gradients.lowering import Lowered, lower
from fastjac.gradients.operations import Operation, Unfolded
from fastjac.gradients.passages import PartialPassage
from fastjac.gradients.rows import SeedRows
from fastjac.gradients.runner import GradientRunner, addresses_of
from fastjac.kernels.tables import PARAMETERS, SCRATCH, WORK
from fastjac.lowering.matrix import Matrix
from fastjac.planning.block import Block
from tests.gradients import seeded
from tests.gradients.test_lowering import lowered, spelled
from tests.kernels.test_gradient import graph
from tests.naive_block import matrix_of, values_of

Array = np.ndarray
Write = Callable[[Layout, GradientEmitter, SeedRows, Matrix], None]
NETS = {"graph": graph(np.float64), **{word: spelled(word) for word in ("ATTA", "ARRA", "ANTSA", "TSRA")}}
PLACES = [(name, place) for name, net in NETS.items() for place in seeded.boundaries(net)]
N = 3


class Written(Lowered):
    """Tables whose steps a test writes, behind those of the rows from the seeds."""

    write: Write
    shape: tuple[int, int]

    def _write(self, emitter: GradientEmitter, asked: frozenset[str], rows: SeedRows | None) -> None:
        if rows is not None:
            self.write(self.layout, emitter, rows, array("jacobian", *self.shape))


def executed(net: fj.Network, x: Array, shape: tuple[int, int], write: Write, seeds_at: int = 0) -> Array:
    """What some steps write to a target of this shape for each sample."""
    tables = Written(lower(seeded.unfolded(net), net.dtype, [], seeds_at).layout, ())
    tables.write, tables.shape = write, shape
    tables.sizes["jacobian_size"] = shape[0] * shape[1]
    found = np.full((len(x), *shape), np.nan)
    GradientRunner(tables, net._graph.layers).run(len(x), addresses_of(x=x, jacobian=found), threads=1)
    return found


def passed(unfolded: Unfolded, x: Array, starts: Mapping[int, Array], forward: bool) -> dict[int, Array]:
    """The rows at every value that any reach, from those that start at some."""
    block = Block(unfolded.steps, unfolded.sizes[0])
    values, rows = values_of(block, x), dict(starts)
    for op in sorted(unfolded.operations, key=lambda op: op.target if forward else -op.source):
        near, far = (op.source, op.target) if forward else (op.target, op.source)
        if near in rows:
            matrix = matrix_of(block, op, values)
            rows[far] = rows.get(far, 0) + rows[near] @ (matrix.T if forward else matrix)
    return rows


def inputs(net: fj.Network) -> Array:
    return np.random.default_rng(5).standard_normal((N, net.n_in))


class TestRowsFromTheSeeds:
    @pytest.mark.parametrize(("name", "seeds_at"), PLACES)
    def test_at_every_value(self, name: str, seeds_at: int) -> None:
        """Those that are kept, and those that are made again."""
        net, unfolded, x = NETS[name], seeded.unfolded(NETS[name]), inputs(NETS[name])
        seeds = np.eye(unfolded.sizes[seeds_at])
        expected = [passed(unfolded, one, {seeds_at: seeds}, False) | passed(unfolded, one, {seeds_at: seeds}, True) for one in x]
        for value in expected[0].keys() - {seeds_at, 0, len(unfolded.sizes) - 1}:

            def write(layout: Layout, emitter: GradientEmitter, rows: SeedRows, target: Matrix, value: int = value) -> None:
                found = rows.at(value)
                emitter.copy(found, target)
                emitter.release(found)

            found = executed(net, x, expected[0][value].shape, write, seeds_at)
            np.testing.assert_allclose(found, [rows[value] for rows in expected], rtol=0, atol=1e-12)

    def test_rows_that_are_not_kept_are_made_again_at_each_request(self) -> None:
        """In scratch; those that are kept need no step, and at a value behind a weight alone they are the weight."""
        net = NETS["ATTA"]
        layout = lower(seeded.unfolded(net), net.dtype, [], 0).layout
        emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
        rows = SeedRows(layout, emitter)
        assert layout.kept == {1, 2}
        assert [rows.at(value).place for value in (1, 2)] == [PARAMETERS, WORK]
        before = len(emitter.steps)
        assert [rows.at(3).place for _ in range(2)] == [SCRATCH, SCRATCH]
        assert len(emitter.steps) == before + 2

    @pytest.mark.parametrize(("name", "seeds_at"), PLACES)
    def test_rows_that_are_kept_stay(self, name: str, seeds_at: int) -> None:
        """No step behind those that make them writes to the block's workspace."""
        layout = lower(seeded.unfolded(NETS[name]), NETS[name].dtype, [], seeds_at).layout
        emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
        rows = SeedRows(layout, emitter)
        steps = len(emitter.steps)
        rows.write_jacobian()
        assert not any(step["c_place"] == WORK for step in emitter.steps[steps:])


def written_from(starts: tuple[int, ...], whole: bool, forward: bool) -> Write:
    """Steps that pass one row through a network: from the values at `starts`, and if `whole` from that at the beginning."""

    def write(layout: Layout, emitter: GradientEmitter, rows: SeedRows, target: Matrix) -> None:
        readers, end = layout.unfolded.readers, len(layout.sizes) - 1

        def copied(value: int) -> Matrix:
            return emitter.copy(layout.inputs(readers[value][0]), emitter.take(1, layout.sizes[value]))

        entry = None
        if whole:
            # No operation reads the outputs, and so a row of ones starts there.
            entry = copied(0) if forward else Matrix(1, layout.n_out, 0, layout.ones.offset, 0, 1)
        way = layout.way(layout.unfolded.operations, forward, rows=1)
        matrices = {value: copied(value) for value in starts}
        passage = PartialPassage(emitter, way, range(end + 1), starts=matrices, result=target)
        assert (passage.run_from(entry) is None) == (not whole and not starts)
        if not whole and not starts:
            emitter.clear(target)

    return write


class TestPartialPassages:
    @pytest.mark.parametrize("forward", [True, False])
    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.parametrize("name", NETS)
    def test_rows_that_start_anywhere(self, name: str, whole: bool, forward: bool) -> None:
        """Rows that are missing count as zeros; those that start at a value are added to what arrives there."""
        net, unfolded, x = NETS[name], seeded.unfolded(NETS[name]), inputs(NETS[name])
        block, end = Block(unfolded.steps, unfolded.sizes[0]), len(unfolded.sizes) - 1
        inner = [value for value in range(1, end) if unfolded.readers[value] and unfolded.makers[value]]
        last, size = (end, net.n_out) if forward else (0, net.n_in)
        for starts in [(), *((value,) for value in inner), tuple(inner[::2]), tuple(inner)]:
            found = executed(net, x, (1, size), written_from(starts, whole, forward))
            for sample, row in zip(x, found, strict=True):
                values = values_of(block, sample)
                first = ({0: sample} if forward else {end: np.ones(net.n_out)}) if whole else {}
                expected = passed(unfolded, sample, {value: values[value] for value in starts} | first, forward)
                tolerance = 1e-12 * max(1, *(np.abs(value).max() for value in expected.values()), 1)
                np.testing.assert_allclose(row[0], expected.get(last, np.zeros(size)), rtol=0, atol=tolerance)

    def test_values_that_are_not_needed_have_no_rows(self) -> None:
        """And what is visited is what has rows."""
        layout = lowered(spelled("ATATA")).layout
        for needed, visited in ((range(6), [4, 3, 2, 1, 0]), (range(2, 6), [4, 3, 2, 1]), (range(5, 6), [4])):
            emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
            seen: list[int] = []

            def visit(op: Operation, rows: Matrix, seen: list[int] = seen) -> bool:
                assert rows.columns == op.n_out
                seen.append(op.source)
                return False

            way = layout.way(layout.unfolded.operations, False, rows=1)
            found = PartialPassage(emitter, way, needed, visit).run_from(array("y_gradient", 1, layout.n_out))
            assert (found is None) == (0 not in needed)
            assert seen == visited

    def test_nothing_passes_where_nothing_starts(self) -> None:
        layout = lowered(spelled("ATA")).layout
        emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
        way = layout.way(layout.unfolded.operations, False, rows=1)
        assert PartialPassage(emitter, way, range(4)).run_from(None) is None
        assert emitter.steps == []

    @pytest.mark.parametrize("reads", [True, False])
    def test_rows_that_a_visit_reads_are_not_scaled_as_they_are_made(self, reads: bool) -> None:
        """The slopes behind a product are multiplied in as it is stored, unless a step between reads the product."""
        layout = lowered(spelled("ATA")).layout
        emitter = GradientEmitter(layout.parameters, layout.states, layout.rows_start)
        way = layout.way(layout.unfolded.operations, False, rows=1)
        PartialPassage(emitter, way, range(4), lambda op, rows: reads).run_from(array("y_gradient", 1, layout.n_out))
        assert len(emitter.steps) == 2 + reads
