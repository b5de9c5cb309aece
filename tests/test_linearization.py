"""A primal sweep that is kept: products that start from it have the bits of those that sweep themselves."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.sparse.linalg import aslinearoperator, lsqr

import fastjac as fj
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.kernels.target import padded
from fastjac.planning import plan as plan_module
from fastjac.running import batch as batch_module
from fastjac.running import sharing
from tests.bits import assert_same_bits
from tests.graph_by_nodes import network_of
from tests.graph_families import graph_named
from tests.kernels import test_twins
from tests.lowering import test_lanes
from tests.random_networks import random_network
from tests.running import test_together

RNG = np.random.default_rng(0)
STATE, CONTROL = fj.Input(5, "state"), fj.Input(3)
HIDDEN = fj.Tanh()(fj.Affine(RNG.standard_normal((6, 8)))(fj.concatenate([STATE, CONTROL])))
ENDS = fj.Network(inputs=(STATE, CONTROL), outputs=(STATE + fj.Affine(RNG.standard_normal((5, 6)))(HIDDEN), HIDDEN * HIDDEN))
NET = fj.Network([fj.Affine(RNG.standard_normal((9, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 9))), fj.Softmax()])
X = RNG.standard_normal((5, 4))
BLOCK = int(NET.program().layout["block"][0])
GRAPHS = [f"{name} 0" for name in (
    "post_activation_residual_net", "dense_net", "swiglu", "deeponet", "two_heads", "gates_of_every_kind", "larger_of_itself",
    "normalizers_side_by_side", "piecewise_linear", "linear", "input_past_everything", "outputs_in_a_row", "many_blocks",
)]  # fmt: skip


def arrays(result: Any) -> list[np.ndarray]:
    """A result as a list of arrays, in whatever tuples they are."""
    return [array for part in result for array in arrays(part)] if isinstance(result, tuple) else [result]


def products(net: fj.Network, lead: tuple[int, ...], rng: np.random.Generator) -> list[tuple[str, tuple[Any, ...], dict]]:
    """Methods that a Network and a Linearization have, with arguments behind x: seeds for each input, or for all."""

    def seed(end: Any, axis: int, *shape: int) -> Any:
        return end.split(rng.standard_normal(shape).astype(net.dtype), axis)

    return [
        ("jvp", (seed(net._inputs, -1, *lead, net.n_in),), {}),
        ("vjp", (seed(net._outputs, -1, *lead, net.n_out),), {}),
        ("vjp", (seed(net._outputs, -1, net.n_out),), {}),
        ("pushforward", (seed(net._inputs, -2, *lead, net.n_in, 3),), {}),
        ("pullback", (seed(net._outputs, -1, *lead, 2, net.n_out),), {}),
        ("pullback", (seed(net._outputs, -1, 0, net.n_out),), {}),
        *(("jacobian", (mode,), {}) for mode in ("auto", "forward", "reverse")),
        ("jacobian", (), {"wrt": -1, "of": slice(0, 1)}),
    ]


def assert_bits_of(net: fj.Network, x: np.ndarray, threads: int | None = None) -> None:
    """One linearization gives what every method of the network gives."""
    points = net._inputs.split(x, -1)
    lin = net.linearize(points, threads=threads)
    assert_same_bits(arrays(lin.value), arrays(net(points)))
    for name, arguments, options in products(net, x.shape[:-1], np.random.default_rng(1)):
        expected = getattr(net, name)(points, *arguments, **options)
        found = getattr(lin, name)(*arguments, **options, threads=threads)
        assert_same_bits(arrays(found), arrays(expected if name == "jacobian" else expected[1]))


@pytest.mark.parametrize("seed", range(6))
def test_bits_of_random_chains(seed):
    net = fj.Network(random_network(seed).layers, dtype=(np.float32, np.float64)[seed % 2])
    assert_bits_of(net, np.random.default_rng(seed).standard_normal((60, net.n_in)), threads=1 + seed % 2)


@pytest.mark.parametrize("name", GRAPHS)
def test_bits_of_graphs(name):
    net = network_of(graph_named(name), (np.float32, np.float64)[len(name) % 2])
    assert_bits_of(net, np.random.default_rng(0).standard_normal((20, net.n_in)))


@pytest.mark.parametrize("lead", [(), (0,), (1,), (BLOCK - 1,), (BLOCK + 1,), (2, 3), (1000,)])
def test_bits_of_any_batch(lead):
    for net in (NET, ENDS):
        assert_bits_of(net, np.random.default_rng(2).standard_normal((*lead, net.n_in)), threads=2)


def test_bits_of_several_calls_and_pieces(monkeypatch):
    """Where Ctrl-C cuts a batch into calls, and seeds of another dtype are copied piece by piece."""
    monkeypatch.setattr(sharing, "CALL_COST", 20_000)
    monkeypatch.setattr(batch_module, "COPIED_BYTES", 8000)
    net = fj.Network(NET.layers)
    x, u = RNG.standard_normal((500, 4)), RNG.standard_normal((500, 3)).astype(np.float32)
    for threads in (1, 2):
        lin = net.linearize(x[:, ::-1], threads=threads)
        assert_same_bits([lin.vjp(u, threads=threads)], [NET.vjp(x[:, ::-1], u)[1]])


def test_bits_of_samples_that_their_neighbours_equal():
    assert_bits_of(test_twins.network(fj.ReLU()), test_twins.walk(200))


def test_bits_of_networks_that_go_along_the_lanes(monkeypatch):
    monkeypatch.setattr(plan_module, "LANES_GAIN", np.inf)
    for end in ([], [fj.Softmax()], [fj.Tanh()]):
        net = test_lanes.network((3, 17, 17, 2), fj.ELU(0.7), end, np.float32)
        assert test_lanes.in_lanes(net)
        assert_bits_of(net, RNG.standard_normal((150, 3)), threads=2)


def test_bits_of_one_input_that_threads_compute_together(monkeypatch):
    monkeypatch.setattr(sharing, "TOGETHER_COST", 0)
    net = test_together.network((600, 300, 90), "a diagonal", "a binary diagonal", "a normalizer")
    assert sharing.is_shared(net._runners.get("auto").work)
    assert_bits_of(net, RNG.standard_normal(600), threads=2)


def test_it_stays_as_it_was():
    x, u = X.copy(), RNG.standard_normal((5, 3))
    lin, expected = NET.linearize(x), NET.vjp(x, u)[1]
    x[:] = 0.0
    NET.linearize(np.ones((7, 4))).vjp(u[0])
    NET.vjp(np.ones((50, 4)), u[0])
    assert_same_bits([lin.vjp(u)], [expected])
    with pytest.raises(ValueError, match="read-only"):
        lin.value[0] = 1.0
    (state, _), (next_state, _) = ENDS.linearize((np.ones(5), np.ones(3))).value, ENDS((np.ones(5), np.ones(3)))
    assert_same_bits([state], [next_state])
    assert not state.flags.writeable


def test_several_threads_at_once():
    net = fj.Network([fj.Affine(RNG.standard_normal((50, 20))), fj.Tanh(), fj.Affine(RNG.standard_normal((20, 50)))])
    x, seeds = RNG.standard_normal((300, 20)), RNG.standard_normal((16, 300, 20))
    lin = net.linearize(x)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda u: lin.vjp(u, threads=2), seeds))
    assert_same_bits(found, [net.vjp(x, u)[1] for u in seeds])


def test_jacobians_written_to_an_array_of_the_caller():
    out = np.empty((5, 3, 4), np.float64, order="F")
    assert NET.linearize(X).jacobian(out=out) is out
    np.testing.assert_array_equal(out, NET.jacobian(X))
    parts = ENDS.linearize((np.ones(5), np.ones(3))).jacobian(of=0, out=(np.empty((1, 5)), np.empty((1, 3))))
    assert_same_bits(parts, ENDS.jacobian((np.ones(5), np.ones(3)), of=0))


def test_the_memory_that_it_holds():
    vectors = padded(9, NET.dtype) + padded(3 * 3, NET.dtype)
    assert 0 <= NET.linearize(X).nbytes - 5 * (4 + 3 + vectors) * 8 < 256
    assert repr(NET.linearize(X[:0])) == f"Linearization(x (0, 4), y (0, 3), float64, {(7 + vectors) * 8} bytes an input)"
    linear = fj.Network([fj.Affine(np.eye(3))])
    assert 0 <= linear.linearize(np.ones((10, 3))).nbytes - 10 * (3 + 3) * 8 < 256


WRONG = {
    "v must have shape (..., 4), got (5, 3)": (lambda lin: lin.jvp(np.ones((5, 3))), ShapeError),
    "u must have shape (..., 3) with leading dimensions that broadcast to x's (5,), got (4, 3)": (
        lambda lin: lin.vjp(np.ones((4, 3))),
        ShapeError,
    ),
    "V must have shape (..., 4, k), got (4,)": (lambda lin: lin.pushforward(np.ones(4)), ShapeError),
    "U must have shape (..., k, 3), got (5, 2, 4)": (lambda lin: lin.pullback(np.ones((5, 2, 4))), ShapeError),
    "v must hold real numbers, got dtype complex128; pass its real part, numpy.real(...)": (
        lambda lin: lin.jvp(np.ones(4, complex)),
        DtypeError,
    ),
    "V must hold real numbers, got dtype complex128; pass its real part, numpy.real(...)": (
        lambda lin: lin.operator() @ np.ones(20, complex),
        DtypeError,
    ),
    "out must have shape (5, 3, 4), got (3, 4)": (lambda lin: lin.jacobian(out=np.ones((3, 4))), ShapeError),
    "threads must be a positive integer, got 0": (lambda lin: lin.vjp(np.ones(3), threads=0), OptionError),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message):
    call, error = WRONG[message]
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call(NET.linearize(X))


@pytest.mark.parametrize(("name", "wrong"), [("wrt", 4), ("of", [0, 3]), ("wrt", []), ("of", [1, 1])])
def test_columns_and_rows_that_there_are_not(name, wrong):
    with pytest.raises(OptionError) as expected:
        NET.jacobian(X, **{name: wrong})
    with pytest.raises(OptionError, match=f"^{re.escape(str(expected.value))}$"):
        NET.linearize(X).jacobian(**{name: wrong})


class TestOperator:
    """J as SciPy's linear operator."""

    @pytest.mark.parametrize("n", [None, 0, 1, 3])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_products(self, n, dtype):
        net = NET.astype(dtype)
        x = RNG.standard_normal((4,) if n is None else (n, 4))
        operator = net.linearize(x).operator()
        dense = block_diag(*net.jacobian(x).reshape(-1, 3, 4)) if n != 0 else np.empty((0, 0))
        assert (operator.shape, operator.dtype) == (dense.shape, np.dtype(dtype))
        bound = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
        for found, matrix in ((operator, dense), (operator.T, dense.T)):
            for seed in (RNG.standard_normal((matrix.shape[1], 2)), np.ones(matrix.shape[1])):
                np.testing.assert_allclose(found @ seed, matrix @ seed, **bound)

    def test_several_inputs_are_one_vector(self):
        points = states, controls = RNG.standard_normal((2, 5)), RNG.standard_normal((2, 3))
        operator = ENDS.linearize(points).operator()
        dense = [np.block([list(row) for row in ENDS.jacobian((states[n], controls[n]))]) for n in range(2)]
        np.testing.assert_allclose(operator @ np.eye(16), block_diag(*dense), rtol=1e-12, atol=1e-14)

    def test_the_adjoint_and_a_solver(self):
        operator = NET[:-1].linearize(X[0]).operator()
        u, v = RNG.standard_normal(3), RNG.standard_normal(4)
        assert u @ (operator @ v) == pytest.approx((operator.H @ u) @ v, rel=1e-12)
        np.testing.assert_allclose(operator @ lsqr(operator, u, atol=1e-14, btol=1e-14)[0], u, rtol=1e-9)
        assert aslinearoperator(operator) is operator
