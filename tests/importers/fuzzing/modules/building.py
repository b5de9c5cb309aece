"""The source text of a module, and the module that it makes."""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

PRELUDE = """\
import collections, contextlib, copy, dataclasses, decimal, fractions, functools, inspect, itertools, math, operator
import random, sys, time, warnings
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune

DTYPE = torch.{dtype}
HANDLES, SEEN = [], []


def c(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=DTYPE) * 2 - 1


def scrambled(module):
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.2, 1.2)
    return module


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Around(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, **options):
        return self.inner(x, **options) - 1


class Residual(Around):
    def forward(self, x):
        return x.sum(-1, keepdim=True) + self.inner(x)


class To(Lambda):
    def __init__(self, dtype):
        super().__init__(lambda x: x.to(dtype))


class Ambient:
    def __init__(self, context):
        self.context = context
        context.__enter__()

    def remove(self):
        self.context.__exit__(None, None, None)


class Patch:
    def __init__(self, owner, name, value):
        self.owner, self.name, self.before = owner, name, getattr(owner, name)
        setattr(owner, name, value)

    def remove(self):
        setattr(self.owner, self.name, self.before)


@dataclasses.dataclass
class Result:
    y: object


"""
"""What stands above every module."""


class CannotBuildError(Exception):
    """The source text makes no module."""


@contextmanager
def built(source: str, name: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The module that a source text makes and the names of its file, while its global hooks and contexts hold.

    Raises CannotBuildError where torch itself refuses.
    """
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(source, name, "exec", dont_inherit=True), names)
            module = names["build"]()
    except Exception as error:
        _leave(names)
        raise CannotBuildError(f"{type(error).__name__}: {error}") from error
    try:
        yield module, names
    finally:
        _leave(names)


def _leave(names: dict[str, Any]) -> None:
    for handle in reversed(names.get("HANDLES", [])):
        with suppress(Exception):
            handle.remove()
    torch.set_default_dtype(torch.float32)
