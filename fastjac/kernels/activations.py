"""The table of activations, and `activate`, which applies one of them to a row of units.

To add an activation, write its function in `rules` and give it a row in RULES.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import rules
from .jit import jit

RULES: dict[str, Callable[..., Any]] = {
    "relu": rules.relu,
    "leaky_relu": rules.leaky_relu,
    "elu": rules.elu,
    "selu": rules.selu,
    "celu": rules.celu,
    "gelu": rules.gelu,
    "gelu_tanh": rules.gelu_tanh,
    "silu": rules.silu,
    "mish": rules.mish,
    "tanh": rules.tanh,
    "sigmoid": rules.sigmoid,
    "hard_tanh": rules.hard_tanh,
    "clamp": rules.clamp,
    "hard_sigmoid": rules.hard_sigmoid,
    "hard_swish": rules.hard_swish,
    "softplus": rules.softplus,
    "softsign": rules.softsign,
    "log_sigmoid": rules.log_sigmoid,
    "exp": rules.exponential,
    "hard_shrink": rules.hard_shrink,
    "soft_shrink": rules.soft_shrink,
    "tanh_shrink": rules.tanh_shrink,
    "threshold": rules.threshold,
    "square_plus": rules.square_plus,
    "sparse_plus": rules.sparse_plus,
    "sparse_sigmoid": rules.sparse_sigmoid,
    "scale": rules.scale,
}
"""Every activation by the name that `Elementwise.rule` gives."""

CODES: dict[str, int] = {name: code for code, name in enumerate(RULES)}
"""The number under which `activate` knows each activation."""


def switch(table: dict[str, Callable[..., Any]], codes: dict[str, int], results: int) -> Any:
    """An intrinsic `(code, z, p, q, *targets)`, which writes the table's function of that code, of every z, to the targets.

    results : how many numbers the functions give, and targets there are; a code that is not in the table does nothing.

    It is a switch with a loop of its own for each function: one loop for all would not vectorize, and a function in Python
    would have to spell out every one.
    """

    def typed(typing_context: Any, code: Any, z: Any, p: Any, q: Any, targets: Any) -> Any:
        if any(array.layout != "C" or array.dtype != z.dtype for array in (z, p, q, *targets)):
            return None
        functions = [typing_context.resolve_value_type(function) for function in table.values()]
        signatures = [function.get_call_type(typing_context, (z.dtype,) * 3, {}) for function in functions]

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            rows = [*arguments[1:4], *cgutils.unpack_tuple(builder, arguments[4])]
            kinds = [*signature.args[1:4], *signature.args[4]]
            arrays = [context.make_array(kind)(context, builder, row) for kind, row in zip(kinds, rows, strict=True)]
            done = builder.append_basic_block("done")
            branches = builder.switch(arguments[0], done)
            compiled = map(context.get_function, functions, signatures)
            for name, function in zip(table, compiled, strict=True):
                context.add_linking_libs(function.libs)
                block = builder.append_basic_block(f"rule.{name}")
                branches.add_case(codes[name], block)
                builder.position_at_end(block)
                _loop(builder, function, arrays, results)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(code, z, p, q, targets), codegen

    return intrinsic(typed)


def _loop(builder: ir.IRBuilder, rule: Callable[..., Any], arrays: list[Any], results: int) -> None:
    """Emit `targets[j] = rule(z[j], p[j], q[j])` for every j; arrays are z, p, q and the targets."""
    with cgutils.for_range(builder, arrays[0].nitems) as loop:
        places = [builder.gep(array.data, [loop.index]) for array in arrays]
        result = rule(builder, [builder.load(place) for place in places[:3]])
        for number, place in enumerate(places[3:]):
            builder.store(builder.extract_value(result, number) if results > 1 else result, place)


_apply = switch(RULES, CODES, results=2)


@jit
def activate(code: int, z: Any, p: Any, q: Any, d: Any) -> None:
    """`z[j], d[j] = rule(z[j], p[j], q[j])` in place for every j, with the rule of that code; other codes do nothing.

    z, p, q, d : (n,) C-contiguous arrays of one float dtype; z and d overlap no other.
    """
    _apply(code, z, p, q, (z, d))
