"""Samples of smooth networks, stacked into one product where each has few rows: right, and with the bits of each alone."""

import numpy as np
import pytest

import fastjac as fj
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
)
LINKS = {
    "tanh": ([], [fj.Tanh()], []),
    "tanh at the ends too": ([fj.Sigmoid()], [fj.Tanh()], [fj.SiLU()]),
    "normalizers": ([], [fj.LayerNorm(), fj.Softplus()], [fj.Softmax()]),
    "smooth and half dead by turns": ([], [fj.Tanh(), fj.ReLU()], []),
}
BATCHES = (1, 2, 13, 50)


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
def test_a_batch_has_the_bits_of_its_samples(widths, links):
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
