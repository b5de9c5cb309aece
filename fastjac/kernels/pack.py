"""Parameters packed as the gradient kernel reads them, and the sums of their gradients unpacked."""

from __future__ import annotations

from .gradient_tables import read_parameter, read_request
from .jit import kernel, piece
from .memory import NUMBER, WORD, call_address, itemsize, view
from .operators import add_vector, clear
from .tables import DENSE, read_layout


@kernel(NUMBER, NUMBER, NUMBER)
def pack_parameters(zero, request, chunk, chunks):
    """Copy parameters, each in C order, to where the kernel reads them, weights both ways round; one of so many chunks.

    A source of 0 stands for a parameter that stays as it is.
    """
    request = read_request(request, 0)
    layout = read_layout(request.layout, 0)
    size, ones = itemsize(zero), request.parameters + layout.ones * itemsize(zero)
    sources = view(WORD, request.sources, request.n_parameter_records)
    for number in range(request.n_parameter_records):
        o, source = read_parameter(request.parameter_records, number), sources[number]
        rows, source_row = o.rows * o.copies, o.columns if o.copies == 1 else 0
        first, last = rows * chunk // chunks, rows * (chunk + 1) // chunks
        if source == 0 or first == last:
            continue
        source += first * source_row * size
        target = request.parameters + (o.place + first * o.row) * size
        call_address(layout.copy, (zero, source, source_row, 1, target, o.row, last - first, o.columns, ones))
        if o.fills:
            # An activation's function runs over the padding too, and must find parameters there that it is made for.
            _fill_padding(zero, view(zero, source, o.columns)[o.columns - 1], target, o, last - first)
        if o.turned != DENSE:
            turned = request.parameters + (o.turned + first) * size
            call_address(layout.copy, (zero, source, 1, source_row, turned, o.turned_row, o.columns, last - first, ones))


@piece
def _fill_padding(zero, filling, target, o, rows):
    for i in range(rows):
        row = view(zero, target + i * o.row * itemsize(zero), o.row)
        for j in range(o.columns, o.row):
            row[j] = filling


@kernel(NUMBER, NUMBER, NUMBER)
def add_up_sums(zero, request, chunk, chunks):
    """Add up all sums, in their order, to a flat vector of all parameters; one of so many chunks of it."""
    request, size = read_request(request, 0), itemsize(zero)
    for number in range(request.n_parameter_records):
        o = read_parameter(request.parameter_records, number)
        if o.gradient == DENSE:
            continue
        for i in range(o.rows * chunk // chunks, o.rows * (chunk + 1) // chunks):
            target = request.parameter_gradient + (o.position + i * o.columns) * size
            clear(zero, target, o.columns)
            for part in range(request.n_sums):
                row = request.sums + (part * request.gradient_size + o.gradient + i * o.row) * size
                add_vector(zero, row, target, o.columns)
