"""Which of torch's modes are on. Torch has no public names for these questions, so all of its private ones stand here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

RECORDING = torch._C._TorchDispatchModeKey.PROXY, torch._C._TorchDispatchModeKey.FAKE, torch._C._TorchDispatchModeKey.FUNCTIONAL
"""Modes of make_fx, torch.export and FakeTensorMode."""


def records() -> bool:
    """Whether torch records operations, or goes by the shapes of tensors, instead of computing numbers."""
    return torch.jit.is_tracing() or any(torch._C._get_dispatch_mode(mode) is not None for mode in RECORDING)


def transforms() -> bool:
    """Whether a function runs under vmap, grad or another transformation of torch.func."""
    return torch._C._are_functorch_transforms_active()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Record gradients of plain tensors inside, whatever torch does with the calls outside."""
    may_have_hooks = torch._C._autograd._saved_tensors_hooks_is_enabled()
    hooks = torch.autograd.graph.saved_tensors_hooks(_with_version, _unchanged) if may_have_hooks else nullcontext()
    # The stack holds torch.func's transformations.
    with temporarily_clear_interpreter_stack(), torch.inference_mode(False), torch.enable_grad(), hooks:
        yield


def _with_version(tensor: Any) -> tuple[Any, int]:
    return tensor, 0 if tensor.is_inference() else tensor._version


def _unchanged(saved: tuple[Any, int]) -> Any:
    """The tensor that was saved. Torch checks its own saved tensors in this way, and raises the same error."""
    tensor, version = saved
    if not tensor.is_inference() and tensor._version != version:
        raise RuntimeError("a tensor needed for gradient computation has been modified by an inplace operation")
    return tensor


@contextmanager
def whole_operators() -> Iterator[None]:
    """Let modes of torch's dispatcher see operators as a module calls them, before torch takes them apart."""
    is_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the fast path is one operator for a whole encoder layer
    try:
        with torch._C._AutoDispatchBelowAutograd():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)


@contextmanager
def as_written() -> Iterator[None]:
    """Run code that torch.compile has wrapped as it was written, multiply in full precision, and keep warnings back."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def is_transformed(tensor: Any) -> bool:
    """Whether a tensor stands for others under torch.func."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def is_grads_batched(gradient: Any) -> bool:
    """Whether a gradient stands for several, under the option `is_grads_batched` of torch.autograd.grad."""
    return gradient is not None and torch._C._functorch.is_legacy_batchedtensor(gradient)


def is_plain(tensor: Any) -> bool:
    """Whether a tensor's entries lie in memory one by one: it is dense, and its class does not stand for something else."""
    return type(tensor).__torch_dispatch__ is torch.Tensor.__torch_dispatch__ and tensor.layout is torch.strided
