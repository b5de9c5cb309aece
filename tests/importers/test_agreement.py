"""A network and its live model are found to differ where they compute something else, and only there."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.importers.agreement import check_agreement

RNG = np.random.default_rng(3)
NET = fj.Network([fj.Affine(RNG.standard_normal((4, 3)), RNG.standard_normal(4)), fj.Tanh()])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_no_disagreement(dtype):
    net = NET.astype(dtype)
    check_agreement(net, lambda x: NET(x.astype(np.float64)).astype(dtype), "the model")


@pytest.mark.parametrize(
    "other",
    [
        lambda x: -NET(x),
        lambda x: NET(x) + 1e-4,
        lambda x: np.where(np.abs(x[:, :1]) > 20, 0.0, NET(x)),
        lambda x: NET(x) * np.nan,
    ],
    ids=["sign", "bias", "far from 0", "nan"],
)
def test_another_function_is_refused(other):
    with pytest.raises(fj.errors.UnsupportedLayerError, match=r"the model computes something else .* random inputs"):
        check_agreement(NET, other, "the model")


def test_outputs_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(
        fj.errors.UnsupportedLayerError, match=r"an array of shape \(12, 3\) for a batch of 12 samples, instead of \(12, 4\)"
    ):
        check_agreement(NET, lambda x: NET(x)[:, :3], "the model")


def test_nan_and_infinity_agree_with_themselves():
    net = fj.Network([fj.Scale(np.array([np.inf, np.nan, 1.0]))])
    check_agreement(net, lambda x: net(x), "the model")


def test_one_sample_on_a_jump_is_let_pass():
    def jumps_once(x):
        y = NET(x)
        y[5] = 0.0
        return y

    check_agreement(NET, jumps_once, "the model")


def test_another_derivative_of_the_same_values_is_refused():
    with pytest.raises(fj.errors.UnsupportedLayerError, match=r"the model has another derivative than .* though the same values"):
        check_agreement(NET, NET, "the model", lambda x, u: np.zeros_like(x))
    check_agreement(NET, NET, "the model", lambda x, u: NET.vjp(x, u)[1])
    check_agreement(NET, NET, "the model", lambda x, u: None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivatives_that_are_all_but_0_may_differ_by_rounding(dtype):
    net = fj.Network([fj.LayerNorm(np.ones(2, dtype), np.zeros(2, dtype), 1e-12)])

    def rounded(x, u):
        """The derivative as the difference of the two parts that nearly cancel, each rounded."""
        size = np.sqrt(x.var(-1, keepdims=True) + dtype(1e-12))
        y = (x - x.mean(-1, keepdims=True)) / size
        return (u - u.mean() - y * (u * y).mean(-1, keepdims=True)) / size

    check_agreement(net, lambda x: net(x), "the model", rounded)
    with pytest.raises(fj.errors.UnsupportedLayerError, match="another derivative"):
        check_agreement(net, lambda x: net(x), "the model", lambda x, u: rounded(x, u) + u / 100)


def test_complex_values_are_refused():
    with pytest.raises(fj.errors.UnsupportedLayerError, match="results of type complex128 instead of float64"):
        check_agreement(NET, lambda x: NET(x) + 0j, "the model")
