"""The rule of an activation that a user gives as scalar functions: kernels called as those of `activations` are.

The functions are compiled anew from their Python code, with fastjac's options: division as NumPy does it, and no fast-math, so
that bits do not depend on a unit's place. Where a function raises, the result is nan: a kernel that stopped halfway would leave
the rest of a row as it was. Nothing is cached on disk, because no key can cover all that such a function depends on.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .activations import Rule
from .jit import OPTIONS, entry, kernel, piece
from .memory import NUMBER, call_address, view


@dataclass(frozen=True, eq=False)
class FunctionsRule(Rule):
    """A rule of scalar functions `(x, *parameters)`, compiled by `numba.njit`.

    `rule_of` gives the same rule for the same functions, so that its kernels compile once. p and q are the addresses of the first
    two rows of parameters; all rows lie equally far apart.

    formula : the function of values.  slope, second : the functions of slopes, and of bends, or None.
    pulls : for each parameter that may be trained, which come first, the functions of the derivatives of value and slope by it.
    places : the place of each row of parameters among the functions' arguments behind x; rows that may be trained come first.
    """

    slope: Any = None
    second: Any = None
    pulls: tuple[tuple[Any, Any], ...] = ()
    places: tuple[int, ...] = ()

    @functools.cached_property
    def activation(self) -> Any:
        """See `Rule`."""
        value, slope, read = _on_tuple(self.formula), _on_tuple(self.slope), parameter_reader(self.places, is_scalar=True)

        @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, kept=False)
        def activate(zero, z, p, q, d, n):
            values, slopes = view(zero, z, n), view(zero, d, n)
            for j in range(n):
                parameters = read(zero, p, q, j)
                try:
                    y, s = zero + value(values[j], parameters), zero + slope(values[j], parameters)
                except Exception:
                    y = s = zero + np.nan
                values[j], slopes[j] = y, s

        return activate

    @functools.cached_property
    def bend(self) -> Any:
        """See `Rule`."""
        second, read = _on_tuple(self.second), parameter_reader(self.places, is_scalar=True)

        @kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, kept=False)
        def write_bends(zero, z, p, q, b, n):
            values, bends = view(zero, z, n), view(zero, b, n)
            for j in range(n):
                parameters = read(zero, p, q, j)
                try:
                    found = zero + second(values[j], parameters)
                except Exception:
                    found = zero + np.nan
                bends[j] = found

        return write_bends

    @functools.cached_property
    def parameter_pull(self) -> Any:
        """See `Rule`."""
        read = parameter_reader(self.places, is_scalar=True)
        return parameter_pull_of(*(_adder(*pull, read) for pull in (self.pulls[0], self.pulls[-1])), kept=False)


@functools.cache
def rule_of(value: Any, slope: Any, bend: Any, pulls: tuple[tuple[Any, Any], ...], places: tuple[int, ...]) -> FunctionsRule:
    """The one rule of these functions."""
    return FunctionsRule(formula=value, slope=slope, second=bend, pulls=pulls, places=places)


def returned(function: Any, count: int) -> Any:
    """The type that a function of x and `count` parameters gives for float64; NumbaError or TypeError if it does not compile."""
    kinds, compiled = (types.float64,) * (1 + count), _compiled(function)
    compiled.compile(kinds)
    return compiled.overloads[kinds].signature.return_type


@entry()
def call_rule(address, arguments):
    """Call a kernel of a rule by its address, with a zero and the other arguments."""
    call_address(address, arguments)


@functools.cache
def _compiled(function: Any) -> Any:
    return numba.njit(**OPTIONS)(function.py_func)


def _on_tuple(function: Any) -> Any:
    """The function of x and a tuple of parameters: Numba unpacks none where it catches exceptions."""
    compiled = _compiled(function)

    @piece
    def call(x, parameters):
        return compiled(x, *parameters)

    return call


@functools.cache
def parameter_reader(places: tuple[int, ...], is_scalar: bool = False) -> Any:
    """An intrinsic `(zero, p, q, j)` that gives the parameters of unit j as a tuple.

    places : the place in the tuple of each row of parameters.  is_scalar : whether a loop around it must not vectorize.
    """

    @intrinsic
    def read(typingctx, zero, p, q, j):
        found = types.UniTuple(zero, len(places))

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, row, second, unit = arguments
            apart, number = builder.sub(second, row), context.get_value_type(zero)
            values: list[Any] = [None] * len(places)
            for place in places:
                values[place] = builder.load(builder.gep(builder.inttoptr(row, number.as_pointer()), [unit]))
                row = builder.add(row, apart)
            if is_scalar:
                # An instruction with effects unknown to LLVM keeps the loop scalar: in vectors the C library may give other bits.
                builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", (), True)
            return context.make_tuple(builder, found, values)

        return found(zero, types.intp, types.intp, types.intp), codegen

    return read


def parameter_pull_of(add_first: Any, add_last: Any, **options: Any) -> Any:
    """The kernel of `Rule.parameter_pull` for parameters whose derivatives are added by functions of their own.

    add_first, add_last : pieces `(zero, (z, p, q), (by_value, by_slope, sums), n)` for p and for q, of addresses.
    options : those of the kernel.
    """

    @kernel(*[NUMBER] * 8, **options)
    def pull_parameters(zero, z, p, q, by_value, by_slope, by_p, by_q, n):
        if by_p != 0:
            add_first(zero, (z, p, q), (by_value, by_slope, by_p), n)
        if by_q != 0:
            add_last(zero, (z, p, q), (by_value, by_slope, by_q), n)

    return pull_parameters


def _adder(by_parameter: Any, slope_by_parameter: Any, read: Any) -> Any:
    """A piece that adds a loss's derivative by one parameter, from those by values and slopes; see `parameter_pull_of`."""
    value_by, slope_by = _on_tuple(by_parameter), _on_tuple(slope_by_parameter)

    @piece
    def add(zero, taken, given, n):
        values, us, ts, sums = view(zero, taken[0], n), view(zero, given[0], n), view(zero, given[1], n), view(zero, given[2], n)
        for j in range(n):
            parameters = read(zero, taken[1], taken[2], j)
            try:
                found = zero + us[j] * value_by(values[j], parameters) + ts[j] * slope_by(values[j], parameters)
            except Exception:
                found = zero + np.nan
            sums[j] += found

    return add
