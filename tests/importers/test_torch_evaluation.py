"""What a module does behind fastjac's back is found by comparing with what it gives, and with its derivative."""

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import FastjacError, UnsupportedLayerError

from .agreement import TORCH_ROUNDS_DERIVATIVE, assert_agrees
from .test_torch import ONE_MODULE, N, scramble
from .test_torch_forward import Own

UNSEEN = {
    "its largest entry": lambda self, x: self.first(x) * (1 if np.abs(x.detach().numpy()).max() < 9 else 2),
    "what is no operator": lambda self, x: self.first(x) * (1 if x.detach().abs().max().tolist() < 9 else 2),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_numbers_that_leave_torch_are_noticed(name):
    with pytest.raises(UnsupportedLayerError, match=r"the module computes something else .* \(such as a test by isinstance"):
        fastjac.from_torch(Own(UNSEEN[name]).double())


def test_a_forward_replaced_in_a_class_of_torch_is_what_it_computes(monkeypatch):
    module = scramble(nn.Sequential(nn.Linear(3, 3), nn.Tanh()))
    monkeypatch.setattr(nn.Tanh, "forward", lambda self, x: torch.sin(x))
    assert_agrees(fastjac.from_torch(module), module, (3,))


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


ALL_BUT_ZERO = {
    "LayerNorm": (lambda: nn.LayerNorm(2), 2),
    "LayerNorm between layers": (lambda: nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 3)), 3),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), 4),
    "InstanceNorm": (lambda: nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (4, 2)), nn.InstanceNorm1d(4)), 3),
    "RMSNorm": (lambda: nn.RMSNorm(1), 1),
}
"""Normalizations of so few entries that the derivative is all but 0: what torch computes of it is rounding."""


@pytest.mark.parametrize("name", ALL_BUT_ZERO)
def test_derivatives_that_are_rounding_alone_are_no_disagreement(name):
    make, n_in = ALL_BUT_ZERO[name]
    for seed in range(3):
        torch.manual_seed(seed)
        module = make().eval()
        x = torch.randn(4, n_in)
        np.testing.assert_allclose(fastjac.from_torch(module)(x.numpy()), module(x).detach().flatten(1), rtol=1e-4, atol=1e-5)


def test_a_derivative_of_ones_own_is_refused():
    with pytest.raises(UnsupportedLayerError, match="another derivative than the network read off it, though the same values"):
        fastjac.from_torch(Own(lambda self, x: Reversed.apply(x)), n_in=3)
    with pytest.raises(UnsupportedLayerError, match="so torch's derivative is not that of the function"):
        fastjac.from_torch(Own(lambda self, x: self.second(Reversed.apply(self.first(x)))))


def numbers(module):
    """The options of a module that are numbers."""
    is_number = lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)  # noqa: E731
    return [name for name, value in vars(module).items() if is_number(value)]


OPTIONS = [(name, option) for name, make in ONE_MODULE.items() for option in numbers(make())]


@pytest.mark.filterwarnings("ignore:There is a performance drop because:UserWarning")
@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_an_option_changed_after_construction_is_computed_or_refused(name, option):
    module = scramble(nn.Sequential(nn.Linear(4, N), ONE_MODULE[name](), nn.Linear(N, 3)))
    value = getattr(module[1], option)
    setattr(module[1], option, value + 1 if isinstance(value, int) else value / 2 + 0.125)
    try:
        net = fastjac.from_torch(module)
    except FastjacError:
        assert option in ("dim", "num_groups", "start_dim", "end_dim", "num_parameters")
        return
    assert_agrees(net, module, (4,), 1e-7 if name in TORCH_ROUNDS_DERIVATIVE else 1e-12)


def test_the_bounds_of_relu6_are_read():
    module = nn.ReLU6()
    module.min_val, module.max_val = -1.0, 2.0
    net = fastjac.from_torch(module, n_in=4)
    np.testing.assert_array_equal(net(np.array([-3.0, -0.5, 1.5, 9.0])), [-1.0, -0.5, 1.5, 2.0])


def images_only(self, x):
    assert x.ndim == 4, "images only"
    return self.first(x.flatten(1))


def test_a_module_that_fails_on_flat_samples_is_refused_with_its_own_words():
    module = scramble(Own(images_only))
    with pytest.raises(
        UnsupportedLayerError, match=r"(?s)^\(Own\), .* of shape \(2, 97\): AssertionError: images only.* input_shape"
    ):
        fastjac.from_torch(module)
    assert_agrees(fastjac.from_torch(module, (1, 1, 3)), module, (1, 1, 3))


def test_a_promise_that_only_some_inputs_keep_is_the_users():
    def forward(self, x):
        assert (x < 1).all(), "small numbers only"
        return self.first(x)

    module = scramble(Own(forward))
    assert_agrees(fastjac.from_torch(module), module.first, (3,))


def test_samples_get_the_axes_of_the_constants_beside_them():
    mean = torch.arange(6, dtype=torch.float64).reshape(1, 1, 2, 3)
    linear = scramble(nn.Linear(6, 3))
    module = Own(lambda self, x: linear(torch.flatten(x - mean, 1)))
    assert_agrees(fastjac.from_torch(module), module, (1, 2, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_and_compared_so(dtype):
    assert fastjac.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Tanh()).to(dtype)).dtype == np.float32
    with pytest.raises(UnsupportedLayerError, match="the module computes something else"):
        fastjac.from_torch(Own(UNSEEN["its largest entry"]).to(dtype))


def test_single_and_double_precision_may_meet():
    class Widened(nn.Module):
        def forward(self, x):
            return x.double()

    module = nn.Sequential(nn.Linear(4, 3), Widened(), nn.Linear(3, 2).double())
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    net = fastjac.from_torch(module)
    assert net.dtype == np.float64
    np.testing.assert_allclose(net(x), module(torch.from_numpy(x)).detach().numpy(), rtol=1e-4)
