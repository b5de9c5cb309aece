"""Weights and constants are read when a forward uses them, and modes of torch that change what it computes are refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import UnsupportedLayerError

from .agreement import assert_agrees
from .test_torch import scramble
from .test_torch_forward import Own


def scaled_weights(self, x):
    replaced = {name: 2 * parameter + 1 for name, parameter in self.first.named_parameters()}
    return torch.func.functional_call(self.first, replaced, (x,))


def other_weights_at_each_use(self, x):
    for scale in (2, 3):
        replaced = {"weight": scale * self.first.weight}
        x = torch.func.functional_call(self.first, replaced, (torch.tanh(x),))
    return self.first(x)


def weights_exchanged_for_one_call(self, x):
    kept, self.first.weight = self.first.weight, nn.Parameter(2 * self.first.weight)
    x = self.first(x)
    self.first.weight = kept
    return self.first(x)


def option_set_for_one_call(self, x):
    norm = nn.LayerNorm(3, eps=1.0, dtype=torch.float64)
    x = norm(self.first(x))
    norm.eps = 1e-5
    return norm(x)


def constant_changed_between_uses(self, x):
    c = torch.ones(3, dtype=torch.float64)
    x = self.first(x) * c
    c.mul_(3)
    x = self.second(x) + c
    c[:1].fill_(-2)
    return x * c


def constant_changed_through_numpy(self, x):
    c = torch.ones(3, dtype=torch.float64)
    x = self.first(x) * c
    c.numpy()[...] = 4
    return x + c


FORWARDS = [
    scaled_weights,
    other_weights_at_each_use,
    weights_exchanged_for_one_call,
    option_set_for_one_call,
    constant_changed_between_uses,
]


@pytest.mark.parametrize("forward", FORWARDS, ids=lambda forward: forward.__name__)
def test_what_a_step_uses_is_what_it_is_then(forward):
    module = scramble(Own(forward))
    with torch.no_grad():  # torch itself cannot go back behind a constant that was changed since
        net = fastjac.from_torch(module)
    if "constant" not in forward.__name__:
        assert_agrees(net, module, (3,))
    x = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(4, 3)
    torch.testing.assert_close(torch.from_numpy(net(x.numpy())), module(x).detach(), rtol=1e-12, atol=1e-12)


def test_a_constant_changed_behind_torchs_back_is_refused_since_torchs_derivative_is_wrong_there():
    with pytest.raises(UnsupportedLayerError, match="another derivative than the network read off it"):
        fastjac.from_torch(scramble(Own(constant_changed_through_numpy)))


def autocast_inside(self, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return self.first(x)


def test_autocast_is_refused_inside_and_around():
    with pytest.raises(UnsupportedLayerError, match=rf"{__file__}, line \d+: it rounds to bfloat16; .* take the cast out"):
        fastjac.from_torch(Own(autocast_inside))
    with torch.autocast("cpu"), pytest.raises(UnsupportedLayerError, match=r"torch.autocast is on"):
        fastjac.from_torch(nn.Linear(3, 2))


def partly_without_gradients(self, x):
    with torch.no_grad():
        x = self.first(x)
    return self.second(x)


def test_gradients_switched_off_for_some_steps_are_refused():
    with pytest.raises(
        UnsupportedLayerError, match=r"^second .*: gradients are switched off for first \(Linear\) and recorded for second \(Lin"
    ):
        fastjac.from_torch(Own(partly_without_gradients))


def test_a_forward_that_is_wholly_without_gradients_is_differentiated():
    module = scramble(Own(torch.no_grad()(lambda self, x: self.second(torch.tanh(self.first(x))))))
    twin = scramble(Own(lambda self, x: self.second(torch.tanh(self.first(x)))))
    assert_agrees(fastjac.from_torch(module), twin, (3,))


def test_steps_that_run_along_the_samples_are_refused():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTM(3, 4)

        def forward(self, x):
            outputs, _ = self.cell(x.unsqueeze(1))
            return outputs[:, -1]

    with pytest.raises(
        UnsupportedLayerError, match=r"^cell \(LSTM\), .*, line \d+: .* depends on the number of samples in a batch"
    ):
        fastjac.from_torch(Recurrent())


def test_checkpointing_inside_of_a_forward_changes_nothing():
    module = scramble(Own(lambda self, x: torch.utils.checkpoint.checkpoint(self.first, F.silu(x), use_reentrant=False)))
    assert_agrees(fastjac.from_torch(module), lambda x: module.first(F.silu(x)), (3,))
