"""Steps that only gradients have: from derivatives at both ends of an operation to those by its inputs and its parameters.

Let N be the operation's Jacobian, u rows of cotangents at its output, and t rows of tangents at its input. One of the two was
computed on the way to the network's Jacobian; the other is the loss's derivative by such rows. Where N changes by dN, the loss
changes by the sum of `u dN t` over the rows. The vectors of a normalizer's N are those of `normalizers`.

The kernels here take steps of the table that `accumulate` walks. A step's operands A and B are u and t unless its kernel states
others, and C is its result. S, the matrix from which a contraction starts, is scratch or a third operand.
"""

from __future__ import annotations

from .accumulate import TAKEN
from .contract import Contraction, even_piece, tile_shape
from .dots import MOST_ROWS, DotOperands, compute_dots, units_together
from .group import extent_of, operand_of, read_group, result_of, right_of, sample_state, start_of
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .operators import add_vector, clear
from .sweep import ones, zeros
from .tables import DENSE, INDEX, INDEX_BYTES, Tables, read_layout, read_step


@kernel(*TAKEN)
def outer_step(zero, addresses, task, number, group, share):
    """`C += sum A^T B` over all rows of all samples: a weight's gradient.

    A large one is computed piece by piece in S, and each piece is added in one pass: tiles that read and write the gradient where
    it lies would wait for memory.
    """
    program = Tables(zero, *addresses)
    layout, step, group = read_layout(program.layout, task), read_step(program.steps, number), read_group(group)
    (a, next_a), (b, next_b), (c, _) = operands_of(program, group, step)
    apart, _ = start_of(program, group, step)
    depth, sums, size = step.depth, group.samples, itemsize(zero)
    if next_a == depth * step.a_row * size and next_b == depth * step.b_row * size:
        # The rows of all samples follow one another, and are one sum.
        depth, sums = depth * sums, 1
    in_place = step.piece_rows >= step.rows and step.piece_columns >= step.columns
    for sample in range(sums):
        left, right = a + sample * next_a, b + sample * next_b
        for i in range(0, step.rows, step.piece_rows):
            for j in range(0, step.columns, step.piece_columns):
                rows, columns = min(step.piece_rows, step.rows - i), min(step.piece_columns, step.columns - j)
                target = c + (i * step.c_row + j) * size
                # Where the result lies, how long its rows are, and what it is added to.
                result, row = (target, step.c_row) if in_place else (apart, step.piece_columns)
                start, start_row = (target, row) if in_place else (zeros(program, layout), 0)
                operands = Contraction(
                    rows, columns,
                    left + i * size, 1, step.a_row, group.lists,
                    right + j * size, step.b_row, 1, group.lists, depth,
                    start, start_row, ones(program, layout), result, row,
                )  # fmt: skip
                tile_rows, tile_columns = tile_shape(zero, rows, columns)
                call_address(layout.contract, (zero, operands, tile_rows, tile_columns))
                if not in_place:
                    for k in range(rows):
                        add_vector(zero, apart + k * row * size, target + k * step.c_row * size, columns)


@kernel(*TAKEN)
def live_columns_step(zero, addresses, task, number, group, share):
    """`C = A B^T diag(d)` for the columns of live units, which a list names; the others become 0.

    All samples take one strip of B after another, which stays in the cache meanwhile.
    """
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (b, _), (c, next_c) = operands_of(program, group, step)
    size, tile_rows = itemsize(zero), even_piece(step.rows, MOST_ROWS)
    for strip in range(0, step.columns, step.strip):
        for sample in range(group.samples):
            matrix, target = a + sample * next_a, c + sample * next_c
            if strip == 0:
                for i in range(step.rows):
                    clear(zero, target + i * step.c_row * size, step.columns)
            count, places = extent_of(group, step.columns_live, step.columns, sample)
            first, last = _within(view(INDEX, places, count), strip, strip + step.strip)
            scale = sample_state(program, step, group, sample)
            for i in range(0, step.rows, tile_rows):
                rows, sums = min(tile_rows, step.rows - i), target + i * step.c_row * size
                for k in range(0, step.depth, step.piece_depth):
                    depth, left, right = min(step.piece_depth, step.depth - k), matrix + (i * step.a_row + k) * size, b + k * size
                    for unit in range(first, last, units_together()):
                        units = places + unit * INDEX_BYTES, last - unit
                        dots = DotOperands(left, step.a_row, right, step.b_row, *units, depth, scale, sums, step.c_row)
                        compute_dots(zero, rows, dots)


@piece
def _within(units, start, stop):
    """The places in a list of ascending numbers from the first that is at least `start` to the first that is at least `stop`."""
    first = 0
    while first < units.size and units[first] < start:
        first += 1
    last = first
    while last < units.size and units[last] < stop:
        last += 1
    return first, last


@kernel(*TAKEN)
def total_step(zero, addresses, task, number, group, share):
    """`C += sum A` over all samples: a bias's gradient."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (c, _) = operand_of(program, group, step), result_of(program, group, step)
    size = itemsize(zero)
    for sample in range(group.samples):
        for i in range(step.rows):
            add_vector(zero, a + sample * next_a + i * step.a_row * size, c + i * step.c_row * size, step.columns)


@kernel(*TAKEN)
def slopes_step(zero, addresses, task, number, group, share):
    """`C = sum u t` over a sample's rows: the derivative by each slope of a diagonal Jacobian."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (b, next_b), (c, next_c) = operands_of(program, group, step)
    size = itemsize(zero)
    for sample in range(group.samples):
        clear(zero, c + sample * next_c, step.columns)
        by_slope = view(zero, c + sample * next_c, step.columns)
        for i in range(step.rows):
            u = view(zero, a + sample * next_a + i * step.a_row * size, step.columns)
            t = view(zero, b + sample * next_b + i * step.b_row * size, step.columns)
            for j in range(step.columns):
                by_slope[j] += u[j] * t[j]


@kernel(*TAKEN)
def bend_step(zero, addresses, task, number, group, share):
    """`B *= bends`, or `C += B * bends`, for an activation's bends at its inputs A and the derivative by its slopes, B.

    All samples are taken as one, with the padding of their rows. The bends are written to S.
    """
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, _), (b, _), (c, _) = operands_of(program, group, step)
    spare, _ = start_of(program, group, step)
    count, size = group.samples * step.c_row, itemsize(zero)
    p, q = program.parameters + step.p * size, program.parameters + step.q * size
    call_address(step.rule, (zero, a, p, q, spare, count))
    bends, by_slopes, result = view(zero, spare, count), view(zero, b, count), view(zero, c, count)
    if step.adds:
        for j in range(count):
            result[j] += bends[j] * by_slopes[j]
    else:
        for j in range(count):
            by_slopes[j] *= bends[j]


@kernel(*TAKEN)
def bend_pair_step(zero, addresses, task, number, group, share):
    """Add to C the derivative by one operand of a function of two.

    A holds the derivative by the slopes by this operand, B that by the slopes by the other.
    """
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (b, next_b), (c, next_c) = operands_of(program, group, step)
    to_other = step.to_other * group.state[1] * itemsize(zero)
    for sample in range(group.samples):
        slopes = sample_state(program, step, group, sample)
        arguments = a + sample * next_a, b + sample * next_b, slopes, slopes + to_other
        call_address(step.rule, (zero, c + sample * next_c, *arguments, step.columns))


@kernel(*TAKEN)
def bend_normalizer_step(zero, addresses, task, number, group, share):
    """Write to C the derivative by a normalizer's inputs; rows of A and B have one stride, and S is scratch."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (b, next_b), (c, next_c) = operands_of(program, group, step)
    spare, _ = start_of(program, group, step)
    shape = (step.rows, step.columns, step.a_row)
    for sample in range(group.samples):
        vectors, rows = sample_state(program, step, group, sample), (a + sample * next_a, b + sample * next_b)
        call_address(step.rule, (zero, vectors, rows, shape, c + sample * next_c, spare))


@kernel(*TAKEN)
def pull_parameters_step(zero, addresses, task, number, group, share):
    """Add to each row of C the derivatives by an activation's parameters p and q, each at its place in the row if it has one.

    A holds the activation's inputs, each row of B derivatives by the activation's values, and S derivatives by its slopes.
    """
    program = Tables(zero, *addresses)
    step, group, size = read_step(program.steps, number), read_group(group), itemsize(zero)
    (a, next_a), (b, next_b), (c, next_c) = operands_of(program, group, step)
    by_slopes, next_by_slopes = start_of(program, group, step)
    p, q = program.parameters + step.p * size, program.parameters + step.q * size
    for sample in range(group.samples):
        for row in range(step.rows):
            target = c + sample * next_c + row * step.c_row * size
            by_p = target + step.by_p * size if step.by_p != DENSE else 0
            by_q = target + step.by_q * size if step.by_q != DENSE else 0
            derivatives = b + sample * next_b + row * step.b_row * size, by_slopes + sample * next_by_slopes
            call_address(step.rule, (zero, a + sample * next_a, p, q, *derivatives, by_p, by_q, step.columns))


@kernel(*TAKEN)
def weight_rows_step(zero, addresses, task, number, group, share):
    """Write to each row of C, or add to it, `u v^T` for a row u of A and an affine map's inputs v, B.

    With u_a the row of cotangents of the network's output a, `dy_a / dW[i, j] = u_a[i] v[j]`.
    """
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    (a, next_a), (b, next_b), (c, next_c) = operands_of(program, group, step)
    size = itemsize(zero)
    for sample in range(group.samples):
        inputs = view(zero, b + sample * next_b, step.columns)
        for row in range(step.rows):
            factors = view(zero, a + sample * next_a + row * step.a_row * size, step.depth)
            _write_outer(zero, factors, inputs, c + sample * next_c + row * step.c_row * size, step.adds)


@piece
def _write_outer(zero, u, v, target, adds):
    for i in range(u.size):
        row = view(zero, target + i * v.size * itemsize(zero), v.size)
        if adds:
            for j in range(v.size):
                row[j] += u[i] * v[j]
        else:
            for j in range(v.size):
                row[j] = u[i] * v[j]


@piece
def operands_of(program, group, step):
    """The addresses of the first sample's matrices A, B and C, each with the bytes to the next sample's."""
    return operand_of(program, group, step), right_of(program, group, step), result_of(program, group, step)
