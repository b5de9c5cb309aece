"""Every step that only gradients have, taken alone, against its naive twin.

Samples' matrices lie as steps find them: rows that follow one another, columns of wider rows, a caller's array, or one matrix
that all samples share. Nothing around a result may change.
"""

import numpy as np
import pytest

from fastjac import layers as fl
from fastjac.kernels import adjoint, bends, pairwise
from fastjac.kernels.contract import contract
from fastjac.kernels.group import OWN, Group
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.tables import DENSE, LAYOUT, STEP, records
from fastjac.kernels.target import padded
from fastjac.lowering.matrix import Matrix
from tests.kernels.from_python import call

GUARD, OFFSET, WIDE, GROUP_FIRST, STATE_FIRST = 7.0, 32, 128, 1, 2
A, B, START, C = range(1, 5)
"""Places of operands, behind the parameters."""
SAMPLES = 5
SHAPES = [(1, 1, 1), (3, 13, 17), (2, 5, 33), (4, 8, 16)]
"""Rows, columns of one operand, and columns of the other."""
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
both_dtypes = pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
lying = pytest.mark.parametrize(
    ("a_lies", "b_lies"),
    [("together", "together"), ("part", "array"), ("array", "part"), ("shared", "together"), ("together", "shared")],
)


class Operand:
    """A matrix (samples, rows, columns) in memory, as a step names it.

    matrix : how it is named.  words : what a group has for its place.  whole : all of the memory, which holds guards elsewhere.
    numbers : the matrix in the memory.
    """

    def __init__(self, numbers, place, lies="together"):
        samples, rows, columns = numbers.shape
        row = {"part": padded(columns + 3, numbers.dtype), "array": columns}.get(lies, padded(columns, numbers.dtype))
        is_own, first = lies in ("together", "part"), 3 if lies == "part" else 0
        start = OFFSET * (samples if is_own else 1)
        to_next = {"array": rows * row + 5, "shared": 0}.get(lies, rows * row)
        itemsize = numbers.itemsize
        self.whole = np.full(start + first + samples * (rows * row + 5) + WIDE, GUARD, numbers.dtype)
        strides = to_next * itemsize, row * itemsize, itemsize
        self.numbers = np.lib.stride_tricks.as_strided(self.whole[start + first :], numbers.shape, strides)
        self.numbers[...] = numbers
        self.matrix = Matrix(rows, columns, place, OFFSET, row, 1, first=first)
        self.words = self.whole.ctypes.data, OWN if is_own else to_next * itemsize

    def assert_holds(self, expected):
        """These numbers, and guards around them."""
        whole, found = self.whole.copy(), self.numbers.copy()
        self.numbers[...] = GUARD
        np.testing.assert_array_equal(self.whole, GUARD)
        self.whole[...] = whole
        tolerance = (1e-5 if whole.itemsize == 4 else 1e-13) * max(1, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def drawn(dtype, *shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def same(numbers, lies):
    """The numbers that samples have where they share those of one."""
    return np.broadcast_to(numbers[:1], numbers.shape) if lies == "shared" else numbers


def take(kernel, step, *operands, numbers=(), state=None, lists=()):
    """Take one step of all samples.

    numbers : rows among the parameters, p and q.
    state : vectors (vectors, samples, row) of the state, from the first sample of the group on.
    lists : a list of units for each sample, each with its length before it and places for more behind it.
    """
    dtype, samples = operands[0].whole.dtype, len(operands[0].numbers)
    parameters = np.concatenate([np.zeros(WIDE), np.ones(WIDE), *numbers]).astype(dtype)
    layout = {"contract": kernel_address(contract, dtype), "zeros": 0, "ones": WIDE}
    tables = records(STEP, [step]), records(LAYOUT, [layout])
    addresses = parameters.ctypes.data, 0, 0, *(table.ctypes.data for table in tables)
    places = np.zeros((C + 1, 2), np.int64)
    for operand in operands:
        places[operand.matrix.place] = operand.words
    held = (
        np.zeros(0) if state is None else np.full((len(state), STATE_FIRST + GROUP_FIRST + samples, state.shape[2]), GUARD, dtype)
    )
    if state is not None:
        held[:, STATE_FIRST + GROUP_FIRST :] = state
    room = held.shape[1] if state is not None else 0
    identity, own_lists = np.arange(WIDE, dtype=np.int32), np.array(lists, np.int32)
    listed = identity.ctypes.data, own_lists.ctypes.data, own_lists.strides[0]
    group = Group(samples, samples, places.ctypes.data, 0, (held.ctypes.data, room, STATE_FIRST), GROUP_FIRST, *listed)
    words = np.array([*group[:4], *group.state, *group[5:]], np.int64)
    call(kernel, dtype.type(0), addresses, 0, 0, words, (0, 1))


@both_dtypes
@shapes
@lying
@pytest.mark.parametrize("pieces", [(1, 96), (2, 96), (96, 16), (2, 32), (96, 96)], ids=str)
def test_outer(pieces, a_lies, b_lies, shape, dtype):
    """Large results are computed in pieces, of which the last may have fewer rows or columns."""
    depth, rows, columns = shape
    u, t = drawn(dtype, SAMPLES, depth, rows), drawn(dtype, SAMPLES, depth, columns, seed=1)
    c = Operand(drawn(dtype, 1, rows, columns, seed=2), C, "shared")
    expected = c.numbers + np.einsum("sdi,sdj->ij", *(same(x, lies).astype(float) for x, lies in ((u, a_lies), (t, b_lies))))
    a, b = Operand(same(u, a_lies), A, a_lies), Operand(same(t, b_lies), B, b_lies)
    piece = Operand(np.full((1, min(rows, pieces[0]), min(padded(columns, dtype), pieces[1])), np.nan, dtype), START, "shared")
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | piece.matrix.as_start
    # All samples have one result, so the first operand gives their number.
    take(adjoint.outer_step, step | {"depth": depth, "piece_rows": pieces[0], "piece_columns": pieces[1]}, a, b, piece, c)
    c.assert_holds(expected)


@both_dtypes
@pytest.mark.parametrize("lies", ["together", "part", "array", "shared"])
@pytest.mark.parametrize("shape", [(1, 13, 5), (7, 40, 17), (4, 96, 33), (13, 31, 20)], ids=str)
@pytest.mark.parametrize(("strip", "piece_depth"), [(100, 96), (6, 16), (1, 32)])
def test_live_columns(strip, piece_depth, shape, lies, dtype):
    """Of a sample without live units, of one with all of them, and of others; what dead units would bring is not even read."""
    rows, depth, columns = shape
    u, weight = same(drawn(dtype, SAMPLES, rows, depth), lies), drawn(dtype, 1, columns, depth, seed=1)
    slopes = drawn(dtype, SAMPLES, columns, seed=2)
    slopes[drawn(float, SAMPLES, columns, seed=3) > 0.3] = 0
    slopes[1], slopes[3] = 0, 1 + np.arange(columns)
    slopes[:, 2], weight[:, 2] = 0, np.inf
    expected = np.einsum("srk,uk->sru", u.astype(float), np.where(np.isinf(weight[0]), 0, weight[0])) * slopes[:, None]
    live = [np.flatnonzero(row) for row in slopes]
    lists = [[len(units), *units, *[-1] * (columns + 4 - len(units))] for units in live]
    a, b = Operand(u, A, lies), Operand(weight, B, "shared")
    c = Operand(np.full((SAMPLES, rows, columns), np.nan, dtype), C)
    state = np.full((1, SAMPLES, padded(columns, dtype)), GUARD)
    state[0, :, :columns] = slopes
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | {"state": 0, "state_row": state.shape[2], "columns_live": 0}
    step |= {"depth": depth, "strip": strip, "piece_depth": piece_depth}
    take(adjoint.live_columns_step, step, a, b, c, state=state, lists=lists)
    c.assert_holds(expected)


@both_dtypes
@shapes
@pytest.mark.parametrize("lies", ["together", "part", "array", "shared"])
def test_total(lies, shape, dtype):
    rows, _, columns = shape
    u = same(drawn(dtype, SAMPLES, rows, columns), lies)
    a, c = Operand(u, A, lies), Operand(drawn(dtype, 1, rows, columns, seed=1), C, "shared")
    expected = c.numbers + u.astype(float).sum(axis=0)
    take(adjoint.total_step, c.matrix.stored | a.matrix.as_left, a, c)
    c.assert_holds(expected)


@both_dtypes
@shapes
@lying
def test_slopes(a_lies, b_lies, shape, dtype):
    rows, _, columns = shape
    u, t = same(drawn(dtype, SAMPLES, rows, columns), a_lies), same(drawn(dtype, SAMPLES, rows, columns, seed=1), b_lies)
    a, b, c = Operand(u, A, a_lies), Operand(t, B, b_lies), Operand(np.full((SAMPLES, 1, columns), np.nan, dtype), C)
    take(adjoint.slopes_step, c.matrix.stored | a.matrix.as_left | b.matrix.as_right | {"rows": rows}, a, b, c)
    c.assert_holds((u.astype(float) * t).sum(axis=1, keepdims=True))


def rule(kernel, dtype, row, by_p=0, by_q=0):
    """The fields of a step by an activation's rule, whose p and q lie behind one another as rows of this length."""
    return {"rule": kernel_address(kernel, dtype), "p": 2 * WIDE, "q": 2 * WIDE + row, "by_p": by_p, "by_q": by_q}


@both_dtypes
@pytest.mark.parametrize("columns", [1, 8, 13])
@pytest.mark.parametrize("adds", [False, True])
def test_bend(adds, columns, dtype):
    """The bends of a product with a sigmoid; the padding of rows is taken along."""
    x, by_slopes = drawn(dtype, SAMPLES, 1, columns), drawn(dtype, SAMPLES, 1, columns, seed=1)
    a, b, spare = Operand(x, A), Operand(by_slopes, B), Operand(np.zeros_like(x), START)
    c = Operand(drawn(dtype, SAMPLES, 1, columns, seed=2), C) if adds else b
    s = 1 / (1 + np.exp(-x.astype(float)))
    expected = s * (1 - s) * (2 + x * (1 - 2 * s)) * by_slopes + (c.numbers if adds else 0)
    n = SAMPLES * a.matrix.row
    fields = rule(fl.SiLU.rule.bend, dtype, n) | {"adds": int(adds)}
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | spare.matrix.as_start
    # In place the result is the operand, whose place it has.
    take(adjoint.bend_step, step | fields, a, spare, b, c, numbers=np.zeros((2, n)))
    np.testing.assert_allclose(c.numbers, expected, rtol=0, atol=1e-5 if dtype.itemsize == 4 else 1e-13)
    behind = c.whole[OFFSET * SAMPLES + n :]
    np.testing.assert_array_equal(behind, GUARD)


@both_dtypes
@pytest.mark.parametrize("columns", [1, 8, 13])
@pytest.mark.parametrize(("name", "operand"), [("multiply", 0), ("multiply", 1), ("divide", 0), ("divide", 1)])
def test_bend_pair(name, operand, columns, dtype):
    """Of `x y` and of `x / y`, whose slopes are kept."""
    row = padded(columns, dtype)
    x, y, by_x, by_y = (drawn(dtype, SAMPLES, 1, columns, seed=seed).astype(float) for seed in range(4))
    y = np.abs(y) + 1
    slopes, derivatives = {
        "multiply": ((y, x), (by_y, by_x)),
        "divide": ((1 / y, -x / y**2), (-by_y / y**2, -by_x / y**2 + 2 * by_y * x / y**3)),
    }[name]
    by_slopes = (by_y, by_x) if operand else (by_x, by_y)
    a, b = (Operand(part.astype(dtype), place) for part, place in zip(by_slopes, (A, B), strict=True))
    c = Operand(drawn(dtype, SAMPLES, 1, columns, seed=4), C)
    expected = derivatives[operand] + c.numbers
    held = np.full((2, SAMPLES, row), GUARD)
    held[:, :, :columns] = np.concatenate(slopes, axis=1).transpose(1, 0, 2)
    fields = {"rule": kernel_address(pairwise.BENDS[name][operand], dtype), "state": operand * row, "state_row": row}
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | fields | {"to_other": -row if operand else row}
    take(adjoint.bend_pair_step, step, a, b, c, state=held)
    c.assert_holds(expected)


@both_dtypes
@shapes
def test_bend_normalizer(shape, dtype):
    """Of the softmax, whose Jacobian is `diag(s) - s s^T`."""
    rows, _, n = shape
    u, t, x = drawn(dtype, SAMPLES, rows, n), drawn(dtype, SAMPLES, rows, n, seed=1), drawn(float, SAMPLES, n, seed=2)
    s = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    by_x = np.einsum("si,ij->sij", s, np.eye(n)) - np.einsum("si,sj->sij", s, s)  # ds / dx
    turned = np.einsum("sik,ij->sijk", by_x, np.eye(n)) - np.einsum("sik,sj->sijk", by_x, s) - np.einsum("si,sjk->sijk", s, by_x)
    expected = np.einsum("sri,srj,sijk->sk", u.astype(float), t, turned)[:, None]
    a, b, spare = Operand(u, A), Operand(t, B), Operand(np.zeros((SAMPLES, 1, n), dtype), START)
    c = Operand(np.full((SAMPLES, 1, n), np.nan, dtype), C)
    row = padded(3 * n, dtype)
    state = np.full((1, SAMPLES, row), GUARD)
    state[0, :, 2 * n : 3 * n] = s
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | spare.matrix.as_start
    fields = {"rows": rows, "rule": kernel_address(bends.BENDS["softmax"], dtype), "state": 0, "state_row": row}
    take(adjoint.bend_normalizer_step, step | fields, a, b, spare, c, state=state)
    c.assert_holds(expected)


TRAINED = [(True, True), (True, False), (False, True)]


@both_dtypes
@shapes
@lying
@pytest.mark.parametrize("trained", TRAINED, ids=str)
def test_pull_parameters(trained, a_lies, b_lies, shape, dtype):
    """Of `p x + q`, to rows that hold the derivatives by p at one place and those by q at another."""
    rows, _, n = shape
    x, by_values = same(drawn(dtype, SAMPLES, 1, n), a_lies), same(drawn(dtype, SAMPLES, rows, n, seed=1), b_lies)
    by_slopes = drawn(dtype, SAMPLES, 1, n, seed=2)
    a, b, start = Operand(x, A, a_lies), Operand(by_values, B, b_lies), Operand(by_slopes, START)
    c = Operand(drawn(dtype, SAMPLES, rows, 2 * n + 3, seed=3), C, "array")
    by_p, by_q = (place if wanted else DENSE for place, wanted in zip((1, n + 2), trained, strict=True))
    expected = c.numbers.astype(float)
    if trained[0]:
        expected[:, :, by_p : by_p + n] += by_values * x.astype(float) + by_slopes
    if trained[1]:
        expected[:, :, by_q : by_q + n] += by_values
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | start.matrix.as_start
    fields = {"columns": n} | rule(fl.Scale.rule.parameter_pull, dtype, n, by_p, by_q)
    take(adjoint.pull_parameters_step, step | fields, a, b, start, c, numbers=drawn(dtype, 2, n, seed=4))
    c.assert_holds(expected)


@both_dtypes
@shapes
@lying
@pytest.mark.parametrize("adds", [False, True])
def test_weight_rows(adds, a_lies, b_lies, shape, dtype):
    """Each row of the result holds a whole weight's derivatives, row by row."""
    rows, n_out, n_in = shape
    u, v = same(drawn(dtype, SAMPLES, rows, n_out), a_lies), same(drawn(dtype, SAMPLES, 1, n_in, seed=1), b_lies)
    a, b = Operand(u, A, a_lies), Operand(v, B, b_lies)
    c = Operand(drawn(dtype, SAMPLES, rows, n_out * n_in, seed=2), C, "array")
    expected = np.einsum("sri,sj->srij", u.astype(float), v[:, 0]).reshape(SAMPLES, rows, -1) + (c.numbers if adds else 0)
    step = c.matrix.stored | a.matrix.as_left | b.matrix.as_right | {"columns": n_in, "depth": n_out, "adds": int(adds)}
    take(adjoint.weight_rows_step, step, a, b, c)
    c.assert_holds(expected)
