"""How many samples of a long call are done: shown by a bar, handed to a function, and named in the error that ends the call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from ..errors import DtypeError
from ..optional import optional

Progress = bool | Callable[[int, int | None], object]
"""False for none, True for a bar on stderr, or a function of the samples done and the number of all (None: nobody knows)."""


class Report:
    """Says how many samples are done: a context around a loop over samples, called with their number after each step.

    done : the number that it was last called with. An error that ends the loop early gets a note with it.

    Raises DtypeError for a progress of another kind, MissingDependencyError where a bar is wanted and tqdm is not installed.
    """

    def __init__(self, progress: Progress, total: int | None, what: str) -> None:
        if not isinstance(progress, bool) and not callable(progress):
            raise DtypeError(f"progress must be True, False or a function of (done, total), got {progress!r:.60}")
        self.done = 0
        self._total, self._what = total, what
        self._function = None if isinstance(progress, bool) else progress
        self._tqdm = optional("tqdm", "to draw a progress bar", "cli").tqdm if progress is True else None
        self._bar: Any = None

    def __enter__(self) -> Report:
        if self._tqdm is not None:
            # The first step outlasts the delay, so the line that announces compilation is printed before the bar.
            self._bar = self._tqdm(total=self._total, desc=self._what, leave=False, delay=1e-3)
        return self

    def __call__(self, done: int) -> None:
        newly, self.done = done - self.done, done
        if self._bar is not None:
            self._bar.update(newly)
        elif self._function is not None:
            self._function(done, self._total)

    def __exit__(self, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
        if error is not None:
            of_all = "" if self._total is None else f" of {self._total:,}"
            error.add_note(f"{self._what}: the first {self.done:,}{of_all} samples are done, and whole")


def can_draw() -> bool:
    """Whether stderr is a terminal and tqdm is installed to draw on it."""
    return sys.stderr.isatty() and find_spec("tqdm") is not None
