"""The six graphs of the suite, and the cells in which they are timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

import fastjac as fj
from fastjac.graphs.graph import Graph

from ..recipe import hopeless_order
from .kinks import clear_inputs

Write = Callable[[np.random.Generator], fj.Network]


def affine(random: np.random.Generator, n_in: int, n_out: int) -> fj.Affine:
    """An affine layer with drawn weights, whose output is about as large as its input."""
    return fj.Affine(random.normal(size=(n_out, n_in)) * 1.2 / np.sqrt(n_in), random.normal(size=n_out) * 0.1)


def residual_dynamics(random: np.random.Generator) -> fj.Network:
    """A state of 12 numbers plus its change, which two layers of tanh compute."""
    state = hidden = fj.Input(12)
    for width in (64, 64):
        hidden = fj.Tanh()(affine(random, hidden.size, width)(hidden))
    return fj.Network(inputs=state, outputs=state + affine(random, 64, 12)(hidden))


def resnet(random: np.random.Generator) -> fj.Network:
    """Six residual blocks of ReLUs, all 256 wide."""
    x = trunk = fj.Input(256)
    for _ in range(6):
        trunk = trunk + affine(random, 256, 256)(fj.ReLU()(affine(random, 256, 256)(trunk)))
    return fj.Network(inputs=x, outputs=trunk)


def critic(random: np.random.Generator) -> fj.Network:
    """The value Q(s, a) of a state of 24 numbers and an action of 6."""
    state, action = fj.Input(24, "state"), fj.Input(6, "action")
    hidden = fj.concatenate([state, action])
    for width in (256, 256):
        hidden = fj.ReLU()(affine(random, hidden.size, width)(hidden))
    return fj.Network(inputs=(state, action), outputs=affine(random, 256, 1)(hidden))


def swiglu(random: np.random.Generator) -> fj.Network:
    """A gated perceptron: 256 hidden units, each of them multiplied by the SiLU of another."""
    x = fj.Input(64)
    gate = fj.SiLU()(affine(random, 64, 256)(x))
    return fj.Network(inputs=x, outputs=affine(random, 256, 64)(gate * affine(random, 64, 256)(x)))


def deeponet(random: np.random.Generator) -> fj.Network:
    """An operator network: the scalar product of a branch of 100 samples of a function and a trunk of a place in the plane."""
    function, place = fj.Input(100, "function"), fj.Input(2, "place")
    branch, trunk = (affine(random, 64, 64)(fj.Tanh()(affine(random, x.size, 64)(x))) for x in (function, place))
    return fj.Network(inputs=(function, place), outputs=fj.Affine(np.ones((1, 64)), np.array([0.1]))(branch * trunk))


def densenet(random: np.random.Generator) -> fj.Network:
    """Four layers of 32 ReLUs and 10 outputs; each takes the inputs and all layers before it."""
    x = known = fj.Input(32)
    for _ in range(4):
        known = fj.concatenate([known, fj.ReLU()(affine(random, known.size, 32)(known))])
    return fj.Network(inputs=x, outputs=affine(random, known.size, 10)(known))


@dataclass(frozen=True)
class GraphRecipe:
    """A graph with random weights.

    write : makes the network in float64.
    batches : the batch sizes at which it is timed.
    """

    write: Write
    batches: tuple[int, ...]
    seed: int

    @cache  # noqa: B019 - the recipes live as long as the process
    def network(self, dtype: str) -> fj.Network:
        """The network as fastjac's."""
        return self.write(np.random.default_rng(self.seed)).astype(dtype)

    def graph(self, dtype: str) -> Graph:
        """The network's graph, for peers to walk."""
        return self.network(dtype)._graph

    @property
    def hopeless_order(self) -> str | None:
        """The order, forward or reverse, that is too slow to be worth a run; None if neither is."""
        network = self.network("float64")
        return hopeless_order(network.n_in, network.n_out)

    @cache  # noqa: B019
    def inputs(self, batch: int, dtype: str) -> tuple[np.ndarray, ...]:
        """Drawn values `(batch, n)` of each input, none of them near a kink of the network, exact in both dtypes."""
        drawn = clear_inputs(self.graph("float64"), np.random.default_rng(self.seed + 1), batch)
        return tuple(x.astype(dtype) for x in drawn)


GRAPHS = {
    "residual-dynamics": GraphRecipe(residual_dynamics, batches=(1, 4096), seed=110),
    "resnet": GraphRecipe(resnet, batches=(64,), seed=120),
    "critic": GraphRecipe(critic, batches=(1024,), seed=130),
    "swiglu": GraphRecipe(swiglu, batches=(64,), seed=140),
    "deeponet": GraphRecipe(deeponet, batches=(1024,), seed=150),
    "densenet": GraphRecipe(densenet, batches=(256,), seed=160),
}


@dataclass(frozen=True)
class GraphCell:
    """A graph at a batch size.

    network : the graph's name.
    """

    network: str
    recipe: GraphRecipe
    batch: int

    def __str__(self) -> str:
        return f"{self.network}-{self.batch}"

    def inputs(self, dtype: str) -> tuple[np.ndarray, ...]:
        """Values of the recipe's inputs, `(batch, n)` each."""
        return self.recipe.inputs(self.batch, dtype)


def _cells() -> Iterator[GraphCell]:
    for name, recipe in GRAPHS.items():
        for batch in recipe.batches:
            yield GraphCell(name, recipe, batch)


GRAPH_CELLS = {str(cell): cell for cell in _cells()}
"""The cells of every graph at every batch size, by names such as "resnet-64"."""
