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


@intrinsic
def _apply(typing_context: Any, code: Any, z: Any, p: Any, q: Any, d: Any) -> Any:
    """A switch over the table, with a loop of its own for each rule: one loop for all would not vectorize.

    Written as an intrinsic because a function in Python would have to spell out every rule.
    """
    if any(array.layout != "C" or array.dtype != z.dtype for array in (z, p, q, d)):
        return None
    functions = [typing_context.resolve_value_type(rule) for rule in RULES.values()]
    signatures = [function.get_call_type(typing_context, (z.dtype,) * 3, {}) for function in functions]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        code, *rows = arguments
        arrays = [context.make_array(kind)(context, builder, row) for kind, row in zip(signature.args[1:], rows, strict=True)]
        done = builder.append_basic_block("done")
        switch = builder.switch(code, done)
        for number, rule in enumerate(map(context.get_function, functions, signatures)):
            context.add_linking_libs(rule.libs)
            block = builder.append_basic_block(f"rule.{number}")
            switch.add_case(number, block)
            builder.position_at_end(block)
            _loop(builder, rule, arrays)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(code, z, p, q, d), codegen


def _loop(builder: ir.IRBuilder, rule: Callable[..., Any], arrays: list[Any]) -> None:
    """Emit `z[j], d[j] = rule(z[j], p[j], q[j])` for every j; arrays are z, p, q, d."""
    with cgutils.for_range(builder, arrays[0].nitems) as loop:
        z, p, q, d = (builder.gep(array.data, [loop.index]) for array in arrays)
        result = rule(builder, [builder.load(x) for x in (z, p, q)])
        builder.store(builder.extract_value(result, 0), z)
        builder.store(builder.extract_value(result, 1), d)


@jit
def activate(code: int, z: Any, p: Any, q: Any, d: Any) -> None:
    """`z[j], d[j] = rule(z[j], p[j], q[j])` in place for every j, with the rule of that code; other codes do nothing.

    z, p, q, d : (n,) C-contiguous arrays of one float dtype; z and d overlap no other.
    """
    _apply(code, z, p, q, d)
