"""What a loss of the Jacobian says of one operation: its derivative by the parameters, and by the inputs through the Jacobian.

Let u be rows of cotangents at the operation's output and t rows of tangents at its input: one of them was computed on the way
to the network's Jacobian, the other is the loss's derivative by its like. The loss changes by the sum of `u dN t` over the
rows when the operation's own Jacobian N changes by dN. Normalizers' N and its vectors are those of `normalizers`. A function of
two values leaves the derivative by the slopes at either of its operations; `joins` makes those by both values of them.
"""

from __future__ import annotations

from .activations import CODES
from .gradient_sweep import slopes_of
from .gradient_tables import PAIR, read_block, read_operation
from .jit import kernel, piece
from .memory import NUMBER, call_address, itemsize, numbers, view
from .multiply import multiply
from .operators import clear
from .tables import ACTIVATE, AFFINE, DENSE

SCALE = CODES["scale"]
"""Besides the leaky ReLU the one activation that has trained parameters."""
PIECE_ELEMENTS = 8192
"""Numbers in a piece of a weight's gradient, which stays in the first-level cache until it is added."""


@piece
def has_second_order(o, gradient):
    """Whether anything that is wanted follows from the rows at both ends of an operation."""
    if o.operation == AFFINE:
        return gradient != 0 and o.weight_gradient != DENSE
    return o.second != DENSE or o.p_gradient != DENSE


@kernel(NUMBER, NUMBER, numbers(2), NUMBER, NUMBER)
def second_order(zero, block, number, rows, gradient, scratch):
    """For rows u and t, add to the gradient, and write `second` of the operation where it has a place.

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
        if o.operation == PAIR:
            _sum_by_slopes(zero, block, o, (u + first, t + first), block.work + (o.second + sample * o.in_row) * size)
        elif o.operation == ACTIVATE:
            _curve(zero, block, o, sample, (u + first, t + first), gradient, scratch)
        else:
            second = block.work + (o.second + sample * o.in_row) * size
            slopes = slopes_of(zero, block, o, sample)
            shape = (block.seeds, o.n_in, o.in_row)
            call_address(o.second_rule, (zero, slopes, (u + first, t + first), shape, second, scratch))


@piece
def add_weight_gradient(zero, block, o, rows, gradient, scratch):
    """`gradient += U^T T`, piece by piece.

    rows : how many there are, and the addresses of those at the output, U, and at the input, T.
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
        sums = view(zero, gradient + (o.weight_gradient + first * o.in_row) * size, count * o.in_row)
        found = view(zero, scratch, count * o.in_row)
        for j in range(count * o.in_row):
            sums[j] += found[j]


@piece
def add_parameter_gradient(zero, o, inputs, by_value, by_slope, gradient):
    """Add the derivative by an activation's own parameters, from those by its values and by its slopes."""
    if gradient == 0:
        return
    size = itemsize(zero)
    if o.p_gradient != DENSE:
        p = view(zero, gradient + o.p_gradient * size, o.n_in)
        for j in range(o.n_in):
            # The slope of a leaky ReLU is a parameter of its negative side alone.
            counts = o.code == SCALE or not inputs[j] > 0.0
            p[j] += by_value[j] * inputs[j] + by_slope[j] if counts else 0.0
    if o.q_gradient != DENSE:
        q = view(zero, gradient + o.q_gradient * size, o.n_in)
        for j in range(o.n_in):
            q[j] += by_value[j]


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
def _curve(zero, block, o, sample, rows, gradient, scratch):
    """An activation: N is the diagonal of its slopes, whose own derivative is the second one."""
    size = itemsize(zero)
    inputs, by_slope = view(zero, block.work + (o.inputs + sample * o.in_row) * size, o.n_in), view(zero, scratch, o.n_in)
    _sum_by_slopes(zero, block, o, rows, scratch)
    add_parameter_gradient(zero, o, inputs, view(zero, block.zeros, o.n_in), by_slope, gradient)
    if o.second != DENSE:
        p, q = block.parameters + o.p * size, block.parameters + o.q * size
        row = sample * o.in_row
        z, c = block.work + (o.inputs + row) * size, block.work + (o.second + row) * size
        call_address(o.second_rule, (zero, z, p, q, c, o.n_in))
        second = view(zero, c, o.n_in)
        for j in range(o.n_in):
            second[j] *= by_slope[j]
