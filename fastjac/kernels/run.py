"""The interpreter: walks a Program's tables for a run of samples.

For each block of samples one primal sweep stores values and the vectors of every Jacobian (the block shares each weight);
then each sample's Jacobian is accumulated by itself, so its bits do not depend on the batch.
"""

from __future__ import annotations

import numba

from .activations import activate
from .contract import Contraction, contract
from .jit import entry, piece
from .memory import address_of, view
from .normalizers import normalize
from .operators import copy, normalize_columns, normalize_rows, scale_columns, scale_rows
from .tables import ACTIVATE, AFFINE, CONTRACT, COPY, DENSE


@entry()
def run(program, x, seed, y, out, work, lists):
    """Evaluate the program for every row of `x`.

    x : (n, n_in).  seed : (n, seed_size), tangents or cotangents if the program takes any.  y : (n, n_out), written.
    out : (n, out_size), written.  All are C-contiguous and of the parameters' dtype.
    work, lists : scratch for one thread, from `Program.workspace`.
    """
    layout = program.layout[0]
    size = program.parameters.itemsize
    for first in range(0, x.shape[0], layout.block):
        count = min(layout.block, x.shape[0] - first)
        values = sweep(program, address_of(x) + first * layout.n_in * size, count, work, lists)
        copy(program.parameters, values[0], values[1], 1, address_of(y) + first * layout.n_out * size, layout.n_out,
             count, layout.n_out)  # fmt: skip
        if program.steps.size == 0:
            continue
        for sample in range(first, first + count):
            state = address_of(work) + (layout.state + (sample - first) * layout.state_row) * size
            list_live_units(program, state, lists)
            places = (
                address_of(program.parameters),
                address_of(work),
                address_of(seed) + sample * layout.seed_size * size,
                address_of(out) + sample * layout.out_size * size,
            )
            accumulate(program, places, state, lists)


@entry(parallel=True)
def run_parallel(program, x, seed, y, out, work, lists):
    """`run` with the samples shared out among as many threads as `work` and `lists` have rows."""
    n, threads = x.shape[0], work.shape[0]
    for thread in numba.prange(threads):
        first, last = n * thread // threads, n * (thread + 1) // threads
        run(program, x[first:last], seed[first:last], y[first:last], out[first:last], work[thread], lists[thread])


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
            source, row = target, layout.row
            continue
        if source == x:
            copy(parameters, source, row, 1, target, layout.row, count, step.n_in)
            source, row = target, layout.row
        for sample in range(count):
            z = view(parameters, source + sample * row * size, step.n_in)
            state = layout.state + sample * layout.state_row + step.state
            if step.operation == ACTIVATE:
                _activate(program, step, z, state, work)
            else:
                _normalize(program, step, z, state, work)
    return source, row


@piece
def _affine(program, step, source, source_row, target, count, lists):
    layout, size = program.layout[0], program.parameters.itemsize
    start, index = address_of(program.parameters), address_of(lists)
    contract(
        program.parameters,
        Contraction(
            count, step.n_out,
            source, source_row, 1, index,
            start + step.weight * size, step.weight_row, index, step.n_in,
            start + step.bias * size, start + layout.ones * size,
            target, layout.row,
        ),
    )  # fmt: skip


@piece
def _activate(program, step, z, state, work):
    n = step.n_in
    p, q = program.parameters[step.p : step.p + n], program.parameters[step.q : step.q + n]
    if not step.compose:
        activate(step.code, z, p, q, work[state : state + n])
        return
    spare = program.layout[0].spare
    activate(step.code, z, p, q, work[spare : spare + n])
    for j in range(n):
        work[state + j] *= work[spare + j]


@piece
def _normalize(program, step, z, state, work):
    vectors = 1 + 2 * step.rank
    factors = work[state : state + vectors * step.n_in].reshape((vectors, step.n_in))
    normalize(step.code, z, program.parameters[step.p], factors)


@piece
def list_live_units(program, state, lists):
    """List, for each diagonal that a contraction runs over, the units whose derivative is not 0."""
    for number in range(program.live.size):
        diagonal = program.live[number]
        d = view(program.parameters, state + diagonal.state * program.parameters.itemsize, diagonal.size)
        count = 0
        for j in range(diagonal.size):
            # Always written and only kept if live: a branch here would be mispredicted at every other unit.
            lists[diagonal.list + 1 + count] = j
            count += d[j] != 0.0
        lists[diagonal.list] = count


@piece
def accumulate(program, places, state, lists):
    """Walk the step table for one sample. `places` are the addresses that a step's places stand for."""
    size = program.parameters.itemsize
    for number in range(program.steps.size):
        step = program.steps[number]
        a = places[step.a_place] + step.a * size
        c = places[step.c_place] + step.c * size
        if step.operation == CONTRACT:
            _contract(program, step, a, places[step.b_place] + step.b * size, c, state, lists)
        elif step.operation == COPY:
            copy(program.parameters, a, step.a_row, step.a_column, c, step.c_row, step.rows, step.columns)
        else:
            _apply(program, step, c, state, places[1])


@piece
def _contract(program, step, a, b, c, state, lists):
    layout, start, size = program.layout[0], address_of(program.parameters), program.parameters.itemsize
    if step.live == DENSE:
        index, depth = address_of(lists), step.depth
    else:
        index, depth = address_of(lists) + (step.live + 1) * 8, lists[step.live]
    scale = start + layout.ones * size if step.state == DENSE else state + step.state * size
    contract(
        program.parameters,
        Contraction(
            step.rows, step.columns,
            a, step.a_row, step.a_column, index,
            b, step.b_row, index, depth,
            start + layout.zeros * size, scale,
            c, step.c_row,
        ),
    )  # fmt: skip


@piece
def _apply(program, step, matrix, state, work):
    parameters, size = program.parameters, program.parameters.itemsize
    units = step.columns if step.units_on_columns else step.rows
    if step.rank == 0:
        d = view(parameters, state + step.state * size, units)
        if step.units_on_columns:
            scale_columns(parameters, matrix, step.c_row, step.rows, d)
        else:
            scale_rows(parameters, matrix, step.c_row, step.columns, d)
        return
    vectors = 1 + 2 * step.rank
    factors = view(parameters, state + step.state * size, vectors * units).reshape((vectors, units))
    if step.units_on_columns:
        normalize_columns(parameters, matrix, step.c_row, step.rows, factors, step.rank, step.forward)
    else:
        sums = view(parameters, work + step.scratch * size, step.rank * step.columns).reshape((step.rank, step.columns))
        normalize_rows(parameters, matrix, step.c_row, step.columns, factors, step.rank, step.forward, sums)
