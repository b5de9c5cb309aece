"""Running a forward here leaves the user's module, its tensors and the process's random generators as they were.

A forward that changes any of them is refused, since it may compute something else at its next call.
"""

from __future__ import annotations

import os
import pickle
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ...errors import UnsupportedLayerError
from .modified import computed_names
from .no_writes import NoWrites

OWN = ("torch.", "builtins")
"""The starts of the names of the Python modules whose classes no forward changes."""


IsResult = Callable[[Any], bool]


@contextmanager
def untouched(module: Any) -> Iterator[Before]:
    """Run the module's own code inside. Afterwards its attributes and all random generators are what they were before.

    Code that changes a tensor that was there before raises UnsupportedLayerError. Only one thread at a time runs code inside.
    """
    operations = NoWrites()
    with _running, _put_back(module, operations) as before, operations:
        yield before


@contextmanager
def _put_back(module: Any, operations: NoWrites) -> Iterator[Before]:
    modules = dict(module.named_modules())
    classes = {kind: None for inner in modules.values() for kind in type(inner).__mro__ if not kind.__module__.startswith(OWN)}
    before = Before(
        [*(_Contents(path, inner) for path, inner in modules.items()), *map(_ClassContents, classes)],
        _Kept(torch.default_generator),
        [_Kept(np.random.mtrand._rand), _Kept(random._inst)],
        operations,
    )
    dtype = torch.get_default_dtype()
    try:
        yield before
    finally:
        before.restore()
        torch.set_default_dtype(dtype)


_running = threading.RLock()
"""Held while a module's code runs here, since another thread's code might change the same module."""


def _replace_lock() -> None:
    """Make a new lock in a forked child, where the old one may be held by a thread that the child does not have."""
    global _running
    _running = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)


class _Kind(NamedTuple):
    """A type of objects that have contents: how to copy these, how to put a copy back, and whether contents equal a copy."""

    type: type
    copy: Callable[[Any], Any]
    put_back: Callable[[Any, Any], None]
    equal: Callable[[Any, Any], bool]


def _put_back_items(value: Any, copy: Any) -> None:
    """Put items back one by one, since another thread may be using the others."""
    for key in [key for key in value if key not in copy]:
        del value[key]
    for key, item in copy.items():
        if key not in value or value[key] is not item:
            value[key] = item
    if list(value) != list(copy):  # the order of modules and parameters
        value.clear()
        value.update(copy)


def _put_back_members(value: Any, copy: Any) -> None:
    value &= copy
    value |= copy


def _put_back_entries(value: Any, copy: Any) -> None:
    value[...] = copy


def _put_back_list(value: Any, copy: Any) -> None:
    value[:] = copy


def _same_items(value: Any, copy: Any) -> bool:
    return list(value) == list(copy) and all(value[key] is copy[key] for key in copy)


def _same_list(value: Any, copy: Any) -> bool:
    return len(value) == len(copy) and all(one is other for one, other in zip(value, copy, strict=True))


def _is_plain(tensor: Any) -> bool:
    """Whether a tensor's entries lie in the CPU's memory, where NumPy may change them unseen."""
    return type(tensor) in (torch.Tensor, torch.nn.Buffer) and tensor.device.type == "cpu" and tensor.layout == torch.strided


def _copy_entries(tensor: Any) -> Any:
    return tensor.detach().clone() if _is_plain(tensor) else None


def _put_back_tensor(tensor: Any, copy: Any) -> None:
    tensor.data.copy_(copy)  # .data has a version of its own


def _same_entries(tensor: Any, copy: Any) -> bool:
    if copy is None or torch.equal(tensor, copy):
        return True
    return bool(torch.all((tensor == copy) | ((tensor != tensor) & (copy != copy))))


KINDS = (
    _Kind(dict, dict, _put_back_items, _same_items),
    _Kind(list, list, _put_back_list, _same_list),
    _Kind(set, set, _put_back_members, set.__eq__),
    _Kind(torch.Tensor, _copy_entries, _put_back_tensor, _same_entries),
    _Kind(np.ndarray, np.copy, _put_back_entries, lambda value, copy: pickle.dumps(value) == pickle.dumps(copy)),
    _Kind(random.Random, random.Random.getstate, random.Random.setstate, lambda value, copy: value.getstate() == copy),
    _Kind(
        np.random.Generator,
        lambda value: value.bit_generator.state,
        lambda value, copy: setattr(value.bit_generator, "state", copy),
        lambda value, copy: pickle.dumps(value.bit_generator.state) == pickle.dumps(copy),
    ),
    _Kind(
        np.random.RandomState,
        np.random.RandomState.get_state,
        np.random.RandomState.set_state,
        lambda value, copy: pickle.dumps(value.get_state()) == pickle.dumps(copy),
    ),
    _Kind(
        torch.Generator,
        torch.Generator.get_state,
        torch.Generator.set_state,
        lambda value, copy: torch.equal(value.get_state(), copy),
    ),
)
"""Objects that a forward may change without putting others in their place. Objects inside of them are taken as they are."""


class _Kept:
    """One object, and a copy of its contents if it is of one of KINDS."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._kind = next((kind for kind in KINDS if isinstance(value, kind.type)), None)
        self._copy = None if self._kind is None else self._kind.copy(value)

    def is_unchanged(self) -> bool:
        """Whether the object's contents are what they were."""
        return self._kind is None or self._kind.equal(self.value, self._copy)

    def restore(self) -> None:
        """Put the object's contents back."""
        if self._kind is not None and not self.is_unchanged():
            self._kind.put_back(self.value, self._copy)


class _Contents:
    """The attributes and the class of one module."""

    def __init__(self, path: str, module: Any) -> None:
        self._path, self._module, self._class = path, module, type(module)
        self._kept = {name: _Kept(value) for name, value in vars(module).items()}
        self._buffers = {name: _Kept(value) for name, value in module._buffers.items()}
        self._computed = computed_names(module)

    def changed(self, is_result: IsResult) -> Iterator[str]:
        """The dotted names of what has changed, except where the forward only stores a result of its own."""
        names = [name for name, buffer in self._buffers.items() if not buffer.is_unchanged()]
        if type(self._module) is not self._class:
            names.append("__class__")
        for name in (*_changed(self._kept, vars(self._module), is_result), *names):
            if name not in self._computed:
                yield f"{self._path}.{name}".lstrip(".")

    def restore(self) -> None:
        """Put all attributes back."""
        for kept in (*self._kept.values(), *self._buffers.values()):
            kept.restore()
        _put_back_items(vars(self._module), {name: kept.value for name, kept in self._kept.items()})
        if type(self._module) is not self._class:
            self._module.__class__ = self._class


class _ClassContents:
    """The attributes of one of the user's classes."""

    def __init__(self, kind: type) -> None:
        self._class = kind
        self._kept = {name: _Kept(value) for name, value in vars(kind).items()}

    def changed(self, is_result: IsResult) -> Iterator[str]:
        """The attributes that have changed, behind the name of the class."""
        return (f"{self._class.__name__}.{name}" for name in _changed(self._kept, vars(self._class), is_result))

    def restore(self) -> None:
        """Put all attributes back."""
        for name in list(_changed(self._kept, vars(self._class), lambda tensor: False)):
            if name in self._kept:
                self._kept[name].restore()
                setattr(self._class, name, self._kept[name].value)
            else:
                delattr(self._class, name)


def _changed(before: Mapping[str, _Kept], now: Mapping[str, Any], is_result: IsResult) -> Iterator[str]:
    """The names whose values have changed, except those that now hold results of the forward."""
    for name in {**before, **now}:
        kept = before.get(name)
        same = kept is not None and name in now and now[name] is kept.value and kept.is_unchanged()
        if not same and not _holds_results(now.get(name), is_result):
            yield name


def _holds_results(value: Any, is_result: IsResult) -> bool:
    """Whether a value is a result, or a container of such.

    An attribute that a forward sets to a result is no state if the forward does not read it. If the forward does read it, two
    calls give different values, which is checked elsewhere.
    """
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(inner, torch.Tensor) and is_result(inner) for inner in values)


@dataclass(frozen=True)
class Before:
    """The state before a module's code was run.

    torch_numbers, other_numbers : the process's generators of random numbers: torch's own, and those of NumPy and Python.
    operations : watches what torch does for the module's code.
    """

    contents: Sequence[_Contents | _ClassContents]
    torch_numbers: _Kept
    other_numbers: Sequence[_Kept]
    operations: NoWrites

    def check(self, is_result: IsResult) -> None:
        """Raise UnsupportedLayerError if the module's code has changed something.

        is_result : whether a tensor is a result of the forward.
        """
        with torch._C._DisableTorchDispatch():
            is_drawn = not all(generator.is_unchanged() for generator in self._generators())
            changed = sorted({name for contents in self.contents for name in contents.changed(is_result)})
        if is_drawn:
            raise UnsupportedLayerError("it draws random numbers, so it is no one network; take them out, or call .eval() on it")
        if changed:
            raise UnsupportedLayerError(
                f"its forward changes {', '.join(changed)}, so it may compute something else at each call; leave that out, or, "
                "if it only keeps a constant for later calls, call it once before"
            )

    def restore(self) -> None:
        """Put everything back."""
        with torch._C._DisableTorchDispatch():
            for kept in (*self.contents, *self._generators()):
                kept.restore()

    def _generators(self) -> Sequence[_Kept]:
        """The generators that the module's code may have used. Torch's is left out if only another thread can have used it."""
        return [self.torch_numbers, *self.other_numbers] if self.operations.draws else self.other_numbers
