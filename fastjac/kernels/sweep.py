"""The primal sweep: values of a block of samples, and the vectors of every Jacobian on the way.

Each step of its table names the kernel that takes it: one of those here.
"""

from __future__ import annotations

from .compress import list_nonzero
from .contract import Contraction, tile_rows_of
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, view
from .tables import AFFINE, INDEX_BYTES, Tables, read_layout, read_primal

TAKEN = (numbers(5), NUMBER, NUMBER, numbers(2), NUMBER, NUMBER, numbers(2))
"""What a step of the sweep takes: the Program's addresses, the task, the step's number, the address of the values and the
elements from one sample's to the next's, the address that results go to, how many samples there are, and scratch."""


@piece
def sweep(program, addresses, task, start, count, memory):
    """Evaluate `count` samples; each weight is read once for all of them.

    start : the first step that is taken, the address of the values before it and the elements from one sample's to the next's.
    Returns these two of the values behind the last step.
    """
    zero, layout = program.zero, read_layout(program.layout, task)
    first, source, row = start
    first_buffer, second_buffer = memory[0], memory[0] + layout.buffer * itemsize(zero)
    for number in range(first, layout.n_primal):
        step = read_primal(program.primal, number)
        target = second_buffer if source == first_buffer else first_buffer
        if step.operation != AFFINE:
            if number == 0:
                copied = (source, row, 1, target, step.row, count, step.n_in, ones(program, layout))
                call_address(layout.copy, (zero, *copied))
                source, row = target, step.row
            target = source
        call_address(step.kernel, (zero, addresses, task, number, (source, row), target, count, memory))
        source, row = target, step.row
    return source, row


@piece
def store_values(program, layout, values, y, samples):
    """Write the values of some samples to the array at address y, if there is one.

    values : their address, and the elements from one sample's to the next's.  samples : the first, and how many.
    """
    if y != 0:
        target = y + samples[0] * layout.n_out * itemsize(program.zero)
        copied = (values[0], values[1], 1, target, layout.n_out, samples[1], layout.n_out, ones(program, layout))
        call_address(layout.copy, (program.zero, *copied))


@piece
def ones(program, layout):
    """The address of a row of ones, which scales by nothing."""
    return program.parameters + layout.ones * itemsize(program.zero)


@piece
def zeros(program, layout):
    """The address of a row of zeros, from which a sum without a bias starts."""
    return program.parameters + layout.zeros * itemsize(program.zero)


@kernel(*TAKEN)
def affine(zero, addresses, task, number, values, target, count, memory):
    """`y = W x + b` for every sample."""
    program = Tables(zero, *addresses)
    layout, step = read_layout(program.layout, task), read_primal(program.primal, number)
    size = itemsize(zero)
    index, depth = memory[1], step.n_in
    if count == 1 and step.skip:
        # No other sample needs the weights of this one's dead units. Adding their zeros would not change a bit.
        index = memory[1] + layout.own_lists * INDEX_BYTES
        depth = list_nonzero(zero, values[0], step.n_in, index)
    operands = Contraction(
        count, step.row,
        values[0], values[1], 1, index,
        program.parameters + step.weight * size, step.panel, step.n_in, index, depth,
        program.parameters + step.bias * size, ones(program, layout),
        target, step.row,
    )  # fmt: skip
    call_address(layout.contract, (zero, operands, tile_rows_of(zero, count, step.panel), step.panel))


@kernel(*TAKEN)
def activate(zero, addresses, task, number, values, target, count, memory):
    """An activation, in place, for the whole block, its rows' padding included: a short row would leave most lanes idle."""
    program = Tables(zero, *addresses)
    layout, step = read_layout(program.layout, task), read_primal(program.primal, number)
    size, n = itemsize(zero), count * step.row
    slopes = memory[0] + step.state * size
    its_slopes = memory[0] + layout.spare * size if step.compose else slopes
    p, q = program.parameters + step.p * size, program.parameters + step.q * size
    call_address(step.rule, (zero, target, p, q, its_slopes, n))
    if step.compose:
        d, its = view(zero, slopes, n), view(zero, its_slopes, n)
        for j in range(n):
            d[j] *= its[j]


@kernel(*TAKEN)
def normalize(zero, addresses, task, number, values, target, count, memory):
    """A normalizer, in place, sample by sample."""
    program = Tables(zero, *addresses)
    step = read_primal(program.primal, number)
    size = itemsize(zero)
    epsilon = program.parameters + step.p * size
    for sample in range(count):
        state = memory[0] + (step.state + sample * step.state_row) * size
        call_address(step.rule, (zero, target + sample * step.row * size, step.n_in, epsilon, state))
