"""A call from Python: which program, which scratch, which arrays, as a few integers that any thread can take up.

A call takes 0.1 us for each array that it hands over, so a handle stands for the seven arrays that stay the same.
"""

from __future__ import annotations

import numpy as np

from .float_mode import call_kernel
from .jit import entry, piece
from .memory import WORD, address_of, itemsize, view
from .tables import Program

(
    KERNEL, TASK, N_IN, N_OUT, SEED_SIZE, OUT_SIZE, LANE_SAMPLES, WORK_ADDRESS, WORK_STRIDE, LISTS_ADDRESS, LISTS_STRIDE, TABLES,
) = range(12)  # fmt: skip
"""Words of a handle: the kernel's address, the task and its sizes, how many samples lie along the lanes (0 if none do), scratch
of the first thread and bytes to the next thread's, and the addresses of the Program's arrays from TABLES on."""
MEETING = TABLES + 5
"""The word of a handle that has the address of a meeting, or 0: threads then share every step, and not the samples."""
KEPT = MEETING + 1
"""The first word of a handle that says where a state is kept, with the words that `run` has at the end of its memory."""
HANDLE_WORDS = KEPT + 3
HANDLE, X, SEED, SEED_STRIDE, Y, OUT, N, ITEMSIZE = range(8)
"""Words of a call: addresses, the bytes from one sample's seed to the next's, the number of samples, bytes of a number."""
REQUESTED = -1
"""In place of a task: the handle is a request of the gradient kernel, which states everything itself. Of the words that follow
the task it has only N_IN = 1 and SEED_SIZE = 0."""


def handle_of(program: Program, task: int, work: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """The handle of a program, a task and scratch, (threads, work_size) and (threads, list_size); its holder must hold these."""
    layout = program.layout[task]
    sizes = [layout[name] for name in ("n_in", "n_out", "seed_size", "out_size", "lane_samples")]
    scratch = [number for array in (work, lists) for number in (array.ctypes.data, array.strides[0])]
    (kernel,) = program.kernel[0]
    tables = [array.ctypes.data for array in program[:-1]]
    return np.array([kernel, task, *sizes, *scratch, *tables, 0, 0, 0, 0], np.int64)


@entry()
def call(handle, x, seed, y, out):
    """Carry out a handle's task on this thread, for the samples in `x`.

    x, seed, y, out : arrays of any shape, in C order. An empty y or out leaves the values or the task out; a seed of one
        sample's size serves all.
    """
    run_chunk(call_of(handle, x, seed, y, out), 0, 0, 1)


@entry()
def call_alone(handle, x, out):
    """`call` for a task that takes no seed, without the values: two arrays less to hand over."""
    size = itemsize(x.dtype.type(0))
    run_chunk((address_of(handle), address_of(x), 0, 0, 0, address_of(out), x.size // handle[N_IN], size), 0, 0, 1)


@entry()
def call_chunks(request, chunks):
    """Carry out a request on this thread, in as many chunks as several threads would take."""
    for chunk in range(chunks):
        call_kernel(request[KERNEL], (address_of(request), 0, chunk, chunks))


@piece
def call_of(handle, x, seed, y, out):
    """The words of a call."""
    size = itemsize(x.dtype.type(0))
    return (
        address_of(handle),
        address_of(x),
        address_of(seed),
        handle[SEED_SIZE] * size if seed.size > handle[SEED_SIZE] else 0,
        address_of(y) if y.size else 0,
        address_of(out) if out.size else 0,
        x.size // handle[N_IN],
        size,
    )


@piece
def is_together(handle):
    """Whether threads compute the samples of a handle's call together."""
    return handle[TASK] != REQUESTED and handle[MEETING] != 0


@piece
def run_chunk(call, thread, chunk, chunks):
    """Run one of so many equal chunks of a call, with the scratch of this thread.

    A chunk is some of the samples, or where threads meet this thread's share of the work for all samples.
    """
    handle = view(WORD, call[HANDLE], HANDLE_WORDS)
    if handle[TASK] == REQUESTED:
        call_kernel(handle[KERNEL], (call[HANDLE], thread, chunk, chunks))
        return
    n, size = call[N], call[ITEMSIZE]
    first, last, team = n * chunk // chunks, n * (chunk + 1) // chunks, (0, 0)
    if is_together(handle) and chunks > 1:
        first, last, team = 0, n, (handle[MEETING], chunk)
    elif handle[LANE_SAMPLES] > 0 and n >= chunks * handle[LANE_SAMPLES]:
        # In whole sets of lanes, since an incomplete set takes longer.
        first = first // handle[LANE_SAMPLES] * handle[LANE_SAMPLES]
        last = n if chunk + 1 == chunks else last // handle[LANE_SAMPLES] * handle[LANE_SAMPLES]
    arrays = (
        call[X] + first * handle[N_IN] * size,
        call[SEED] + first * call[SEED_STRIDE],
        call[Y] + first * handle[N_OUT] * size if call[Y] != 0 else 0,
        call[OUT] + first * handle[OUT_SIZE] * size if call[OUT] != 0 else 0,
        call[SEED_STRIDE],
    )
    tables = (handle[TABLES], handle[TABLES + 1], handle[TABLES + 2], handle[TABLES + 3], handle[TABLES + 4])
    memory = (
        handle[WORK_ADDRESS] + thread * handle[WORK_STRIDE], handle[LISTS_ADDRESS] + thread * handle[LISTS_STRIDE],
        handle[KEPT], handle[KEPT + 1], handle[KEPT + 2] + first,
    )  # fmt: skip
    call_kernel(handle[KERNEL], (tables, handle[TASK], arrays, last - first, memory, team))
