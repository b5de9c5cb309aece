"""What makes one entry of many equals NumPy's."""

import numpy as np
import pytest

from fastjac.errors import UnsupportedLayerError
from fastjac.importers.ir import reduction as rd
from fastjac.importers.ir.values import MixedSamplesError, constant

from .tensors import assert_computed, flow_of

REDUCTIONS = {
    "sum": (rd.reduce_sum, np.sum),
    "mean": (rd.reduce_mean, np.mean),
    "max": (rd.reduce_max, np.max),
    "min": (rd.reduce_min, np.min),
    "product": (rd.reduce_product, np.prod),
    "log of the sum of exponentials": (
        rd.log_sum_exp,
        lambda a, axis, keepdims: np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims)),
    ),
    "norm": (rd.norm, lambda a, axis, keepdims: np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims))),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), (-1, 1)])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions(name, axes, keep):
    function, twin = REDUCTIONS[name]
    assert_computed(lambda x: function(x, axes, keep), lambda x: twin(x, axis=axes, keepdims=keep), (1, 2, 3))
    array = np.random.default_rng(1).normal(size=(2, 2, 3))
    found = function(constant(array), axes, keep)
    np.testing.assert_allclose(found.alone, twin(array, axis=axes, keepdims=keep), rtol=1e-14)


def test_the_norm_of_zeros_has_the_derivative_zero():
    net = assert_computed(lambda x: rd.norm(x, [1]), lambda x: np.sqrt(np.sum(x * x, axis=1, keepdims=True)), (1, 3))
    np.testing.assert_array_equal(net.jacobian([[0.0, 0.0, 0.0], [0.0, -2.0, 0.0]]), [[[0.0, 0.0, 0.0]], [[0.0, -1.0, 0.0]]])


def test_no_exponential_of_a_large_number_overflows():
    net = assert_computed(lambda x: rd.log_sum_exp(x, [1]), lambda x: np.log(np.sum(np.exp(x), axis=1, keepdims=True)), (1, 3))
    x = np.array([[1000.0, 1001.0, 0.0], [-1000.0, -2000.0, -1001.0], [-np.inf, 800.0, -np.inf]])
    y, jac = net.value_and_jacobian(x)
    np.testing.assert_allclose(y[:, 0], [1001.0 + np.log1p(np.exp(-1)), -1000.0 + np.log1p(np.exp(-1)), 800.0])
    share = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(jac[:, 0], [[1 - share, share, 0.0], [share, 0.0, 1 - share], [0.0, 1.0, 0.0]], atol=1e-14)
    assert net([-np.inf] * 3) == -np.inf


REFUSED = {
    "it acts over axis 0 of a value of shape .N, 3.": (MixedSamplesError, lambda x: rd.reduce_sum(x, [0])),
    "it acts over axes 0, 1 of a value": (MixedSamplesError, lambda x: rd.reduce_max(x)),
    "the norm of order 3": (UnsupportedLayerError, lambda x: rd.norm(x, [1], order=3)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_reduced_is_reported(message):
    kind, function = REFUSED[message]
    with pytest.raises(kind, match=message):
        function(flow_of((1, 3)))
