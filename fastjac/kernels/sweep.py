"""The primal sweep: values of a block of samples, and the vectors of every Jacobian on the way."""

from __future__ import annotations

from .activations import activate
from .compress import list_nonzero
from .contract import Contraction, contract, tile_rows_of
from .jit import piece
from .memory import itemsize, view
from .normalizers import normalize
from .operators import copy
from .tables import ACTIVATE, AFFINE, INDEX_BYTES, read_primal


@piece
def sweep(program, layout, x, count, work, lists):
    """Evaluate `count` samples at address `x`; each weight is read once for all of them.

    Returns the address of the values and the elements from one sample's to the next's.
    """
    zero = program.zero
    size = itemsize(zero)
    source, row = x, layout.n_in
    first_buffer, second_buffer = work, work + layout.buffer * size
    for number in range(layout.n_primal):
        step = read_primal(program.primal, number)
        target = second_buffer if source == first_buffer else first_buffer
        if step.operation == AFFINE:
            _affine(program, layout, step, source, row, target, count, lists)
            source, row = target, step.row
            continue
        if source == x:
            copy(zero, source, row, 1, target, step.row, count, step.n_in, ones(program, layout))
            source, row = target, step.row
        if step.operation == ACTIVATE:
            _activate(program, layout, step, source, count, work)
        else:
            _normalize(program, step, source, count, work)
    return source, row


@piece
def ones(program, layout):
    """The address of a row of ones, which scales by nothing."""
    return program.parameters + layout.ones * itemsize(program.zero)


@piece
def zeros(program, layout):
    """The address of a row of zeros, from which a sum without a bias starts."""
    return program.parameters + layout.zeros * itemsize(program.zero)


@piece
def _affine(program, layout, step, source, source_row, target, count, lists):
    zero, start = program.zero, program.parameters
    size = itemsize(zero)
    index, depth = lists, step.n_in
    if count == 1 and step.skip:
        # No other sample needs the weights of this one's dead units. Adding their zeros would not change a bit.
        index = lists + layout.own_lists * INDEX_BYTES
        depth = list_nonzero(zero, source, step.n_in, index)
    contract(
        zero,
        Contraction(
            count, step.row,
            source, source_row, 1, index,
            start + step.weight * size, step.panel, step.n_in, index, depth,
            start + step.bias * size, ones(program, layout),
            target, step.row,
        ),
        tile_rows_of(zero, count, step.panel), step.panel,
    )  # fmt: skip


@piece
def _activate(program, layout, step, values, count, work):
    """One call for the whole block, its rows' padding included: a short row by itself would leave most lanes idle."""
    zero, start, n = program.zero, program.parameters, count * step.row
    size = itemsize(zero)
    z, d = view(zero, values, n), view(zero, work + step.state * size, n)
    p, q = view(zero, start + step.p * size, n), view(zero, start + step.q * size, n)
    if not step.compose:
        activate(step.code, z, p, q, d)
        return
    spare = view(zero, work + layout.spare * size, n)
    activate(step.code, z, p, q, spare)
    for j in range(n):
        d[j] *= spare[j]


@piece
def _normalize(program, step, values, count, work):
    zero, vectors = program.zero, 1 + 2 * step.rank
    size = itemsize(zero)
    epsilon = view(zero, program.parameters + step.p * size, 1)[0]
    for sample in range(count):
        state = work + (step.state + sample * step.state_row) * size
        factors = view(zero, state, vectors * step.n_in).reshape((vectors, step.n_in))
        normalize(step.code, view(zero, values + sample * step.row * size, step.n_in), epsilon, factors)
