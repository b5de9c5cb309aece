"""The network that a live module was found to compute, kept while that holds.

This network is what `fastjac.torch` differentiates. A module is followed at its first use (followed.py), and again where it has
changed (watch.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ..errors import DtypeError
from .chain import ModuleChain
from .followed import followed_chain
from .inputs import sizes_of
from .watch import Watch


@dataclass(frozen=True, eq=False)
class _Known:
    """The network that a module was found to compute, and the watch that says whether it still does."""

    chain: ModuleChain
    watch: Watch


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()
"""The networks that modules were found to compute, while the modules live. Nothing here keeps a module alive."""


def chain_of(module: Any, x: Any) -> tuple[ModuleChain, list[Any]]:
    """The network that a module computes when it is called with x, and its parameters as they are now.

    Raises as `fastjac.torch.value_and_jacobian` does.
    """
    if torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):  # or weights that torch computes would be rounded
            return chain_of(module, x)
    _check_module(module)
    known = _known.get(module)
    if known is not None and known.watch.holds(module) and (not known.chain.sized or sizes_of(x) in ((), known.chain.inputs)):
        tensors = known.chain.tensors()
        if known.chain.takes(tensors):
            return known.chain, tensors
    chain, watch = followed_chain(module, sizes_of(x))
    _known[module] = _Known(chain, watch)
    return chain, chain.tensors()


def forget(module: Any) -> None:
    """Forget what a module was found to compute, so that its next use follows it again.

    Call this after a change that is not seen; `help(fastjac.torch)` lists such changes. `module` is the module with which
    `value_and_jacobian` is called. Raises DtypeError where it is no torch module.

    >>> import fastjac.torch, torch
    >>> module = torch.nn.Linear(3, 2)
    >>> fastjac.torch.forget(module)
    """
    _check_module(module)
    _known.pop(module, None)


def _check_module(module: Any) -> None:
    """Raise DtypeError unless it is a torch module."""
    if not isinstance(module, torch.nn.Module):
        raise DtypeError(f"fastjac.torch takes a torch.nn.Module, got {type(module).__module__}.{type(module).__name__}")
