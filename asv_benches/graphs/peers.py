"""Fastjac and its peers on graphs, each as a function from an array for each input to the Jacobian's blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..peers import FASTJAC, differentiated_by_jax, differentiated_by_torch, fastest, is_installed
from .recipes import GraphCell, GraphRecipe
from .walk import output

Blocks = Callable[..., Any]
"""A function that takes an array for each input and gives J, or where there are several inputs, a tuple of J's blocks."""


def with_fastjac(recipe: GraphRecipe, dtype: str) -> dict[str, Blocks]:
    """Fastjac, the library under test; it chooses the order by itself."""
    jacobian = recipe.network(dtype).jacobian
    return {"auto": lambda *x: jacobian(x if len(x) > 1 else x[0])}


def with_jax(recipe: GraphRecipe, dtype: str) -> dict[str, Blocks]:
    """`jit(vmap(jacfwd))` and `jit(vmap(jacrev))` of the walk."""
    import jax

    from . import in_jax

    # This comes before the first array is made, because JAX would round float64 to float32.
    jax.config.update("jax_enable_x64", True)
    graph = recipe.graph(dtype)
    return differentiated_by_jax(output(in_jax, graph), dtype, len(graph.inputs))


def with_torch(recipe: GraphRecipe, dtype: str) -> dict[str, Blocks]:
    """`torch.func.vmap` of `jacfwd` and `jacrev` of the walk, eager."""
    from . import in_torch

    graph = recipe.graph(dtype)
    return differentiated_by_torch(output(in_torch, graph), len(graph.inputs))


CONTENDERS = {FASTJAC: with_fastjac, "JAX": with_jax, "torch.func": with_torch}
"""The contenders by name. Each gives, for a graph and a dtype, its accumulation orders."""


def installed() -> list[str]:
    """The contenders that can run here, fastjac first."""
    return [contender for contender in CONTENDERS if is_installed(contender)]


@cache
def prepare(contender: str, cell: GraphCell, dtype: str) -> Callable[[], Any]:
    """A call of the contender in the faster of the orders worth a run, compiled and warm."""
    offered = CONTENDERS[contender](cell.recipe, dtype)
    calls = {
        order: partial(jacobian, *cell.inputs(dtype))
        for order, jacobian in offered.items()
        if order != cell.recipe.hopeless_order
    }
    return calls[fastest(calls)]


def whole(blocks: Any) -> np.ndarray:
    """J `(batch, n_out, n_in)`, joined from its blocks where there are several inputs."""
    return np.concatenate(blocks, axis=-1) if isinstance(blocks, tuple) else blocks
