"""Whatever values a forward reads may change between two calls: the second one computes what the module does then."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import fastjac.torch

from .test_torch import assert_agrees, points


@dataclass(slots=True)
class Slotted:
    """Options without a `__dict__`."""

    factor: float


class Helper:
    """An object that computes for the forward."""

    factor = 0.8

    def __init__(self) -> None:
        self.offset = 0.1

    def shifted(self, x: Tensor) -> Tensor:
        return x * self.factor + self.offset


class Reader(nn.Module):
    """A chain by everything that a forward can read of its module."""

    class_factor = 0.9
    class_table = {"slope": 0.2}  # noqa: RUF012 - a test changes it
    late = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.acts = nn.Linear(2, 3), nn.Linear(3, 2), [nn.LeakyReLU(0.3)]
        self.array, self.number = np.array([1.0, 2.0, 3.0]), np.array(1.5)
        self.table, self.nested = {"slope": 0.2}, [{"a": (1.0, [2.0])}]
        self.config = SimpleNamespace(inner=SimpleNamespace(factor=1.1), slots=Slotted(0.7), helper=Helper())
        self.act, self.method = partial(functional.leaky_relu, negative_slope=0.4), Helper().shifted
        self.register_buffer("scale", torch.tensor([0.5, 1.5, 2.5]))
        self.register_buffer("derived", torch.tensor([0.5, 2.0]))
        self.tensors = [torch.tensor([0.3, 0.6])]

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x * (1.0 / self.derived) + float(self.tensors[0].sum()))
        x = self.acts[0](self.act(functional.leaky_relu(x, self.table["slope"])))
        x = x * torch.from_numpy(self.array) * float(self.number) * self.scale
        x = x * (self.class_factor + self.class_table["slope"]) + self.nested[0]["a"][0] - self.nested[0]["a"][1][0]
        x = self.config.helper.shifted(x * self.config.inner.factor * self.config.slots.factor)
        return self.last(self.method(self.shifted(x)) * self.late)

    def shifted(self, x: Tensor) -> Tensor:
        return x - 0.25


def replaced(module: Reader) -> None:
    """Another array in the place of the one that is gone."""
    del module.number
    module.number = np.array(5.0)


CHANGES: dict[str, Callable[[Reader], Any]] = {
    "an array replaced": replaced,
    "an array's entries": lambda module: module.array.__setitem__(1, 9.0),
    "a number's entry": lambda module: module.number.__setitem__((), 9.0),
    "a buffer by .data": lambda module: module.scale.data.fill_(4.0),
    "a buffer by NumPy": lambda module: module.scale.numpy().__setitem__(0, 7.0),
    "a buffer's data": lambda module: setattr(module.scale, "data", torch.full((3,), 3.0, dtype=torch.float64)),
    "a buffer that is computed with": lambda module: module.derived.numpy().__setitem__(0, 7.0),
    "a tensor in a list": lambda module: module.tensors[0].data.mul_(3.0),
    "a tensor in a list replaced": lambda module: module.tensors.__setitem__(0, torch.tensor([2.0])),
    "an entry of a dictionary": lambda module: module.table.__setitem__("slope", 0.6),
    "an entry far inside": lambda module: module.nested[0]["a"][1].__setitem__(0, -3.0),
    "an attribute of a configuration": lambda module: setattr(module.config.inner, "factor", 3.0),
    "an attribute without a __dict__": lambda module: setattr(module.config.slots, "factor", 3.0),
    "an attribute of an object that computes": lambda module: setattr(module.config.helper, "offset", 3.0),
    "a helper's attribute that hides the class's": lambda module: setattr(module.config.helper, "factor", 3.0),
    "the object of a bound method": lambda module: setattr(module.method.__self__, "offset", 3.0),
    "an argument of a partial function": lambda module: module.act.keywords.update(negative_slope=0.9),
    "an option of a module in a list": lambda module: setattr(module.acts[0], "negative_slope", 0.8),
    "a module in a list replaced": lambda module: module.acts.__setitem__(0, nn.Tanh()),
    "an attribute that hides the class's": lambda module: setattr(module, "late", 2.0),
    "an attribute that hides a method": lambda module: setattr(module, "shifted", torch.tanh),
}

ON_CLASSES: dict[str, tuple[type, str, Any]] = {
    "an attribute of the class": (Reader, "class_factor", 2.0),
    "a dictionary of the class": (Reader, "class_table", {"slope": 3.0}),
    "a method": (Reader, "shifted", lambda self, x: x + 3.0),
    "the forward": (Reader, "forward", lambda self, x: self.last(torch.tanh(self.first(x)))),
    "an attribute of a helper's class": (Helper, "factor", 3.0),
    "a method of a helper": (Helper, "shifted", lambda self, x: x + 3.0),
}


def reader() -> Reader:
    torch.manual_seed(0)
    return Reader().double()


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_seen(name: str) -> None:
    module, x = reader(), points(4, 2)
    assert_agrees(module, x)
    for _ in range(2):
        CHANGES[name](module)
        assert_agrees(module, x)


@pytest.mark.parametrize("name", ON_CLASSES)
def test_changes_of_classes_are_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = reader(), points(4, 2)
    assert_agrees(module, x)
    with monkeypatch.context() as patch:
        patch.setattr(*ON_CLASSES[name])
        assert_agrees(module, x)
    assert_agrees(module, x)


def test_an_entry_of_a_dictionary_of_the_class_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = reader(), points(4, 2)
    assert_agrees(module, x)
    monkeypatch.setitem(Reader.class_table, "slope", 4.0)
    assert_agrees(module, x)


def test_an_array_in_the_place_of_one_that_is_gone_is_another() -> None:
    """Python gives it the same address nearly always."""
    module, x = reader(), points(4, 2)
    for value in range(50):
        del module.number
        module.number = np.array(value + 1.0)
        y, _ = fastjac.torch.value_and_jacobian(module, x)
        assert torch.allclose(y, module(x), rtol=1e-10)
