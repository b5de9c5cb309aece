"""Whether a live torch module is unchanged since its forward was followed.

The watch holds what it compares: plain values, copies of entries, and weak references to objects. So it keeps no module alive,
and it never takes a new object for a former one that lay in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any
from weakref import ref

import torch
from torch.nn.modules import module as torch_module

from ..importers.torch.modified import HOOKS, own_class
from .reads import Reads
from .values import PLAIN, Values, entries_of, is_alike

INTERNAL = frozenset(vars(torch.nn.Module())) - {"training"}
"""The attributes that torch keeps in every module besides its options."""
GLOBAL_HOOKS = [getattr(torch_module, f"_global{name}") for name in HOOKS.values()]
"""The hooks of all modules, which torch keeps like a module's own hooks: by numbers that it gives only once."""


class Watch:
    """The modules through which a forward goes, and everything that it read from them."""

    def __init__(self, module: Any, reads: Reads) -> None:
        reads.computed |= any(not isinstance(type(inner).forward, FunctionType) for inner in module.modules())  # not of Python
        values = Values(reads)
        values.add_module(module)
        self._modules = [_Module(inner, values) for inner in values.modules]  # which find others
        self._classes = list(values.classes.items())
        aliases = [alias for place, alias in reads.memory.items() if place not in values.addresses]
        self._memory = [(alias, entries_of(alias)) for alias in aliases]
        self._global_hooks = _numbers(GLOBAL_HOOKS)

    def holds(self, module: Any) -> bool:
        """Whether this is the module that was followed, unchanged."""
        return (
            self._modules[0].is_module(module)
            and _numbers(GLOBAL_HOOKS) == self._global_hooks
            and all(inner.holds() for inner in self._modules)
            and all(same(kind) for kind, same in self._classes)
            and all(entries_of(alias) == entries for alias, entries in self._memory)
        )


class _Module:
    """A module's class, its hooks, its inner modules, and the attributes that a forward reads.

    Its tensors are watched only where a forward has read their entries: other tensors are read anew at each call.
    """

    __slots__ = ("_attributes", "_hooks", "_inner", "_kind", "_module", "_names", "_plain", "_present", "_tensors")

    def __init__(self, module: Any, values: Values) -> None:
        held = vars(module)
        values.add_class(type(module))
        self._module, self._kind = ref(module), type(module)
        self._hooks = _numbers([held[name] for name in HOOKS.values()])
        self._inner = [(name, _weak(inner)) for name, inner in held["_modules"].items()]
        self._names = values.names_of(type(module))
        if self._names is not None and own_class(module) is not None:
            # fastjac reads the options of torch's own class, which are among these.
            self._names |= {name for name, value in held.items() if isinstance(value, PLAIN)}
        self._present = self._read_of(held)
        read = {name: value for name, value in held.items() if name not in INTERNAL}
        if self._names is not None:
            read = {name: value for name, value in read.items() if name in self._names}
        self._plain = [(name, value) for name, value in read.items() if isinstance(value, PLAIN)]
        self._attributes = [(name, values.same(value)) for name, value in read.items() if self._is_compared(value)]
        self._tensors = [
            (store, name, values.same(tensor))
            for store in ("_parameters", "_buffers")
            for name, tensor in held[store].items()
            if tensor is None or values.is_read(tensor)
        ]

    def _is_compared(self, value: Any) -> bool:
        """Whether it is neither plain nor a weight that a hook computes anew at every call."""
        return not isinstance(value, PLAIN) and not (self._hooks and isinstance(value, torch.Tensor))

    def _read_of(self, held: Mapping[str, Any]) -> Any:
        """Which of the attributes that are read exist. Where all are read, their number will do."""
        names = self._names
        if names is None:
            return len(held), len(held["_parameters"]), len(held["_buffers"])
        return [names & held[store].keys() for store in ("_parameters", "_buffers")], names & held.keys()

    def is_module(self, module: Any) -> bool:
        """Whether it is this module."""
        return self._module() is module

    def holds(self) -> bool:
        """Whether the module is unchanged."""
        module: Any = self._module()
        if type(module) is not self._kind:  # None's class, where the module is gone
            return False
        held = module.__dict__
        if self._read_of(held) != self._present or not self._holds_hooks(held) or not self._holds_inner(held["_modules"]):
            return False
        for name, value in self._plain:
            if held.get(name, ...) is not value and not is_alike(value, held.get(name, ...)):
                return False
        for name, same in self._attributes:
            if name not in held or not same(held[name]):
                return False
        return not self._tensors or all(name in held[store] and same(held[store][name]) for store, name, same in self._tensors)

    def _holds_hooks(self, held: Mapping[str, Any]) -> bool:
        has_any = held["_forward_hooks"] or held["_forward_pre_hooks"] or held["_backward_hooks"] or held["_backward_pre_hooks"]
        return _numbers([held[name] for name in HOOKS.values()]) == self._hooks if has_any else not self._hooks

    def _holds_inner(self, inner: Mapping[str, Any]) -> bool:
        if len(inner) != len(self._inner):
            return False
        for (name, module), (known_name, known) in zip(inner.items(), self._inner, strict=True):
            if name != known_name or module is not known():
                return False
        return True


def _weak(module: Any) -> Callable[[], Any]:
    """A weak reference to a module, or to None, which may stand in a module's place."""
    return (lambda: None) if module is None else ref(module)


def _numbers(hooks: Iterable[Mapping[int, Any]]) -> list[int]:
    """The numbers of all hooks."""
    return [number for held in hooks for number in held]
