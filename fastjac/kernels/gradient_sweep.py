"""The gradient's primal sweep, which keeps what stands at every boundary, and what its pieces have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .activations import activate
from .compress import list_nonzero
from .gradient_tables import read_operation
from .jit import piece
from .memory import itemsize, view
from .multiply import multiply
from .normalizers import normalize
from .operators import copy
from .tables import ACTIVATE, AFFINE, DENSE, INDEX_BYTES

INDEX = np.int32(0)
"""Says of which type the numbers in a list are."""


class Block(NamedTuple):
    """Samples that are worked on together, and where everything of theirs lies.

    samples, seeds : how many samples, and rows of each.  seeds_at : the boundary where the rows are the identity's.
    operations, parameters, work, lists, buffers : addresses.  n_operations : how many there are.
    list_row : entries from one sample's list to the next's.
    zeros, ones : addresses of rows of zeros and ones.
    multiply : the address of the kernel that multiplies.
    """

    samples: int
    seeds: int
    seeds_at: int
    operations: int
    n_operations: int
    parameters: int
    work: int
    lists: int
    buffers: int
    list_row: int
    zeros: int
    ones: int
    multiply: int


@piece
def sweep(zero, block, x):
    """Evaluate the samples at address `x`, keeping what stands at every boundary."""
    size = itemsize(zero)
    first = read_operation(block.operations, 0)
    copy(zero, x, first.n_in, 1, block.work + first.inputs * size, first.in_row, block.samples, first.n_in, block.ones)
    for number in range(block.n_operations):
        o, after = read_operation(block.operations, number), read_operation(block.operations, number + 1)
        source, target = block.work + o.inputs * size, block.work + after.inputs * size
        if o.operation == AFFINE:
            weight, bias = block.parameters + o.transposed * size, block.parameters + o.bias * size
            shape = (block.samples, o.n_out, o.n_in)
            multiply(block, shape, block.lists, (source, o.in_row, 1), (weight, o.out_row), bias, (target, o.out_row))
            continue
        copy(zero, source, o.in_row, 1, target, o.in_row, block.samples, o.n_in, block.ones)
        for sample in range(block.samples):
            values = view(zero, target + sample * o.in_row * size, o.n_in)
            slopes = slopes_of(zero, block, o, sample)
            p, q = view(zero, block.parameters + o.p * size, o.n_in), view(zero, block.parameters + o.q * size, o.n_in)
            if o.operation == ACTIVATE:
                activate(o.code, values, p, q, view(zero, slopes, o.n_in))
            else:
                normalize(o.code, values, p[0], factors_of(zero, slopes, o))
            if o.live != DENSE:
                count, units = list_of(block, o.live, sample)
                count[0] = list_nonzero(zero, slopes, o.n_in, units)


@piece
def slopes_of(zero, block, o, sample):
    """The address of a sample's derivatives, or of the vectors of its Jacobian."""
    return block.work + (o.slopes + sample * o.slopes_row) * itemsize(zero)


@piece
def factors_of(zero, slopes, o):
    """The vectors of a normalizer's Jacobian, (1 + 2 * rank, units)."""
    vectors = 1 + 2 * o.rank
    return view(zero, slopes, vectors * o.n_in).reshape((vectors, o.n_in))


@piece
def list_of(block, offset, sample):
    """A live list: its length as an array of one, and the address of its units."""
    address = block.lists + (offset + sample * block.list_row) * INDEX_BYTES
    return view(INDEX, address, 1), address + INDEX_BYTES
