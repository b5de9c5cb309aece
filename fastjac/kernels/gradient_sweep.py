"""The gradient's primal sweep, which keeps all values, and what the stages have in common."""

from __future__ import annotations

import numpy as np

from .compress import list_nonzero
from .gradient_tables import BRING, PAIR, TAKEN, read_block, read_operation, read_request, read_value
from .jit import kernel, piece
from .memory import call_address, itemsize, stored, view
from .multiply import multiply
from .operators import copy_vector
from .tables import ACTIVATE, AFFINE, DENSE, INDEX, INDEX_BYTES, NORMALIZE

ONE_ROW_FORWARD = np.intp(1), np.intp(1)
"""The `way` of `joins.join` for values: they are pushed, one row of each sample."""


@kernel(*TAKEN)
def evaluate(zero, request, block, first, gradient):
    """Evaluate the samples, keeping all values."""
    request, block = read_request(request, 0), read_block(block)
    size = itemsize(zero)
    lowest, last = read_value(block.values, 0), read_value(block.values, block.n_values - 1)
    x = request.x + first * lowest.size * size
    copied = (x, lowest.size, 1, block.work + lowest.numbers * size, lowest.row, block.samples, lowest.size, block.ones)
    call_address(block.copy, (zero, *copied))
    for number in range(block.n_operations):
        o = read_operation(block.operations, number)
        source, target = block.work + o.inputs * size, block.work + o.outputs * size
        if o.operation == AFFINE:
            weight, bias = block.parameters + o.transposed * size, block.parameters + o.bias * size
            shape = (block.samples, o.n_out, o.n_in)
            multiply(zero, block, shape, block.lists, (source, o.in_row, 1), (weight, o.out_row), (bias, 0), (target, o.out_row))
        elif o.operation == BRING:
            call_address(block.join, (zero, stored(block), np.intp(number), source, (target, o.out_row), ONE_ROW_FORWARD))
        elif o.operation == PAIR:
            # The second operation of the two computes both: the first one's record states where its slopes go.
            if o.partner < number:
                _combine(zero, block, o, target)
        else:
            _activate(zero, block, o, source, target)
    if request.y != 0:
        target = request.y + first * last.size * size
        write_rows(zero, block, block.work + last.numbers * size, target)


@piece
def _activate(zero, block, o, source, target):
    """An activation or a normalizer."""
    size = itemsize(zero)
    p, q = block.parameters + o.p * size, block.parameters + o.q * size
    # The whole block, with the padding of its rows: a short row would leave most lanes idle.
    count = block.samples * o.in_row
    copy_vector(zero, source, target, count)
    if o.operation == ACTIVATE:
        call_address(o.rule, (zero, target, p, q, slopes_of(zero, block, o, 0), count))
    for sample in range(block.samples):
        slopes = slopes_of(zero, block, o, sample)
        if o.operation == NORMALIZE:
            call_address(o.rule, (zero, target + sample * o.in_row * size, o.n_in, p, slopes))
        if o.live != DENSE:
            count, units = list_of(block, o.live, sample)
            count[0] = list_nonzero(zero, slopes, o.n_in, units)


@piece
def _combine(zero, block, o, target):
    """A function of two values; `o` is the operation of the second one."""
    size, other = itemsize(zero), read_operation(block.operations, o.partner)
    for sample in range(block.samples):
        row = sample * o.in_row * size
        operands = (block.work + other.inputs * size + row, block.work + o.inputs * size + row)
        slopes = (slopes_of(zero, block, other, sample), slopes_of(zero, block, o, sample))
        call_address(o.rule, (zero, *operands, target + row, *slopes, o.n_in))


@piece
def write_rows(zero, block, source, target):
    """Copy values at the network's output, or their tangents, a row for each sample, to a result (samples, n_out)."""
    last = read_value(block.values, block.n_values - 1)
    call_address(block.copy, (zero, source, last.row, 1, target, last.size, block.samples, last.size, block.ones))


@piece
def slopes_of(zero, block, o, sample):
    """The address of a sample's derivatives, or of the vectors of its Jacobian."""
    return block.work + (o.slopes + sample * o.slopes_row) * itemsize(zero)


@piece
def list_of(block, offset, sample):
    """A live list: its length as an array of one, and the address of its units."""
    address = block.lists + (offset + sample * block.list_row) * INDEX_BYTES
    return view(INDEX, address, 1), address + INDEX_BYTES
