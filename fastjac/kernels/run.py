"""The interpreter: walks a Program's tables for a run of samples.

For each block of samples one primal sweep stores values and the vectors of every Jacobian (the block shares each weight);
then each sample's Jacobian is accumulated by itself, so its bits do not depend on the batch.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from .activations import activate
from .contract import Contraction, contract
from .jit import entry, piece
from .memory import address_of, call_address, view
from .normalizers import normalize
from .operators import copy, normalize_columns, normalize_rows, scale_columns, scale_rows
from .tables import ACTIVATE, AFFINE, CONTRACT, COPY, DENSE, WORK


@entry()
def run(program, x, seed, y, out, work, lists):
    """Evaluate the program for every row of `x`.

    x : (n, n_in).  seed : (n, seed_size), tangents or cotangents if the program takes any, or (1, seed_size) for all samples.
    y : (n, n_out), written.  out : (n, out_size), written.  All are C-contiguous and of the parameters' dtype.
    work, lists : scratch for one thread, from `fastjac.program.workspace`.
    """
    layout = program.layout[0]
    size = program.parameters.itemsize
    seed_row = 0 if seed.shape[0] == 1 else layout.seed_size
    for first in range(0, x.shape[0], layout.block):
        count = min(layout.block, x.shape[0] - first)
        values, row = sweep(program, address_of(x) + first * layout.n_in * size, count, work, lists)
        y_rows = address_of(y) + first * layout.n_out * size
        copy(program.parameters, values, row, 1, y_rows, layout.n_out, count, layout.n_out, _ones(program))
        if program.steps.size == 0:
            continue
        for sample in range(count):
            list_live_units(program, sample, work, lists)
            places = (
                address_of(program.parameters),
                address_of(work),
                address_of(seed) + (first + sample) * seed_row * size,
                address_of(out) + (first + sample) * layout.out_size * size,
            )
            accumulate(program, places, sample, lists)


@entry(parallel=True)
def run_parallel(kernel, program, x, seed, y, out, work, lists):
    """`run` with the samples shared out among as many threads as `work` and `lists` have rows.

    kernel : the address of `run` compiled for these types, from `compiled_address`.
    """
    n, threads = x.shape[0], work.shape[0]
    for thread in numba.prange(threads):
        first, last = n * thread // threads, n * (thread + 1) // threads
        seeds = seed if seed.shape[0] == 1 else seed[first:last]
        part = (program, x[first:last], seeds, y[first:last], out[first:last], work[thread], lists[thread])
        call_address(kernel, part)


def compiled_address(*arguments: Any) -> int:
    """The address of `run`, compiled for arguments of these types."""
    signature = tuple(map(numba.typeof, arguments))
    run.compile(signature)
    compiled = run.overloads[signature]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    return address


@piece
def sweep(program, x, count, work, lists):
    """Primal values of `count` samples at address `x`, and the vectors of every Jacobian into the state.

    Returns the address of the values and the elements from one sample's to the next's.
    """
    layout, parameters = program.layout[0], program.parameters
    size = parameters.itemsize
    source, row = x, layout.n_in
    first_buffer, second_buffer = address_of(work), address_of(work) + layout.buffer * size
    for number in range(program.primal.size):
        step = program.primal[number]
        target = second_buffer if source == first_buffer else first_buffer
        if step.operation == AFFINE:
            _affine(program, step, source, row, target, count, lists)
            source, row = target, step.row
            continue
        if source == x:
            copy(parameters, source, row, 1, target, step.row, count, step.n_in, _ones(program))
            source, row = target, step.row
        if step.operation == ACTIVATE:
            _activate(program, step, source, count, work)
        else:
            _normalize(program, step, source, count, work)
    return source, row


@piece
def _affine(program, step, source, source_row, target, count, lists):
    size = program.parameters.itemsize
    start, index = address_of(program.parameters), address_of(lists)
    contract(
        program.parameters,
        Contraction(
            count, step.row,
            source, source_row, 1, index,
            start + step.weight * size, step.row, index, step.n_in,
            start + step.bias * size, _ones(program),
            target, step.row,
        ),
    )  # fmt: skip


@piece
def _activate(program, step, values, count, work):
    """One call for the whole block, its rows' padding included: a short row by itself would leave most lanes idle."""
    parameters, n = program.parameters, count * step.row
    start, size = address_of(parameters), parameters.itemsize
    z, d = view(parameters, values, n), view(parameters, address_of(work) + step.state * size, n)
    p, q = view(parameters, start + step.p * size, n), view(parameters, start + step.q * size, n)
    if not step.compose:
        activate(step.code, z, p, q, d)
        return
    spare = view(parameters, address_of(work) + program.layout[0].spare * size, n)
    activate(step.code, z, p, q, spare)
    for j in range(n):
        d[j] *= spare[j]


@piece
def _normalize(program, step, values, count, work):
    parameters, vectors, size = program.parameters, 1 + 2 * step.rank, program.parameters.itemsize
    for sample in range(count):
        state = address_of(work) + (step.state + sample * step.state_row) * size
        factors = view(parameters, state, vectors * step.n_in).reshape((vectors, step.n_in))
        normalize(step.code, view(parameters, values + sample * step.row * size, step.n_in), parameters[step.p], factors)


@piece
def _ones(program):
    return address_of(program.parameters) + program.layout[0].ones * program.parameters.itemsize


@piece
def list_live_units(program, sample, work, lists):
    """List, for each diagonal that a contraction runs over, the units of this sample whose derivative is not 0."""
    for number in range(program.live.size):
        diagonal = program.live[number]
        d = view(program.parameters, _state_of(program, diagonal, sample, address_of(work)), diagonal.size)
        units = lists[diagonal.list + 1 : diagonal.list + 1 + diagonal.size]
        count = np.uintp(0)
        for j in range(diagonal.size):
            # Always written and only kept if live: a branch here would be mispredicted at every other unit.
            units[count] = j
            count += np.uintp(d[j] != 0.0)
        lists[diagonal.list] = count


@piece
def accumulate(program, places, sample, lists):
    """Walk the step table for one sample of the block. `places` are the addresses that a step's places stand for."""
    size = program.parameters.itemsize
    for number in range(program.steps.size):
        step = program.steps[number]
        a = places[step.a_place] + step.a * size
        c = places[step.c_place] + step.c * size
        state = _state_of(program, step, sample, places[WORK])
        if step.operation == CONTRACT:
            _contract(program, step, a, places[step.b_place] + step.b * size, c, state, lists)
        elif step.operation == COPY:
            scale = _ones(program) if step.state == DENSE else state
            copy(program.parameters, a, step.a_row, step.a_column, c, step.c_row, step.rows, step.columns, scale)
        else:
            _apply(program, step, c, state, places[WORK] + step.scratch * size)


@piece
def _state_of(program, record, sample, work):
    """The address of the Jacobian's vectors that a record names, for this sample of the block."""
    return work + (record.state + sample * record.state_row) * program.parameters.itemsize


@piece
def _contract(program, step, a, b, c, state, lists):
    layout, start, size = program.layout[0], address_of(program.parameters), program.parameters.itemsize
    if step.live == DENSE:
        index, depth = address_of(lists), step.depth
    else:
        index, depth = address_of(lists) + (step.live + 1) * 8, lists[step.live]
    contract(
        program.parameters,
        Contraction(
            step.rows, step.columns,
            a, step.a_row, step.a_column, index,
            b, step.b_row, index, depth,
            start + layout.zeros * size, _ones(program) if step.state == DENSE else state,
            c, step.c_row,
        ),
    )  # fmt: skip


@piece
def _apply(program, step, matrix, state, scratch):
    parameters = program.parameters
    units = step.columns if step.units_on_columns else step.rows
    if step.rank == 0:
        d = view(parameters, state, units)
        if step.units_on_columns:
            scale_columns(parameters, matrix, step.c_row, step.rows, d)
        else:
            scale_rows(parameters, matrix, step.c_row, step.columns, d)
        return
    vectors = 1 + 2 * step.rank
    factors = view(parameters, state, vectors * units).reshape((vectors, units))
    if step.units_on_columns:
        normalize_columns(parameters, matrix, step.c_row, step.rows, factors, step.rank, step.forward)
    else:
        sums = view(parameters, scratch, step.rank * step.columns).reshape((step.rank, step.columns))
        normalize_rows(parameters, matrix, step.c_row, step.columns, factors, step.rank, step.forward, sums)
