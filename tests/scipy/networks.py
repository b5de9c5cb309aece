"""Networks that SciPy's solvers are tried on."""

from itertools import pairwise

import numpy as np

import fastjac as fj

RNG = np.random.default_rng(0)


def random_network(*sizes: int, scale: float = 1.0) -> fj.Network:
    """Tanh between affine layers of these sizes."""
    layers: list[fj.Layer] = []
    for n_in, n_out in pairwise(sizes):
        weight = scale * RNG.standard_normal((n_out, n_in)) / np.sqrt(n_in)
        layers += [fj.Affine(weight, 0.1 * RNG.standard_normal(n_out)), fj.Tanh()]
    return fj.Network(layers[:-1])


EMULATOR = random_network(4, 16, 40)


def decay_network() -> fj.Network:
    """Two inputs, three states x that decay and a force u, to dx/dt: a system with one stable point for every u."""
    x, u = fj.Input(3, "state"), fj.Input(1, "force")
    pushed = random_network(4, 12, 3, scale=0.5)(fj.concatenate([x, u]))
    return fj.Network(inputs=(x, u), outputs=pushed - 2.0 * x)


DECAY = decay_network()
