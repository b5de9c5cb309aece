"""State dicts whose weights torch computes from others: computed here, or refused with the fix."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import fastjac
from fastjac.errors import FormatError, ShapeError

from .agreement import assert_agrees


def linear():
    torch.manual_seed(1)
    return nn.Linear(4, 3).double()


def weight_norm(dim):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(linear(), dim=dim)


COMPUTED = {
    "weight_norm": lambda: weight_norm(0),
    "weight_norm along the other axis": lambda: weight_norm(1),
    "weight_norm as a whole": lambda: weight_norm(None),
    "weight_norm, parametrized": lambda: parametrizations.weight_norm(linear()),
    "weight_norm, parametrized, as a whole": lambda: parametrizations.weight_norm(linear(), dim=None),
    "prune": lambda: prune.random_unstructured(prune.random_unstructured(linear(), "bias", 1), "weight", 5),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_the_weight_is_computed_from_what_the_state_dict_holds(name):
    module = nn.Sequential(COMPUTED[name](), nn.Tanh())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5)  # so that it is not the norm of the other
    assert_agrees(fastjac.from_state_dict(module.state_dict(), ["tanh"]), module, (4,))


def own():
    module = linear()
    parametrize.register_parametrization(module, "weight", nn.Tanh())
    return module


REFUSED = {
    "spectral_norm by a hook": (lambda: nn.utils.spectral_norm(linear()), "0.weight_orig"),
    "spectral_norm": (lambda: parametrizations.spectral_norm(linear()), "0.parametrizations.weight.original"),
    "orthogonal": (lambda: parametrizations.orthogonal(linear()), "0.parametrizations.weight.original"),
    "one's own": (own, "0.parametrizations.weight.original"),
}


@pytest.mark.parametrize(("make", "key"), REFUSED.values(), ids=REFUSED)
def test_what_a_state_dict_does_not_hold_is_refused_with_the_fix(make, key):
    state = nn.Sequential(make()).state_dict()
    message = f"'{key}': a weight is computed from it by spectral_norm or another .*remove_parametrizations before"
    with pytest.raises(FormatError, match=message):
        fastjac.from_state_dict(state, ["relu"])


EYE, ROW = np.eye(3), np.ones(3)
UNFIT = {
    "lengths of another rank": (
        {"weight_g": ROW, "weight_v": EYE},
        r"lengths of shape \(3,\) do not fit its directions of shape \(3, 3\)",
    ),
    "other lengths": ({"weight_g": np.ones((2, 1)), "weight_v": EYE}, r"lengths of shape \(2, 1\) do not fit"),
    "another mask": (
        {"weight_orig": EYE, "weight_mask": np.ones((2, 2))},
        r"a mask of shape \(2, 2\) does not fit a weight of shape \(3, 3\)",
    ),
}


@pytest.mark.parametrize(("state", "message"), UNFIT.values(), ids=UNFIT)
def test_arrays_that_do_not_belong_together_are_reported(state, message):
    with pytest.raises(ShapeError, match=message):
        fastjac.from_state_dict(state, ["relu"])


def test_half_of_a_pair_is_left_as_it_is():
    with pytest.raises(FormatError, match=r"the layer takes weight and perhaps bias, the state dict holds fc.weight_g"):
        fastjac.from_state_dict({"fc.weight_g": EYE}, ["affine"])


def test_directions_of_length_zero_give_nan_as_in_torch():
    net = fastjac.from_state_dict({"weight_g": np.ones((3, 1)), "weight_v": np.zeros((3, 3))}, ["identity"])
    assert np.isnan(net[0].weight).all()
