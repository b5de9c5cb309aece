"""Where values lie: memory is used again, and nothing is overwritten while it is needed."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.operations import unfold
from fastjac.graphs.conversion import graph_of
from fastjac.kernels.target import padded
from fastjac.lowering.values import Move, Values, Vector, steps_of
from fastjac.planning.block import BlockStep, Sum
from fastjac.planning.cuts import chain_of_graph
from fastjac.planning.operators import Diagonal, Normalization
from tests import naive_graph
from tests.corner_graphs import CORNERS
from tests.graph_families import graph_named
from tests.naive_block import applied

FLOAT64 = np.dtype(np.float64)


def values_of(function, size):
    """Where the values of a function of one Input lie."""
    x = fj.Input(size)
    return of_graph(graph_of(x, function(x)))


def of_graph(graph):
    chain = chain_of_graph(graph, FLOAT64)
    return Values(list(steps_of(chain)), chain.n_in, FLOAT64)


def kinds(values):
    return [type(move.operator).__name__ for move in values.moves]


def affine(n_out, n_in):
    return fj.Affine(np.random.default_rng([n_out, n_in]).standard_normal((n_out, n_in)))


class Memory:
    """The room of one sample, and its inputs, in which moves are made one by one."""

    def __init__(self, size, x):
        self.work, self.x = np.full(size, np.nan), x

    def read(self, vector: Vector):
        place = self.x if vector.slot is None else self.work
        return place[_start(vector) :][: vector.size]

    def make(self, move: Move):
        """Write what a move makes, and nan to the padding behind it, where that is the row's own."""
        made = applied(BlockStep(move.operator, ()), [self.read(operand).copy() for operand in move.operands])
        assert move.target.slot is not None, "the inputs are not written to"
        if isinstance(move.operator, (fj.Affine, Diagonal)):
            assert move.target.whole, "padding is written to"
            assert move.target.row == padded(move.target.size, FLOAT64)
        start = _start(move.target)
        self.work[start : start + (move.target.row if move.target.whole else move.target.size)] = np.nan
        self.work[start : start + move.target.size] = made


def _start(vector: Vector) -> int:
    return vector.first + (vector.slot or 0)


def _extent(vector: Vector) -> range:
    return range(_start(vector), _start(vector) + (vector.row if vector.whole else vector.size))


def assert_moves_give_the_outputs(graph):
    values = of_graph(graph)
    x = np.random.default_rng(0).standard_normal(sum(graph.input_sizes))
    memory = Memory(values.size, x)
    for move in values.moves:
        memory.make(move)
    expected = naive_graph.value(graph, x)
    np.testing.assert_allclose(memory.read(values.result), expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("name", [*(f"random {seed}" for seed in range(60)), *(f"{name} 0" for name in CORNERS)])
def test_moves_one_by_one_give_the_outputs(name):
    assert_moves_give_the_outputs(graph_named(name))


@pytest.mark.parametrize("name", [*(f"random {seed}" for seed in range(60)), *(f"{name} 0" for name in CORNERS)])
def test_values_that_are_kept_are_all_there_at_the_end(name):
    """As they were made, each in whole rows of its own, from which gradients read them."""
    unfolded = unfold(graph_named(name))
    values = Values(unfolded.steps, unfolded.sizes[0], FLOAT64, keeps=True)
    x = np.random.default_rng(0).standard_normal(unfolded.sizes[0])
    memory, expected = Memory(values.size, x), [x]
    for step in unfolded.steps:
        expected.append(applied(step, [expected[operand] for operand in step.operands]))
    for move in values.moves:
        memory.make(move)
    for vector, value in zip(values.values, expected, strict=True):
        np.testing.assert_array_equal(memory.read(vector), value)
        assert vector.whole
        assert vector.row == padded(value.size, FLOAT64)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x, h: fj.concatenate([h[:3] + x[:3], h[1:4]]), id="a sum in a slice of what is read later"),
        pytest.param(lambda x, h: fj.concatenate([h[1:4], fj.Tanh()(h)]), id="an activation of what is sliced"),
        pytest.param(lambda x, h: fj.Tanh()(h[1:4]), id="an activation of a slice that nothing else reads"),
        pytest.param(lambda x, h: fj.concatenate([fj.Tanh()(h[1:4]), h[2:5] + x[:3]]), id="slices that overlap"),
        pytest.param(lambda x, h: fj.add([h, x, h, fj.Tanh()(h)]), id="an operand of a sum that comes twice"),
    ],
)
def test_what_shares_room_is_not_overwritten(function):
    x = fj.Input(6)
    assert_moves_give_the_outputs(graph_of(x, function(x, fj.Softmax()(affine(6, 6)(x)))))


@pytest.mark.parametrize("name", [f"random {seed}" for seed in range(60)])
def test_only_what_works_unit_by_unit_writes_over_an_operand(name):
    for move in of_graph(graph_named(name)).moves:
        for operand in move.operands:
            overlap = operand.slot is not None and set(_extent(operand)) & set(_extent(move.target))
            if overlap:
                assert isinstance(move.operator, (Diagonal, Normalization, Sum))
                assert (_start(operand), operand.size) == (_start(move.target), move.target.size)


def test_a_long_residual_net_needs_no_more_room_than_a_short_one():
    def net(length):
        layers = [fj.Residual([affine(20, 8), fj.Tanh(), affine(8, 20)]) for _ in range(length)]
        return lambda x: fj.Network(layers)(x)

    assert values_of(net(20), 8).size == values_of(net(2), 8).size


def test_an_activation_works_where_its_operand_lies_if_nothing_else_reads_that():
    assert kinds(values_of(lambda x: fj.Tanh()(affine(4, 4)(x)), 4)) == ["Affine", "Diagonal"]
    shared = values_of(lambda x: fj.Tanh()(h := affine(4, 4)(x)) + h, 4)
    assert kinds(shared) == ["Affine", "Selection", "Diagonal", "Sum"]


def test_a_sum_works_where_its_first_operand_lies_if_nothing_else_reads_that():
    moves = values_of(lambda x: affine(4, 5)(fj.Tanh()(affine(5, 4)(x))) + x, 4).moves
    assert moves[-1].target == moves[-1].operands[0]
    moves = values_of(lambda x: x + affine(4, 5)(fj.Tanh()(affine(5, 4)(x))), 4).moves
    assert moves[-1].target.slot not in (None, moves[-1].operands[1].slot)


def test_a_slice_is_read_where_it_lies_and_copied_before_it_changes():
    values = values_of(lambda x: fj.concatenate([affine(3, 2)(x[1:3]), fj.Tanh()(x[3:5])]), 6)
    assert kinds(values) == ["Affine", "Selection", "Diagonal", "Selection", "Selection"]
    assert values.moves[0].operands == (Vector(None, 1, 6, 2, whole=False),)


def test_outputs_that_are_inputs_are_copied():
    values = values_of(lambda x: x[2:4], 6)
    assert kinds(values) == ["Selection"]
    assert values.result == values.moves[0].target


@pytest.mark.parametrize("size", [1, 8, 9])
def test_rows_are_whole_vectors(size):
    (move,) = values_of(lambda x: affine(size, 3)(x), 3).moves
    assert move.target.row == padded(size, FLOAT64) >= size


def test_units_that_can_be_zero_are_marked():
    for activation, zeros in ((fj.ReLU(), True), (fj.Tanh(), False)):
        moves = values_of(lambda x, f=activation: affine(2, 4)(f(affine(4, 3)(x))), 3).moves
        assert [move.zeros for move in moves if type(move.operator) is fj.Affine] == [False, zeros]
