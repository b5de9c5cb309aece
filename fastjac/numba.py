"""Values and derivatives from inside `@njit` code: no Python in between, and no memory allocated.

    program = net.program()                    # the network as a NamedTuple of arrays: an argument, not a constant
    memory = fastjac.numba.scratch(program)    # for one thread

    @numba.njit
    def evaluate(program, x, y, jac, memory):
        fastjac.numba.value_and_jacobian(program, x, y, jac, memory)

Every function takes one input `x (n_in,)` or several `(n, n_in)`, and writes its results to arrays that the caller owns, of
x's leading shape. All arrays are C-contiguous and of the network's dtype: another kind of array is a DtypeError at the call, and
a wrong size a ValueError. Where a network has several inputs or outputs, they are one vector here, one after another;
`net.program(wrt=..., of=...)` is for some columns and rows of J, and `jac` then has only these. The bits are those of the
Network's methods with the same wrt, of and mode. Each thread needs scratch of its own, in a `prange` too. A program holds
addresses of its process and is not pickled; a function that takes one may be cached on disk.

Where what is wanted of J depends on y, `linearize` keeps the primal sweep on a tape, and products start from there:

    tape = fastjac.numba.tape(program, n)      # for up to n inputs

    @numba.njit
    def gradient(program, x, target, y, g, tape, scratch):
        fastjac.numba.linearize(program, x, y, tape, scratch)
        y -= target                                                     # the cotangent of half the sum of squares
        fastjac.numba.vjp_at(program, tape, y, g, scratch)              # also jvp_at and jacobian_at, as often as wanted
"""

from __future__ import annotations

from typing import Any

from numba.core.errors import TypingError
from numba.core.typing.typeof import Purpose
from numba.extending import typeof_impl

from .kernels.jit import jit, piece
from .kernels.tables import JACOBIAN, JVP, VJP, Program
from .network import Network
from .running.compiled import (
    Scratch,
    are_matrices,
    are_rows,
    call,
    check_values,
    count,
    one_array,
    readable,
    scratch,
    stride_of,
    writeable,
)
from .running.tape import Tape, jacobian_at, jvp_at, linearize, tape, vjp_at

__all__ = [
    "Scratch",
    "Tape",
    "jacobian",
    "jacobian_at",
    "jvp",
    "jvp_at",
    "linearize",
    "scratch",
    "tape",
    "value",
    "value_and_jacobian",
    "vjp",
    "vjp_at",
]


@typeof_impl.register(Program)
def _typeof_program(program: Program, context: Any) -> Any:
    """Refuse a global Program: its address would be frozen into code that a cache brings to other processes."""
    if context.purpose is Purpose.constant:
        raise TypingError("a Program must be an argument of the compiled function, not a global or enclosed variable")
    return typeof_impl.dispatch(tuple)(program, context)


@typeof_impl.register(Network)
def _typeof_network(network: Network, context: Any) -> Any:
    """Say what to pass in place of a Network.

    By a ValueError, as Numba says that a value has no type: functions in object mode may still take a Network.
    """
    raise ValueError("the functions of fastjac.numba take a program in place of the Network; pass net.program()")


@jit
def value(program, x, y, scratch):
    """Write the outputs `y (..., n_out)` at `x (..., n_in)`.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> y, scratch = np.empty(2), fastjac.numba.scratch(program)
    >>> fastjac.numba.value(program, np.array([0.0, 1.0]), y, scratch)
    >>> y
    array([0.        , 0.76159416])
    """
    like = program.parameters
    x, y = one_array(like, x, "x"), one_array(like, y, "y")
    n = count(program, x)
    check_values(program, x, y)
    call(program, JACOBIAN, n, (readable(like, x, "x"), 0, writeable(like, y, "y"), 0, 0), scratch, (0, 0))


@jit
def jacobian(program, x, jac, scratch):
    """Write the Jacobians `jac (..., n_out, n_in)` at `x (..., n_in)`: `jac[..., i, j] = d y_i / d x_j`.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> jac, scratch = np.empty((2, 2)), fastjac.numba.scratch(program)
    >>> fastjac.numba.jacobian(program, np.array([0.0, 1.0]), jac, scratch)
    >>> jac
    array([[1.        , 0.        ],
           [0.        , 0.41997434]])
    """
    like = program.parameters
    x, jac = one_array(like, x, "x"), one_array(like, jac, "jac")
    n = count(program, x)
    _check_matrices(program, x, jac, n)
    call(program, JACOBIAN, n, (readable(like, x, "x"), 0, 0, writeable(like, jac, "jac"), 0), scratch, (0, 0))


@jit
def value_and_jacobian(program, x, y, jac, scratch):
    """Write both `y (..., n_out)` and `jac (..., n_out, n_in)`, by one primal sweep.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> y, jac, scratch = np.empty(2), np.empty((2, 2)), fastjac.numba.scratch(program)
    >>> fastjac.numba.value_and_jacobian(program, np.array([0.0, 1.0]), y, jac, scratch)
    >>> y
    array([0.        , 0.76159416])
    """
    like = program.parameters
    x, y, jac = one_array(like, x, "x"), one_array(like, y, "y"), one_array(like, jac, "jac")
    n = count(program, x)
    check_values(program, x, y)
    _check_matrices(program, x, jac, n)
    arrays = (readable(like, x, "x"), 0, writeable(like, y, "y"), writeable(like, jac, "jac"), 0)
    call(program, JACOBIAN, n, arrays, scratch, (0, 0))


@jit
def jvp(program, x, v, y, t, scratch):
    """Write `y (..., n_out)` and the tangents `t = J v (..., n_out)` for a tangent `v` at each x, or `v (n_in,)` for all.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> y, t, scratch = np.empty(2), np.empty(2), fastjac.numba.scratch(program)
    >>> fastjac.numba.jvp(program, np.array([0.0, 1.0]), np.ones(2), y, t, scratch)
    >>> t
    array([1.        , 0.41997434])
    """
    _product(program, JVP, x, v, y, t, scratch)


@jit
def vjp(program, x, u, y, g, scratch):
    """Write `y (..., n_out)` and the cotangents `g = u J (..., n_in)` for a cotangent `u` at each x, or `u (n_out,)` for all.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> y, g, scratch = np.empty(2), np.empty(2), fastjac.numba.scratch(program)
    >>> fastjac.numba.vjp(program, np.array([0.0, 1.0]), np.ones(2), y, g, scratch)
    >>> g
    array([1.        , 0.41997434])
    """
    _product(program, VJP, x, u, y, g, scratch)


@piece
def _product(program, task, x, seed, y, out, scratch):
    layout, like = program.layout[task], program.parameters
    x, seed = one_array(like, x, "x"), one_array(like, seed, "v or u")
    y, out = one_array(like, y, "y"), one_array(like, out, "t or g")
    n = count(program, x)
    check_values(program, x, y)
    if not are_rows(x, out, layout.out_size):
        raise ValueError("t must be (n_out,) for one x and (n, n_out) for n; g must be (n_in,) and (n, n_in)")
    arrays = (
        readable(like, x, "x"),
        readable(like, seed, "v or u"),
        writeable(like, y, "y"),
        writeable(like, out, "t or g"),
        stride_of(program, layout, seed, n),
    )
    call(program, task, n, arrays, scratch, (0, 0))


@piece
def _check_matrices(program, x, jac, n):
    if jac.ndim != x.ndim + 1 or not are_matrices(program.layout[JACOBIAN], jac, n):
        raise ValueError(
            "jac must be (n_out, n_in) for one x and (n, n_out, n_in) for n; a program made with wrt= or of= has only their "
            "columns and rows"
        )
