"""What a pickle asks for, written down and not done: names, calls and storages stay inert."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...errors import FormatError

MODULES_THAT_RUN_CODE = frozenset(
    ("os", "posix", "nt", "sys", "subprocess", "pty", "runpy", "importlib", "shutil", "socket", "ctypes", "webbrowser")
)
BUILTINS_THAT_RUN_CODE = frozenset(("eval", "exec", "compile", "__import__", "open", "execfile"))
"""Functions that attacks use and no checkpoint needs. fastjac would not call them in any case, but a user should know that a file
asks for one."""


ORDERED_DICT = "collections.OrderedDict"
LONGEST_NAME = 1000
"""The most letters of the name of a class and of its module together."""


@dataclass(eq=False, slots=True)
class Name:
    """A class or function that the pickle names. It is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Call:
    """An object that a pickle would make by calling `function` with `args`, and then fill. Nothing is called.

    entries : the entries that it would be given by key, if it is a kind of dict.
    state : what its attributes would be set from, None if they are left as they are.
    content : what stands behind it in the file, outside the opcodes; None if nothing does.
    """

    function: Any
    args: Any
    entries: dict[Any, Any] = field(default_factory=dict)
    state: Any = None
    content: Any = None

    def __str__(self) -> str:
        return str(self.function) if isinstance(self.function, Name) else "a computed function"


@dataclass(eq=False, slots=True)
class Storage:
    """A reference to numbers that stand outside the pickle, as the pickle gives it."""

    reference: Any


def named(module: Any, name: Any) -> Name:
    """The name `module.name`; FormatError if it is one that only attacks use."""
    if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > LONGEST_NAME:
        raise FormatError(f"the pickle names a class by something else than text of up to {LONGEST_NAME} letters")
    module = "builtins" if module == "__builtin__" else module  # protocol 2 writes the names of Python 2
    is_harmful = module.partition(".")[0] in MODULES_THAT_RUN_CODE
    if is_harmful or (module == "builtins" and name.partition(".")[0] in BUILTINS_THAT_RUN_CODE):
        raise FormatError(
            f"the pickle asks for {module}.{name}, which can run code and which no weights need; fastjac runs no pickle, and "
            "neither should you: torch.load(path, weights_only=True) is the safe way in torch"
        )
    return Name(module, name)


RECONSTRUCTORS = ("copy_reg._reconstructor", "copyreg._reconstructor")
"""The functions that make an object of the class in their first argument, in protocols 0 and 1."""


def class_of(made: Call) -> str:
    """The name of what would make an object: its class, where the pickle names that."""
    args = made.args
    if str(made) in RECONSTRUCTORS and isinstance(args, tuple) and args and isinstance(args[0], Name):
        return str(args[0])
    return str(made)
