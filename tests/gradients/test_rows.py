"""Rows pushed and pulled from seeds at every boundary: what arrives at both ends multiplies to the Jacobian."""

import numpy as np
import pytest

import fastjac as fj
from tests import naive
from tests.activations import TWINS
from tests.bits import assert_same_bits
from tests.gradients import seeded
from tests.layers.test_layers_against_torch import ELEMENTWISE_LAYERS, NORMALIZERS

UNITS = 11
POLES = (fj.Tan,)
"""Near the poles the rounding of float32 in front shows manyfold."""
LAYERS = [
    layer
    for layer in ELEMENTWISE_LAYERS
    if layer.n_in is None and TWINS[type(layer)].domain is None and not isinstance(layer, POLES)
]
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def tolerance(dtype):
    return {np.float32: 1e-5, np.float64: 1e-13}[dtype]


def sandwich(layer, widths=(5, UNITS, 7), seed=0):
    """The layer between two affine maps."""
    return seeded.alternating(np.random.default_rng(seed), widths, layer)


def assert_right_from_everywhere(layers, x, dtype, n_in=None):
    """The Jacobian from seeds at every boundary is the naive one, to rounding of its largest entry."""
    net = fj.Network(layers, n_in=n_in, dtype=dtype)
    x = x.astype(dtype)
    expected = naive.jacobian(net.layers, x)
    for boundary in seeded.boundaries(net):
        found = seeded.jacobian(net, x, boundary)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(dtype) * np.abs(expected).max())


@both_dtypes
@pytest.mark.parametrize("layer", [*LAYERS, *NORMALIZERS], ids=repr)
def test_every_layer_alone_and_between_affine_maps(layer, dtype):
    # Numbers of float32, so that both precisions stand on the same side of every kink.
    x = np.random.default_rng(1).standard_normal((9, UNITS)).astype(np.float32)
    assert_right_from_everywhere([layer], x, dtype, n_in=UNITS)
    assert_right_from_everywhere(sandwich(layer), x[:, :5], dtype)


@both_dtypes
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33])
def test_every_width_around_the_vectors_and_the_fewest_rows(width, dtype):
    """A sample's own dead units are skipped from four rows on; the seeds are as many as the boundary is wide."""
    rng = np.random.default_rng(width)
    layers = seeded.alternating(rng, (width, 19, width, 6), fj.ReLU(), fj.Tanh())
    assert_right_from_everywhere(layers, rng.standard_normal((5, width)), dtype)


@pytest.mark.parametrize("bias", [-100.0, 0.0, 100.0], ids=["all units dead", "some", "all live"])
@pytest.mark.parametrize("sparse", [fj.ReLU(), fj.HardTanh(-50.0, 200.0), fj.SoftShrink(20.0), fj.HardSwish()], ids=repr)
def test_dead_units(sparse, bias):
    rng = np.random.default_rng(2)
    first, second, third = (rng.standard_normal(shape) for shape in ((30, 6), (20, 30), (5, 20)))
    layers = [fj.Affine(first, np.full(30, bias)), sparse, fj.Affine(second), fj.ReLU(), fj.Affine(third)]
    assert_right_from_everywhere(layers, rng.standard_normal((8, 6)), np.float64)


def test_an_activation_directly_behind_another_and_at_both_ends():
    layers = [fj.ReLU(), fj.SiLU(), *sandwich(fj.ReLU()), fj.HardShrink(0.1), fj.Softmax(), fj.LayerNorm(), fj.ReLU()]
    assert_right_from_everywhere(layers, np.random.default_rng(3).standard_normal((8, 5)), np.float64)


@both_dtypes
def test_rows_of_one_sample_do_not_depend_on_the_others(dtype):
    net = fj.Network([*sandwich(fj.ReLU()), fj.Softmax()], dtype=dtype)
    x = np.random.default_rng(4).standard_normal((60, 5)).astype(dtype)
    for boundary in seeded.boundaries(net):
        whole = seeded.jacobian(net, x, boundary)
        for rows in (slice(0, 1), slice(13, 16), slice(59, 60)):
            assert_same_bits((seeded.jacobian(net, x[rows], boundary),), (whole[rows],))
        spoilt = x.copy()
        spoilt[[5, 40]] = np.array([[np.nan], [np.inf]], dtype)
        others = np.delete(np.arange(60), [5, 40])
        assert_same_bits((seeded.jacobian(net, spoilt, boundary)[others],), (whole[others],))
