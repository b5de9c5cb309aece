"""The kernel of kernels: a Program run for many samples on one thread.

It walks the Program's tables, each of whose steps names the kernel that takes it.
"""

from __future__ import annotations

import numpy as np

from .accumulate import list_live, take_steps
from .group import group_of, places_of
from .jit import FROM_KERNELS_ALONE, address_of_compiled, entry, piece
from .meeting import shared_work
from .memory import NUMBER, call_address, itemsize, numbers, stored
from .state import STATE, with_state
from .sweep import store_values, sweep
from .tables import Tables, read_layout
from .twins import is_twin, repeat


@entry(**FROM_KERNELS_ALONE)
def run_float32(addresses, task, arrays, n, memory, team):
    """`_run` for float32."""
    _run(np.float32(0), addresses, task, arrays, n, memory, team)


@entry(**FROM_KERNELS_ALONE)
def run_float64(addresses, task, arrays, n, memory, team):
    """`_run` for float64."""
    _run(np.float64(0), addresses, task, arrays, n, memory, team)


KERNELS = {np.dtype(np.float32): run_float32, np.dtype(np.float64): run_float64}
SIGNATURE = (numbers(5), NUMBER, numbers(5), NUMBER, numbers(5), numbers(2))
"""What either kernel takes: integers, most of them addresses."""
INPUTS, RESULT = 0, 3
"""Which of the arrays are the inputs, and which is the result."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, addresses, task, arrays, n, memory, team):
    """Evaluate a Program for `n` samples and carry out a task of it.

    addresses : addresses of the Program's arrays, in their order.
    arrays : addresses of x (n, n_in), of a seed (n, seed_size), of y (n, n_out) and out (n, out_size), both written, and the
        bytes from one sample's seed to the next's, which may be 0. All are C-contiguous and of the parameters' type. Where y is
        0, values are not stored, nor are those computed that no state needs; where out is 0, the task is left out.
    memory : addresses of scratch for one thread, from `lowering.program.workspace`. Then three numbers for a kept state: its
        address, how many samples it has room for, and the number of the first one; the address is 0 where no state is kept. A
        run for values alone writes the state. A run with a result starts from it, and needs x only for samples along the lanes.
    team : the meeting of the threads that compute these samples together, and the number of this one; see `meeting`. They share
        the first thread's workspace, and the samples are one group: n is at most the layout's `group`.
    """
    program = Tables(zero, *addresses)
    layout = read_layout(program.layout, task)
    writes_state = memory[STATE] != 0 and arrays[RESULT] == 0
    in_lanes = layout.lane_samples != 0 and not writes_state and team[0] == 0 and arrays[INPUTS] != 0
    # A sweep along the lanes costs less than products in rows, so no kept state is used there.
    without_state = memory[0], memory[1], 0, 0, 0
    first = 0
    while first < n:
        if in_lanes and n - first >= layout.lane_samples:
            count = layout.lane_samples
            call_address(layout.lane_kernel, (zero, addresses, task, arrays, first, without_state))
        else:
            count = min(layout.block, n - first)
            _run_in_rows(program, addresses, task, arrays, (first, count), memory, team)
        first += count


@piece
def _run_in_rows(program, addresses, task, arrays, samples, memory, team):
    """Run the samples of a block, each with rows of its own. samples : the first, and how many."""
    layout = read_layout(program.layout, task)
    x, _, y, out, seed_stride = arrays
    first, count = samples
    size = itemsize(program.zero)
    from_kept = memory[STATE] != 0 and out != 0
    own_work = memory[0]
    memory = with_state(program.zero, layout, (shared_work(team, own_work), *memory[1:]), first)
    if not from_kept:
        last = layout.n_primal if y != 0 or out == 0 else layout.state_primal  # J needs nothing behind the last state
        sweep(program, addresses, task, (0, last), x + first * layout.n_in * size, count, memory, team)
        if team[1] == 0:  # once for a team
            store_values(program, layout, memory, y, samples)
    if out == 0:
        return
    # Where each sample has its own seed, equal Jacobians do not make equal results.
    twins = layout.piecewise_linear and seed_stride == 0 and team[0] == 0
    start = 0
    while start < count:
        together = 1
        while together < min(layout.group, count - start) and not (
            twins and is_twin(program, layout, memory[STATE:], start + together)
        ):
            together += 1
        places = stored(places_of(program, layout, arrays, first + start, memory[0]))
        group = group_of(layout, places, (start, together), memory, own_work)
        list_live(program, layout, group)
        take_steps(program, addresses, task, group, layout.first_step, team)
        start += together
        original = start - 1
        while twins and start < count and is_twin(program, layout, memory[STATE:], start):
            start += 1
        bytes_each = layout.out_size * size
        repeat(out + (first + original) * bytes_each, bytes_each, start - original)
