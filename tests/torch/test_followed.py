"""The chain that a module is found to be is compared with what the module itself computes."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import fastjac.torch
from fastjac.errors import UnsupportedLayerError

from .test_torch import assert_agrees, perceptron, points


class Louder(nn.Module):
    """A forward that computes with numbers that torch does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * (1.0 if np.abs(x.detach().numpy()).max() < 10.0 else 2.0)


def test_a_module_that_computes_something_else_than_its_chain_is_refused() -> None:
    module = Louder()
    with pytest.raises(UnsupportedLayerError, match="computes something else than the network read off it"):
        fastjac.torch.jacobian(module, torch.ones(4, 2))


def test_a_compiled_module_is_not_compiled_to_be_compared() -> None:
    compiled: list[object] = []
    module = torch.compile(perceptron(), backend=lambda graph, _: compiled.append(graph) or graph.forward)
    assert_agrees(module, points(4, 2), twin=module._orig_mod)
    assert compiled == []


class Borrowing(nn.Module):
    """A forward that gives a layer another weight for one call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.func.functional_call(self.linear, {"weight": 2.0 * self.linear.weight}, (x,))


def test_a_weight_that_is_given_for_one_call_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"linear \(Linear\).*: it is called with other tensors than it holds"):
        fastjac.torch.jacobian(Borrowing(), torch.ones(4, 2))


class Promising(nn.Module):
    """A forward that promises what inputs it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[0] < 10
        return self.linear(x)


def test_the_comparison_leaves_the_module_and_torchs_random_numbers_as_they_are() -> None:
    module = Promising().double()
    state = torch.random.get_rng_state()
    assert_agrees(module, points(4, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in module.parameters())
