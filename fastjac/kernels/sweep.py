"""The primal sweep: values of a block of samples, and the vectors of every Jacobian on the way."""

from __future__ import annotations

from .activations import activate
from .compress import list_nonzero
from .contract import Contraction, contract, tile_shape
from .jit import piece
from .memory import address_of, view
from .normalizers import normalize
from .operators import copy
from .tables import ACTIVATE, AFFINE, INDEX_BYTES


@piece
def sweep(program, layout, x, count, work, lists):
    """Evaluate `count` samples at address `x`; each weight is read once for all of them.

    Returns the address of the values and the elements from one sample's to the next's.
    """
    parameters = program.parameters
    size = parameters.itemsize
    source, row = x, layout.n_in
    first_buffer, second_buffer = work, work + layout.buffer * size
    for number in range(program.primal.size):
        step = program.primal[number]
        target = second_buffer if source == first_buffer else first_buffer
        if step.operation == AFFINE:
            _affine(program, layout, step, source, row, target, count, lists)
            source, row = target, step.row
            continue
        if source == x:
            copy(parameters, source, row, 1, target, step.row, count, step.n_in, ones(program, layout))
            source, row = target, step.row
        if step.operation == ACTIVATE:
            _activate(program, layout, step, source, count, work)
        else:
            _normalize(program, step, source, count, work)
    return source, row


@piece
def ones(program, layout):
    """The address of a row of ones, which scales by nothing."""
    return address_of(program.parameters) + layout.ones * program.parameters.itemsize


@piece
def zeros(program, layout):
    """The address of a row of zeros, from which a sum without a bias starts."""
    return address_of(program.parameters) + layout.zeros * program.parameters.itemsize


@piece
def _affine(program, layout, step, source, source_row, target, count, lists):
    parameters = program.parameters
    start, size = address_of(parameters), parameters.itemsize
    index, depth = lists, step.n_in
    if count == 1 and step.skip:
        # No other sample needs the weights of this one's dead units. Adding their zeros would not change a bit.
        index = lists + layout.own_lists * INDEX_BYTES
        depth = list_nonzero(parameters, source, step.n_in, index)
    tile_rows, tile_columns = tile_shape(parameters, count, step.panel)
    for j in range(0, step.row, step.panel):
        contract(
            parameters,
            Contraction(
                count, min(step.panel, step.row - j),
                source, source_row, 1, index,
                start + (step.weight + j * step.n_in) * size, step.panel, index, depth,
                start + (step.bias + j) * size, ones(program, layout),
                target + j * size, step.row,
            ),
            tile_rows, tile_columns,
        )  # fmt: skip


@piece
def _activate(program, layout, step, values, count, work):
    """One call for the whole block, its rows' padding included: a short row by itself would leave most lanes idle."""
    parameters, n = program.parameters, count * step.row
    start, size = address_of(parameters), parameters.itemsize
    z, d = view(parameters, values, n), view(parameters, work + step.state * size, n)
    p, q = view(parameters, start + step.p * size, n), view(parameters, start + step.q * size, n)
    if not step.compose:
        activate(step.code, z, p, q, d)
        return
    spare = view(parameters, work + layout.spare * size, n)
    activate(step.code, z, p, q, spare)
    for j in range(n):
        d[j] *= spare[j]


@piece
def _normalize(program, step, values, count, work):
    parameters, vectors, size = program.parameters, 1 + 2 * step.rank, program.parameters.itemsize
    for sample in range(count):
        state = work + (step.state + sample * step.state_row) * size
        factors = view(parameters, state, vectors * step.n_in).reshape((vectors, step.n_in))
        normalize(step.code, view(parameters, values + sample * step.row * size, step.n_in), parameters[step.p], factors)
