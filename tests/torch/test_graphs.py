"""Live modules that branch, have several inputs or outputs, or call a module twice: against torch's own autograd, twice."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fastjac.torch
from fastjac.errors import DtypeError, ShapeError, UnsupportedLayerError
from fastjac.torch.known import chain_of

from .test_torch import assert_close, points


class Dynamics(nn.Module):
    """`x + dt f(x, u)`: sizes that the call alone states."""

    def __init__(self, x: int = 3, u: int = 2) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(x + u, 7), nn.Tanh(), nn.Linear(7, x))

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        return x + 0.1 * self.net(torch.cat([x, u], -1))


class Gated(nn.Module):
    """Residual blocks with a gate, whose halves are one module's, and a slope that all units share, at two sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.both, self.back = nn.LayerNorm(6), nn.Linear(6, 8), nn.Linear(4, 6)
        self.slope, self.statistics = nn.PReLU(), nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.both(self.norm(x)).chunk(2, dim=-1)
        return self.statistics(x + self.slope(self.back(self.slope(a) * torch.sigmoid(b)))) / (2.0 + torch.tanh(x))


class Heads(nn.Module):
    """Two outputs of one trunk; a layer called twice, and weights that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.mean, self.deviation = nn.Linear(4, 4), nn.Linear(4, 2), nn.Linear(4, 2)
        self.deviation.weight = self.mean.weight
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.trunk(torch.tanh(self.trunk(x))))
        return self.mean(h), nn.functional.softplus(self.deviation(h))


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dynamics": (Dynamics, (3, 2)),
    "gated": (Gated, (6,)),
    "heads": (Heads, (4,)),
    "a slope without a size": (nn.PReLU, (5,)),
}


def module_named(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODULES[name][0]().double().eval()


def flat(parts: Any, dim: int = -1) -> Tensor:
    return torch.cat(parts, dim) if isinstance(parts, tuple) else parts


def alone(parts: list[Tensor]) -> Any:
    return parts[0] if len(parts) == 1 else tuple(parts)


def by_torch(module: nn.Module, xs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """All outputs, and the Jacobian by all inputs, as one, differentiable again."""
    rows = torch.autograd.functional.jacobian(lambda *given: flat(module(*given)).sum(0), tuple(xs), create_graph=True)
    return flat(module(*xs)), torch.cat(rows, -1).transpose(0, 1)


def by_fastjac(module: nn.Module, xs: list[Tensor]) -> tuple[Tensor, Tensor]:
    y, jacobian = fastjac.torch.value_and_jacobian(module, alone(xs))
    rows = [flat(row) for row in (jacobian if isinstance(y, tuple) else (jacobian,))]
    return flat(y), torch.cat(rows, -2)


@pytest.mark.parametrize("name", MODULES)
def test_values_jacobians_and_gradients_equal_torchs(name: str) -> None:
    module = module_named(name)
    xs = [points(5, size).detach().requires_grad_() for size in MODULES[name][1]]
    wanted = [*xs, *module.parameters()]
    found, expected = by_fastjac(module, xs), by_torch(module, xs)
    gradients = []
    for y, jacobian in (found, expected):
        loss = (y + y.square()).sum() + (jacobian + jacobian.square()).sum()
        gradients.append(torch.autograd.grad(loss, wanted, allow_unused=True))
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, 1e-10)
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_close(ours, theirs, 1e-10)


def test_results_are_in_blocks() -> None:
    module, x, u = module_named("dynamics"), points(3, 1, 3), points(4, 2)
    y, jacobian = fastjac.torch.value_and_jacobian(module, (x, u))
    assert y.shape == (3, 4, 3)
    assert [block.shape for block in jacobian] == [(3, 4, 3, 3), (3, 4, 3, 2)]
    heads = fastjac.torch.value_and_jacobian(module_named("heads"), points(5, 4))
    assert [[part.shape for part in parts] for parts in heads] == [[(5, 2)] * 2, [(5, 2, 4)] * 2]


def test_a_training_step_lowers_a_loss_of_the_jacobian() -> None:
    module = module_named("dynamics")
    x, u = points(20, 3), points(20, 2)
    optimizer, losses = torch.optim.SGD(module.parameters(), lr=0.1), []
    for _ in range(5):
        optimizer.zero_grad()
        y, (by_x, _) = fastjac.torch.value_and_jacobian(module, (x, u))
        loss = y.square().mean() + torch.linalg.matrix_norm(by_x).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


def test_other_sizes_of_inputs_are_another_network() -> None:
    """Where nothing but the call states them; each is followed once."""
    module = module_named("dynamics")
    with pytest.raises(UnsupportedLayerError, match=r"its forward fails on a batch of .*, of shape"):
        fastjac.torch.jacobian(module, (points(4, 2), points(4, 3)))
    fastjac.torch.jacobian(module, (points(4, 3), points(4, 2)))
    chain, _ = chain_of(module, (points(4, 3), points(4, 2)))
    fastjac.torch.jacobian(module, (points(4, 3), points(4, 2)))
    assert chain_of(module, (points(4, 3), points(4, 2)))[0] is chain
    assert chain.inputs == (3, 2)
    slope = module_named("a slope without a size")
    assert [fastjac.torch.jacobian(slope, points(size)).shape for size in (5, 3)] == [(5, 5), (3, 3)]


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no tensor": ((points(4, 3), [1.0, 2.0]), DtypeError, r"x\[1\] must be a torch tensor, got list"),
    "another dtype": ((points(4, 3), points(4, 2).float()), DtypeError, r"x\[1\] must have the module's dtype torch.float64"),
    "batches": ((points(4, 3), points(5, 2)), ShapeError, r"must broadcast to one batch, got \(4,\), \(5,\)"),
    "one": (points(4, 3), ShapeError, "x must hold a tensor for each input of the module's forward, .* got 1"),
    "three": ((points(4, 3),) * 3, ShapeError, "x must hold a tensor for each input of the module's forward, .* got 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_inputs_that_do_not_fit(case: str) -> None:
    x, error, message = WRONG[case]
    module = module_named("dynamics")
    fastjac.torch.jacobian(module, (points(4, 3), points(4, 2)))
    with pytest.raises(error, match=message):
        fastjac.torch.jacobian(module, x)
