"""Fastjac and its peers, each as a function from a NumPy input to a NumPy Jacobian, compiled and warm."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from .common import Cell
from .expert.sweeps import Stacked
from .isa import jax_options
from .recipe import SOFTPLUS_THRESHOLD, Recipe
from .timing import Effort, interleaved

Jacobian = Callable[[np.ndarray], np.ndarray]

CHOICE = Effort(rounds=5, seconds=0.2, least_rounds=1)
"""How long to measure which of a contender's orders is the faster one."""
CLEARLY_SLOWER = 3.0
"""An order whose first call takes so many times as long as the other's is not measured again."""
FACTOR_BYTES = 1 << 29
"""The most bytes that the accumulated factor of a whole batch may take; a larger batch goes through a peer in pieces."""


def with_fastjac(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """Fastjac, the library under test; it chooses the order by itself."""
    return {"auto": recipe.network(dtype).jacobian}


def with_numpy(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """The stacked sweeps in NumPy."""
    from .expert import in_numpy

    network = Stacked.of(in_numpy, recipe, dtype)
    return {"forward": lambda x: network.forward(x).swapaxes(1, 2), "reverse": network.reverse}


def with_stacked_torch(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """The stacked sweeps in eager torch, which keeps nothing for gradients."""
    import torch

    from .expert import in_torch

    network = Stacked.of(in_torch, recipe, dtype)

    def on_tensors(sweep: Callable[[Any], Any]) -> Jacobian:
        def jacobian(x: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return sweep(torch.from_numpy(x)).numpy()

        return jacobian

    forward = on_tensors(network.forward)
    return {"forward": lambda x: forward(x).swapaxes(1, 2), "reverse": on_tensors(network.reverse)}


def with_stacked_jax(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """The stacked sweeps in JAX, each as one compiled function; the weights are constants of the function."""
    import jax

    from .expert import in_jax

    jax.config.update("jax_enable_x64", True)
    network = Stacked.of(in_jax, recipe, dtype)
    forward, reverse = (jax.jit(sweep, compiler_options=jax_options(dtype)) for sweep in (network.forward, network.reverse))
    # As an array of NumPy, a result is waited for but not copied.
    return {"forward": lambda x: np.asarray(forward(x)).swapaxes(1, 2), "reverse": lambda x: np.asarray(reverse(x))}


def with_jax(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """`jit(vmap(jacfwd))` and `jit(vmap(jacrev))`; the weights are constants of the compiled program."""
    import jax

    jax.config.update("jax_enable_x64", True)
    parameters = [tuple(map(jax.numpy.asarray, pair)) for pair in recipe.parameters(dtype)]
    activations = {"gelu": partial(jax.nn.gelu, approximate=False), "tanh": jax.numpy.tanh}
    activation = activations.get(recipe.activation) or getattr(jax.nn, recipe.activation)

    def network(x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = activation(weight @ x + bias)
        weight, bias = parameters[-1]
        y = weight @ x + bias
        return jax.nn.softmax(y) if recipe.softmax else y

    return differentiated_by_jax(network, dtype)


def differentiated_by_jax(network: Callable[..., Any], dtype: str, n_inputs: int = 1) -> dict[str, Callable[..., Any]]:
    """The Jacobians of a batch by a function of one sample; a tuple of blocks where there are several inputs."""
    import jax

    def compiled(transform: Callable[..., Any]) -> Callable[..., Any]:
        batched = jax.jit(jax.vmap(transform(network, by_inputs(n_inputs))), compiler_options=jax_options(dtype))
        # As an array of NumPy, a result is waited for but not copied.
        return lambda *x: jax.tree.map(np.asarray, batched(*x))

    return {"forward": compiled(jax.jacfwd), "reverse": compiled(jax.jacrev)}


def with_torch(recipe: Recipe, dtype: str) -> dict[str, Jacobian]:
    """`torch.func.vmap` of `jacfwd` and `jacrev`, eager, with no gradient kept for the weights."""
    import torch

    parameters = [tuple(map(torch.from_numpy, pair)) for pair in recipe.parameters(dtype)]
    activations = {"tanh": torch.tanh, "softplus": partial(torch.nn.functional.softplus, threshold=SOFTPLUS_THRESHOLD)}
    activation = activations.get(recipe.activation) or getattr(torch.nn.functional, recipe.activation)

    def network(x: Any) -> Any:
        for weight, bias in parameters[:-1]:
            x = activation(torch.nn.functional.linear(x, weight, bias))
        weight, bias = parameters[-1]
        y = torch.nn.functional.linear(x, weight, bias)
        return torch.softmax(y, dim=-1) if recipe.softmax else y

    return differentiated_by_torch(network)


def differentiated_by_torch(network: Callable[..., Any], n_inputs: int = 1) -> dict[str, Callable[..., Any]]:
    """The Jacobians of a batch by a function of one sample; a tuple of blocks where there are several inputs."""
    import torch

    def as_array(jacobians: Any) -> np.ndarray:
        # For a single affine layer, torch returns one matrix for all samples. A user may write to each Jacobian, so it is copied.
        return (jacobians if jacobians.stride(0) else jacobians.contiguous()).numpy()

    def batched(transform: Callable[..., Any]) -> Callable[..., Any]:
        function = torch.func.vmap(transform(network, by_inputs(n_inputs)))

        def jacobian(*x: np.ndarray) -> Any:
            with torch.no_grad():
                jacobians = function(*map(torch.from_numpy, x))
            return tuple(map(as_array, jacobians)) if n_inputs > 1 else as_array(jacobians)

        return jacobian

    return {"forward": batched(torch.func.jacfwd), "reverse": batched(torch.func.jacrev)}


def by_inputs(n_inputs: int) -> int | tuple[int, ...]:
    """The value of `argnums` that stands for derivatives by all inputs of a function."""
    return tuple(range(n_inputs)) if n_inputs > 1 else 0


FASTJAC, EXPERT = "fastjac", "expert NumPy"
CONTENDERS = {
    FASTJAC: with_fastjac,
    EXPERT: with_numpy,
    "expert torch": with_stacked_torch,
    "expert JAX": with_stacked_jax,
    "JAX": with_jax,
    "torch.func": with_torch,
}
"""The contenders by name. Each gives, for a network and a dtype, its accumulation orders."""

PACKAGES = {
    FASTJAC: "fastjac",
    EXPERT: "numpy",
    "expert torch": "torch",
    "expert JAX": "jax",
    "JAX": "jax",
    "torch.func": "torch",
}
"""The package that each contender needs."""


def is_installed(contender: str) -> bool:
    """Whether the package that `contender` needs can be imported."""
    return importlib.util.find_spec(PACKAGES[contender]) is not None


def installed() -> list[str]:
    """The contenders that can run here, fastjac first."""
    return [contender for contender in CONTENDERS if is_installed(contender)]


@dataclass(frozen=True)
class Prepared:
    """A contender's Jacobian for one cell, compiled and warm.

    pieces : in how many pieces the batch is taken; more than one where the whole batch would not fit in memory.
    """

    jacobian: Jacobian
    pieces: int


@cache
def prepare(contender: str, cell: Cell, dtype: str) -> Prepared:
    """The contender in the faster of the orders worth a run. Cached, since asv calls `setup` again before every sample."""
    recipe, x = cell.recipe, cell.inputs(dtype)
    offered = CONTENDERS[contender](recipe, dtype)
    pieces = {order: n_pieces(cell, dtype, order) for order in offered if order != recipe.hopeless_order}
    orders = {order: in_pieces(offered[order], count) for order, count in pieces.items()}
    order = fastest({order: partial(jacobian, x) for order, jacobian in orders.items()})
    return Prepared(orders[order], pieces[order])


def fastest(calls: dict[str, Callable[[], Any]]) -> str:
    """The name of the call that takes the least time, once all are compiled and warm."""
    for compile_and_warm in calls.values():
        compile_and_warm()
    return faster(calls) if len(calls) > 1 else next(iter(calls))


def faster(calls: dict[str, Callable[[], Any]]) -> str:
    """The name of the call that takes less time, decided by one call of each if that is clear, else by some more."""
    seconds = {}
    for order, call in calls.items():
        start = time.perf_counter()
        call()
        seconds[order] = time.perf_counter() - start
    if max(seconds.values()) < CLEARLY_SLOWER * min(seconds.values()):
        seconds = interleaved(calls, CHOICE, typical=min)
    return min(seconds, key=seconds.__getitem__)


def n_pieces(cell: Cell, dtype: str, order: str) -> int:
    """In how many pieces to take a batch so that their factors fit in `FACTOR_BYTES`; fastjac takes every batch in one."""
    if order == "auto":
        return 1
    widths = cell.recipe.widths
    rows = widths[0] if order == "forward" else widths[-1]
    return -(-cell.batch * rows * max(widths) * np.dtype(dtype).itemsize // FACTOR_BYTES)


def in_pieces(jacobian: Jacobian, pieces: int) -> Jacobian:
    """The same Jacobian, computed for so many pieces of the batch one after the other."""
    if pieces == 1:
        return jacobian
    return lambda x: np.concatenate([jacobian(piece) for piece in np.array_split(x, pieces)])
