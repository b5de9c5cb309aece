"""Tables of the gradient kernel: which steps a request takes, and that they are right from every boundary."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients import emitter
from fastjac.gradients.lowering import Lowered, lower
from fastjac.gradients.runner import addresses_of
from fastjac.kernels import adjoint
from fastjac.kernels.gradient_tables import PLACES
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.target import lanes, padded, round_up
from fastjac.layers import Layer
from fastjac.lowering.memory import MOST_SAMPLES
from tests import naive
from tests.bits import assert_same_bits
from tests.gradients import seeded, torch_gradients
from tests.gradients.test_pullback_against_torch import FLOAT64_TOLERANCE, assert_gradient

LETTERS = {"T": fj.Tanh, "R": fj.ReLU, "S": fj.Softmax, "N": fj.LayerNorm}
WIDTHS = 9, 14, 6, 11
WORDS = ["A", "T", "R", "S", "N", "AT", "TA", "SA", "AAA", "TRT", "ATA", "TAT", "ATTA", "TAAR", "ANTA", "ATSA", "ARARA", "RAARAT"]


def spelled(word: str, n_in: int = 5) -> fj.Network:
    """One operation for each letter: A for an affine map, and those of LETTERS."""
    rng, width, widths = np.random.default_rng(0), n_in, iter(WIDTHS)
    layers: list[Layer] = []
    for letter in word:
        layers.append(LETTERS[letter]() if letter in LETTERS else seeded.affine(rng, width, next(widths)))
        width = layers[-1].n_out or width
    return fj.Network(layers, n_in=n_in)


BACK = "x y_gradient jacobian_gradient x_gradient sums"


def lowered(net: fj.Network, wanted: list | None = None) -> Lowered:
    return lower(seeded.unfolded(net), net.dtype, seeded.names(net) if wanted is None else wanted)


def steps(found: Lowered, kernel: object, asked: str = BACK, filled: bool = False) -> int:
    """How many steps of a request are of this kind."""
    table = found.tables(frozenset(asked.split()), filled).steps
    return int((table["kernel"] == kernel_address(kernel, found.dtype)).sum())


def test_tables_are_written_once() -> None:
    found = lowered(spelled("ATA"))
    assert found.tables(frozenset(BACK.split())) is found.tables(frozenset(BACK.split()))
    assert found.tables(frozenset(BACK.split())) is not found.tables(frozenset(BACK.split()), filled=True)


def test_a_filled_request_takes_no_sweep_and_no_rows() -> None:
    found = lowered(spelled("ARATA"))
    whole, filled = (found.tables(frozenset(BACK.split()), filled) for filled in (False, True))
    assert len(filled.primal) == 0 < len(whole.primal)
    assert len(filled.live) == 0 < len(whole.live)
    rows = found.tables(frozenset(["x", "jacobian_gradient"]))
    assert len(whole.steps) - len(filled.steps) == len(rows.steps) > 0


def test_values_alone_take_no_steps() -> None:
    found = lowered(spelled("ATA")).tables(frozenset(["x", "y"]))
    assert len(found.steps) == 0 < len(found.primal)


def test_only_wanted_gradients_are_summed() -> None:
    """A weight by rows and by values, a bias by values alone."""
    net = spelled("ATATA")
    assert steps(lowered(net), adjoint.outer_step) + steps(lowered(net), adjoint.total_step) == 2 * 3 + 3
    for wanted in ([(2, "weight")], [(2, "bias")], []):
        found = lowered(net, wanted)
        by_rows = sum(name == "weight" for _, name in wanted)
        assert steps(found, adjoint.outer_step) == 2 * by_rows
        assert steps(found, adjoint.total_step) == len(wanted) - by_rows


def test_derivatives_go_no_lower_than_they_are_needed() -> None:
    """To the lowest wanted parameter, where the inputs' are not wanted."""
    net, asked = spelled("ATATA"), "x y_gradient sums"
    counts = [len(lowered(net, [(layer, "weight")]).tables(frozenset(asked.split())).steps) for layer in (0, 2, 4)]
    assert counts == sorted(counts, reverse=True)
    assert counts[2] == 1
    bends = [steps(lowered(net, [(layer, "weight")]), adjoint.bend_step, "x jacobian_gradient sums") for layer in (0, 2, 4)]
    assert bends == [2, 1, 0]


def test_piecewise_linear_networks_have_no_bends() -> None:
    assert steps(lowered(spelled("ARA")), adjoint.bend_step) == steps(lowered(spelled("ARA")), adjoint.slopes_step) == 0
    assert steps(lowered(spelled("ATA")), adjoint.bend_step) == steps(lowered(spelled("ATA")), adjoint.slopes_step) == 1


def test_the_last_product_writes_the_jacobian_itself() -> None:
    table = lowered(spelled("ATA")).tables(frozenset(["x", "jacobian"])).steps
    assert (table["c_place"] == PLACES["jacobian"]).tolist() == [*[False] * (len(table) - 1), True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(3, 5), (9, 7), (12, 20)])
def test_products_read_no_whole_vectors_of_a_part_of_the_callers_array(sizes: tuple[int, int], dtype: type) -> None:
    """Vectors that begin at the second input would end behind the array, though both inputs together fill vectors."""
    rng, inputs = np.random.default_rng(0), tuple(fj.Input(size) for size in sizes)
    parts = [seeded.affine(rng, size, 6)(node) for size, node in zip(sizes, inputs, strict=True)]
    net = fj.Network(inputs=inputs, outputs=fj.Tanh()(parts[0] + parts[1]), dtype=dtype)
    for boundary in seeded.boundaries(net):
        found = lower(seeded.unfolded(net), net.dtype, seeded.names(net), boundary)
        table = found.tables(frozenset(BACK.split())).steps
        products = table[table["kernel"] == kernel_address(adjoint.outer_step, net.dtype)]
        read_there = products[np.isin(products["b_place"], [*PLACES.values()])]["columns"]
        assert len(products) >= 2
        assert all(columns == padded(columns, net.dtype) for columns in read_there)


def shifted(array: np.ndarray) -> np.ndarray:
    """A copy that begins between two vectors."""
    copy = np.empty(array.size + 1)[1:].reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("n_in", [5, 16, 37])
@pytest.mark.parametrize("word", WORDS)
def test_jacobians_and_gradients_from_every_boundary(word: str, n_in: int) -> None:
    """Jacobians are written in place, and derivatives by them read there where n_in fills vectors, as 16 does."""
    net, rng = spelled(word, n_in), np.random.default_rng(1)
    x, by_y, by_jacobian = (rng.standard_normal((MOST_SAMPLES + 1, *core)) for core in ((n_in,), (net.n_out,), (net.n_out, n_in)))
    expected, gradient = naive.jacobian(net.layers, x), torch_gradients.pullback(net.layers, x, by_y, by_jacobian)
    for boundary in seeded.boundaries(net):
        found, given = shifted(np.full_like(by_jacobian, np.nan)), shifted(by_jacobian)
        seeded.runner(net, boundary).run(len(x), addresses_of(x=x, jacobian=found), threads=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        assert_gradient(seeded.pullback(net, x, boundary)(by_y, given), *gradient, FLOAT64_TOLERANCE)
        assert_same_bits([given], [by_jacobian])


LONG = 1100
"""More numbers than dot products take at a time."""


def long_chain(widths: tuple[int, ...], activation: Layer, dtype: type = np.float64) -> fj.Network:
    return fj.Network(seeded.alternating(np.random.default_rng(2), widths, activation), dtype=dtype)


@pytest.mark.parametrize("widths", [(LONG, 40, 30, 5), (5, 30, 40, LONG)], ids=["reverse", "forward"])
def test_columns_of_dead_units_are_left_out_where_rows_are_long(widths: tuple[int, ...]) -> None:
    """Of units with dead ones, unless the gradient by the slopes themselves is wanted; one row or short ones do not pay."""
    counts = {fj.ReLU(): 1, fj.ReLU6(): 1, fj.Tanh(): 0, fj.LeakyReLU(0.1): 0, fj.PReLU(0.0): 0}
    for activation, count in counts.items():
        assert steps(lowered(long_chain(widths, activation)), adjoint.live_columns_step) == count, activation
    few, short = ((*widths[:3], 1), (60, *widths[1:])) if widths[0] == LONG else ((1, *widths[1:]), (*widths[:3], 60))
    for others in (few, short):
        assert steps(lowered(long_chain(others, fj.ReLU())), adjoint.live_columns_step) == 0, others


@pytest.mark.parametrize("activation", [fj.ReLU(), fj.ReLU6(), fj.HardTanh(), fj.HardSwish()], ids=str)
@pytest.mark.parametrize("widths", [(LONG, 40, 30, 5), (5, 30, 40, LONG), (700, 24, 9, 24, 700)], ids=str)
def test_gradients_of_long_rows(widths: tuple[int, ...], activation: Layer) -> None:
    net, rng = long_chain(widths, activation), np.random.default_rng(3)
    x, by_y = rng.standard_normal((7, net.n_in)), rng.standard_normal((7, net.n_out))
    by_jacobian = rng.standard_normal((7, net.n_out, net.n_in))
    whole = net.jacobian_vjp(x)[2](by_y, by_jacobian)
    assert_gradient(whole, *torch_gradients.pullback(net.layers, x, by_y, by_jacobian), FLOAT64_TOLERANCE)
    for some in (slice(0, 1), slice(2, 5), slice(6, 7)):
        part = net.jacobian_vjp(x[some])[2](by_y[some], by_jacobian[some])
        assert_same_bits([part.x], [whole.x[some]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(90, 200), (200, 90), (95, 95), (91, 70)])
@pytest.mark.parametrize("room", [8192, 60])
def test_large_gradients_are_cut_into_pieces_of_the_longer_rows(
    room: int, sizes: tuple[int, int], dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the rows of the larger operand are read once. However many rows there are, a piece is some registers wide."""
    monkeypatch.setattr(emitter, "PIECE_ELEMENTS", room)
    n_in, n_out = sizes
    net = long_chain((n_in, n_out, 3), fj.Tanh(), dtype)
    table = lowered(net).tables(frozenset(BACK.split())).steps
    large = table[
        (table["rows"] == n_out) & (table["columns"] == n_in) & (table["kernel"] == kernel_address(adjoint.outer_step, net.dtype))
    ]
    assert len(large) == 2
    least = emitter.PIECE_VECTORS * lanes(np.dtype(dtype))
    if n_out < n_in:
        assert (large["piece_rows"] == n_out).all()
        assert (large["piece_columns"] == min(padded(n_in, np.dtype(dtype)), round_up(max(1, room // n_out), least))).all()
    else:
        assert (large["piece_rows"] == max(1, room // padded(n_in, np.dtype(dtype)))).all()
        assert (large["piece_columns"] >= n_in).all()
    x, by_y, by_jacobian = (np.random.default_rng(1).standard_normal(core) for core in (n_in, 3, (3, n_in)))
    expected = torch_gradients.pullback(net.layers, x[None], by_y[None], by_jacobian[None])[1]
    found = net.jacobian_vjp(x)[2](by_y, by_jacobian).layers
    error = np.abs(found[0]["weight"] - expected[0]["weight"]).max() / np.abs(expected[0]["weight"]).max()
    assert error < (1e-4 if dtype is np.float32 else 1e-12)
