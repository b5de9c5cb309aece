"""The gradient kernel: values and Jacobians of many samples, and the derivatives of a loss of both.

The kernel takes a block of samples at a time through the primal sweep and the steps of tables that `fastjac.gradients` writes.
Sums over samples are taken block by block, in an order that depends on the number of samples and on nothing else.
"""

from __future__ import annotations

import numpy as np

from .accumulate import list_live, take_steps
from .gradient_tables import ARRAYS, DIRECTION, PLACES, REQUEST, SUMS, read_request
from .group import OWN, group_of
from .jit import FROM_KERNELS_ALONE, address_of_compiled, entry, piece
from .meeting import ALONE
from .memory import NUMBER, WORD, call_address, itemsize, stored, view
from .operators import clear
from .sweep import store_values, sweep
from .tables import PARAMETERS, SCRATCH, WORK, Tables, read_layout

N_ARRAYS, FIRST_PLACE = len(ARRAYS), PLACES[ARRAYS[0]]
N_PLACES = FIRST_PLACE + N_ARRAYS
NO_PLACES = (0,) * 2 * N_PLACES
FIRST_ARRAY = REQUEST.fields[ARRAYS[0]][1]  # type: ignore[index]
"""Bytes from a request's start to the addresses of its arrays, behind which their sizes lie."""


@entry(**FROM_KERNELS_ALONE)
def gradient_float32(request, thread, chunk, chunks):
    """`_run` for float32."""
    _run(np.float32(0), request, thread, chunk, chunks)


@entry(**FROM_KERNELS_ALONE)
def gradient_float64(request, thread, chunk, chunks):
    """`_run` for float64."""
    _run(np.float64(0), request, thread, chunk, chunks)


KERNELS = {np.dtype(np.float32): gradient_float32, np.dtype(np.float64): gradient_float64}
SIGNATURE = (NUMBER,) * 4
"""What either kernel takes: the address of a request, the number of the thread, and which of how many chunks to do."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, address, thread, chunk, chunks):
    """Carry out one of so many chunks of a request, with the scratch of this thread."""
    size = itemsize(zero)
    request = read_request(address, 0)
    if request.whole != 0:
        call_address(request.whole, (zero, address, chunk, chunks))
        return
    sums = 0 if request.sums == 0 else request.sums + chunk * request.gradient_size * size
    if request.starts_sums:
        clear(zero, sums, request.gradient_size)
    start, blocks = request.first_block, request.blocks
    for block in range(start + blocks * chunk // chunks, start + blocks * (chunk + 1) // chunks):
        first = block * request.block
        samples = first, min(request.block, request.n - first)
        scratch = request.scratch + thread * request.scratch_stride
        if request.pairs != 0:
            call_address(request.pairs, (zero, address, samples, (scratch, request.lists + thread * request.lists_stride)))
            continue
        slot = block if request.keeps else thread
        kept = request.work + slot * request.work_stride, request.lists + slot * request.lists_stride
        _take_block(zero, address, samples, kept, scratch, sums)


@piece
def _take_block(zero, address, samples, kept, scratch, sums):
    """Take a block of samples through the sweep and the steps.

    samples : the first one, and how many.  kept : addresses of the block's workspace and lists.
    """
    request = read_request(address, 0)
    size, (first, count) = itemsize(zero), samples
    addresses = request.parameters, request.primal, request.live, request.steps, request.layout
    program, layout = Tables(zero, *addresses), read_layout(request.layout, 0)
    memory = kept[0], kept[1], kept[0] + layout.state * size, layout.block, 0
    if layout.n_primal > 0:
        x = request.x + first * layout.n_in * size
        sweep(program, addresses, 0, (0, layout.n_primal), x, count, memory, ALONE)
        store_values(program, layout, memory, request.y, samples)
    places = stored(NO_PLACES)
    _fill_places(zero, address, first, (kept[0], scratch, sums), view(WORD, places, N_PLACES * 2))
    group = group_of(layout, places, (0, count), memory, scratch)
    list_live(program, layout, group)
    take_steps(program, addresses, 0, group, layout.first_step, ALONE)


@piece
def _fill_places(zero, address, first, own, places):
    """Write the words of `Group.places` for the samples from `first` on.

    own : the addresses of the block's workspace, of this thread's scratch, and of the sums.
    """
    request, given = read_request(address, 0), view(WORD, address + FIRST_ARRAY, 2 * N_ARRAYS)
    places[2 * PARAMETERS], places[2 * SUMS], places[2 * DIRECTION] = request.parameters, own[2], request.direction
    places[2 * WORK], places[2 * WORK + 1] = own[0], OWN
    places[2 * SCRATCH], places[2 * SCRATCH + 1] = own[1], OWN
    for array in range(N_ARRAYS):
        stride = given[N_ARRAYS + array] * itemsize(zero)
        place = 2 * (FIRST_PLACE + array)
        places[place], places[place + 1] = given[array] + first * stride, stride
