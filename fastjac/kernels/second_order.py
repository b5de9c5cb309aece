"""A loss of the Jacobian, at one operation: its derivative by the parameters, and by the inputs through the Jacobian.

Let u be rows of cotangents at the operation's output and t rows of tangents at its input. One of the two was computed on the way
to the network's Jacobian; the other is the loss's derivative by such rows. The loss changes by the sum of `u dN t` over the
rows when the operation's own Jacobian N changes by dN. A normalizer's N and its vectors are those of `normalizers`. A function of
two values leaves at each of its operations the derivative by the slopes there; from these `joins` makes the derivatives by both
values.
"""

from __future__ import annotations

from .gradient_sweep import slopes_of
from .gradient_tables import read_block, read_operation
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, view
from .multiply import multiply
from .operators import add_vector, clear
from .tables import ACTIVATE, AFFINE, DENSE, NORMALIZE

PIECE_ELEMENTS = 8192
"""Numbers in a piece of a weight's gradient, which stays in the first-level cache until it is added."""
PARAMETER_ROWS = 4
"""Rows that derivatives by an activation's parameters need to work in."""


@piece
def has_second_order(o, gradient):
    """Whether anything wanted follows from the rows at both ends of an operation."""
    if o.operation == AFFINE:
        return gradient != 0 and o.weight_gradient != DENSE
    return o.bends != DENSE or o.p_gradient != DENSE or o.q_gradient != DENSE


@kernel(NUMBER, NUMBER, numbers(2), NUMBER, NUMBER)
def second_order(zero, block, number, rows, gradient, scratch):
    """For rows u and t, add to the gradient, and write the operation's `bends` where it has a place for them.

    block : its address.  rows : addresses of u and t.
    gradient : address of the sums.  scratch : address of PIECE_ELEMENTS numbers, or a row.
    """
    block = read_block(block)
    o = read_operation(block.operations, number)
    size = itemsize(zero)
    u, t = rows
    if o.operation == AFFINE:
        add_weight_gradient(zero, block, o, (block.samples * block.seeds, u, t), gradient, scratch)
        return
    for sample in range(block.samples):
        first = sample * block.seeds * o.in_row * size
        bends = block.work + (o.bends + sample * o.in_row) * size if o.bends != DENSE else scratch
        if o.operation == NORMALIZE:
            slopes = slopes_of(zero, block, o, sample)
            shape = (block.seeds, o.n_in, o.in_row)
            call_address(o.bend, (zero, slopes, (u + first, t + first), shape, bends, scratch))
            continue
        _sum_by_slopes(zero, block, o, (u + first, t + first), bends)
        if o.operation == ACTIVATE:
            add_parameter_gradient(zero, block, o, sample, (block.zeros, bends), gradient)
    if o.operation == ACTIVATE and o.bends != DENSE:
        _bend(zero, block, o)


@piece
def add_weight_gradient(zero, block, o, rows, gradient, scratch):
    """`gradient += U^T T`, piece by piece.

    rows : how many rows there are, and the addresses of the rows at the output, U, and at the input, T.
    """
    if not has_second_order(o, gradient):
        return
    size = itemsize(zero)
    depth, u, t = rows
    step = max(1, PIECE_ELEMENTS // o.in_row)
    for first in range(0, o.n_out, step):
        count = min(step, o.n_out - first)
        a = (u + first * size, 1, o.out_row)
        multiply(zero, block, (count, o.n_in, depth), block.lists, a, (t, o.in_row), (block.zeros, 0), (scratch, o.in_row))
        add_vector(zero, scratch, gradient + (o.weight_gradient + first * o.in_row) * size, count * o.in_row)


@piece
def add_parameter_gradient(zero, block, o, sample, derivatives, gradient):
    """Add the derivative by an activation's parameters; `derivatives` are the addresses of those by its values and slopes."""
    if gradient == 0 or (o.p_gradient == DENSE and o.q_gradient == DENSE):
        return
    inputs = block.work + (o.inputs + sample * o.in_row) * itemsize(zero)
    pull_parameters(zero, block, o, inputs, derivatives, gradient, (o.p_gradient, o.q_gradient))


@piece
def pull_parameters(zero, block, o, inputs, derivatives, target, places):
    """Add the derivatives by p and q, each at its place from address `target` on, where it has one.

    inputs : the address of the operation's inputs.  derivatives : as for `add_parameter_gradient`.
    """
    size = itemsize(zero)
    p, q = block.parameters + o.p * size, block.parameters + o.q * size
    by_p = target + places[0] * size if places[0] != DENSE else 0
    by_q = target + places[1] * size if places[1] != DENSE else 0
    call_address(o.parameter_pull, (zero, inputs, p, q, derivatives[0], derivatives[1], by_p, by_q, o.n_in))


@piece
def _sum_by_slopes(zero, block, o, rows, target):
    """Write `sum u t`, the derivative by each slope of a diagonal Jacobian, to an address."""
    size = itemsize(zero)
    clear(zero, target, o.n_in)
    by_slope = view(zero, target, o.n_in)
    for number in range(block.seeds):
        u, t = view(zero, rows[0] + number * o.in_row * size, o.n_in), view(zero, rows[1] + number * o.in_row * size, o.n_in)
        for j in range(o.n_in):
            by_slope[j] += u[j] * t[j]


@piece
def _bend(zero, block, o):
    """Multiply the loss's derivatives by an activation's slopes by the activation's bends, for the whole block.

    The bends go to the spare buffer, since rows that were made again there have been read.
    """
    size, count = itemsize(zero), block.samples * o.in_row
    p, q = block.parameters + o.p * size, block.parameters + o.q * size
    call_address(o.bend, (zero, block.work + o.inputs * size, p, q, block.spare, count))
    bends, found = view(zero, block.work + o.bends * size, count), view(zero, block.spare, count)
    for j in range(count):
        bends[j] *= found[j]
