"""The threads on which torch's own operations run, used for calls between these operations.

After an operation torch's OpenMP threads keep their cores busy for some milliseconds, waiting for the next operation. A call on
other threads would get these cores only when the system takes them away, so the call runs on torch's threads.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import types

from ..kernels.jit import address_for_c
from ..kernels.share import CALL, JOB_WORDS, THREADS, TICKET, UPPER, join
from ..lowering.memory import aligned_zeros
from ..running import crew

MAPPED = Path("/proc/self/maps")
"""Where Linux lists the files that a process has in memory."""
PROCESS = os.getpid()
"""The process that has torch's threads. A team may first be made in a forked child, which has none."""
RUNTIMES = "libgomp", "libiomp", "libomp"
"""Names of OpenMP libraries that have GNU's entry points."""


class Team:
    """OpenMP threads that share calls, as `Crew` does.

    parallel : OpenMP's `GOMP_parallel(function, argument, threads, flags)`.
    """

    def __init__(self, parallel: Any) -> None:
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        self._parallel = parallel
        self._join = address_for_c(join, (types.intp,))

    @property
    def most_threads(self) -> int:
        """As many threads as torch uses, the caller's included."""
        return int(torch.get_num_threads())

    def share(self, threads: int, chunks: int, handle: np.ndarray, *arrays: np.ndarray) -> bool:
        """Run a request in chunks on up to `threads` threads, this one included; False, at once, if they serve another call."""
        if os.getpid() != PROCESS:
            # A forked child has none of OpenMP's threads, and would wait for them for ever.
            return crew.crew.share(threads, chunks, handle, *arrays)
        job = aligned_zeros(JOB_WORDS, np.dtype(np.int64))
        job[CALL], job[THREADS], job[TICKET] = handle.ctypes.data, threads, chunks * UPPER
        self._parallel(self._join, job.ctypes.data, threads, 0)
        return True


@cache
def team_of_torch() -> Team | None:
    """The team of the OpenMP library that torch has loaded; None where none can be found."""
    libraries = (ctypes.CDLL(path) for path in _runtimes())
    return next((Team(library.GOMP_parallel) for library in libraries if hasattr(library, "GOMP_parallel")), None)


def _runtimes() -> list[str]:
    """Paths of torch's OpenMP libraries in memory: those that torch brings, or else the only one that there is."""
    if "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info() or not MAPPED.exists():
        return []
    mapped = {line.split(maxsplit=5)[-1].strip() for line in MAPPED.read_text().splitlines()}
    found = sorted(path for path in mapped if Path(path).name.startswith(RUNTIMES))
    package = Path(torch.__file__).resolve().parent  # as the system lists what is in memory
    brought = [path for path in found if {package, package.with_name("torch.libs")} & set(Path(path).parents)]
    return brought or (found if len(found) == 1 else [])
