"""The primal sweep: values of a block of samples, and the vectors of every Jacobian on the way.

Each step of its table names the kernel that takes it, one of the kernels here.
"""

from __future__ import annotations

import numpy as np

from .compress import list_nonzero
from .contract import Contraction, tile_rows_of, tile_shape
from .jit import kernel, piece
from .meeting import share_of, take_pieces
from .memory import NUMBER, call_address, itemsize, numbers, view
from .operators import copy_vector
from .state import STATE, state_at
from .tables import DENSE, INDEX, INDEX_BYTES, INPUTS, Tables, read_layout, read_primal

TAKEN = (numbers(5), NUMBER, NUMBER, NUMBER, NUMBER, numbers(5), numbers(2))
"""What a step of the sweep takes: the Program's addresses, the task, the step's number, the address of the first sample's inputs,
how many samples there are, scratch with the place of their state, and which of how many pieces of the step to do."""


@piece
def sweep(program, addresses, task, steps, x, count, memory, team):
    """Evaluate `count` samples of inputs at address x; each weight is read once for all of them.

    steps : the first step to take, and the one behind the last.
    """
    for number in range(steps[0], steps[1]):
        step = read_primal(program.primal, number)
        take_pieces(team, number, step.pieces, step.kernel, (program.zero, addresses, task, number, x, count, memory))


@piece
def store_values(program, layout, memory, y, samples):
    """Write the network's outputs at some samples to the array at address y, if there is one.

    samples : the first, and how many.
    """
    if y != 0:
        size = itemsize(program.zero)
        values, target = memory[0] + layout.values * size, y + samples[0] * layout.n_out * size
        copied = (values, layout.values_row, 1, target, layout.n_out, samples[1], layout.n_out, ones(program, layout))
        call_address(layout.copy, (program.zero, *copied))


@piece
def _vectors(zero, place, offset, x, memory):
    """The address of the first sample's vector, in the workspace or among the inputs."""
    return (x if place == INPUTS else memory[0]) + offset * itemsize(zero)


@piece
def _operand_in_place(zero, step, x, memory, count):
    """The address of the result, which holds the operand: it lies there, or is copied there with the padding of its rows."""
    source, target = _vectors(zero, step.source_place, step.source, x, memory), memory[0] + step.target * itemsize(zero)
    if source != target:
        copy_vector(zero, source, target, count * step.row)
    return target


@piece
def ones(program, layout):
    """The address of a row of ones, a scale that changes nothing."""
    return program.parameters + layout.ones * itemsize(program.zero)


@piece
def zeros(program, layout):
    """The address of a row of zeros, from which a sum without a bias starts."""
    return program.parameters + layout.zeros * itemsize(program.zero)


@kernel(*TAKEN)
def affine(zero, addresses, task, number, x, count, memory, share):
    """`y = W x + b` for every sample."""
    program = Tables(zero, *addresses)
    layout, step = read_layout(program.layout, task), read_primal(program.primal, number)
    size = itemsize(zero)
    source, row = _vectors(zero, step.source_place, step.source, x, memory), step.source_row
    index, depth = memory[1], step.n_in
    if count == 1 and step.skip:
        # No other sample needs the weights of this one's dead units, and adding their zeros would not change a bit.
        index = memory[1] + layout.own_lists * INDEX_BYTES
        depth = list_nonzero(zero, source, step.n_in, index)
    first, last = share_of(step.n_out, step.panel, share)
    if step.panel == DENSE:
        tile, weight_row, jump = tile_shape(zero, count, step.n_out), step.row, 1
    else:
        tile, weight_row, jump = (tile_rows_of(zero, count, step.panel), step.panel), step.panel, step.n_in
    operands = Contraction(
        count, last - first,
        source, row, 1, index,
        program.parameters + (step.weight + first * jump) * size, weight_row, jump, index, depth,
        program.parameters + (step.bias + first) * size, 0, ones(program, layout),
        memory[0] + (step.target + first) * size, step.row,
    )  # fmt: skip
    call_address(layout.contract, (zero, operands, *tile))


@kernel(*TAKEN)
def activate(zero, addresses, task, number, x, count, memory, share):
    """An activation, in place, for the whole block with the padding of its rows: a short row would leave most lanes idle."""
    program = Tables(zero, *addresses)
    layout, step = read_layout(program.layout, task), read_primal(program.primal, number)
    size, n = itemsize(zero), count * step.row
    slopes = state_at(zero, step, memory[STATE:], 0)
    its_slopes = memory[0] + layout.spare * size if step.compose else slopes
    p, q = program.parameters + step.p * size, program.parameters + step.q * size
    call_address(step.rule, (zero, _operand_in_place(zero, step, x, memory, count), p, q, its_slopes, n))
    if step.compose:
        d, its = view(zero, slopes, n), view(zero, its_slopes, n)
        for j in range(n):
            d[j] *= its[j]


@kernel(*TAKEN)
def normalize(zero, addresses, task, number, x, count, memory, share):
    """A normalizer, in place, sample by sample."""
    program = Tables(zero, *addresses)
    step = read_primal(program.primal, number)
    size = itemsize(zero)
    epsilon, target = program.parameters + step.p * size, _operand_in_place(zero, step, x, memory, count)
    for sample in range(count):
        state = state_at(zero, step, memory[STATE:], sample)
        call_address(step.rule, (zero, target + sample * step.row * size, step.n_in, epsilon, state))


@kernel(*TAKEN)
def take(zero, addresses, task, number, x, count, memory, share):
    """A copy of some units of every sample: the units listed at `p`, or the first ones."""
    program = Tables(zero, *addresses)
    layout, step = read_layout(program.layout, task), read_primal(program.primal, number)
    size = itemsize(zero)
    source, row = _vectors(zero, step.source_place, step.source, x, memory), step.source_row
    target = memory[0] + step.target * size
    if step.p == DENSE:
        call_address(layout.copy, (zero, source, row, 1, target, step.row, count, step.n_out, ones(program, layout)))
        return
    units = view(INDEX, program.parameters + step.p * size, step.n_out)
    for sample in range(count):
        a = view(zero, source + sample * row * size, step.n_in)
        b = view(zero, target + sample * step.row * size, step.n_out)
        for j in range(step.n_out):
            b[j] = a[np.intp(units[j])]


@kernel(*TAKEN)
def add(zero, addresses, task, number, x, count, memory, share):
    """`a + b`, sample by sample; b may be the target."""
    program = Tables(zero, *addresses)
    step = read_primal(program.primal, number)
    size = itemsize(zero)
    first, first_row = _vectors(zero, step.source_place, step.source, x, memory), step.source_row
    second, second_row = _vectors(zero, step.other_place, step.other, x, memory), step.other_row
    for sample in range(count):
        a = view(zero, first + sample * first_row * size, step.n_in)
        b = view(zero, second + sample * second_row * size, step.n_in)
        c = view(zero, memory[0] + (step.target + sample * step.row) * size, step.n_in)
        for j in range(step.n_in):
            c[j] = a[j] + b[j]


@kernel(*TAKEN)
def join(zero, addresses, task, number, x, count, memory, share):
    """A function of two vectors, unit by unit, and its slopes by both."""
    program = Tables(zero, *addresses)
    step = read_primal(program.primal, number)
    size = itemsize(zero)
    first, first_row = _vectors(zero, step.source_place, step.source, x, memory), step.source_row
    second, second_row = _vectors(zero, step.other_place, step.other, x, memory), step.other_row
    # The slopes by the second operand lie behind all samples' slopes by the first.
    to_second = step.state_row * memory[STATE + 1] * size
    for sample in range(count):
        a, b = first + sample * first_row * size, second + sample * second_row * size
        state = state_at(zero, step, memory[STATE:], sample)
        target = memory[0] + (step.target + sample * step.row) * size
        call_address(step.rule, (zero, a, b, target, state, state + to_second, step.n_in))
