"""A primal sweep that is kept, from inside `@njit` code: products with the Jacobians start there, as often as wanted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels.jit import entry, jit, piece
from ..kernels.tables import JACOBIAN, JVP, VJP
from ..kernels.target import ALIGNMENT
from .compiled import aligned_zeros, are_matrices, call, check_values, count, one_array, readable, stride_of, writeable

ROOM, COUNT, CHAIN = range(3)
"""Words of a tape: how many inputs it has room for, how many were linearized, and the number of their chain; 0 before any."""


MOST_ELEMENTS = 2**48
"""Most elements of a tape: more than any machine can address."""


class Tape(NamedTuple):
    """What `linearize` keeps: the slopes at every input, and a few words that describe them.

    >>> import fastjac.numba
    >>> fastjac.numba.tape(fj.Network([fj.Tanh()], n_in=2).program(), 10).slopes.dtype
    dtype('float64')
    """

    slopes: np.ndarray
    words: np.ndarray

    def __repr__(self) -> str:
        return f"Tape({self.words[COUNT]} of {self.words[ROOM]} inputs, {self.slopes.nbytes:,} bytes, {self.slopes.dtype})"


@entry()
def tape(program, n):
    """A new tape for up to n inputs of a network, which all its programs may share; also callable inside `@njit` code.

    A tape takes one number for each input and activation; `Linearization.nbytes` states the rest. A ValueError says that n is
    below 0, or that no machine has so much memory.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> fastjac.numba.tape(program, 10).slopes.dtype
    dtype('float64')
    """
    # Of more elements the size in bytes would wrap around, and the tape be shorter than it says.
    if n < 0 or n > MOST_ELEMENTS // max(1, program.layout[0].state_size):
        raise ValueError("n must be 0 or more, and no more inputs than memory can hold the slopes of")
    words = np.zeros(3, np.int64)
    words[ROOM] = n
    return Tape(aligned_zeros(program, _size(program, n)), words)


@jit
def linearize(program, x, y, tape, scratch):
    """Write `y (..., n_out)` at `x (..., n_in)`, and on the tape what products with the Jacobians there start from.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> x = np.array([0.0, 1.0])
    >>> scratch = fastjac.numba.scratch(program)
    >>> y, tape = np.empty(2), fastjac.numba.tape(program, 1)
    >>> fastjac.numba.linearize(program, x, y, tape, scratch)
    >>> y
    array([0.        , 0.76159416])
    """
    like = program.parameters
    x, y = one_array(like, x, "x"), one_array(like, y, "y")
    n = count(program, x)
    check_values(program, x, y)
    _check_tape(program, tape)
    if n > tape.words[ROOM]:
        raise ValueError("the tape has no room for so many inputs: make one that has, with tape(program, n)")
    kept = (writeable(like, tape.slopes, "tape"), tape.words[ROOM])
    call(program, JACOBIAN, n, (readable(like, x, "x"), 0, writeable(like, y, "y"), 0, 0), scratch, kept)
    tape.words[COUNT], tape.words[CHAIN] = n, program.layout[0].chain


@jit
def jvp_at(program, tape, v, t, scratch):
    """Write the tangents `t = J v (..., n_out)` where the tape was linearized, for a tangent `v` at each input, or for all.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> x = np.array([0.0, 1.0])
    >>> scratch = fastjac.numba.scratch(program)
    >>> y, tape = np.empty(2), fastjac.numba.tape(program, 1)
    >>> fastjac.numba.linearize(program, x, y, tape, scratch)
    >>> t = np.empty(2)
    >>> fastjac.numba.jvp_at(program, tape, np.ones(2), t, scratch)
    >>> t
    array([1.        , 0.41997434])
    """
    _product_at(program, JVP, tape, v, t, scratch)


@jit
def vjp_at(program, tape, u, g, scratch):
    """Write the cotangents `g = u J (..., n_in)` where the tape was linearized, for a cotangent `u` at each input, or for all.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> x = np.array([0.0, 1.0])
    >>> scratch = fastjac.numba.scratch(program)
    >>> y, tape = np.empty(2), fastjac.numba.tape(program, 1)
    >>> fastjac.numba.linearize(program, x, y, tape, scratch)
    >>> g = np.empty(2)
    >>> fastjac.numba.vjp_at(program, tape, np.ones(2), g, scratch)
    >>> g
    array([1.        , 0.41997434])
    """
    _product_at(program, VJP, tape, u, g, scratch)


@jit
def jacobian_at(program, tape, jac, scratch):
    """Write the Jacobians `jac (..., n_out, n_in)` where the tape was linearized.

    >>> import fastjac.numba
    >>> program = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()]).program()
    >>> x = np.array([0.0, 1.0])
    >>> scratch = fastjac.numba.scratch(program)
    >>> y, tape = np.empty(2), fastjac.numba.tape(program, 1)
    >>> fastjac.numba.linearize(program, x, y, tape, scratch)
    >>> jac = np.empty((2, 2))
    >>> fastjac.numba.jacobian_at(program, tape, jac, scratch)
    >>> jac
    array([[1.        , 0.        ],
           [0.        , 0.41997434]])
    """
    layout, n = program.layout[JACOBIAN], _count_on(program, tape)
    jac = one_array(program.parameters, jac, "jac")
    if not are_matrices(layout, jac, n):
        raise ValueError(
            "jac must hold one matrix for each input on the tape, with the outputs and inputs that the program is for"
        )
    _call_at(program, JACOBIAN, tape, n, (0, writeable(program.parameters, jac, "jac"), 0), scratch)


@piece
def _product_at(program, task, tape, seed, out, scratch):
    layout, like, n = program.layout[task], program.parameters, _count_on(program, tape)
    seed, out = one_array(like, seed, "v or u"), one_array(like, out, "t or g")
    if out.shape[-1] != layout.out_size or out.size != n * layout.out_size:
        raise ValueError(
            "t or g must hold one vector for each input on the tape, of the size of the outputs, or inputs for vjp_at"
        )
    stride = stride_of(program, layout, seed, n)
    arrays = (readable(like, seed, "v or u"), writeable(like, out, "t or g"), stride)
    _call_at(program, task, tape, n, arrays, scratch)


@piece
def _size(program, n):
    """Elements of a tape. A whole vector may be read where a part of a row starts, and end behind it."""
    return n * program.layout[0].state_size + ALIGNMENT // program.parameters.itemsize


@piece
def _check_tape(program, tape):
    if tape.slopes.itemsize != program.parameters.itemsize or tape.slopes.size != _size(program, tape.words[ROOM]):
        raise ValueError("the tape was made for another network: each needs its own, from tape(program, n)")


@piece
def _count_on(program, tape):
    """How many inputs were linearized."""
    _check_tape(program, tape)
    if tape.words[CHAIN] != program.layout[0].chain:
        raise ValueError("this network was not linearized last on the tape: call linearize(program, x, y, tape, scratch) first")
    return tape.words[COUNT]


@piece
def _call_at(program, task, tape, n, arrays, scratch):
    """Start from a tape.  arrays : the addresses of the seed and the result, and the bytes from one seed to the next."""
    seed, out, stride = arrays
    kept = (writeable(program.parameters, tape.slopes, "tape"), tape.words[ROOM])
    call(program, task, n, (0, seed, 0, out, stride), scratch, kept)
