"""The gradient's primal sweep, which keeps what stands at every boundary, and what the stages have in common."""

from __future__ import annotations

import numpy as np

from .compress import list_nonzero
from .gradient_tables import TAKEN, read_block, read_operation, read_request
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .multiply import multiply
from .tables import ACTIVATE, AFFINE, DENSE, INDEX_BYTES

INDEX = np.int32(0)
"""Says of which type the numbers in a list are."""


@kernel(*TAKEN)
def evaluate(zero, request, block, first, gradient):
    """Evaluate the samples, keeping what stands at every boundary."""
    request, block = read_request(request, 0), read_block(block)
    size = itemsize(zero)
    lowest = read_operation(block.operations, 0)
    x = request.x + first * lowest.n_in * size
    copied = (x, lowest.n_in, 1, block.work + lowest.inputs * size, lowest.in_row, block.samples, lowest.n_in, block.ones)
    call_address(block.copy, (zero, *copied))
    for number in range(block.n_operations):
        o, after = read_operation(block.operations, number), read_operation(block.operations, number + 1)
        source, target = block.work + o.inputs * size, block.work + after.inputs * size
        if o.operation == AFFINE:
            weight, bias = block.parameters + o.transposed * size, block.parameters + o.bias * size
            shape = (block.samples, o.n_out, o.n_in)
            multiply(zero, block, shape, block.lists, (source, o.in_row, 1), (weight, o.out_row), bias, (target, o.out_row))
            continue
        call_address(block.copy, (zero, source, o.in_row, 1, target, o.in_row, block.samples, o.n_in, block.ones))
        for sample in range(block.samples):
            values, slopes = target + sample * o.in_row * size, slopes_of(zero, block, o, sample)
            p, q = block.parameters + o.p * size, block.parameters + o.q * size
            if o.operation == ACTIVATE:
                call_address(o.rule, (zero, values, p, q, slopes, o.n_in))
            else:
                call_address(o.rule, (zero, values, o.n_in, p, slopes))
            if o.live != DENSE:
                count, units = list_of(block, o.live, sample)
                count[0] = list_nonzero(zero, slopes, o.n_in, units)
    if request.y != 0:
        last = read_operation(block.operations, block.n_operations)
        target = request.y + first * last.n_in * size
        write_rows(zero, block, block.work + last.inputs * size, target)


@piece
def write_rows(zero, block, source, target):
    """Copy values at the network's output, or the like, a row for each sample, to a result (samples, n_out)."""
    last = read_operation(block.operations, block.n_operations)
    call_address(block.copy, (zero, source, last.in_row, 1, target, last.n_in, block.samples, last.n_in, block.ones))


@piece
def slopes_of(zero, block, o, sample):
    """The address of a sample's derivatives, or of the vectors of its Jacobian."""
    return block.work + (o.slopes + sample * o.slopes_row) * itemsize(zero)


@piece
def list_of(block, offset, sample):
    """A live list: its length as an array of one, and the address of its units."""
    address = block.lists + (offset + sample * block.list_row) * INDEX_BYTES
    return view(INDEX, address, 1), address + INDEX_BYTES
