"""Which of torch's modes are on. Torch itself has no public names for these questions, so they all stand here."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

RECORDING = torch._C._TorchDispatchModeKey.PROXY, torch._C._TorchDispatchModeKey.FAKE, torch._C._TorchDispatchModeKey.FUNCTIONAL
"""Modes of make_fx, torch.export and FakeTensorMode."""


def records() -> bool:
    """Whether torch records operations, or goes by the shapes of tensors, instead of computing numbers."""
    return torch.jit.is_tracing() or any(torch._C._get_dispatch_mode(mode) is not None for mode in RECORDING)


def transforms() -> bool:
    """Whether a function runs under vmap, grad or another transformation of torch.func."""
    return torch._C._are_functorch_transforms_active()


def outside_of_transforms() -> AbstractContextManager[Any]:
    """Compute with plain tensors, also under torch.func."""
    return torch._C._DisableFuncTorch()


def uncompiled() -> AbstractContextManager[Any]:
    """Let modules that torch.compile has wrapped run as they are, since to compile them takes long."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def is_transformed(tensor: Any) -> bool:
    """Whether a tensor stands for others under torch.func."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def is_grads_batched(gradient: Any) -> bool:
    """Whether a gradient stands for several, under torch.autograd.grad's option of this name."""
    return gradient is not None and torch._C._functorch.is_legacy_batchedtensor(gradient)


def is_plain(tensor: Any) -> bool:
    """Whether a tensor's entries lie in memory one by one: it is dense, and its class does not stand for something else."""
    return type(tensor).__torch_dispatch__ is torch.Tensor.__torch_dispatch__ and tensor.layout is torch.strided
