"""Which kernels a request of the gradient kernel needs; none is compiled before a request asks for it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .gradient_rows import differentiate, go_back_through_rows, write_jacobians
from .gradient_sweep import evaluate
from .gradient_values import go_back_through_values
from .jit import kernel_address
from .joins import join
from .pack import add_up_sums, pack_parameters
from .parameter_jacobian import push_direction, write_parameter_jacobian
from .rows import move
from .second_order import second_order
from .tangent_kernel import write_features, write_tangent_kernel

WHOLE = {"sources": pack_parameters, "parameter_gradient": add_up_sums}
"""Kernels that carry out all of a request, by the field that asks for it."""
MOVING = "direction", "sums", "x_gradient"
"""Fields of a request that move derivatives of the values through operations, besides those in ROWS."""
ROWS = "jacobian", "jacobian_gradient", "parameter_jacobian", "features"
"""Fields of a request that need rows."""
STAGES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "evaluate": (evaluate, ("x",)),
    "push_direction": (push_direction, ("direction",)),
    "differentiate": (differentiate, ROWS),
    "write_features": (write_features, ("features",)),
    "write_parameter_jacobian": (write_parameter_jacobian, ("parameter_jacobian",)),
    "write_jacobians": (write_jacobians, ("jacobian",)),
    "go_back_through_rows": (go_back_through_rows, ("jacobian_gradient",)),
    "go_back_through_values": (go_back_through_values, ("sums", "x_gradient")),
}
"""The kernel of each stage of a block, and the request's fields: a stage runs if any of its fields is set."""


@functools.cache
def kernels_for(asked: frozenset[str], dtype: np.dtype, has_joins: bool = False) -> dict[str, int]:
    """The addresses of the kernels that a request with these fields needs, by the fields that they go to.

    has_joins : whether some value is made by several operations, or read by several.
    """
    whole = [kernel for name, kernel in WHOLE.items() if name in asked]
    kernels: dict[str, Any] = {}
    if whole:
        kernels["whole"] = whole[0]
    elif "tangent_kernel" in asked:
        kernels["write_tangent_kernel"] = write_tangent_kernel
    else:
        kernels |= {name: kernel for name, (kernel, fields) in STAGES.items() if asked.intersection(fields)}
        if asked.intersection((*ROWS, *MOVING)):
            kernels |= {"move": move} | ({"join": join} if has_joins else {})
        kernels |= {"second_order": second_order} if "go_back_through_rows" in kernels else {}
    return {name: kernel_address(kernel, dtype) for name, kernel in kernels.items()}
