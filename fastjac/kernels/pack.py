"""Parameters packed as the gradient kernel reads them, and the sums of their gradients unpacked."""

from __future__ import annotations

import numpy as np

from .gradient_tables import read_parameter, read_request
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, view
from .operators import add_vector, clear, copy_vector
from .tables import DENSE, read_layout

SOURCES = "weight", "bias", "p", "q"
"""The parameters of a layer, in the order of a request's sources."""
ADDRESS = np.int64(0)
ADDRESS_BYTES = 8


@kernel(NUMBER, NUMBER, NUMBER)
def pack_parameters(zero, request, chunk, chunks):
    """Copy parameters, each in C order, to where the kernel reads them, weights both ways round; one of so many chunks.

    A source of 0 stands for a parameter that stays as it is.
    """
    request = read_request(request, 0)
    layout = read_layout(request.layout, 0)
    size, ones = itemsize(zero), request.parameters + layout.ones * itemsize(zero)
    for number in range(request.n_parameter_records):
        o = read_parameter(request.parameter_records, number)
        given = view(ADDRESS, request.sources + number * 4 * ADDRESS_BYTES, 4)
        if given[0] != 0:
            first, last = o.n_out * chunk // chunks, o.n_out * (chunk + 1) // chunks
            source, count = given[0] + first * o.n_in * size, last - first
            weight = request.parameters + (o.weight + first * o.in_row) * size
            call_address(layout.copy, (zero, source, o.n_in, 1, weight, o.in_row, count, o.n_in, ones))
            if count > 0:
                turned = request.parameters + (o.transposed + first) * size
                call_address(layout.copy, (zero, source, 1, o.n_in, turned, o.out_row, o.n_in, count, ones))
        if chunk == 0:
            _copy_given(zero, given[1], request.parameters + o.bias * size, (1, o.n_out, o.out_row))
            for source, place in ((given[2], o.p), (given[3], o.q)):
                _copy_given(zero, source, request.parameters + place * size, (layout.block, o.n_in, o.in_row))


@piece
def _copy_given(zero, source, target, shape):
    """Copy a vector, if it is given, to several rows; `shape` is their number, their size, and the elements from row to row."""
    rows, count, row = shape
    if source != 0:
        for number in range(rows):
            copy_vector(zero, source, target + number * row * itemsize(zero), count)


@kernel(NUMBER, NUMBER, NUMBER)
def add_up_sums(zero, request, chunk, chunks):
    """Add up all sums, in their order, to a flat vector of all parameters; one of so many chunks of it."""
    request = read_request(request, 0)
    for number in range(request.n_parameter_records):
        o = read_parameter(request.parameter_records, number)
        if o.weight_gradient != DENSE:
            for i in range(o.n_out * chunk // chunks, o.n_out * (chunk + 1) // chunks):
                _add_up(zero, request, o.weight_gradient + i * o.in_row, o.weight_position + i * o.n_in, o.n_in)
        if chunk == 0:
            _add_up(zero, request, o.bias_gradient, o.bias_position, o.n_out)
            _add_up(zero, request, o.p_gradient, o.p_position, o.n_in)
            _add_up(zero, request, o.q_gradient, o.q_position, o.n_in)


@piece
def _add_up(zero, request, offset, position, count):
    if offset == DENSE:
        return
    size = itemsize(zero)
    target = request.parameter_gradient + position * size
    clear(zero, target, count)
    for number in range(request.n_sums):
        add_vector(zero, request.sums + (number * request.gradient_size + offset) * size, target, count)
