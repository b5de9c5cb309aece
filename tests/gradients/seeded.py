"""Gradients from seeds at a value of the test's choice, where Network takes the cheapest, and random chains to try them on."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

import fastjac as fj
from fastjac.gradients.lowering import lower
from fastjac.gradients.operations import ParameterName, Unfolded, unfold
from fastjac.gradients.pullback import Pullback
from fastjac.gradients.runner import GradientRunner, addresses_of
from fastjac.gradients.seeds import cuts
from fastjac.layers import Layer


def unfolded(net: fj.Network) -> Unfolded:
    """The network's operations; in a chain value k lies before operation k, the last behind the last one."""
    return unfold(net._graph)


def boundaries(net: fj.Network) -> list[int]:
    """Every value where seeds can lie."""
    return cuts(unfolded(net))


def names(net: fj.Network) -> list[ParameterName]:
    """All parameters."""
    return list(unfolded(net).positions)


def runner(net: fj.Network, seeds_at: int | None = None, wanted: Collection[ParameterName] | None = None) -> GradientRunner:
    """A runner for the gradients of the parameters that are wanted, by default of all."""
    lowered = lower(unfolded(net), net.dtype, names(net) if wanted is None else wanted, seeds_at)
    return GradientRunner(lowered, net._graph.layers)


def pullback(net: fj.Network, x: np.ndarray, seeds_at: int) -> Pullback:
    """What `net.jacobian_vjp(x)[2]` is for x (n, n_in), from seeds at this boundary."""
    return Pullback(net, runner(net, seeds_at), x, x.shape[:-1])


def jacobian(net: fj.Network, x: np.ndarray, seeds_at: int) -> np.ndarray:
    """J (n, n_out, n_in) at x (n, n_in), by the gradient kernel from seeds at this boundary."""
    found = np.full((len(x), net.n_out, net.n_in), np.nan, net.dtype)
    runner(net, seeds_at).run(len(x), addresses_of(x=x, jacobian=found), threads=1)
    return found


def affine(rng: np.random.Generator, n_in: int, n_out: int) -> fj.Affine:
    """A random affine layer that keeps the size of what goes through it."""
    return fj.Affine(rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out))


def alternating(rng: np.random.Generator, widths: Sequence[int], *between: Layer) -> list[Layer]:
    """Random affine layers of these widths, with the other layers between them in turn."""
    layers: list[Layer] = []
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        layers += [affine(rng, n_in, n_out), between[number % len(between)]]
    return layers[:-1]
