"""The operators of a program that fastjac does not have, counted over all modules, for the error that refuses the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...errors import FormatError
from ..reading.limits import MOST_LAYERS
from ..reading.records import Call as Record
from .aten.operators import is_known
from .objects import CLASSES
from .program import Program
from .trees import Attribute, Call, Class, Function, Name

MOST_COUNTED = 100_000


def missing(program: Program, root: Record) -> str:
    """The operators that all modules use and fastjac does not have, each with its count; "" where there are none."""
    counts: Counter[str] = Counter()
    for kind in _kinds(root):
        try:
            found = program.definition(kind)
        except FormatError:
            continue  # this class is damaged, but the program may never use it
        for function in found.methods.values() if isinstance(found, Class) else ():
            counts.update(name for name in _operators(function) if not is_known(name))
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common(10))


def _kinds(root: Record) -> Iterator[str]:
    """The classes of a module and of all modules inside it, each as often as it is there."""
    seen, waiting = {id(root)}, [root]
    while waiting and len(seen) < MOST_LAYERS:
        one = waiting.pop()
        if isinstance(one.state, dict) and str(one).startswith(CLASSES):
            yield str(one)
            for inner in one.state.values():
                if isinstance(inner, Record) and id(inner) not in seen:
                    seen.add(id(inner))
                    waiting.append(inner)


def _operators(function: Function) -> Iterator[str]:
    """The names of torch's operators that a function calls."""
    waiting: list[Any] = list(function.body)
    for _ in range(MOST_COUNTED):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif hasattr(one, "__dataclass_fields__"):
            waiting.extend(vars(one).values())
            called = one.function if isinstance(one, Call) else None
            if isinstance(called, Attribute) and called.value == Name("torch"):
                yield called.name
