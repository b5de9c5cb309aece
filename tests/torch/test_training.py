"""Training with losses of the Jacobian: torch's optimizers go torch's own way, and threads do not disturb each other."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

import fastjac.torch

from .test_torch import Pair, assert_close, loss_of, perceptron, points, value_and_jacobian_by_torch

OPTIMIZERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "LBFGS": lambda parameters: torch.optim.LBFGS(parameters, max_iter=4),
}
PENALTIES = {
    "det": lambda y, jacobians: 100.0 * (jacobians.mT @ jacobians).det().mean(),
    "norm": lambda y, jacobians: (y - 1.0).square().mean() + 0.1 * jacobians.square().sum((-2, -1)).mean(),
}


def train(optimizer: str, penalty: str, method: Callable[[nn.Module, Tensor], Pair]) -> tuple[list[float], list[Tensor]]:
    """The losses of some steps, and the parameters after them."""
    module, x = perceptron(), points(16, 2).detach()
    steps, losses = OPTIMIZERS[optimizer](module.parameters()), []

    def closure() -> Tensor:
        steps.zero_grad()
        loss = PENALTIES[penalty](*method(module, x))
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(6):
        steps.step(closure)
    return losses, list(module.parameters())


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_lowers_the_loss_as_torch_does(optimizer: str, penalty: str) -> None:
    losses, found = train(optimizer, penalty, fastjac.torch.value_and_jacobian)
    expected_losses, expected = train(optimizer, penalty, value_and_jacobian_by_torch)
    assert losses[-1] < 0.98 * losses[0]
    assert losses == pytest.approx(expected_losses, rel=1e-8)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, 1e-8)


def test_several_threads_follow_modules_at_once() -> None:
    x, interval = points(4, 2).detach(), sys.getswitchinterval()
    expected = fastjac.torch.jacobian(perceptron(), x)
    modules = [perceptron() for _ in range(30)]
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(lambda module: fastjac.torch.jacobian(module, x), [module for module in modules for _ in range(2)])
            )
    finally:
        sys.setswitchinterval(interval)
    assert all(torch.equal(ours, expected) for ours in found)


def test_several_threads_share_a_module() -> None:
    module, inputs = perceptron(), [points(50, 2).detach() + k for k in range(8)]

    def work(x: Tensor) -> list[Tensor]:
        loss = loss_of(*fastjac.torch.value_and_jacobian(module, x))
        return list(torch.autograd.grad(loss, list(module.parameters())))

    expected = [work(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, inputs * 5))
    for ours, theirs in zip(found, expected * 5, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
