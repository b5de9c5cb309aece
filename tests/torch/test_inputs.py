"""Inputs of every kind of tensor: the right values, or an error that says what to pass instead."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

import fastjac.torch
from fastjac.errors import DtypeError, OptionError, ShapeError

from .test_torch import assert_agrees, assert_close, perceptron, points


def of_parts(x: Tensor) -> Tensor:
    """A complex tensor with twice the same parts."""
    return torch.view_as_complex(torch.stack([x, x], -1))


class Named(torch.Tensor):
    """A tensor with methods of its own."""


PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "a part of a complex tensor": lambda x: of_parts(x).real,
    "with a negative bit": lambda x: of_parts(-x).conj().imag,
    "of a class of one's own": lambda x: x.as_subclass(Named),
    "a parameter": nn.Parameter,
    "spread": lambda x: x[:1].expand(4, 2),
}


@pytest.mark.parametrize("name", PLAIN)
def test_inputs_of_other_kinds(name: str) -> None:
    module, x = perceptron(), PLAIN[name](points(4, 2).detach())
    found = fastjac.torch.value_and_jacobian(module, x)
    assert all(type(tensor) is Tensor for tensor in found)
    assert_close(found[0], module(x.as_subclass(Tensor)), 1e-10)
    assert torch.equal(found[1], fastjac.torch.jacobian(module, torch.tensor(x.tolist(), dtype=x.dtype)))


NO_TENSORS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "sparse": (lambda x: x.to_sparse(), "got a tensor in torch.sparse_coo"),
    "nested": (lambda x: torch.nested.nested_tensor([x, x], layout=torch.jagged), "got a nested tensor"),
    "fake": (lambda x: FakeTensorMode().from_tensor(x), "got a FakeTensor"),
    "complex": (lambda x: x.to(torch.complex128), r"module's dtype torch.float64, got torch.complex128"),
}


@pytest.mark.parametrize("name", NO_TENSORS)
def test_inputs_that_are_no_plain_tensors(name: str) -> None:
    make, message = NO_TENSORS[name]
    with pytest.raises(DtypeError, match=message):
        fastjac.torch.jacobian(perceptron(), make(points(4, 2).detach()))


def test_weights_with_a_negative_bit() -> None:
    module, x = perceptron(), points(4, 2)
    module[0].weight = nn.Parameter(of_parts(-module[0].weight.detach()).conj().imag)
    assert module[0].weight.is_neg()
    assert_agrees(module, x)


REFUSED_INPUTS = {
    "an array": (
        lambda: points(4, 2).detach().numpy(),
        DtypeError,
        "x must be a torch tensor, got ndarray; use torch.from_numpy",
    ),
    "a list": (lambda: [0.0, 1.0], DtypeError, "x must be a torch tensor, got list"),
    "float32": (
        lambda: torch.ones(4, 2),
        DtypeError,
        r"module's dtype torch.float64, got torch.float32; use x.to\(torch.float64",
    ),
    "whole numbers": (lambda: torch.ones(4, 2, dtype=torch.int64), DtypeError, "got torch.int64"),
    "another device": (lambda: points(4, 2).to("meta"), OptionError, "x must be on the CPU, it is on meta"),
    "another width": (lambda: points(4, 3), ShapeError, r"x must have shape \(..., 2\), got \(4, 3\)"),
    "a number": (lambda: points(), ShapeError, r"x must have shape \(..., 2\), got \(\)"),
}


@pytest.mark.parametrize("name", REFUSED_INPUTS)
def test_inputs_that_are_refused(name: str) -> None:
    make, error, message = REFUSED_INPUTS[name]
    with pytest.raises(error, match=message):
        fastjac.torch.value_and_jacobian(perceptron(), make())
