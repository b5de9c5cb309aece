"""One damaged file after another is loaded, within limits of time and memory; what ends in anything but a network or an error
of fastjac's own is a find."""

from __future__ import annotations

import ctypes
import faulthandler
import random
import resource
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import fastjac
from fastjac.errors import FastjacError

from .mutation import mutate
from .originals import Original

CPU_SECONDS = 1.0
EXTRA_BYTES = 200_000_000
HANG_SECONDS = 20.0
"""After which compiled code that lets no signal through is given up, and the process with it."""


M_ARENA_MAX = -8
"""What glibc's mallopt calls the number of arenas."""


class TookTooLongError(BaseException):
    """No Exception, so that no reader takes it for damage."""


@dataclass(frozen=True)
class Find:
    """A file that broke the rule: the original that it was made of, the number that it was drawn with, and what it led to."""

    original: str
    number: int
    outcome: str


def damaged(original: Original, number: int) -> bytes:
    """The damaged file of this number; the same for ever."""
    return mutate(original.content, random.Random(f"{original.name} {number}"))


def outcome(path: Path, options: dict[str, Any]) -> str | None:
    """What loading a file leads to, if it is neither a network nor an error of fastjac's own."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    try:
        fastjac.load(path, **options)
    except FastjacError as error:
        return None if str(error) else "an error without a message"
    except TookTooLongError:
        return f"took more than {CPU_SECONDS} s"
    except BaseException as error:  # the rule is about every other one
        return repr(error)[:500]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    return None


def run(originals: list[Original], numbers: range, folder: Path) -> list[Find]:
    """Load the damaged files of these numbers, each made of one of the originals in turn.

    folder : the file that is being loaded lies there, and what was found stays there.

    The whole originals are loaded first, which imports all that any needs; then the process may take 200 MB more. It ends, with
    a traceback, where compiled code crashes or hangs.
    """
    signal.signal(signal.SIGPROF, _stop)
    _keep_one_arena()
    for original in originals:
        path = folder / f"whole-{original.name}"
        path.write_bytes(original.content)
        found = outcome(path, original.options)
        if found is not None:
            return [Find(original.name, -1, found)]
    limit_memory()
    finds = []
    for number in numbers:
        original = originals[number % len(originals)]
        path = folder / f"{number}-{original.name}"
        path.write_bytes(damaged(original, number))
        found = outcome(path, original.options)
        if found is None:
            path.unlink()
        else:
            finds.append(Find(original.name, number, found))
    return finds


def _keep_one_arena() -> None:
    """Have all threads allocate in one place: glibc reserves 64 MB of addresses for each other one, which the limit counts."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


def limit_memory() -> None:
    """Let this process map 200 MB more than it does now; what takes more ends in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + EXTRA_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TookTooLongError
