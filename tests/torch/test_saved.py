"""Backward gives the same bits whatever becomes of the tensors that torch saves for it."""

import gc
import io
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

import fastjac.torch
from fastjac.errors import ShapeError
from fastjac.torch.known import chain_of

from .test_torch import loss_of, perceptron, points


def to_disk(tensor: Tensor) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(tensor, file)
    return file


def from_disk(file: io.BytesIO) -> Tensor:
    file.seek(0)
    return torch.load(file)


HOOKS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "none": (lambda tensor: tensor, lambda tensor: tensor),
    "copies": (lambda tensor: tensor.clone(), lambda tensor: tensor),
    "aliases": (lambda tensor: tensor.detach(), lambda tensor: tensor.view_as(tensor)),
    "arrays": (lambda tensor: tensor.detach().numpy().copy(), torch.from_numpy),
    "files": (to_disk, from_disk),
    "wider": (lambda tensor: tensor.to(torch.complex128), lambda tensor: tensor.real),
    "other strides": (lambda tensor: tensor.repeat_interleave(2, 0), lambda tensor: tensor[::2]),
}


def of_parameters(module: nn.Module, x: Tensor, loss: Tensor, **options: Any) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [x, *module.parameters()], **options))


def same_bits(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("n", [60, 0])
def test_hooks_for_saved_tensors(name: str, n: int) -> None:
    module, x = perceptron(), points(n, 2)
    expected = of_parameters(module, x, loss_of(*fastjac.torch.value_and_jacobian(module, x)))
    pair = on(HOOKS[name], module, x)
    loss = loss_of(*pair)
    for retain_graph in (True, False):
        assert same_bits(of_parameters(module, x, loss, retain_graph=retain_graph), expected)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def on(hooks: tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]], module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    with saved_tensors_hooks(*hooks):
        return fastjac.torch.value_and_jacobian(module, x)


def test_tensors_that_come_back_rounded_are_used_as_they_are() -> None:
    """As torch itself would; in another precision too, which is not even restored."""
    module, x = perceptron(), points(60, 2)
    for unpack in (lambda tensor: tensor.double(), lambda tensor: tensor):
        loss = loss_of(*on((lambda tensor: tensor.float(), unpack), module, x))
        rounded, at = perceptron().float().double(), x.detach().float().double().requires_grad_()
        expected = of_parameters(rounded, at, gradients_of(rounded, at, *fastjac.torch.value_and_jacobian(module, x)))
        for ours, theirs in zip(of_parameters(module, x, loss), expected, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def gradients_of(module: nn.Module, x: Tensor, y: Tensor, jacobians: Tensor) -> Tensor:
    """A loss of the module whose derivatives by y and J are those of `loss_of` at other ones."""
    given = [y.detach().requires_grad_(), jacobians.detach().requires_grad_()]
    slopes = torch.autograd.grad(loss_of(*given), given)
    found = fastjac.torch.value_and_jacobian(module, x)
    return sum((slope * tensor).sum() for slope, tensor in zip(slopes, found, strict=True))


def test_tensors_that_come_back_in_another_shape_are_refused() -> None:
    module, x = perceptron(), points(60, 2)
    for unpack in (lambda tensor: tensor.flatten(), lambda tensor: tensor.repeat_interleave(2, 0), lambda tensor: tensor[:1]):
        y, _ = on((lambda tensor: tensor, unpack), module, x)
        with pytest.raises(ShapeError, match="a hook for saved tensors gave back one of another shape"):
            y.sum().backward()


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_activation_checkpointing(use_reentrant: bool) -> None:
    module, x = perceptron(), points(60, 2)
    expected = of_parameters(module, x, loss_of(*fastjac.torch.value_and_jacobian(module, x)))
    pair = checkpoint(lambda x: fastjac.torch.value_and_jacobian(module, x), x, use_reentrant=use_reentrant)
    loss_of(*pair).backward()
    assert same_bits([x.grad, *(parameter.grad for parameter in module.parameters())], expected)


def test_tensors_that_are_saved_elsewhere() -> None:
    module, x = perceptron(), points(60, 2)
    expected = of_parameters(module, x, loss_of(*fastjac.torch.value_and_jacobian(module, x)))
    with save_on_cpu():
        loss = loss_of(*fastjac.torch.value_and_jacobian(module, x))
    assert same_bits(of_parameters(module, x, loss), expected)


@pytest.mark.parametrize("name", ["none", "copies"])
def test_memory_is_free_after_backward(name: str) -> None:
    module, x = perceptron(), points(60, 2)
    loss = loss_of(*on(HOOKS[name], module, x))
    (runner,) = chain_of(module, x)[0].runners.values()
    loss.backward()
    assert len(runner._idle) >= 1
    assert len(runner._idle_parameters) >= 1


def test_what_changed_in_place_behind_a_hook_is_used_as_it_is() -> None:
    """Torch looks for changes only where it keeps the tensors itself."""
    module, x = perceptron(), points(60, 2)
    y, _ = on(HOOKS["none"], module, x)
    with torch.no_grad():
        x.mul_(0.5)
    (found,) = torch.autograd.grad(y.sum(), x)
    again, _ = fastjac.torch.value_and_jacobian(module, x)
    assert torch.equal(found, torch.autograd.grad(again.sum(), x)[0])


def test_backward_in_other_threads() -> None:
    module, inputs = perceptron(), [points(60, 2).detach().add(k).requires_grad_() for k in range(8)]
    losses = [loss_of(*fastjac.torch.value_and_jacobian(module, x)) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x, loss: of_parameters(module, x, loss), inputs, losses))
    for x, gradients in zip(inputs, found, strict=True):
        assert same_bits(gradients, of_parameters(module, x, loss_of(*fastjac.torch.value_and_jacobian(module, x))))


def test_a_call_that_is_never_differentiated_is_gone_with_its_results() -> None:
    module, x = perceptron(), points(60, 2)
    pair = fastjac.torch.value_and_jacobian(module, x)
    gone = weakref.ref(pair[0])
    (runner,) = chain_of(module, x)[0].runners.values()
    del pair
    gc.collect()
    assert gone() is None
    assert len(runner._idle_parameters) == 1
