"""What an import must leave as it was: every bit of the module, and the state of the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as module_globals

DEEPEST = 4
"""Containers and objects in each other that are looked into."""
PATCHED = ("__call__", "__getattr__", "__setattr__", "_call_impl", "forward")
"""What could be exchanged while a module is followed."""
UNFROZEN = {"__builtins__", "__warningregistry__", "__dict__", "__weakref__"}

State = dict[str, Any]


def state_of(module: Any, names: dict[str, Any]) -> State:
    """The module, what its file defines, and the process, by place; what is equal before and after has not been touched."""
    state = dict(_process())
    for path, inner in module.named_modules(remove_duplicate=False):
        state[f"{path}."] = (id(inner), id(type(inner)))
        state |= {f"{path}.{name}": _frozen(value, 0) for name, value in vars(inner).items()}
        state |= {f"version of {path}.{name}": _version(value) for name, value in _held(inner)}
        state[f"class of {path}"] = _class(type(inner))
    state |= {f"global {name}": _frozen(value, 0) for name, value in names.items() if name not in UNFROZEN}
    return state


def changes(before: State, after: State) -> set[str]:
    """The places where two states differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def outside(places: set[str]) -> set[str]:
    """Those that code of the user's may change in such a way that nobody can change them back."""
    return {place for place in places if place.startswith(("global ", "class of ", "version of "))}


def _held(module: Any) -> Iterator[tuple[str, Any]]:
    for tensors in (module._parameters, module._buffers):
        yield from ((name, tensor) for name, tensor in tensors.items() if tensor is not None)


def _version(tensor: Any) -> int | None:
    is_plain = not isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin) and not tensor.is_inference()
    return tensor._version if is_plain else None


def _process() -> Iterator[tuple[str, Any]]:
    yield "torch's random numbers", bytes(torch.random.get_rng_state().numpy())
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  those of the process
    yield "NumPy's random numbers", (kind, keys.tobytes(), *rest)
    yield "Python's random numbers", random.getstate()
    yield "default dtype", torch.get_default_dtype()
    yield "default device", str(torch.get_default_device())
    yield "gradient mode", (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled())
    yield "autocast", (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled())
    yield "threads", torch.get_num_threads()
    yield "NumPy's errors", np.geterr()
    yield "function modes", torch._C._len_torch_function_stack()
    yield "torch.nn.Module", [id(getattr(torch.nn.Module, name)) for name in PATCHED]
    for name, value in vars(module_globals).items():
        if name.startswith("_global_"):
            yield name, _frozen(value, 0)


def _class(kind: type) -> dict[str, Any]:
    """A class's own attributes; functions by their identity."""
    return {name: _frozen(value, DEEPEST) for name, value in vars(kind).items() if not name.startswith("__") or callable(value)}


def _frozen(value: Any, depth: int) -> Any:
    """Something that is equal where the value has stayed the same object with the same contents."""
    if isinstance(value, torch.Tensor):
        return id(value), _tensor(value)
    if isinstance(value, np.ndarray):
        return id(value), value.tobytes()
    if isinstance(value, torch.Generator):
        return id(value), bytes(value.get_state().numpy())
    if isinstance(value, np.random.Generator):
        return id(value), str(value.bit_generator.state)
    if isinstance(value, (np.random.RandomState, random.Random)) and not isinstance(value, random.SystemRandom):
        return id(value), repr(getattr(value, "get_state", getattr(value, "getstate", None))())
    if depth >= DEEPEST or isinstance(value, (torch.nn.Module, type)):
        return id(value)
    if isinstance(value, dict):
        return id(value), [(_frozen(key, DEEPEST), _frozen(inner, depth + 1)) for key, inner in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return id(value), [_frozen(inner, depth + 1) for inner in value]
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return repr(value)
    return id(value)


def _tensor(value: Any) -> Any:
    """A tensor's kind, gradient and bits."""
    if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
        return "uninitialized"
    described = (value.dtype, tuple(value.shape), value.requires_grad, id(value.grad) if value.is_leaf else None)
    if value.is_meta or value.is_quantized:
        return described
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        dense = value.detach().to_dense().resolve_conj().resolve_neg()
    return *described, dense.clone(memory_format=torch.contiguous_format).reshape(-1).view(
        torch.uint8
    ).numpy().tobytes() if dense.numel() else b""
