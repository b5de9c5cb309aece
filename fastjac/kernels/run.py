"""The entries: a Program run for many samples, on one thread or on several, from Python or from compiled code.

`run` is compiled once for each dtype. All others reach it through its address: to name it would have LLVM optimize it again
as a part of each caller, for seconds.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import from_dtype, types

from .accumulate import Group, accumulate
from .jit import entry, jit
from .memory import address_of, call_address, itemsize
from .operators import copy
from .sweep import ones, sweep
from .tables import INDEX_BYTES, Program, Tables, read_layout


@entry()
def run(zero, addresses, task, arrays, n, work, lists):
    """Evaluate a Program for `n` samples and carry out a task of it.

    zero : a zero of the parameters' type.  addresses : of the Program's arrays, in their order.
    arrays : addresses of x (n, n_in), of a seed (n, seed_size), of y (n, n_out) and out (n, out_size), both written, and the
        bytes from one sample's seed to the next's, which may be 0. All are C-contiguous and of the parameters' type. Where y is
        0, values are not stored; where out is 0, the task is left out.
    work, lists : addresses of scratch for one thread, from `fastjac.program.workspace`.
    """
    x, seed, y, out, seed_stride = arrays
    program = Tables(zero, addresses[0], addresses[1], addresses[2], addresses[3], addresses[4])
    layout = read_layout(program.layout, task)
    size = itemsize(zero)
    out_stride = layout.out_size * size
    for first in range(0, n, layout.block):
        count = min(layout.block, n - first)
        values, row = sweep(program, layout, x + first * layout.n_in * size, count, work, lists)
        if y != 0:
            y_rows = y + first * layout.n_out * size
            copy(zero, values, row, 1, y_rows, layout.n_out, count, layout.n_out, ones(program, layout))
        if out == 0:
            continue
        for start in range(0, count, layout.group):
            sample = first + start
            group = Group(
                min(layout.group, count - start),
                (program.parameters, work + layout.own * size, seed + sample * seed_stride, out + sample * out_stride),
                (0, layout.own_size * size, seed_stride, out_stride),
                work, start,
                lists, lists + layout.own_lists * INDEX_BYTES, layout.own_lists_size * INDEX_BYTES,
            )  # fmt: skip
            accumulate(program, layout, group)


HANDLE = ("kernel", "task", "n_in", "seed_size", "work", "work_stride", "lists", "lists_stride")
"""What a handle starts with: addresses, strides in bytes, numbers of the task; the addresses of the Program's arrays follow."""
KERNEL, TASK, N_IN, SEED_SIZE, _WORK, _WORK_STRIDE, _LISTS, _LISTS_STRIDE = range(len(HANDLE))


def handle_of(program: Program, task: int, work: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """A program, a task and scratch, (threads, work_size) and (threads, list_size), as one array of integers.

    A call from Python takes 0.1 us for each array it hands over; this stands for seven. Whoever holds it must hold them too.
    """
    layout = program.layout[task]
    head = [program.kernel, task, layout["n_in"], layout["seed_size"]]
    scratch = [number for array in (work, lists) for number in (array.ctypes.data, array.strides[0])]
    return np.array([*head, *scratch, *(array.ctypes.data for array in program[:-1])], np.int64)


@entry(parallel=True)
def call_parallel(handle, threads, x, seed, y, out):
    """`call` for every part at once, on so many of Numba's threads."""
    for thread in numba.prange(threads):
        _call(handle, thread, threads, x, seed, y, out)


@entry()
def call(handle, part, parts, x, seed, y, out):
    """Carry out a handle's task on this thread, for one of `parts` equal parts of the x.size / n_in samples in `x`.

    handle : with scratch for so many parts.
    x, seed, y, out : arrays of any shape, in C order. An empty y or out leaves the values or the task out; a seed of one
        sample's size serves all.
    """
    _call(handle, part, parts, x, seed, y, out)


@jit
def _call(handle, part, parts, x, seed, y, out):
    n = x.size // handle[N_IN]
    first, last = n * part // parts, n * (part + 1) // parts
    zero = x.dtype.type(0)
    size = itemsize(zero)
    seed_stride = handle[SEED_SIZE] * size if seed.size > handle[SEED_SIZE] else 0
    arrays = (
        address_of(x) + first * handle[N_IN] * size,
        address_of(seed) + first * seed_stride,
        address_of(y) + first * (y.size // n) * size if y.size else 0,
        address_of(out) + first * (out.size // n) * size if out.size else 0,
        seed_stride,
    )
    tables = len(HANDLE)
    addresses = (handle[tables], handle[tables + 1], handle[tables + 2], handle[tables + 3], handle[tables + 4])
    work = handle[_WORK] + part * handle[_WORK_STRIDE]
    lists = handle[_LISTS] + part * handle[_LISTS_STRIDE]
    call_address(handle[KERNEL], (zero, addresses, handle[TASK], arrays, last - first, work, lists))


def compiled_address(dtype: np.dtype) -> int:
    """The address of `run`, compiled for parameters of this dtype or loaded from the cache."""
    number, five = types.intp, types.UniTuple(types.intp, 5)
    signature = (from_dtype(dtype), five, number, five, number, number, number)
    run.compile(signature)
    compiled = run.overloads[signature]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    return address
