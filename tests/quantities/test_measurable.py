"""Singular values, norms, ranks, determinants, Gram and Fisher matrices against NumPy on J itself."""

import doctest
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, OptionError, ShapeError
from fastjac.graphs.ends import whole
from fastjac.quantities import measurable, pieces
from fastjac.quantities.jacobians import Jacobians

Array = np.ndarray
RNG = np.random.default_rng(0)
TOLERANCE = 1e-10


def affine(n_in: int, n_out: int, rng: np.random.Generator = RNG) -> fj.Affine:
    return fj.Affine(rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out))


def chain(*widths: int, activation: fj.Layer = fj.Tanh()) -> fj.Network:  # noqa: B008
    layers = [layer for sizes in pairwise(widths) for layer in (affine(*sizes), activation)]
    return fj.Network(layers[:-1])


def residual() -> fj.Network:
    """Two inputs, two outputs, and blocks around a waist of 3."""
    x, u = fj.Input(7), fj.Input(5)
    h = fj.Tanh()(affine(12, 3)(fj.concatenate([x, u])))
    h = h + fj.Tanh()(affine(9, 3)(fj.ReLU()(affine(3, 9)(h))))
    return fj.Network(inputs=(x, u), outputs=(affine(3, 8)(h), fj.Softmax()(affine(3, 6)(h))))


NETWORKS: dict[str, Callable[[], fj.Network]] = {
    "tall": lambda: chain(6, 16, 9),
    "wide, of dead units": lambda: chain(40, 30, 8, activation=fj.ReLU()),
    "square": lambda: chain(5, 20, 5),
    "a waist": lambda: chain(24, 16, 3, 16, 24),
    "two waists of linear layers": lambda: fj.Network([affine(20, 4), affine(4, 20), fj.Tanh(), affine(20, 2), affine(2, 20)]),
    "a softmax at the waist": lambda: fj.Network([affine(15, 4), fj.Softmax(), affine(4, 18), fj.LayerNorm()]),
    "residual": residual,
    "one number to one": lambda: chain(1, 3, 1),
    "no weights": lambda: fj.Network([fj.Tanh()], n_in=4),
    "a zero J": lambda: fj.Network([affine(6, 8), fj.Scale(0.0), affine(8, 6)]),
    "parallel rows": lambda: fj.Network([affine(6, 8), fj.Tanh(), fj.Affine(np.ones((5, 8)))]),
}


@pytest.fixture(scope="module", params=NETWORKS)
def net(request: pytest.FixtureRequest) -> fj.Network:
    return NETWORKS[request.param]()


def inputs(net: fj.Network, *lead: int) -> Any:
    x = np.random.default_rng(1).standard_normal((*lead, net.n_in)).astype(net.dtype)
    return tuple(np.split(x, np.cumsum(net.inputs)[:-1], axis=-1)) if len(net.inputs) > 1 else x


def dense(net: fj.Network, x: Any, **options: Any) -> Array:
    """J as one matrix, in float64."""
    ends = (None if "of" in options else net._outputs, None if "wrt" in options else net._inputs)
    return whole(net.jacobian(x, **options), *ends).astype(np.float64)


def symmetric(size: int, *lead: int) -> Array:
    matrix = np.random.default_rng(2).standard_normal((*lead, size, size))
    return matrix + matrix.swapaxes(-1, -2)


def assert_close(actual: Any, expected: Array, scale: Any = None, tolerance: float = TOLERANCE) -> None:
    """To a share of the scale, by default the largest expected entry."""
    assert actual.shape == expected.shape
    scale = np.abs(expected).max(initial=0.0) if scale is None else scale
    assert (np.abs(actual - expected) <= tolerance * scale).all(), np.abs(actual - expected).max()


def test_all_of_it_is_what_numpy_makes_of_j(net: fj.Network) -> None:
    x = inputs(net, 2, 3)
    assert_all(net, x, dense(net, x))


@pytest.mark.parametrize("options", [{"wrt": slice(1, 9)}, {"of": [5, 2, 3]}, {"wrt": [0, 3], "of": slice(6)}], ids=str)
@pytest.mark.parametrize("name", ["tall", "a waist", "residual"])
def test_of_some_rows_and_columns_in_every_mode(name: str, options: dict[str, Any]) -> None:
    net = NETWORKS[name]()
    x = inputs(net, 4)
    for mode in ("forward", "reverse", "mixed"):
        assert_all(net, x, dense(net, x, **options), mode=mode, **options)


def assert_all(net: fj.Network, x: Any, jacobian: Array, **options: Any) -> None:
    n_out, n_in = jacobian.shape[-2:]
    lead = jacobian.shape[:-2]
    values = np.linalg.svd(jacobian, compute_uv=False)
    largest = values[..., :1]
    assert_close(net.singular_values(x, **options), values, largest)
    assert_close(net.singular_values(x, 1, **options), largest)
    for order in ("fro", 2, "nuc"):
        assert_close(net.jacobian_norm(x, order, **options), np.linalg.norm(jacobian, order, axis=(-2, -1)))
    np.testing.assert_array_equal(net.rank(x, **options), np.linalg.matrix_rank(jacobian))
    halves = largest[..., 0] / 2
    np.testing.assert_array_equal(net.rank(x, halves, **options), np.linalg.matrix_rank(jacobian, halves))
    weights = [(None, np.eye(n_out)), (2.5, 2.5 * np.eye(n_out))]
    diagonal, matrices = np.arange(n_out) - 1.5, symmetric(n_out, *lead)
    weights += [(diagonal, np.diag(diagonal)), (matrices, matrices), (matrices[(0,) * len(lead)],) * 2]
    diagonals = np.ones((*lead, 1, 1)) * diagonal
    weights += [(diagonals, diagonals * np.eye(n_out))]
    for weight, matrix in weights:
        expected = jacobian.swapaxes(-1, -2) @ matrix @ jacobian
        scale = np.abs(jacobian).max() ** 2 * np.abs(matrix).max() * n_out**2
        gram = net.gram(x, weight, **options)
        assert_close(gram, expected, scale)
        np.testing.assert_array_equal(gram, gram.swapaxes(-1, -2))
        fisher = net.fisher(x, weight, **options)
        assert_close(fisher, expected.reshape(-1, n_in, n_in).sum(axis=0), scale * len(expected))
        np.testing.assert_array_equal(fisher, fisher.T)
    covariance = symmetric(n_in)
    scale = np.abs(jacobian).max() ** 2 * np.abs(covariance).max() * n_in**2
    expected = jacobian @ covariance @ jacobian.swapaxes(-1, -2)
    assert_close(net.gram(x, covariance, "outputs", **options), expected, scale)
    assert_close(net.gram(x, side="outputs", **options), jacobian @ jacobian.swapaxes(-1, -2), scale)
    if n_out == n_in:
        sign, logarithm = net.slogdet(x, **options)
        assert_close(sign * np.exp(logarithm), np.linalg.det(jacobian), largest[..., 0] ** n_in)


def test_what_cancels_at_a_waist_costs_a_gram_matrix_no_more_digits_than_j() -> None:
    u, v, rest = RNG.standard_normal(40), RNG.standard_normal(40), 1e-4 * RNG.standard_normal(40)
    net = fj.Network([fj.Affine(np.array([v, -v])), fj.Tanh(), fj.Affine(np.array([u, u + rest]).T)])
    x, weight, exact = np.zeros(40), symmetric(40), -np.outer(rest, v)
    for given_weight, matrix in ((None, np.eye(40)), (u, np.diag(u)), (weight, weight)):
        expected, terms = exact.T @ matrix @ exact, (np.abs(exact).T @ np.abs(matrix) @ np.abs(exact)).max()
        assert_close(net.gram(x, given_weight), expected, terms)
        assert_close(net.fisher(x, given_weight), expected, terms)


@given(
    widths=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    lead=st.sampled_from([(), (1,), (3,), (0,), (2, 0), (2, 2)]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=25, deadline=None)
def test_shapes_and_dtypes(widths: list[int], lead: tuple[int, ...], dtype: type) -> None:
    net = chain(*widths).astype(dtype)
    x = inputs(net, *lead)
    jacobian, least = dense(net, x), min(net.n_out, net.n_in)
    # At a waist, two factors of float32 make a J whose roundings are others.
    tolerance = 1e-5 if dtype == np.float32 else TOLERANCE
    values = net.singular_values(x)
    assert_close(values, np.linalg.svd(jacobian, compute_uv=False), scale(jacobian), tolerance)
    for result, core in (
        (values, (least,)),
        (net.singular_values(x, 1), (1,)),
        (net.jacobian_norm(x), ()),
        (net.jacobian_norm(x, 2), ()),
        (net.jacobian_norm(x, "nuc"), ()),
        (net.gram(x), (net.n_in, net.n_in)),
        (net.gram(x, side="outputs"), (net.n_out, net.n_out)),
        *((part, ()) for part in (net.slogdet(x) if net.n_in == net.n_out else ())),
    ):
        assert result.shape == (*lead, *core)
        assert result.dtype == np.float64
    assert net.rank(x).shape == lead
    assert net.rank(x).dtype == int
    fisher = net.fisher(x)
    assert fisher.dtype == np.float64
    assert_close(fisher, np.tensordot(jacobian, jacobian, [range(len(lead) + 1)] * 2), scale(jacobian) ** 2, tolerance)


def scale(jacobian: Array) -> float:
    """An upper bound of its singular values."""
    return float(np.sqrt(np.sum(jacobian**2)))


def readings(net: fj.Network, x: Any, **options: Any) -> dict[str, Array]:
    """Everything that is read off J at each input."""
    weight = symmetric(net.n_out)
    return {
        "values": net.singular_values(x, **options),
        "fro": net.jacobian_norm(x, **options),
        "2": net.jacobian_norm(x, 2, **options),
        "nuc": net.jacobian_norm(x, "nuc", **options),
        "rank": net.rank(x, **options),
        "gram": net.gram(x, weight, **options),
        "plain": net.gram(x, side="outputs", **options),
        "signs": net.slogdet(x, **options)[0],
        "logarithms": net.slogdet(x, **options)[1],
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("widths", [(9, 30, 9), (40, 20, 3, 20, 40)], ids=str)
def test_one_input_has_the_same_bits_in_every_batch_and_on_all_threads(
    widths: tuple[int, ...], dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = chain(*widths).astype(dtype)
    x = inputs(net, 130)
    # Pieces of three inputs, where a batch so small would be one piece.
    monkeypatch.setattr(pieces, "PIECE_COST", 1)
    expected, fisher = readings(net, x, threads=1), net.fisher(x, threads=1)
    for threads in (2, None):
        assert bits(readings(net, x, threads=threads)) == bits(expected)
        np.testing.assert_array_equal(net.fisher(x, threads=threads), fisher)
    for part in (slice(1), slice(1, 2), slice(5, 12)):
        assert bits(readings(net, x[part])) == bits({name: result[part] for name, result in expected.items()})


def bits(results: dict[str, Array]) -> dict[str, bytes]:
    return {name: result.tobytes() for name, result in results.items()}


@pytest.mark.parametrize("widths", [(4, 6, 4), (20, 12, 3, 12, 20)], ids=str)
def test_what_is_not_finite_is_nan_for_its_own_input_alone(widths: tuple[int, ...]) -> None:
    net = chain(*widths, activation=fj.SiLU())
    x = inputs(net, 5)
    expected = readings(net, x)
    x[1, 0], x[3, 1] = np.nan, np.inf
    for name, result in readings(net, x).items():
        bad = result.reshape(5, -1)[[1, 3]]
        assert (bad == -1).all() if name == "rank" else np.isnan(bad).any(axis=1).all(), name
        np.testing.assert_array_equal(result[[0, 2, 4]], expected[name][[0, 2, 4]])
    assert np.isnan(net.fisher(x)).any()


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_norms_of_entries_whose_squares_are_no_numbers(size: float) -> None:
    net = fj.Network([fj.Affine([[0.0, 3.0 * size], [-4.0 * size, 0.0]])])
    for order, norm in (("fro", 5.0), (2, 4.0), ("nuc", 7.0)):
        assert net.jacobian_norm([1.0, 1.0], order) == pytest.approx(norm * size, rel=1e-14, abs=0)


@pytest.mark.parametrize("shape", [(40, 3), (3, 40), (40, 40)], ids=str)
def test_singular_values_beyond_float64_are_inf(shape: tuple[int, int]) -> None:
    """The norm of a column overflows in LAPACK's QR decomposition, and its SVD raises for what that makes."""
    net, x = fj.Network([fj.Affine(np.full(shape, 1.5e308))]), np.zeros(shape[1])
    np.testing.assert_array_equal(net.singular_values(x, 1), [np.inf])
    assert net.jacobian_norm(x, "nuc") == net.jacobian_norm(x, 2) == net.jacobian_norm(x) == np.inf
    assert net.rank(x) == -1


@pytest.mark.parametrize("sizes", [(1e-200, 1e200), (1e200, 1e-200), (1e308, 1e-300)], ids=str)
def test_the_factors_at_a_waist_may_be_large_and_small(sizes: tuple[float, float]) -> None:
    weights = np.ones((3, 40)), np.ones((40, 3))
    layers = [fj.Affine(weight * size) for weight, size in zip(weights, sizes, strict=True)]
    net = fj.Network([layers[0], fj.Tanh(), layers[1]])
    expected = 120.0 * np.prod(sizes)
    np.testing.assert_allclose(net.singular_values(np.zeros(40), 1), [expected], rtol=1e-13)


def test_of_a_float32_network_nothing_is_lost_besides_what_j_has_lost() -> None:
    net = chain(6, 16, 9).astype(np.float32)
    x = inputs(net, 4)
    jacobian = dense(net, x)
    assert_close(net.singular_values(x), np.linalg.svd(jacobian, compute_uv=False), tolerance=1e-14)
    assert_close(net.gram(x), jacobian.swapaxes(1, 2) @ jacobian, tolerance=1e-14)
    # The roundings of J are no rank.
    rows = fj.Affine(RNG.standard_normal((4, 1)) @ RNG.standard_normal((1, 8)))
    flat = fj.Network([affine(6, 8), fj.Tanh(), rows], dtype=np.float32)
    assert flat.rank(x).tolist() == np.linalg.matrix_rank(flat.jacobian(x)).tolist() == [1] * 4
    assert (np.linalg.matrix_rank(dense(flat, x)) > 1).any()


def test_small_singular_values_keep_their_digits() -> None:
    """They would lose them all if J were squared."""
    turn = np.linalg.qr(RNG.standard_normal((6, 6)))[0]
    net = fj.Network([fj.Affine(turn @ np.diag(10.0 ** -np.arange(0, 12, 2)) @ turn.T)])
    np.testing.assert_allclose(net.singular_values(np.zeros(6)), 10.0 ** -np.arange(0, 12, 2), rtol=1e-5)
    assert net.rank(np.zeros(6)) == 6


def test_an_autoencoder_is_never_multiplied_out(monkeypatch: pytest.MonkeyPatch) -> None:
    net, shapes = chain(784, 256, 32, 256, 784), set()

    def each(self: Jacobians, algebra: Any, take: Callable[..., Any]) -> Any:
        def watch(part: slice, left: Array, right: Array | None) -> Any:
            shapes.add((left.shape[1:], None if right is None else right.shape[1:]))
            return take(part, left, right)

        return unwatched(self, algebra, watch)

    unwatched = Jacobians.each
    monkeypatch.setattr(Jacobians, "each", each)
    x = inputs(net, 2)
    readings(net, x)
    assert net.rank(x).tolist() == [32, 32]
    assert shapes == {((784, 32), (32, 784))}


NET = chain(4, 6, 3)
X = np.ones((5, 4))
ASYMMETRIC = np.eye(3) + np.eye(3, k=1)
WRONG: dict[str, tuple[Callable[[], Any], type[FastjacError], str]] = {
    "none of the singular values": (lambda: NET.singular_values(X, 0), OptionError, "k must be a positive integer, got 0"),
    "too many": (lambda: NET.singular_values(X, 4), OptionError, r"k must be at most min\(n_out, n_in\), which is 3, got 4"),
    "too many of few": (lambda: NET.singular_values(X, 2, of=1), OptionError, r"k must be at most .* 1, got 2"),
    "half a singular value": (lambda: NET.singular_values(X, 1.5), DtypeError, "k must be a positive integer, got 1.5"),
    "an unknown norm": (lambda: NET.jacobian_norm(X, "max"), OptionError, "ord must be one of 'fro', 'nuc', 2, got 'max'"),
    "NumPy's own norm": (lambda: NET.jacobian_norm(X, None), OptionError, "ord must be one of .*, got None"),
    "an unknown side": (lambda: NET.gram(X, side="left"), OptionError, "side must be one of 'inputs', 'outputs', got 'left'"),
    "a negative tolerance": (lambda: NET.rank(X, -1.0), OptionError, "tol must be 0 or more"),
    "no tolerance": (lambda: NET.rank(X, np.nan), OptionError, "tol must be 0 or more, but holds a negative number or nan"),
    "tolerances of others": (lambda: NET.rank(X, np.ones(4)), ShapeError, r"x's leading dimensions \(5,\), got shape \(4,\)"),
    "no square": (lambda: NET.slogdet(X), ShapeError, "slogdet needs a square J, got 3 outputs and 4 inputs; .*net.gram"),
    "a mode": (lambda: NET.gram(X, mode="up"), OptionError, "mode must be one of"),
    "no threads": (lambda: NET.fisher(X, threads=0), OptionError, "threads must be a positive integer, got 0"),
    "x": (lambda: NET.fisher(np.ones((5, 3))), ShapeError, r"x must have shape \(\.\.\., 4\)"),
    "a weight for inputs": (lambda: NET.gram(X, np.ones(4)), ShapeError, r"weight must have 3 entries in a row.*; got \(4,\)"),
    "a weight for outputs": (lambda: NET.gram(X, np.eye(3), "outputs"), ShapeError, "weight must have 4 entries in a row"),
    "a weight of all outputs": (lambda: NET.gram(X, np.ones(3), of=0), ShapeError, "weight must have 1 entries in a row"),
    "a weight that is no square": (lambda: NET.gram(X, np.ones((2, 3))), ShapeError, "square matrices, got shape .*None"),
    "a weight of an odd form": (lambda: NET.gram(X, np.ones((2, 4))), ShapeError, r"square matrices, got shape \(2, 4\)$"),
    "weights of others": (lambda: NET.gram(X, np.ones((4, 1, 3))), ShapeError, r"broadcast to x's \(5,\), got \(4, 1, 3\)"),
    "no symmetry": (lambda: NET.gram(X, ASYMMETRIC), OptionError, r"weight must be symmetric, but entries \[0, 1\] and \[1, 0\]"),
    "one without": (lambda: NET.gram(X, [np.eye(3)] * 4 + [ASYMMETRIC]), OptionError, "weight must be symmetric.* 1 and 0"),
    "an infinite weight": (lambda: NET.gram(X, [1.0, np.inf, 1.0]), OptionError, "weight must be finite, but holds nan or inf"),
    "a precision": (lambda: NET.fisher(X, np.nan), OptionError, "precision must be finite"),
    "words": (lambda: NET.fisher(X, "much"), DtypeError, "precision must hold real numbers"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments(wrong: str) -> None:
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()


def test_the_examples() -> None:
    names = {name: getattr(fj, name) for name in ("Affine", "Exp", "Network")}
    failed, tried = doctest.testmod(measurable, extraglobs=names)
    assert (failed, tried > 10) == (0, True)
