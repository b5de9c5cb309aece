"""Values, Jacobians and gradients of live torch modules against torch's own autograd, differentiated twice, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import fastjac.torch
from fastjac.errors import OptionError
from fastjac.torch.known import chain_of
from tests.importers.test_torch import ONE_MODULE, N, scramble
from tests.importers.test_torch_modified import MODIFIED

Pair = tuple[Tensor, Tensor]


def value_and_jacobian_by_torch(module: nn.Module, x: Tensor) -> Pair:
    """y and J as torch's autograd has them, differentiable again; the samples of a batch do not mix."""
    points = x.reshape(-1, x.shape[-1])
    jacobians = torch.autograd.functional.jacobian(lambda batch: module(batch).sum(0), points, create_graph=True)
    y = module(points)
    lead = x.shape[:-1]
    return y.reshape(*lead, -1), jacobians.transpose(0, 1).reshape(*lead, -1, x.shape[-1])


def loss_of(y: Tensor, jacobians: Tensor) -> Tensor:
    """A loss whose derivatives by all entries differ."""
    generator = torch.Generator().manual_seed(3)
    weights = [torch.rand(t.shape, generator=generator, dtype=torch.float64).to(t.dtype) for t in (y, jacobians)]
    return (weights[0] * (y + y.square())).sum() + (weights[1] * (jacobians + jacobians.square())).sum()


def gradients(module: nn.Module, x: Tensor, pair: Pair) -> list[Tensor]:
    """The loss's gradients by x and every parameter that is trained; zeros for those that play no part."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return list(torch.autograd.grad(loss_of(*pair), [x, *trained], materialize_grads=True))


def points(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def assert_close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """The same shape, and entries that differ by no more than this share of the largest."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * max(1.0, expected.abs().max().item())


def assert_agrees(module: nn.Module, x: Tensor, tolerance: float = 1e-10, twin: nn.Module | None = None) -> None:
    """Values, Jacobians and gradients equal torch's; of a twin with the same parameters, where torch cannot differentiate."""
    found, expected = fastjac.torch.value_and_jacobian(module, x), value_and_jacobian_by_torch(twin or module, x)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, tolerance)
    for ours, theirs in zip(gradients(module, x, found), gradients(module, x, expected), strict=True):
        assert_close(ours, theirs, tolerance)


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 4), nn.ELU(), nn.Linear(4, 3)).double()


class Standardized(nn.Module):
    """A chain with buffers, in a forward of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, -0.5]))
        self.register_buffer("deviation", torch.tensor([2.0, 0.7]))
        self.first, self.norm, self.last = nn.Linear(2, 5), nn.LayerNorm(5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first((x - self.mean) / self.deviation))
        return 2.0 * self.last(torch.sigmoid(self.norm(hidden)))


class Ramp(nn.Module):
    """Hardsigmoid, which torch differentiates only once, and by a 1 / 6 in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu6(x + 3.0) / 6.0


class ExactCELU(nn.Module):
    """CELU, in whose derivative torch's 1 / alpha is a float32."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.7 * nn.functional.elu(x / 0.7)


TWINS = {"Hardsigmoid": Ramp, "CELU": ExactCELU}


@pytest.mark.parametrize("name", ONE_MODULE)
def test_every_module_agrees_with_autograd(name: str) -> None:
    module = scramble(nn.Sequential(nn.Linear(4, N), ONE_MODULE[name](), nn.Linear(N, 3)))
    twin = nn.Sequential(module[0], TWINS[name](), module[2]) if name in TWINS else module
    assert_agrees(module, points(6, 4), twin=twin)


@pytest.mark.parametrize("name", ONE_MODULE)
def test_gradcheck_passes_for_every_module(name: str) -> None:
    module = scramble(nn.Sequential(nn.Linear(2, N), ONE_MODULE[name](), nn.Linear(N, 2)))
    x = points(2, 2)
    # gradcheck moves the module's own parameters.
    assert torch.autograd.gradcheck(lambda x, *_: fastjac.torch.value_and_jacobian(module, x), (x, *module.parameters()))


@pytest.mark.parametrize("name", MODIFIED)
def test_weights_that_torch_computes_pass_their_gradients_on(name: str) -> None:
    linear = MODIFIED[name]()
    module = nn.Sequential(linear, nn.Tanh(), nn.Linear(linear.out_features, 2)).double()
    module(torch.ones(1, 4, dtype=torch.float64))  # a hook's weight becomes float64 when it is computed
    assert_agrees(module.eval(), points(5, 4))


@pytest.mark.parametrize("lead", [(), (1,), (7,), (2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("make", [perceptron, Standardized])
def test_leading_shapes(make: Callable[[], nn.Module], lead: tuple[int, ...]) -> None:
    module = make().double()
    x = points(*lead, 2)
    if x.numel():
        assert_agrees(module, x)
    else:
        y, jacobians = fastjac.torch.value_and_jacobian(module, x)
        assert y.shape == (*lead, 3)
        assert jacobians.shape == (*lead, 3, 2)
        (y.sum() + jacobians.sum()).backward()
        assert all(not parameter.grad.any() for parameter in module.parameters())


def test_the_jacobian_alone() -> None:
    module, x = perceptron(), points(4, 2)
    assert torch.equal(fastjac.torch.jacobian(module, x), fastjac.torch.value_and_jacobian(module, x)[1])


def test_a_module_that_stands_twice_sums_its_gradients() -> None:
    linear = nn.Linear(3, 3)
    assert_agrees(nn.Sequential(linear, nn.Tanh(), linear).double(), points(4, 3))


def test_float32() -> None:
    module, x = perceptron().float(), points(6, 2, dtype=torch.float32)
    assert fastjac.torch.jacobian(module, x).dtype == torch.float32
    assert_agrees(module, x, 1e-5)


def test_inputs_that_are_not_contiguous() -> None:
    module = perceptron()
    base = points(2, 6)
    assert_agrees(module, base.mT)
    assert_agrees(module, points(5, 4)[:, ::2])


def test_inputs_that_need_no_gradient() -> None:
    module, x = perceptron(), points(4, 2).detach()
    loss_of(*fastjac.torch.value_and_jacobian(module, x)).backward()
    assert x.grad is None
    expected = torch.autograd.grad(loss_of(*value_and_jacobian_by_torch(module, x)), list(module.parameters()))
    for parameter, gradient in zip(module.parameters(), expected, strict=True):
        assert_close(parameter.grad, gradient, 1e-10)


@pytest.mark.parametrize("part", [0, 1])
def test_a_loss_of_y_or_of_the_jacobian_alone(part: int) -> None:
    module, x = perceptron(), points(4, 2)
    wanted = [x, *module.parameters()]
    ours = fastjac.torch.value_and_jacobian(module, x)[part].square().sum()
    theirs = value_and_jacobian_by_torch(module, x)[part].square().sum()
    expected = torch.autograd.grad(theirs, wanted, materialize_grads=True)
    for found, gradient in zip(torch.autograd.grad(ours, wanted), expected, strict=True):
        assert_close(found, gradient, 1e-10)


def test_neither_part_in_the_loss() -> None:
    module, x = perceptron(), points(4, 2)
    fastjac.torch.value_and_jacobian(module, x)
    x.sum().backward()
    assert all(parameter.grad is None for parameter in module.parameters())


def test_without_grad_nothing_is_recorded() -> None:
    module, x = perceptron(), points(4, 2)
    expected = fastjac.torch.value_and_jacobian(module, x)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            found = fastjac.torch.value_and_jacobian(module, x)
        assert not any(tensor.requires_grad for tensor in found)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert all(tensor.requires_grad for tensor in expected)


def test_backward_twice_needs_retain_graph() -> None:
    module, x = perceptron(), points(60, 2)
    loss, wanted = loss_of(*fastjac.torch.value_and_jacobian(module, x)), [x, *module.parameters()]
    first, second = (torch.autograd.grad(loss, wanted, retain_graph=retain_graph) for retain_graph in (True, False))
    assert all(map(torch.equal, second, first))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_calls_between_a_call_and_its_backward_do_not_disturb_it(order: tuple[int, int]) -> None:
    """Not even with other numbers in the same module."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double().eval()
    inputs, pairs, expected = [x.requires_grad_() for x in points(2, 60, 2).detach()], [], []
    for x in inputs:
        module[1].running_mean.add_(0.3)
        pairs.append(fastjac.torch.value_and_jacobian(module, x))
        expected.append(gradients(module, x, value_and_jacobian_by_torch(module, x)))
    assert len(chain_of(module, x)[0].runners) == 1
    for number in order:
        for ours, theirs in zip(gradients(module, inputs[number], pairs[number]), expected[number], strict=True):
            assert_close(ours, theirs, 1e-10)


def test_training_uses_the_same_memory_again_and_the_new_parameters() -> None:
    module, x, pools = perceptron(), points(60, 2), []
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)
    for _ in range(200):
        optimizer.zero_grad()
        loss_of(*fastjac.torch.value_and_jacobian(module, x)).backward()
        optimizer.step()
        (runner,) = chain_of(module, x)[0].runners.values()
        pools.append([id(memory) for memory in (*runner._idle, *runner._idle_parameters)])
    assert len(pools[0]) == 2
    assert pools == pools[:1] * 200
    assert_agrees(module, x)


def test_what_is_kept_for_backward_is_free_after_it() -> None:
    """As what torch saves is, though y and J and the loss live on."""
    module, x = perceptron(), points(60, 2)
    loss = loss_of(*fastjac.torch.value_and_jacobian(module, x))
    (runner,) = chain_of(module, x)[0].runners.values()
    for retain_graph, idle in ((True, 0), (False, 1)):
        loss.backward(retain_graph=retain_graph)
        assert (len(runner._idle), len(runner._idle_parameters)) == (idle, idle)


@pytest.mark.parametrize("power", [1, 2])
def test_gradients_are_not_differentiated_again(power: int) -> None:
    module, x = perceptron(), points(4, 2)
    loss = fastjac.torch.jacobian(module, x).pow(power).sum()
    for wanted in (x, module[0].weight):
        gradient = torch.autograd.grad(loss, wanted, create_graph=True)[0]
        with pytest.raises(OptionError, match=r"create_graph=True: .* cannot be differentiated again"):
            (gradient.square().sum() + x.sum() + module[0].weight.sum()).backward(retain_graph=True)


@pytest.mark.parametrize("of", ["parameter", "x"])
def test_a_change_in_place_before_backward_is_detected(of: str) -> None:
    module, x = perceptron(), points(4, 2).detach()
    loss = loss_of(*fastjac.torch.value_and_jacobian(module, x))
    with torch.no_grad():
        (module[2].weight if of == "parameter" else x).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_frozen_parameters_get_no_gradient_and_no_work() -> None:
    module, x = perceptron(), points(4, 2)
    module[0].requires_grad_(False)
    module[2].bias.requires_grad_(False)
    loss_of(*fastjac.torch.value_and_jacobian(module, x)).backward()
    (runner,) = chain_of(module, x)[0].runners.values()
    assert [set(places) for places in runner.lowered.layout.gradients.values()] == [set(), {"weight"}, {"weight", "bias"}]
    module.requires_grad_(True)
    trained = [name for name, parameter in module.named_parameters() if parameter.grad is not None]
    assert trained == ["2.weight", "4.weight", "4.bias"]
    assert_agrees(module, x)


def test_with_everything_frozen_x_still_has_its_gradient() -> None:
    module, x = perceptron().requires_grad_(False), points(4, 2)
    found, expected = (f(module, x) for f in (fastjac.torch.value_and_jacobian, value_and_jacobian_by_torch))
    ours, theirs = (torch.autograd.grad(loss_of(*pair), x)[0] for pair in (found, expected))
    assert_close(ours, theirs, 1e-10)
    assert not fastjac.torch.jacobian(module, x.detach()).requires_grad
