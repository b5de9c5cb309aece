"""Several inputs and outputs: tuples of arrays at the face, one vector in the engine."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
import fastjac.numba
from fastjac.errors import DtypeError, FastjacError, OptionError, ShapeError
from fastjac.graphs.ends import End
from tests import naive_graph

RNG = np.random.default_rng(0)
STATE, CONTROL = fj.Input(5, "state"), fj.Input(3)
HIDDEN = fj.Tanh()(fj.Affine(RNG.standard_normal((6, 8)), RNG.standard_normal(6))(fj.concatenate([STATE, CONTROL])))
NEXT = STATE + 0.1 * fj.Affine(RNG.standard_normal((5, 6)))(HIDDEN)
COST = fj.Affine(RNG.standard_normal((2, 5)))(NEXT) * fj.ReLU()(HIDDEN[:2])
NET = fj.Network(inputs=(STATE, CONTROL), outputs=(NEXT, COST))
ONE_OUTPUT = fj.Network(inputs=(STATE, CONTROL), outputs=NEXT)
ONE_INPUT = fj.Network([fj.Affine(RNG.standard_normal((4, 3))), fj.Residual(fj.Tanh())])
STATES, CONTROLS = RNG.standard_normal((7, 5)), RNG.standard_normal((7, 3))
FLAT = np.concatenate([STATES, CONTROLS], axis=1)
JACOBIANS = np.stack([naive_graph.jacobian(NET._graph, x) for x in FLAT])
VALUES = np.stack([naive_graph.value(NET._graph, x) for x in FLAT])


def assert_close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def joined(blocks: Any) -> np.ndarray:
    """J out of its blocks."""
    return np.concatenate([np.concatenate(row, axis=-1) for row in blocks], axis=-2)


class TestStructure:
    def test_values(self) -> None:
        for found in (NET((STATES, CONTROLS)), NET([STATES, CONTROLS])):
            assert isinstance(found, tuple)
            assert [y.shape for y in found] == [(7, 5), (7, 2)]
            assert_close(np.concatenate(found, axis=-1), VALUES)
        assert_close(ONE_OUTPUT((STATES, CONTROLS)), VALUES[:, :5])

    def test_blocks(self) -> None:
        blocks = NET.jacobian((STATES, CONTROLS))
        assert [[block.shape for block in row] for row in blocks] == [[(7, 5, 5), (7, 5, 3)], [(7, 2, 5), (7, 2, 3)]]
        assert_close(joined(blocks), JACOBIANS)
        by_state, by_control = ONE_OUTPUT.jacobian((STATES, CONTROLS))
        assert_close(np.concatenate([by_state, by_control], axis=-1), JACOBIANS[:, :5])

    def test_blocks_are_views_of_one_array(self) -> None:
        blocks = NET.jacobian((STATES, CONTROLS))
        bases = {id(block if block.base is None else block.base) for row in blocks for block in row}
        assert len(bases) == 1

    def test_value_and_jacobian(self) -> None:
        y, blocks = NET.value_and_jacobian((STATES, CONTROLS))
        assert_close(np.concatenate(y, axis=-1), VALUES)
        assert_close(joined(blocks), JACOBIANS)

    def test_one_sample(self) -> None:
        y, blocks = NET.value_and_jacobian((STATES[0], CONTROLS[0]))
        assert [part.shape for part in y] == [(5,), (2,)]
        assert_close(joined(blocks), JACOBIANS[0])

    def test_leading_shapes_are_broadcast(self) -> None:
        blocks = NET.jacobian((STATES[:, None], CONTROLS[None, :4]))
        assert [[block.shape for block in row] for row in blocks] == [[(7, 4, 5, 5), (7, 4, 5, 3)], [(7, 4, 2, 5), (7, 4, 2, 3)]]
        np.testing.assert_array_equal(joined(blocks)[2, 3], joined(NET.jacobian((STATES[2], CONTROLS[3]))))
        assert NET((STATES[0], CONTROLS))[1].shape == (7, 2)

    def test_an_empty_batch(self) -> None:
        y, blocks = NET.value_and_jacobian((STATES[:0], CONTROLS[0]))
        assert [part.shape for part in y] == [(0, 5), (0, 2)]
        assert blocks[1][0].shape == (0, 2, 5)

    def test_inputs_of_any_dtype_are_cast(self) -> None:
        single = NET.astype(np.float32)
        x = (np.ones(5, int), [0.5, 1.0, 2.0])
        assert {part.dtype for part in single(x)} == {np.dtype(np.float32)}
        assert_close(NET(x)[0], NET((np.ones(5), np.array([0.5, 1.0, 2.0])))[0])
        assert np.isfinite(single((np.ones(5), np.array([1.0, 1e300, 1.0])))[0]).all()


class TestProducts:
    def test_one_direction(self) -> None:
        v = (RNG.standard_normal((7, 5)), RNG.standard_normal(3))
        y, tangents = NET.jvp((STATES, CONTROLS), v)
        assert_close(np.concatenate(y, axis=-1), VALUES)
        flat = np.concatenate([v[0], np.broadcast_to(v[1], (7, 3))], axis=1)
        assert_close(np.concatenate(tangents, axis=-1), np.einsum("nij,nj->ni", JACOBIANS, flat))
        u = (RNG.standard_normal(5), RNG.standard_normal(2))
        y, cotangents = NET.vjp((STATES, CONTROLS), u)
        assert_close(np.concatenate(y, axis=-1), VALUES)
        assert_close(np.concatenate(cotangents, axis=-1), np.concatenate(u) @ JACOBIANS)

    def test_several_directions(self) -> None:
        v = (RNG.standard_normal((5, 4)), RNG.standard_normal((7, 3, 4)))
        _, tangents = NET.pushforward((STATES, CONTROLS), v)
        assert [part.shape for part in tangents] == [(7, 5, 4), (7, 2, 4)]
        flat = np.concatenate([np.broadcast_to(v[0], (7, 5, 4)), v[1]], axis=1)
        assert_close(np.concatenate(tangents, axis=-2), JACOBIANS @ flat)
        u = (RNG.standard_normal((7, 3, 5)), RNG.standard_normal((7, 3, 2)))
        _, cotangents = NET.pullback((STATES, CONTROLS), u)
        assert [part.shape for part in cotangents] == [(7, 3, 5), (7, 3, 3)]
        assert_close(np.concatenate(cotangents, axis=-1), np.concatenate(u, axis=-1) @ JACOBIANS)

    def test_one_sample(self) -> None:
        _, tangents = NET.jvp((STATES[0], CONTROLS[0]), (np.ones(5), np.zeros(3)))
        assert_close(np.concatenate(tangents), JACOBIANS[0, :, :5].sum(axis=1))
        _, cotangents = ONE_OUTPUT.pullback((STATES[0], CONTROLS[0]), np.eye(5)[:2])
        assert_close(np.concatenate(cotangents, axis=-1), JACOBIANS[0, :2])

    def test_no_direction(self) -> None:
        _, tangents = NET.pushforward((STATES, CONTROLS), (np.ones((5, 0)), np.ones((3, 0))))
        assert [part.shape for part in tangents] == [(7, 5, 0), (7, 2, 0)]


SELECTIONS = {
    "a column": (2, None),
    "a row": (None, -1),
    "one entry": (-1, 0),
    "a slice": (slice(0, 5), None),
    "rows": (None, [3, 0]),
    "both": (np.array([7, 2]), slice(4, 6)),
    "an input": (CONTROL, None),
    "an output": (None, COST),
    "an input and an output": (STATE, COST),
    "an input and rows": (CONTROL, [6, 0]),
    "the name of an input": ("state", None),
    "a name and rows": ("state", [6, 0]),
}
NUMBERS = {CONTROL: [5, 6, 7], STATE: [0, 1, 2, 3, 4], COST: [5, 6], "state": [0, 1, 2, 3, 4]}


def known(index: Any) -> Any:
    """The numbers of a node or a name; any other index itself."""
    return NUMBERS[index] if isinstance(index, fj.Node | str) else index


def expected_part(wrt: Any, of: Any) -> np.ndarray:
    columns, rows = (
        np.atleast_1d(np.arange(size)[slice(None) if index is None else index])
        for index, size in ((known(wrt), 8), (known(of), 7))
    )
    return JACOBIANS[:, rows][:, :, columns]


class TestSelections:
    @pytest.mark.parametrize(("wrt", "of"), SELECTIONS.values(), ids=SELECTIONS)
    @pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "mixed"])
    def test_columns_and_rows(self, wrt: Any, of: Any, mode: fj.Mode) -> None:
        y, found = NET.value_and_jacobian((STATES, CONTROLS), mode, wrt=wrt, of=of)
        expected = expected_part(wrt, of)
        assert_close(np.concatenate(y, axis=-1), VALUES)
        if wrt is None:
            assert [block.shape for block in found] == [(7, expected.shape[1], 5), (7, expected.shape[1], 3)]
            found = np.concatenate(found, axis=-1)
        elif of is None:
            assert [block.shape for block in found] == [(7, 5, expected.shape[2]), (7, 2, expected.shape[2])]
            found = np.concatenate(found, axis=-2)
        assert found.shape == expected.shape
        assert_close(found, expected)

    def test_all_of_them_in_order_are_the_whole(self) -> None:
        whole = joined(NET.jacobian((STATES, CONTROLS)))
        np.testing.assert_array_equal(NET.jacobian((STATES, CONTROLS), wrt=slice(None), of=range(7)), whole)

    def test_a_chain(self) -> None:
        net = fj.Network([fj.Affine(RNG.standard_normal((6, 5))), fj.ReLU(), fj.Affine(RNG.standard_normal((4, 6)))])
        whole = net.jacobian(STATES)
        for wrt, of in ((slice(1, 3), None), (None, [2]), ([4, 0], [1, 3, 0])):
            columns, rows = (np.arange(n)[slice(None) if index is None else index] for index, n in ((wrt, 5), (of, 4)))
            assert_close(net.jacobian(STATES, wrt=wrt, of=of), whole[:, rows][:, :, columns])

    def test_less_is_multiplied(self) -> None:
        net = fj.Network([fj.Affine(RNG.standard_normal((50, 300))), fj.Tanh(), fj.Affine(RNG.standard_normal((200, 50)))])
        whole = net.plan().multiply_adds
        assert net.plan(wrt=slice(0, 3)).multiply_adds < whole / 50
        assert net.plan(of=[7, 1]).multiply_adds < whole / 50

    def test_nodes_are_known_in_copies_of_another_dtype_or_other_parameters(self) -> None:
        for net in (NET.astype(np.float32), NET.with_parameters(NET.parameters())):
            assert net.jacobian((STATES, CONTROLS), wrt=CONTROL, of=COST).shape == (7, 2, 3)

    def test_names_outlive_nodes(self) -> None:
        again = pickle.loads(pickle.dumps(NET))
        np.testing.assert_array_equal(again.jacobian(X, wrt="state", of=0), NET.jacobian(X, wrt=STATE, of=0))

    def test_the_name_of_an_only_input_is_the_whole(self) -> None:
        x = fj.Input(5, "state")
        net = fj.Network(inputs=x, outputs=fj.Tanh()(x))
        np.testing.assert_array_equal(net.jacobian(STATES, wrt="state"), net.jacobian(STATES))

    def test_the_name_of_an_output(self) -> None:
        assert End("output", (2, 3), names=("near", "far")).numbers("far", "of") == (2, 3, 4)

    def test_compiled_code(self) -> None:
        program = NET.program(wrt=CONTROL, of=[6, 0])
        memory = fastjac.numba.scratch(program)
        y, jac = np.empty((7, 7)), np.empty((7, 2, 3))
        fastjac.numba.value_and_jacobian(program, FLAT, y, jac, memory)
        assert_close(y, VALUES)
        np.testing.assert_array_equal(jac, NET.jacobian((STATES, CONTROLS), wrt=CONTROL, of=[6, 0]))
        for shape in ((7, 7, 8), (7, 3, 2), (7, 1, 3), (6, 2, 3)):
            with pytest.raises(ValueError, match=r"jac must be \(n_out, n_in\) for one x .* made with wrt= or of= has only"):
                fastjac.numba.jacobian(program, FLAT, np.empty(shape), memory)


class TestOut:
    @pytest.mark.parametrize("lead", [(), (7,), (7, 1)])
    def test_blocks(self, lead: tuple[int, ...]) -> None:
        x = (STATES[:, None], CONTROLS[:, None]) if len(lead) == 2 else (STATES, CONTROLS) if lead else (STATES[0], CONTROLS[0])
        out = tuple([np.full((*lead, rows, columns), np.nan) for columns in (5, 3)] for rows in (5, 2))
        assert NET.jacobian(x, out=out) is out
        np.testing.assert_array_equal(joined(out), joined(NET.jacobian(x)))

    def test_part_of_larger_arrays(self) -> None:
        memory = np.full((7, 8, 9), np.nan)
        out = (memory[:, :5, :5], memory[:, :5, 5:8])
        ONE_OUTPUT.jacobian((STATES, CONTROLS), out=out)
        assert_close(memory[:, :5, :8], JACOBIANS[:, :5])
        assert np.isnan(memory[:, 5:]).all()

    def test_a_selection(self) -> None:
        out = np.full((7, 2, 3), np.nan)
        assert NET.jacobian((STATES, CONTROLS), wrt=CONTROL, of=COST, out=out) is out
        assert_close(out, JACOBIANS[:, 5:, 5:])
        by_output = (np.empty((7, 5, 1)), np.empty((7, 2, 1)))
        NET.value_and_jacobian((STATES, CONTROLS), wrt=1, out=by_output)
        assert_close(np.concatenate(by_output, axis=1), JACOBIANS[:, :, 1:2])


X = (STATES, CONTROLS)
OUT = ((np.empty((7, 5, 5)), np.empty((7, 5, 3))), (np.empty((7, 2, 5)), np.empty((7, 2, 3))))
WRONG = {
    "one array": (
        lambda: NET(STATES),
        DtypeError,
        r"tuple of 2 arrays, one for each input \(of size 5, 3\), got ndarray$",
    ),
    "all in one array": (lambda: NET(FLAT), DtypeError, r"got ndarray; split it: tuple\(numpy.split\(x, \[5\], axis=-1\)\)"),
    "a number": (lambda: NET(1.0), DtypeError, r"x must be a tuple of 2 arrays, .*got float"),
    "one too few": (lambda: NET((STATES,)), ShapeError, r"x must be a tuple of 2 arrays, .*got 1"),
    "one too many": (lambda: NET.jacobian((*X, STATES)), ShapeError, r"x must be a tuple of 2 arrays, .*got 3"),
    "of other sizes": (lambda: NET((CONTROLS, STATES)), ShapeError, r"x\[0\] must have shape \(\.\.\., 5\), .*got \(7, 3\)"),
    "no numbers": (lambda: NET((STATES, ["a"] * 3)), DtypeError, r"x\[1\] must hold real numbers"),
    "batches that do not broadcast": (
        lambda: NET((STATES, CONTROLS[:3])),
        ShapeError,
        r"leading dimensions of all arrays in x must broadcast to one batch, got \(7,\), \(3,\)",
    ),
    "a tangent alone": (lambda: NET.jvp(X, np.ones(8)), DtypeError, r"v must be a tuple of 2 arrays.*split it"),
    "a tangent of another size": (
        lambda: NET.jvp(X, (np.ones(5), np.ones(4))),
        ShapeError,
        r"v\[1\] must have shape \(.*, 3\)",
    ),
    "tangents for another batch": (
        lambda: NET.jvp(X, (np.ones((6, 5)), np.ones(3))),
        ShapeError,
        r"v\[0\] .* broadcast to x's",
    ),
    "cotangents of inputs": (lambda: NET.vjp(X, X), ShapeError, r"u\[1\] must have shape \(\.\.\., 2\), got \(7, 3\)"),
    "matrices of two widths": (
        lambda: NET.pushforward(X, (np.ones((5, 2)), np.ones((3, 4)))),
        ShapeError,
        r"all arrays in V must have the same k, got matrices of shape \(5, 2\), \(3, 4\)",
    ),
    "heights of cotangents": (
        lambda: NET.pullback(X, (np.ones((2, 5)), np.ones((1, 2)))),
        ShapeError,
        r"all arrays in U must have the same k, got matrices of shape \(2, 5\), \(1, 2\)",
    ),
    "wrt outside": (lambda: NET.jacobian(X, wrt=8), OptionError, "wrt must lie between -8 and 7, for a vector of size 8; got 8"),
    "of outside": (lambda: NET.plan(of=[0, -8]), OptionError, "of must lie between -7 and 6, for a vector of size 7; got -8"),
    "wrt empty": (lambda: NET.program(wrt=[]), OptionError, "wrt must pick at least one entry"),
    "wrt repeated": (lambda: NET.jacobian(X, wrt=[0, 1, -8]), OptionError, "wrt must pick each entry once, but picks 0 twice"),
    "of boolean": (lambda: NET.jacobian(X, of=np.ones(7, bool)), DtypeError, "of must not be boolean"),
    "wrt an output": (lambda: NET.jacobian(X, wrt=NEXT), OptionError, r"wrt is Node\(.*\), which is no input of this network"),
    "of an input": (lambda: NET.jacobian(X, of=STATE), OptionError, r"of is Input\(5, 'state'\), which is no output of this net"),
    "of an inner node": (
        lambda: NET.jacobian(X, of=HIDDEN),
        OptionError,
        r"of is Node\(.*\), which is no output of",
    ),
    "wrt a node after pickling": (
        lambda: pickle.loads(pickle.dumps(NET)).jacobian(X, wrt=STATE),
        OptionError,
        r"which is no input of this network; a network that was loaded or pickled knows no nodes any more: give it their numbers "
        r"or names; its inputs are 'state', columns 0:5, and columns 5:8$",
    ),
    "wrt of another kind": (
        lambda: NET.jacobian(X, wrt=1.5),
        DtypeError,
        "wrt must be an integer, .* got 1.5; the network's inputs are 'state', columns 0:5, and columns 5:8$",
    ),
    "an unknown name": (
        lambda: NET.jacobian(X, wrt="x"),
        OptionError,
        "^wrt is 'x', the name of no input of this network; its inputs are 'state', columns 0:5, and columns 5:8$",
    ),
    "a name of an output": (
        lambda: NET.plan(of="cost"),
        OptionError,
        "^of is 'cost', the name of no output of this network; its outputs are rows 0:5, and rows 5:7$",
    ),
    "a name where there is one input": (
        lambda: ONE_INPUT.jacobian(np.zeros(3), wrt="x"),
        OptionError,
        "the name of no input of this network; its input is columns 0:3$",
    ),
    "a name of two inputs": (
        lambda: End("input", (1, 2), names=("x", "x")).numbers("x", "wrt"),
        OptionError,
        "^wrt is 'x', the name of 2 inputs of this network; its inputs are 'x', columns 0:1, and 'x', columns 1:3$",
    ),
    "a name among many": (
        lambda: End("input", (1,) * 100).numbers("x", "wrt"),
        OptionError,
        r"its inputs are columns 0:1, .*, columns 7:8, and 92 more$",
    ),
    "inputs one by one": (
        lambda: NET(STATES, CONTROLS),
        DtypeError,
        r"^net takes its inputs as one argument, got 2; pass them as one tuple: net\(\(x, u\)\)$",
    ),
    "an input as the mode": (
        lambda: ONE_INPUT.jacobian(np.zeros(3), np.zeros(3)),
        OptionError,
        r"mode must be one of .*, got ndarray; several inputs go in as one tuple: net.jacobian\(\(x, u\)\)$",
    ),
    "out in one array": (
        lambda: NET.jacobian(X, out=np.empty((7, 7, 8))),
        DtypeError,
        "out must be a tuple of 2, .* got ndarray",
    ),
    "out too short": (lambda: NET.jacobian(X, out=OUT[:1]), ShapeError, "out must be a tuple of 2, in the form of .* got 1"),
    "out flat": (lambda: NET.jacobian(X, out=OUT[0]), DtypeError, r"out\[0\] must be a tuple of 2, .* got ndarray"),
    "out of another shape": (
        lambda: NET.jacobian(X, out=(OUT[0], OUT[1][::-1])),
        ShapeError,
        r"out\[1\]\[0\] must have shape \(7, 2, 5\), got \(7, 2, 3\)",
    ),
    "one block twice": (
        lambda: NET.jacobian(X, wrt=slice(3), out=((a := np.empty((7, 5, 3))), a[:, :2])),
        OptionError,
        r"out\[1\] must not overlap another block",
    ),
    "out of a selection in blocks": (
        lambda: NET.jacobian(X, wrt=CONTROL, of=COST, out=(np.empty((7, 2, 3)),)),
        DtypeError,
        "out must be a plain NumPy array, got tuple",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_calls(call: Callable[[], Any], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
