"""Which modules are followed again, and that nothing that is known of them keeps them alive or changes them."""

import copy
import gc
import pickle
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import fastjac.torch
from fastjac.errors import DtypeError, UnsupportedLayerError
from fastjac.torch import followed as torch_followed

from .test_torch import assert_agrees, perceptron, points
from .test_values import Reader, reader


class ByName(nn.Module):
    """Attributes whose names the code does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale_0, self.scale_1 = nn.Linear(2, 3), 0.5, np.ones(3)

    def forward(self, x: Tensor) -> Tensor:
        for name in ("_0", "_1"):
            x = (self.linear(x) if name == "_0" else x) * torch.as_tensor(getattr(self, f"scale{name}"))
        return x


def test_attributes_by_computed_names_are_seen() -> None:
    module, x = ByName().double(), points(4, 2)
    assert_agrees(module, x)
    module.scale_0 = 3.0
    assert_agrees(module, x)
    module.scale_1[1] = 4.0
    assert_agrees(module, x)


class Compiled:
    """A forward that is no function of Python's, so that nothing shows what it looks up."""

    def __get__(self, module: nn.Module, kind: type) -> Any:
        code = "forward = lambda module, x: module.linear(x) * module.factor['x']"
        exec(code, space := {"__name__": "torch.compiled"})
        return partial(space["forward"], module) if module is not None else self


class OfCompiledCode(nn.Module):
    forward = Compiled()

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.factor = nn.Linear(2, 3), {"x": 0.5}


def test_attributes_that_compiled_code_reads_are_seen() -> None:
    module, x = OfCompiledCode().double(), points(4, 2)
    assert_agrees(module, x)
    module.factor["x"] = 3.0
    assert_agrees(module, x)


class Bounded(nn.Module):
    """A scale that is computed from a weight that is trained, and through which no gradient goes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        bound = self.linear.weight.detach().abs().max()
        return self.norm(self.linear(x)) / (bound + self.norm.running_var)


def test_what_is_computed_from_trained_weights_is_computed_anew() -> None:
    module, x = Bounded().double().eval(), points(4, 2)
    assert_agrees(module, x)
    with torch.no_grad():
        module.linear.weight.mul_(3.0)
    assert_agrees(module, x)
    module.norm.running_var.mul_(2.0)
    assert_agrees(module, x)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The modules that are followed while a test runs."""
    found: list[nn.Module] = []
    original = torch_followed.followed
    monkeypatch.setattr(
        torch_followed, "followed", lambda module, *given, **sizes: found.append(module) or original(module, *given, **sizes)
    )
    return found


class Busy(Reader):
    """A module with much that its forward does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.history, self.steps, self.norm = [0.0], 0, nn.BatchNorm1d(2)
        self.optimizer = torch.optim.Adam(self.parameters())

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.norm(x.to(self.first.weight.dtype)))

    def step(self, x: Tensor) -> None:
        self.train()
        self(x)
        self.eval()
        fastjac.torch.jacobian(self, x).square().sum().backward()
        self.optimizer.step()
        self.history.append(0.0)
        self.steps += 1


def test_what_the_forward_does_not_read_may_change(followed: list[nn.Module]) -> None:
    module = Busy().double()
    for _ in range(3):
        module.step(points(4, 2).detach())
    assert followed == [module]
    assert_agrees(module, points(4, 2))


def test_other_parameters_for_a_call_are_no_change(followed: list[nn.Module]) -> None:
    module, x = perceptron(), points(4, 2)
    doubled = {name: 2.0 * tensor for name, tensor in module.named_parameters()}
    expected = 0.0
    for parameters in ({}, doubled):
        with torch.no_grad():
            expected = torch.func.functional_call(module, parameters, x)
        whole = Through(module)
        y, _ = torch.func.functional_call(whole, {f"inner.{name}": tensor for name, tensor in parameters.items()}, x)
        assert torch.allclose(y, expected)
    assert followed == [module]


class Through(nn.Module):
    """Values and Jacobians of another module."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return fastjac.torch.value_and_jacobian(self.inner, x)


HOOKS: dict[str, Callable[[nn.Module], Any]] = {
    "a forward hook": lambda module: module[0].register_forward_hook(lambda *_: None),
    "a forward pre-hook": lambda module: module[0].register_forward_pre_hook(lambda *_: None),
    "a full backward hook": lambda module: module[0].register_full_backward_hook(lambda *_: None),
    "a full backward pre-hook": lambda module: module[0].register_full_backward_pre_hook(lambda *_: None),
    "a forward hook of all": lambda _: nn.modules.module.register_module_forward_hook(lambda *_: None),
    "a forward pre-hook of all": lambda _: nn.modules.module.register_module_forward_pre_hook(lambda *_: None),
    "a full backward hook of all": lambda _: nn.modules.module.register_module_full_backward_hook(lambda *_: None),
}


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_that_come_later_are_seen(name: str, followed: list[nn.Module]) -> None:
    """Whether they are refused is not the question here."""
    module, x = perceptron(), points(4, 2)
    fastjac.torch.jacobian(module, x)
    handle = HOOKS[name](module)
    try:
        with suppress(UnsupportedLayerError):
            fastjac.torch.jacobian(module, x)
        assert len(followed) == 2
    finally:
        handle.remove()
    assert_agrees(module, x)


def test_the_forward_of_a_wrapper_may_be_replaced() -> None:
    module, x = torch.optim.swa_utils.AveragedModel(perceptron()), points(4, 2)
    assert_agrees(module, x)
    for factor in (2.0, 3.0):
        module.forward = lambda x, factor=factor: factor * module.module(x)
        assert_agrees(module, x)


SLOPE = 0.2


class ByGlobal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.linear(x), SLOPE)


def test_what_is_known_of_a_module_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = ByGlobal().double(), points(4, 2)
    assert_agrees(module, x)
    monkeypatch.setattr(f"{__name__}.SLOPE", 0.7)
    fastjac.torch.forget(module)
    assert_agrees(module, x)
    fastjac.torch.forget(perceptron())  # of which nothing is known
    with pytest.raises(DtypeError, match=r"takes a torch.nn.Module, got builtins.int"):
        fastjac.torch.forget(3)


class Alike(nn.Linear):
    """Modules that Python takes for equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)

    def __hash__(self) -> int:
        return 0


def test_equal_modules_are_not_taken_for_each_other() -> None:
    for module in (Alike(2, 3).double(), Alike(2, 3).double()):
        assert_agrees(module, points(4, 2))


class Owned(nn.Module):
    """Attributes that lead back to the module."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.me = nn.Linear(2, 3), [self]
        self.config = SimpleNamespace(owner=self, act=lambda x: torch.tanh(x) * self.gain)
        self.config.itself, self.gain = self.config, 0.5
        self.late = self.shifted

    def forward(self, x: Tensor) -> Tensor:
        return self.late(self.config.act(self.me[0].linear(x))) + self.config.itself.owner.gain

    def shifted(self, x: Tensor) -> Tensor:
        return x + self.gain


def test_a_module_that_holds_itself_is_watched_and_not_kept() -> None:
    module, x = Owned().double(), points(4, 2)
    assert_agrees(module, x)
    module.gain = 2.0
    assert_agrees(module, x)
    gone = [weakref.ref(module), weakref.ref(module.late.__self__), weakref.ref(module.linear.weight)]
    del module
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


def test_nothing_is_put_into_a_module() -> None:
    module, x = reader(), points(4, 2)
    module.acts[0].forward(x)
    before = [set(vars(inner)) for inner in module.modules()]
    assert_agrees(module, x)
    assert [set(vars(inner)) for inner in module.modules()] == before
    assert b"fastjac" not in pickle.dumps(perceptron_called())
    twin = copy.deepcopy(module)
    twin.table["slope"] = 0.9
    assert_agrees(twin, x)
    assert_agrees(module, x)


def perceptron_called() -> nn.Module:
    module = perceptron()
    fastjac.torch.jacobian(module, points(4, 2))
    return module


def test_a_profiler_is_not_disturbed() -> None:
    def profiler(*_: Any) -> None:
        pass

    module, x = reader(), points(4, 2)
    sys.setprofile(profiler)
    try:
        fastjac.torch.jacobian(module, x)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    module.array[0] = 7.0
    assert_agrees(module, x)
