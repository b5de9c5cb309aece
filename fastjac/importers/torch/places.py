"""The place of an operator's call in a running forward: the modules that are running, and the line of the user's code."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dis import opname
from pathlib import Path
from traceback import extract_tb, walk_tb
from types import CodeType, FrameType
from typing import Any

import torch

from ..located import located
from .modified import check_plain, own_class

HIDDEN = (f"{Path(torch.__file__).parent}{os.sep}", f"{Path(__file__).parents[2]}{os.sep}")
"""The starts of the paths of torch's and fastjac's own code, which is not the user's."""
CHECKS_VALUES = torch.distributions.distribution.__file__
"""The file in which torch's distributions check what they are given."""
RAISE = " raise "
DENIES = "assert not "
MODULE_CALL = torch.nn.Module._call_impl.__code__


@dataclass(frozen=True)
class Place:
    """The place where an operator is called.

    source : the module of torch's own that calls it, with its class; the operator, where the user's code calls it.
    line : the line of the user's code, as "model.py, line 12"; empty where there is none.
    module : the innermost module that is running, if it is one of torch's own; None if it is not.
    is_compiled : whether torch.jit has compiled that module.
    """

    source: str
    line: str = ""
    module: Any = None
    is_compiled: bool = False

    def __str__(self) -> str:
        return f"{self.source}, {self.line}" if self.line else self.source


class Places:
    """Finds the place of an operator while a module runs.

    module : the user's module.  start : the code that runs it; frames outside of it are not looked at.
    """

    def __init__(self, module: Any, start: CodeType) -> None:
        self._start = start
        self._paths = {id(inner): path for path, inner in module.named_modules()}
        self._seen: dict[int, Any] = {}

    def here(self, operator: str) -> Place:
        """The place of an operator that is being called now.

        Raises UnsupportedLayerError where torch or a hook changes what a running module computes in a way that cannot be read.
        """
        frames = ((frame, frame.f_lineno) for frame in self._frames())
        modules, line = _modules_and_line(frames)
        for module in reversed(modules):
            self._check(module)
        inner = modules[0] if modules and own_class(modules[0]) is not None else None
        is_compiled = bool(modules) and isinstance(modules[0], torch.jit.ScriptModule)
        return Place(f"torch.{operator}" if inner is None else self._source(inner), line, inner, is_compiled)

    def of_error(self, error: Exception) -> str:
        """The innermost module in which an error arose, and the line of the user's code."""
        modules, line = _modules_and_line(list(walk_tb(error.__traceback__))[::-1])
        return str(Place(self._source(modules[0]) if modules else "the module", line))

    def is_asserted(self) -> bool:
        """Whether the code that is running promises something of the inputs, and does nothing else.

        An assert in a line of the user's code is such a promise, and so is a check that one of torch's distributions makes of its
        parameters or of a sample.
        """
        if any(one.f_code.co_filename == CHECKS_VALUES for one in self._frames()):
            return True
        frame = self._users_frame()
        line = "" if frame is None else linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        return line.startswith("assert ") and not line.startswith(DENIES) and ";" not in line

    def is_guarding(self) -> bool:
        """Whether the line of the user's code decides about nothing but whether it raises an exception.

        Such lines are an `if` whose block starts with `raise`, and `assert not`.
        """
        frame = self._users_frame()
        if frame is None:
            return False
        line, following = (linecache.getline(frame.f_code.co_filename, frame.f_lineno + behind).strip() for behind in (0, 1))
        return line.startswith(DENIES) or (
            line.startswith("if ") and (": raise " in line or (line.endswith(":") and following.startswith("raise ")))
        )

    def is_assigned(self) -> bool:
        """Whether the user's code is assigning to a part of a tensor."""
        frame = self._users_frame()
        return frame is not None and opname[frame.f_code.co_code[frame.f_lasti]] == "STORE_SUBSCR"

    def _users_frame(self) -> FrameType | None:
        """The innermost frame of the user's code."""
        return next((one for one in self._frames() if not one.f_code.co_filename.startswith(HIDDEN)), None)

    def _frames(self) -> Iterator[FrameType]:
        """The frames of this thread from the innermost one out to `start`."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code is not self._start:
            yield frame
            frame = frame.f_back

    def _check(self, module: Any) -> None:
        if id(module) not in self._seen:
            self._seen[id(module)] = module
            with located(self._source(module)):
                check_plain(module)

    def _source(self, module: Any) -> str:
        """A module's path in the user's module and its class, as in "encoder.0 (Linear)"; one made in a forward has no path."""
        return f"{self._paths.get(id(module), 'unnamed')} ({type(module).__name__})".lstrip()


def is_raised(error: Exception) -> bool:
    """Whether a statement `raise` of the user's code has raised an error."""
    frame = extract_tb(error.__traceback__)[-1]
    return not frame.filename.startswith(HIDDEN) and RAISE in f" {frame.line}"


def _modules_and_line(frames: Iterable[tuple[FrameType, int]]) -> tuple[list[Any], str]:
    """The modules that are running, and the innermost line of the user's own code; frames and modules come innermost first."""
    modules, place = [], ""
    for frame, line in frames:
        if frame.f_code is MODULE_CALL:
            modules.append(frame.f_locals["self"])
        elif not place and not frame.f_code.co_filename.startswith(HIDDEN):
            place = f"{frame.f_code.co_filename}, line {line}"
    return modules, place
