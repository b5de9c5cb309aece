"""Whether the values that a forward reads are unchanged, down to the entries of containers and arrays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any
from weakref import ref

import numpy as np
import torch

from .reads import LIBRARIES, Reads, address, has_memory

PLAIN: tuple[type, ...] = (bool, int, float, complex, str, bytes, type(None), type(...), range, slice, np.generic, np.dtype)
PLAIN += (torch.dtype, torch.device, torch.layout, torch.memory_format)
"""Types of values that never change, and that are the same where their reprs are."""
CODE = (FunctionType, BuiltinFunctionType, ModuleType)
"""Types of objects that are not entered."""
DESCRIPTORS = (property, staticmethod, classmethod)
CALLED = frozenset({"forward", "__call__", "__getattr__", "__getattribute__"})
"""Names that torch and Python look up in a class by themselves."""
MOST_DEPTH = 8
"""How deep containers and objects are entered."""
MOST_VALUES = 2000
"""How many values are compared one by one. Of a container with more values than are left, only type and length count."""
MOST_BYTES = 1 << 20
"""The largest NumPy array whose entries are compared, which takes some 0.1 ms."""

Same = Callable[[Any], bool]
"""Whether a value is unchanged."""
Names = frozenset[str] | None
"""The names of the attributes that are read; None if any may be."""


class Values:
    """Makes functions that compare values, and finds the modules and classes to which the values lead.

    modules : the modules found so far, in the order of finding.  classes : the classes, each with the function that compares it.
    addresses : the addresses of the memory of all tensors that are compared where they stand.
    """

    def __init__(self, reads: Reads) -> None:
        self.modules: list[Any] = []
        self.classes: dict[type, Same] = {}
        self.addresses: set[int] = set()
        self.names: Names = None if reads.computed else CALLED | reads.names
        self._reads = reads
        self._entered: dict[int, Any] = {}
        self._left = MOST_VALUES

    def names_of(self, kind: type) -> Names:
        """Which attributes of an object of this class the forward may read. Code of libraries may read any of their own."""
        return None if _is_of_a_library(kind) else self.names

    def is_read(self, tensor: Any) -> bool:
        """Whether a forward has read the entries of a tensor itself."""
        return has_memory(tensor) and address(tensor) in self._reads.memory

    def add_module(self, module: Any) -> None:
        """Note a module and all modules in it."""
        for inner in module.modules():
            if id(inner) not in self._entered:
                self._entered[id(inner)] = inner
                self.modules.append(inner)

    def add_class(self, kind: type) -> None:
        """Note a class and the classes from which it derives."""
        for base in kind.__mro__:
            if base not in self.classes and base.__module__ != "builtins":
                self.classes[base] = _never  # while it is entered
                names = [name for name in vars(base) if self._is_looked_up(base, name)]
                self.classes[base] = self._inner(base, partial(_class_attributes, names=names), 0)

    def _is_looked_up(self, kind: type, name: str) -> bool:
        if name in CALLED or _is_of_a_library(kind):
            return name in CALLED
        return not name.startswith("__") if self.names is None else name in self.names

    def same(self, value: Any, depth: int = 0) -> Same:
        """The function that compares other values with this one."""
        self._left -= 1
        if isinstance(value, PLAIN):
            return partial(is_alike, value)
        if isinstance(value, torch.Tensor):
            return self._same_tensor(value)
        if isinstance(value, np.ndarray):
            return _same_array(value)
        if isinstance(value, torch.nn.Module):
            self.add_module(value)
        elif isinstance(value, type):
            self.add_class(value)
        elif not isinstance(value, CODE) and id(value) not in self._entered and depth < MOST_DEPTH:
            return self._same_inside(value, depth)
        return _identical(value)

    def _same_inside(self, value: Any, depth: int) -> Same:
        """The function that compares containers by their entries, or objects by their attributes."""
        outer, listed = _identical(value), _lists(value)
        if listed is None:
            if _root(type(value)) == "torch":
                return outer
            self.add_class(type(value))
            listed = partial(_attributes, names=self.names_of(type(value)))
        self._entered[id(value)] = value
        inner = self._inner(value, listed, depth)
        if _reference(value) is None:
            del self._entered[id(value)]  # where it stands again, its identity alone could not be compared
        return lambda new: outer(new) and inner(new)

    def _inner(self, value: Any, listed: Callable[[Any], list[Any]], depth: int) -> Same:
        values = listed(value)
        n_values = len(values)
        sames = [self.same(inner, depth + 1) for inner in values[: max(0, self._left)]]

        def inner_same(new: Any) -> bool:
            found = listed(new)
            return len(found) == n_values and all(same(inner) for same, inner in zip(sames, found, strict=False))

        return inner_same

    def _same_tensor(self, tensor: Any) -> Same:
        same, requires_grad = _identical(tensor), tensor.requires_grad
        if not self.is_read(tensor):
            return lambda new: same(new) and new.requires_grad == requires_grad
        self.addresses.add(address(tensor))
        entries = entries_of(tensor)
        return lambda new: same(new) and new.requires_grad == requires_grad and entries_of(new) == entries


def entries_of(tensor: Any) -> tuple[Any, ...]:
    """A copy of a tensor's entries, with their type and shape."""
    dense = tensor.detach()
    if dense.dtype not in (torch.float32, torch.float64) or dense.is_neg() or not dense.is_cpu:
        dense = dense.cpu().resolve_conj().resolve_neg().reshape(-1).contiguous().view(torch.uint8)
    return tensor.dtype, tensor.shape, dense.numpy().tobytes()


def is_alike(old: Any, new: Any) -> bool:
    """Whether plain values are the same: nan is the same as nan, and zeros of different signs are not the same."""
    return new is old or (type(new) is type(old) and repr(new) == repr(old))


def _same_array(array: np.ndarray) -> Same:
    if array.nbytes > MOST_BYTES or array.dtype.hasobject:
        return _identical(array)
    kind, dtype, shape, entries = type(array), array.dtype, array.shape, array.tobytes()
    return lambda new: type(new) is kind and new.dtype == dtype and new.shape == shape and new.tobytes() == entries


def _identical(value: Any) -> Same:
    """Whether a value is the very same object, or of the same class where an object allows no weak references."""
    if isinstance(value, DESCRIPTORS):
        return lambda new: new is value
    held, kind = _reference(value), type(value)
    return (lambda new: type(new) is kind) if held is None else (lambda new: held() is new)


def _reference(value: Any) -> ref | None:
    try:
        return ref(value)
    except TypeError:
        return None


def _never(_: Any) -> bool:
    return False


def _lists(value: Any) -> Callable[[Any], list[Any]] | None:
    """The function that lists everything in a container; None for other objects."""
    if isinstance(value, (dict, MappingProxyType)):
        return lambda new: [*new.keys(), *new.values()]
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return list
    if isinstance(value, partial):
        return lambda new: [new.func, new.args, new.keywords]
    if isinstance(value, MethodType):
        return lambda new: [new.__self__, new.__func__]
    return None


def _attributes(value: Any, names: Names) -> list[Any]:
    """Names and values of an object's attributes."""
    held = dict(_slots(value)) | getattr(value, "__dict__", {})
    found = {name: inner for name, inner in held.items() if names is None or name in names}
    return [*found.keys(), *found.values()]


def _slots(value: Any) -> Iterator[tuple[str, Any]]:
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)


def _class_attributes(kind: type, names: list[str]) -> list[Any]:
    """What a class itself defines under these names, and how many other names it defines."""
    held = vars(kind)
    return [len(held), *[held.get(name) for name in names]]


def _root(kind: type) -> str:
    return kind.__module__.split(".")[0]


def _is_of_a_library(kind: type) -> bool:
    return _root(kind) in LIBRARIES
