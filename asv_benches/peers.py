"""Fastjac and what it is compared with, each as a function from a NumPy input to a NumPy Jacobian, compiled and warm."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from . import expert
from .common import available_cell
from .recipe import Recipe
from .timing import Effort, interleaved

Jacobian = Callable[[np.ndarray], np.ndarray]

CHOICE = Effort(rounds=5, seconds=0.2, least_rounds=1)
"""How long to look which of a contender's orders is the faster one."""


def with_fastjac(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """The library under test; it chooses the order by itself."""
    return {"auto": recipe.network(dtype).jacobian}


def with_numpy(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """The hand-written sweeps of `expert`."""
    arguments = recipe.parameters(dtype), recipe.activation, recipe.softmax
    return {"forward": partial(expert.forward, *arguments), "reverse": partial(expert.reverse, *arguments)}


def with_jax(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """`jit(vmap(jacfwd))` and `jit(vmap(jacrev))`, the weights being constants of the compiled program."""
    import jax

    jax.config.update("jax_enable_x64", True)
    parameters = [tuple(map(jax.numpy.asarray, pair)) for pair in recipe.parameters(dtype)]
    activation = jax.nn.relu if recipe.activation == "relu" else jax.numpy.tanh

    def network(x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = activation(weight @ x + bias)
        weight, bias = parameters[-1]
        y = weight @ x + bias
        return jax.nn.softmax(y) if recipe.softmax else y

    def compiled(transform: Callable[..., Any]) -> Jacobian:
        batched = jax.jit(jax.vmap(transform(network)))
        return lambda x: np.asarray(batched(x))

    return {"forward": compiled(jax.jacfwd), "reverse": compiled(jax.jacrev)}


def with_torch(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """`torch.func.vmap` of `jacfwd` and `jacrev`, eager, with no gradient kept for the weights."""
    import torch

    parameters = [tuple(map(torch.from_numpy, pair)) for pair in recipe.parameters(dtype)]
    activation = torch.relu if recipe.activation == "relu" else torch.tanh

    def network(x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = activation(torch.nn.functional.linear(x, weight, bias))
        weight, bias = parameters[-1]
        y = torch.nn.functional.linear(x, weight, bias)
        return torch.softmax(y, dim=-1) if recipe.softmax else y

    def batched(transform: Callable[..., Any]) -> Jacobian:
        function = torch.func.vmap(transform(network))

        def jacobian(x: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return function(torch.from_numpy(x)).numpy()

        return jacobian

    return {"forward": batched(torch.func.jacfwd), "reverse": batched(torch.func.jacrev)}


CONTENDERS = {"fastjac": with_fastjac, "expert NumPy": with_numpy, "JAX": with_jax, "torch.func": with_torch}
"""Each gives, for a network and a dtype, the accumulation orders it offers."""

PACKAGES = {"fastjac": "fastjac", "expert NumPy": "numpy", "JAX": "jax", "torch.func": "torch"}
"""The package that each contender needs."""


def is_installed(contender: str) -> bool:
    """Whether the package that `contender` needs can be imported."""
    return importlib.util.find_spec(PACKAGES[contender]) is not None


def installed() -> list[str]:
    """The contenders that can run here, fastjac first."""
    return [contender for contender in CONTENDERS if is_installed(contender)]


@cache
def prepare(contender: str, cell: str, dtype: str) -> Jacobian:
    """The contender's Jacobian for this cell, compiled and warm, in the faster of the orders worth trying.

    Cached, since asv calls `setup` again before every sample. A NotImplementedError where the cell's data are not here.
    """
    recipe, batch = available_cell(cell)
    orders = CONTENDERS[contender](recipe, dtype)
    x = recipe.inputs(batch, dtype)
    calls = {order: partial(jacobian, x) for order, jacobian in orders.items() if order != recipe.hopeless_order}
    for compile_and_warm in calls.values():
        compile_and_warm()
    seconds = interleaved(calls, CHOICE, typical=min) if len(calls) > 1 else dict.fromkeys(calls, 0.0)
    return orders[min(seconds, key=seconds.__getitem__)]
