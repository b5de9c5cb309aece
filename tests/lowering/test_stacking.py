"""Samples stacked into one product where each has few rows: right, and with the bits of each alone."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.tables import DENSE
from fastjac.planning import contractions
from tests import naive
from tests.bits import assert_same_bits

WIDTHS = (
    (1, 8, 8, 3),
    (8, 16, 16, 2),
    (3, 5, 8, 1),
    (4, 30, 70, 9),
    (1, 20, 1),
    (18, 62, 1, 32, 2),
    (3, 17, 33, 65),
    (2, 1, 1, 2),
    (3, 60, 70, 1),
)
LINKS = {
    "tanh": ([], [fj.Tanh()], []),
    "tanh at the ends too": ([fj.Sigmoid()], [fj.Tanh()], [fj.SiLU()]),
    "normalizers": ([], [fj.LayerNorm(), fj.Softplus()], [fj.Softmax()]),
    "smooth and half dead by turns": ([], [fj.Tanh(), fj.ReLU()], []),
    "half dead": ([], [fj.ReLU()], []),
    "half dead, and scaled": ([fj.ReLU()], [fj.HardSwish()], [fj.HardSigmoid()]),
    "half dead normalizers": ([], [fj.LayerNorm(), fj.ReLU()], [fj.Softmax()]),
}
BATCHES = (1, 2, 13, 50)


@pytest.fixture
def unions(monkeypatch):
    """Samples are stacked over the units that are live in any of them wherever that is possible, not only where it pays."""
    monkeypatch.setattr(contractions, "UNION_ROWS", contractions.STACKED_ROWS)
    monkeypatch.setattr(contractions, "UNION_DEPTH", 1)


def network(widths, links, dtype):
    rng = np.random.default_rng(len(widths))
    first, inner, last = LINKS[links]
    layers = [*first]
    for k in range(1, len(widths)):
        weight = rng.standard_normal((widths[k], widths[k - 1])) / np.sqrt(widths[k - 1])
        layers += [fj.Affine(weight, rng.standard_normal(widths[k])), *(last if k == len(widths) - 1 else inner)]
    return fj.Network(layers, dtype=dtype)


def assert_bits_of_each_alone(function, *arrays):
    """The results for a batch are those of its samples, whatever the batch."""
    alone = [function(*(array[k] for array in arrays)) for k in range(max(BATCHES))]
    for n in BATCHES:
        together = function(*(array[:n] for array in arrays))
        assert_same_bits(together, [np.stack(parts) for parts in zip(*alone[:n], strict=True)])


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("widths", WIDTHS, ids=lambda widths: "-".join(map(str, widths)))
def test_a_batch_has_the_bits_of_its_samples(widths, links, unions):
    rng = np.random.default_rng(0)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
        net = network(widths, links, dtype)
        x = rng.standard_normal((max(BATCHES), net.n_in)).astype(dtype)
        jacobians = naive.jacobian(net.layers, x)
        for mode in ("forward", "reverse", "mixed"):
            np.testing.assert_allclose(net.jacobian(x, mode), jacobians, rtol=tolerance, atol=tolerance)
            assert_bits_of_each_alone(lambda x, net=net, mode=mode: net.value_and_jacobian(x, mode), x)
        v, u = rng.standard_normal((2, len(x), max(widths))).astype(dtype)
        assert_bits_of_each_alone(net.jvp, x, v[:, : net.n_in])
        assert_bits_of_each_alone(net.vjp, x, u[:, : net.n_out])
        for k in (1, 3, 5):
            tangents = rng.standard_normal((len(x), net.n_in, k)).astype(dtype)
            assert_bits_of_each_alone(net.pushforward, x, tangents)
            assert_bits_of_each_alone(net.pullback, x, rng.standard_normal((len(x), k, net.n_out)).astype(dtype))


@pytest.mark.parametrize("links", ["half dead", "half dead, and scaled", "smooth and half dead by turns"])
def test_a_unit_that_is_dead_in_one_sample_of_a_stack_stays_dead(links, unions):
    """Its rows may be inf or nan: a sample alone does not multiply them."""
    rng = np.random.default_rng(1)
    net = network((3, 60, 70, 2), links, np.float64)
    assert any(step["stacked"] and step["live"] != DENSE for step in net.program().steps), "no step runs over a union"
    n = max(BATCHES)
    x = rng.standard_normal((n, 3))
    x[7] = np.nan
    for k in (1, 2):
        tangents, cotangents = rng.standard_normal((n, 3, k)), rng.standard_normal((n, k, 2))
        tangents[3::5] = np.inf
        tangents[4::5] = 1e308
        cotangents[3::5] = np.nan
        cotangents[4::5] = 1e308
        assert_bits_of_each_alone(net.pushforward, x, tangents)
        assert_bits_of_each_alone(net.pullback, x, cotangents)


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e300])
def test_infinite_weights_of_dead_units_are_not_multiplied(bad, unions):
    rng = np.random.default_rng(2)
    for layer in range(3):
        weights = [rng.standard_normal(shape) for shape in ((60, 3), (70, 60), (1, 70))]
        weights[layer][0, 1] = bad
        bias = np.full(60, -9.0 if layer else 0.5)
        layers = [fj.Affine(weights[0], bias), fj.ReLU(), fj.Affine(weights[1]), fj.ReLU(), fj.Affine(weights[2])]
        for dtype in (np.float32, np.float64):  # 1e300 is inf in float32 alone
            net = fj.Network(layers, dtype=dtype)
            for mode in ("forward", "reverse"):
                assert_bits_of_each_alone(
                    lambda x, net=net, mode=mode: (net.jacobian(x, mode),), rng.standard_normal((50, 3)).astype(dtype)
                )
