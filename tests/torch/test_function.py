"""torch.func over values and Jacobians, and other ways to call, record and differentiate: the right numbers or an error."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx

import fastjac.torch
from fastjac.errors import OptionError

from .test_torch import assert_agrees, assert_close, loss_of, perceptron, points, value_and_jacobian_by_torch


class Both(nn.Module):
    """Values and Jacobians of a perceptron."""

    def __init__(self, method: Callable[..., Any] = fastjac.torch.value_and_jacobian) -> None:
        super().__init__()
        self.inner, self.method = perceptron(), method

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.method(self.inner, x)


def both() -> tuple[Both, dict[str, Tensor], Tensor]:
    """A module that was called, its parameters, and points."""
    module, x = Both(), points(7, 2).detach()
    module(x)
    return module, {name: parameter.detach() for name, parameter in module.named_parameters()}, x


@pytest.mark.parametrize("is_called_before", [True, False])
def test_gradient_by_x(is_called_before: bool) -> None:
    module, x = perceptron(), points(7, 2)
    if is_called_before:
        fastjac.torch.jacobian(module, x)
    found = grad(lambda x: loss_of(*fastjac.torch.value_and_jacobian(module, x)))(x.detach())
    assert_close(found, torch.autograd.grad(loss_of(*value_and_jacobian_by_torch(module, x)), x)[0], 1e-10)
    assert_agrees(module, x)


@pytest.mark.parametrize("is_called_before", [True, False])
@pytest.mark.parametrize("shape", [(6, 2), (6, 3, 2), (6, 0, 2)])
def test_vmap_over_x(shape: tuple[int, ...], is_called_before: bool) -> None:
    module, x = perceptron(), points(*shape).detach()
    expected = fastjac.torch.value_and_jacobian(module, x)
    if not is_called_before:
        fastjac.torch.forget(module)
    found = vmap(lambda x: fastjac.torch.value_and_jacobian(module, x))(x)
    along = vmap(lambda x: fastjac.torch.value_and_jacobian(module, x), in_dims=-1)(x.movedim(0, -1))
    for ours, others, theirs in zip(found, along, expected, strict=True):
        assert torch.equal(ours, theirs)
        assert torch.equal(others, theirs)


def test_gradients_of_samples_by_x() -> None:
    module, x = perceptron(), points(7, 2)
    found = vmap(grad(lambda x: fastjac.torch.jacobian(module, x).square().sum()))(x.detach())
    expected = torch.autograd.grad(value_and_jacobian_by_torch(module, x)[1].square().sum(), x)[0]
    assert_close(found, expected, 1e-10)


def test_jacobians_of_values_and_of_jacobians() -> None:
    module, x = perceptron(), points(2).detach()
    by_y, by_jacobian = jacrev(lambda x: fastjac.torch.value_and_jacobian(module, x))(x)
    assert_close(by_y, jacrev(module)(x), 1e-10)
    assert_close(by_jacobian, jacrev(jacrev(module))(x), 1e-10)


def test_gradient_by_parameters() -> None:
    module, parameters, x = both()
    found = grad(lambda parameters: loss_of(*functional_call(module, parameters, x)))(parameters)
    expected = torch.autograd.grad(
        loss_of(*value_and_jacobian_by_torch(module.inner, x.clone().requires_grad_())), [*module.parameters()]
    )
    for ours, theirs in zip(found.values(), expected, strict=True):
        assert_close(ours, theirs, 1e-10)


def squares(y: Tensor, jacobians: Tensor) -> Tensor:
    return y.square().sum() + jacobians.square().sum()


def test_gradients_of_samples_by_parameters() -> None:
    module, parameters, x = both()
    found = vmap(grad(lambda parameters, x: squares(*functional_call(module, parameters, x))), in_dims=(None, 0))(parameters, x)
    for k, point in enumerate(x):
        expected = torch.autograd.grad(squares(*module(point)), [*module.parameters()])
        assert all(torch.equal(ours[k], theirs) for ours, theirs in zip(found.values(), expected, strict=True))


def test_an_ensemble() -> None:
    module, _, x = both()
    members = [Both() for _ in range(3)]
    for k, member in enumerate(members):
        with torch.no_grad():
            member.inner[0].weight.mul_(k + 1.0)
    parameters, _ = stack_module_state(members)
    found = vmap(lambda parameters: functional_call(module, parameters, x))(parameters)
    by_samples = vmap(lambda parameters, x: functional_call(module, parameters, x))(parameters, x[:3])
    for k, member in enumerate(members):
        assert all(torch.equal(ours[k], theirs) for ours, theirs in zip(found, member(x), strict=True))
        assert all(torch.equal(ours[k], theirs) for ours, theirs in zip(by_samples, member(x[k]), strict=True))


def dual(module: nn.Module, x: Tensor) -> Tensor:
    with forward_ad.dual_level():
        return fastjac.torch.jacobian(module, forward_ad.make_dual(x, torch.ones_like(x)))


def first_within(module: nn.Module, x: Tensor) -> Any:
    whole = Both()
    parameters = {name: parameter.detach() for name, parameter in whole.named_parameters()}
    return grad(lambda parameters: squares(*functional_call(whole, parameters, x)))(parameters)


def fake(module: nn.Module, x: Tensor) -> Tensor:
    with FakeTensorMode(allow_non_fake_inputs=True):
        return fastjac.torch.jacobian(module, x)


def of_module(transformed: Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Any]]) -> Callable[[nn.Module, Tensor], Any]:
    return lambda module, x: transformed(lambda x: fastjac.torch.jacobian(module, x))(x)


def at_once(module: nn.Module, x: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(lambda x: fastjac.torch.jacobian(module, x), x, vectorize=True)


REFUSED: dict[str, tuple[Callable[[nn.Module, Tensor], Any], str]] = {
    "forward mode": (of_module(jacfwd), "have no forward-mode derivative; y's is J itself"),
    "a dual tensor": (dual, "have no forward-mode derivative"),
    "second derivatives": (of_module(hessian), "have no forward-mode derivative"),
    "second derivatives in reverse": (of_module(lambda f: jacrev(jacrev(f))), "cannot be differentiated again"),
    "parameters without numbers": (first_within, r"parameter 0.weight is a .* without numbers, .* call .* once before"),
    "gradients at once": (at_once, "is_grads_batched=True and vectorize=True are not possible .* use torch.func.jacrev"),
    "torch.jit.trace": (lambda module, x: torch.jit.trace(Both().eval(), x), "torch.export and FakeTensorMode cannot record"),
    "make_fx": (lambda module, x: of_module(make_fx)(module, x), "torch.export and FakeTensorMode cannot record"),
    "torch.export": (
        lambda module, x: torch.export.export(Both(), (x,), strict=False),
        "torch.export and FakeTensorMode cannot record",
    ),
    "FakeTensorMode": (fake, "torch.export and FakeTensorMode cannot record"),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_ways_that_are_refused(name: str) -> None:
    call, message = REFUSED[name]
    module, x = perceptron(), points(4, 2).detach()
    fastjac.torch.jacobian(module, x)
    with pytest.raises(OptionError, match=message):
        call(module, x)
    assert_agrees(module, points(4, 2))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_function_comes_back_to_python() -> None:
    module, x = perceptron(), points(4, 2)
    compiled = torch.compile(lambda x: 2.0 * fastjac.torch.jacobian(module, 1.0 * x), backend="eager")
    for _ in range(2):
        found = compiled(x)
        assert torch.equal(found, 2.0 * fastjac.torch.jacobian(module, x))
        assert torch.equal(
            *(torch.autograd.grad(j.square().sum(), x)[0] for j in (found, 2.0 * fastjac.torch.jacobian(module, x)))
        )
        module[1] = nn.Softplus()


@pytest.mark.parametrize("make", [perceptron, lambda: nn.utils.parametrizations.orthogonal(nn.Linear(2, 3)).double().eval()])
def test_autocast_does_not_round(make: Callable[[], nn.Module]) -> None:
    module, x = make(), points(4, 2).detach()
    expected = fastjac.torch.value_and_jacobian(module, x)
    for known in (True, False):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = fastjac.torch.value_and_jacobian(module, x)
        assert all(map(torch.equal, found, expected)), known
        fastjac.torch.forget(module)


def test_another_default_device() -> None:
    module, x = perceptron(), points(4, 2)
    with torch.device("meta"):
        found = fastjac.torch.value_and_jacobian(module, x)
        gradient = torch.autograd.grad(found[1].square().sum(), x)[0]
    assert torch.equal(found[1], fastjac.torch.jacobian(module, x))
    assert torch.equal(gradient, torch.autograd.grad(fastjac.torch.jacobian(module, x).square().sum(), x)[0])


def test_replicas() -> None:
    module, x = perceptron(), points(4, 2)
    assert_agrees(nn.DataParallel(module), x)
    replica = module._replicate_for_data_parallel()
    assert torch.equal(fastjac.torch.jacobian(replica, x), fastjac.torch.jacobian(module, x))
