"""What the forward of a live torch module reads while it is followed: names that its code looks up, and tensors.

A module holds much that its forward never asks for, such as counters, histories and optimizers. watch.py must watch what is read
here, and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..importers.torch.places import HIDDEN, MODULE_CALL
from ..importers.torch.running import run
from .parameters import is_trained

COMPUTED_NAMES = frozenset(
    {"getattr", "hasattr", "setattr", "vars", "dir", "eval", "exec", "attrgetter", "__dict__", "__getattr__", "__getattribute__"}
)
"""Code that uses one of these names may look up attributes whose names it does not show."""
LIBRARIES = sys.stdlib_module_names | {"fastjac", "numpy", "torch"}
"""Packages whose code looks up no attribute of the user's own."""
NUMBERS = frozenset(
    {"numpy", "__array__", "tolist", "item", "equal", "allclose", "is_nonzero", "__contains__"}
    | {"__float__", "__int__", "__bool__", "__index__", "__complex__"}
)
"""Functions of tensors that return entries, but no tensor. Other functions that return no tensor ask for a size or a type."""


@dataclass
class Reads:
    """What a forward has read.

    names : the names of attributes that occur in the code that ran.
    computed : whether attributes may have been looked up by other names too.
    memory : the tensors whose entries were read, by the addresses of their memory. They are aliases, which hold the memory, and
        neither the user's tensors nor a module.
    made : the tensors that the forward made itself, by the addresses of their memory. No one else can change them.
    """

    names: set[str] = field(default_factory=set)
    computed: bool = False
    memory: dict[int, Any] = field(default_factory=dict)
    made: dict[int, Any] = field(default_factory=dict)

    def add(self, values: Any) -> None:
        """Note that the entries of all tensors among the values were read."""
        for tensor in _tensors(values):
            if address(tensor) not in self.made:
                self.memory.setdefault(address(tensor), tensor.detach())

    def add_made(self, values: Any) -> None:
        """Note that all tensors among the values are results, which may be views of tensors that were read."""
        for tensor in _tensors(values):
            if address(tensor) not in self.memory:
                self.made[address(tensor)] = tensor.untyped_storage()


def has_memory(tensor: Any) -> bool:
    """Whether a tensor's entries lie somewhere, spread evenly."""
    return tensor.layout is torch.strided and not (tensor.is_nested or tensor.is_quantized or tensor.is_meta)


def address(tensor: Any) -> int:
    """The start of the memory that a tensor shares with its views."""
    return int(tensor.untyped_storage().data_ptr())


@contextmanager
def reading() -> Iterator[Reads]:
    """Note what forwards read that are followed within this context."""
    found, codes = Reads(), dict[CodeType, str]()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes[frame.f_code] = str(frame.f_globals.get("__name__"))

    other = sys.getprofile()  # a profiler at work, which must not be disturbed
    if other is None:
        sys.setprofile(note)
    try:
        with _Operations(found):
            yield found
    finally:
        if other is None:
            sys.setprofile(None)
    for code, module in codes.items():
        if module.split(".")[0] not in LIBRARIES:
            found.names.update(code.co_names)
    found.computed = other is not None or not COMPUTED_NAMES.isdisjoint(found.names)


class _Operations(TorchFunctionMode):
    """Notes the tensors that a forward passes to torch's functions, except those that it made itself."""

    def __init__(self, found: Reads) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        gives_entries = name in NUMBERS or (name != "__get__" and any(True for _ in _tensors(result)))
        if gives_entries and _is_called_by_a_forward():
            self._found.add((args, kwargs))
            self._found.add_made(result)
        return result


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors with memory in arguments or results of torch's functions."""
    if isinstance(value, torch.Tensor):
        if has_memory(value):
            yield value
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _tensors(inner)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _is_called_by_a_forward() -> bool:
    """Whether the user's code called torch, and was itself called to record a forward.

    What modules of TRAINED and their parametrizations read does not count: it is read anew at each call.
    """
    frame: FrameType | None = sys._getframe(2)
    is_users = False
    while frame is not None:
        if frame.f_code is run.__code__:
            return is_users
        if frame.f_code is MODULE_CALL and is_trained(frame.f_locals["self"]):
            return False
        is_users |= not frame.f_code.co_filename.startswith(HIDDEN)
        frame = frame.f_back
    return False
