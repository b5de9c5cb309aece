"""The user's module, its tensors and the process's random numbers are the same after its forward was run here as before.

A forward that changes any of them is refused, since it may compute something else at its next call.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx
from torch.utils._python_dispatch import TorchDispatchMode

from ...errors import UnsupportedLayerError


@contextmanager
def untouched(module: Any) -> Iterator[Before]:
    """Run the module's own code inside. Afterwards its attributes, and all random numbers, are what they were before.

    A tensor that was there before cannot be changed inside: UnsupportedLayerError.
    """
    before = Before([_Contents(path, inner) for path, inner in module.named_modules()], _process_random_numbers())
    try:
        with _NoWrites():
            yield before
    finally:
        before.restore()


class _NoWrites(TorchDispatchMode):
    """Lets torch operations write to tensors that were made while this mode is on, and to no others."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for position, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                written = args[position] if position < len(args) else kwargs.get(argument.name)
                for tensor in written if isinstance(written, (list, tuple)) else [written]:
                    self._check(tensor, func)
        results = func(*args, **kwargs)
        for result in results if isinstance(results, (list, tuple)) else [results]:
            self._note(result, args)
        return results

    def _note(self, result: Any, args: Any) -> None:
        """Note a tensor that an operation has made, unless it lies in the memory of one that was there before."""
        if isinstance(result, torch.Tensor) and (storage := _storage(result)) is not None:
            given = [_storage(tensor) for tensor in args if isinstance(tensor, torch.Tensor)]
            if all(old is None or old._cdata != storage._cdata for old in given):
                self._made[storage._cdata] = storage  # held, so that no other gets its address

    def _check(self, tensor: Any, func: Any) -> None:
        storage = _storage(tensor) if isinstance(tensor, torch.Tensor) else None
        if storage is not None and storage._cdata not in self._made:
            raise UnsupportedLayerError(
                f"it changes a tensor of shape {tuple(tensor.shape)} in place ({func._schema.name.removeprefix('aten::')}) that "
                "is there between calls, so it may compute something else at each call; leave that out, or call .eval() on it"
            )


def _storage(tensor: Any) -> Any:
    """The memory of a tensor; None for sparse ones and their like, which have none."""
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return None


class _Kind(NamedTuple):
    """Objects with contents of their own: how to copy these, how to put a copy back, and whether contents equal a copy."""

    type: type
    copy: Callable[[Any], Any]
    put_back: Callable[[Any, Any], None]
    equal: Callable[[Any, Any], bool]


def _put_back_items(value: Any, copy: Any) -> None:
    value.clear()
    value.update(copy)


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
    return copy is None or bool(torch.all((tensor == copy) | ((tensor != tensor) & (copy != copy))))


KINDS = (
    _Kind(dict, dict, _put_back_items, _same_items),
    _Kind(list, list, _put_back_list, _same_list),
    _Kind(set, set, _put_back_items, set.__eq__),
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
"""What a forward may change without putting another object in its place. Objects inside of these are taken as they are."""


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
    """The attributes of one module."""

    def __init__(self, path: str, module: Any) -> None:
        self._path, self._module = path, module
        self._kept = {name: _Kept(value) for name, value in vars(module).items()}
        self._buffers = {name: _Kept(value) for name, value in module._buffers.items()}

    def changed(self) -> Iterator[str]:
        """The attributes that have changed, by dotted name, but for results of the forward that it only puts down."""
        now = vars(self._module)
        for name in {**self._kept, **now}:
            kept = self._kept.get(name)
            same = kept is not None and name in now and now[name] is kept.value and kept.is_unchanged()
            if not same and not _holds_results(now.get(name)):
                yield f"{self._path}.{name}".lstrip(".")
        for name, buffer in self._buffers.items():
            if not buffer.is_unchanged():
                yield f"{self._path}.{name}".lstrip(".")

    def restore(self) -> None:
        """Put all attributes back."""
        for kept in (*self._kept.values(), *self._buffers.values()):
            kept.restore()
        _put_back_items(vars(self._module), {name: kept.value for name, kept in self._kept.items()})


def _holds_results(value: Any) -> bool:
    """Whether a value is what torch.fx stands for a result with, or a container of such.

    An attribute that a forward sets to a result is no state if the forward does not read it. If it does, its values part
    from one call to the next, which is checked elsewhere.
    """
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(inner, fx.Proxy) for inner in values)


def _process_random_numbers() -> list[_Kept]:
    """The generators of the process's random numbers: torch's, NumPy's and Python's."""
    return [_Kept(torch.default_generator), _Kept(np.random.mtrand._rand), _Kept(random._inst)]


@dataclass(frozen=True)
class Before:
    """What there was before a module's code was run."""

    modules: list[_Contents]
    random_numbers: list[_Kept]

    def check(self) -> None:
        """Raise UnsupportedLayerError if the module's code has changed something."""
        if not all(generator.is_unchanged() for generator in self.random_numbers):
            raise UnsupportedLayerError("it draws random numbers, so it is no one network; take them out, or call .eval() on it")
        changed = sorted({name for contents in self.modules for name in contents.changed()})
        if changed:
            raise UnsupportedLayerError(
                f"its forward changes {', '.join(changed)}, so it may compute something else at each call; leave that out, or, "
                "if it only keeps a constant for later calls, call it once before"
            )

    def restore(self) -> None:
        """Put everything back."""
        for contents in self.modules:
            contents.restore()
        for generator in self.random_numbers:
            generator.restore()
