"""The gradient's primal sweep, which keeps all values, and what the stages have in common."""

from __future__ import annotations

from .gradient_tables import TAKEN, read_block, read_request
from .jit import kernel, piece
from .meeting import ALONE
from .memory import itemsize, view
from .sweep import store_values, sweep
from .tables import INDEX, INDEX_BYTES, Tables, read_layout


@kernel(*TAKEN)
def evaluate(zero, request, block, first, gradient):
    """Evaluate the samples, keeping all values."""
    request, block = read_request(request, 0), read_block(block)
    addresses = request.parameters, request.primal, 0, 0, request.layout
    program, layout = Tables(zero, *addresses), read_layout(request.layout, 0)
    x = request.x + first * layout.n_in * itemsize(zero)
    memory = block.work, block.lists, block.work + layout.state * itemsize(zero), layout.block, 0
    sweep(program, addresses, 0, (0, layout.n_primal), x, block.samples, memory, ALONE)
    store_values(program, layout, memory, request.y, (first, block.samples))


@piece
def slopes_of(zero, block, o, sample):
    """The address of a sample's derivatives, or of the vectors of its Jacobian."""
    return block.work + (o.slopes + sample * o.slopes_row) * itemsize(zero)


@piece
def list_of(block, offset, sample):
    """A live list: its length as an array of one, and the address of its units."""
    address = block.lists + (offset + sample * block.list_row) * INDEX_BYTES
    return view(INDEX, address, 1), address + INDEX_BYTES
