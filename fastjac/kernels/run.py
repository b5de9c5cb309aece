"""The kernel of kernels: a Program run for many samples on one thread.

It walks the Program's tables, each of whose steps names the kernel that takes it.
"""

from __future__ import annotations

import numpy as np

from .accumulate import Group, accumulate
from .jit import FROM_KERNELS_ALONE, address_of_compiled, entry, piece
from .memory import NUMBER, call_address, itemsize, numbers
from .operators import copy_vector
from .sweep import ones, sweep
from .tables import INDEX_BYTES, Tables, read_layout
from .twins import is_twin


@entry(**FROM_KERNELS_ALONE)
def run_float32(addresses, task, arrays, n, memory, part, parts):
    """`_run` for float32."""
    _run(np.float32(0), addresses, task, arrays, n, memory, part, parts)


@entry(**FROM_KERNELS_ALONE)
def run_float64(addresses, task, arrays, n, memory, part, parts):
    """`_run` for float64."""
    _run(np.float64(0), addresses, task, arrays, n, memory, part, parts)


KERNELS = {np.dtype(np.float32): run_float32, np.dtype(np.float64): run_float64}
SIGNATURE = (numbers(5), NUMBER, numbers(5), NUMBER, numbers(2), NUMBER, NUMBER)
"""What either takes: integers, most of them addresses."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, addresses, task, arrays, n, memory, part, parts):
    """Evaluate a Program for `n` samples and carry out a task of it.

    addresses : of the Program's arrays, in their order.
    arrays : addresses of x (n, n_in), of a seed (n, seed_size), of y (n, n_out) and out (n, out_size), both written, and the
        bytes from one sample's seed to the next's, which may be 0. All are C-contiguous and of the parameters' type. Where y is
        0, values are not stored; where out is 0, the task is left out.
    memory : addresses of scratch for one thread, from `fastjac.program.workspace`.
    part, parts : which of how many parts of every sample's work to do: each gives some of the result's rows. (0, 1) is all.
    """
    work, lists = memory
    x, seed, y, out, seed_stride = arrays
    program = Tables(zero, *addresses)
    layout = read_layout(program.layout, task)
    size = itemsize(zero)
    out_stride = layout.out_size * size
    # With a seed each, samples of equal Jacobians have results of their own.
    twins = layout.piecewise_linear and seed_stride == 0
    for first in range(0, n, layout.block):
        count = min(layout.block, n - first)
        values, row = sweep(program, addresses, task, x + first * layout.n_in * size, count, memory)
        if y != 0:
            y_rows = y + first * layout.n_out * size
            copied = (values, row, 1, y_rows, layout.n_out, count, layout.n_out, ones(program, layout))
            call_address(layout.copy, (zero, *copied))
        if out == 0:
            continue
        start = 0
        while start < count:
            samples = 1
            while samples < min(layout.group, count - start) and not (twins and is_twin(program, layout, work, start + samples)):
                samples += 1
            sample = first + start
            group = Group(
                samples, layout.group,
                (program.parameters, work + layout.own * size, seed + sample * seed_stride, out + sample * out_stride),
                (0, 0, seed_stride, out_stride),
                work, start,
                lists, lists + layout.own_lists * INDEX_BYTES, layout.own_lists_size * INDEX_BYTES,
                part, parts,
            )  # fmt: skip
            accumulate(program, addresses, task, group)
            start += samples
            while twins and start < count and is_twin(program, layout, work, start):
                result = out + (first + start) * out_stride
                copy_vector(zero, result - out_stride, result, layout.out_size)
                start += 1
