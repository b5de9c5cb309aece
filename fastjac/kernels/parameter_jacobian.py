"""Steps of the Jacobian by the parameters, written out, and of its product with a direction of the parameters.

With u_a the row of cotangents of output a at an affine map's output, and v the values at its input,
`dy_a / dW[i, j] = u_a[i] v[j]` and `dy_a / db[i] = u_a[i]`. A step's matrices A, B, C and S are those of `adjoint`.
"""

from __future__ import annotations

from .accumulate import TAKEN
from .adjoint import operands_of
from .group import read_group, start_of
from .jit import kernel, piece
from .memory import call_address, itemsize, view
from .operators import clear
from .sweep import ones, zeros
from .tables import DENSE, Tables, read_layout, read_step


@kernel(*TAKEN)
def weight_rows_step(zero, addresses, task, number, group, share):
    """Write to each row of C, or add to it, `u v^T` for a row u of A and the inputs v, B."""
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


@kernel(*TAKEN)
def push_parameters_step(zero, addresses, task, number, group, share):
    """`C += y_p dp + y_q dq`, y_p and y_q being the derivatives of an activation's values by p and by q.

    A holds the activation's inputs. A direction of the parameters, laid out as the parameters are, starts where B does. S is
    scratch for y_p and y_q.
    """
    program = Tables(zero, *addresses)
    layout, step, group = read_layout(program.layout, task), read_step(program.steps, number), read_group(group)
    (a, next_a), (direction, _), (c, next_c) = operands_of(program, group, step)
    rows, _ = start_of(program, group, step)
    size = itemsize(zero)
    p, q = view(zero, direction + step.p * size, step.columns), view(zero, direction + step.q * size, step.columns)
    formula = step.rule, program.parameters + step.p * size, program.parameters + step.q * size
    for sample in range(group.samples):
        trained = step.by_p != DENSE, step.by_q != DENSE
        by_p, by_q = values_by_parameters(program, layout, formula, trained, a + sample * next_a, rows, step.columns)
        t = view(zero, c + sample * next_c, step.columns)
        for j in range(step.columns):
            t[j] += p[j] * by_p[j] + q[j] * by_q[j]


@piece
def values_by_parameters(program, layout, formula, trained, inputs, rows, n):
    """Write the derivatives of an activation's values by p and by q to two rows, 0 for one that is not trained.

    formula : addresses of the kernel of `Rule.parameter_pull`, of p and of q.  trained : whether p is, and whether q is.
    """
    zero = program.zero
    clear(zero, rows, 2 * n)
    q_row = rows + n * itemsize(zero)
    derivatives = ones(program, layout), zeros(program, layout)
    places = rows if trained[0] else 0, q_row if trained[1] else 0
    call_address(formula[0], (zero, inputs, formula[1], formula[2], *derivatives, *places, n))
    return view(zero, rows, n), view(zero, q_row, n)
