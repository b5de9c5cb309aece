"""How objects are pickled: whatever holds addresses refuses, and a compiled function is sent by its name."""

from __future__ import annotations

import functools
import importlib
from typing import Any, NoReturn

from .errors import PicklingError


def refuse_pickling(thing: Any, instead: str) -> NoReturn:
    """The body of `__reduce_ex__`, which both pickle and copy call, for such a thing; `instead` says what to do."""
    raise PicklingError(
        f"a {type(thing).__name__} holds addresses of this process, so it can be neither pickled nor copied; {instead}"
    )


FunctionName = tuple[str, str]
"""A function's module, and its name there."""


def name_of(function: Any) -> FunctionName:
    """The name of a compiled function. Raises PicklingError where its name does not lead back to it."""
    name = function.py_func.__module__, function.py_func.__qualname__
    try:
        found = found_again(name)
    except (ImportError, AttributeError):
        found = None
    if found is not function:
        raise PicklingError(
            f"function {name[1]} is pickled by its name, under which module {name[0]} does not have it; define it at the top of "
            "a module that the other process can import, under the name that it is defined by"
        )
    return name


def found_again(name: FunctionName) -> Any:
    """The function of this name."""
    module, qualified = name
    return functools.reduce(getattr, qualified.split("."), importlib.import_module(module))
