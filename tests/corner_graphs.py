"""Graphs at the edges of what a graph may be: without weights, with empty derivatives, with very many paths, of single units."""

from collections.abc import Callable
from typing import get_args

import numpy as np

from fastjac import layers as fl
from fastjac.graphs.graph import Graph
from fastjac.layers.joins import Add, Concatenate, Condition, Gate, Maximum, Minimum, Multiply
from tests.graph_builder import GraphBuilder

MANY = 24


def concatenated_inputs(b: GraphBuilder) -> Graph:
    """No weight and no activation: J is the identity with its rows moved."""
    x, u = b.input(3), b.input(5)
    return b.graph([x, u], [b.join(Concatenate(), u, x)])


def gathered_inputs(b: GraphBuilder) -> Graph:
    x, u = b.input(6), b.input(2)
    return b.graph([u, x], [b.take(x, [5, 0, 0, 2]), b.take(u, [1])])


def permutation_and_back(b: GraphBuilder) -> Graph:
    """Halves that are taken, exchanged and exchanged again."""
    x = b.input(10)
    swapped = b.join(Concatenate(), b.take(x, range(5, 10)), b.take(x, range(5)))
    again = b.join(Concatenate(), b.take(swapped, range(5, 10)), b.take(swapped, range(5)))
    return b.graph([x], [b.layer(fl.Tanh(), again)])


def take_of_a_take_of_a_concatenation(b: GraphBuilder) -> Graph:
    x = b.input(7)
    h = b.layer(fl.Tanh(), b.affine(x, 9))
    both = b.join(Concatenate(), h, x, h)
    return b.graph([x], [b.take(b.take(both, range(2, 20, 2)), [8, 0, 4, 4])])


def thrice_the_same(b: GraphBuilder) -> Graph:
    x = b.input(4)
    return b.graph([x], [b.join(Add(), x, x, x)])


def powers(b: GraphBuilder) -> Graph:
    """x², x³ and x⁴ by products with itself."""
    x = b.input(5)
    square = b.join(Multiply(), x, x)
    return b.graph([x], [square, b.join(Multiply(), square, x), b.join(Multiply(), square, square)])


def nothing_left(b: GraphBuilder) -> Graph:
    """h - h: values and derivatives are 0."""
    x = b.input(6)
    h = b.layer(fl.Tanh(), b.affine(x, 8))
    return b.graph([x], [b.join(Add(), h, b.layer(fl.Scale(-1.0), h)), h])


def without_influence(b: GraphBuilder) -> Graph:
    """Two functions of an input each: half of the blocks of J are 0."""
    x, u = b.input(5), b.input(3)
    return b.graph([x, u], [b.affine(b.layer(fl.ReLU(), b.affine(u, 9)), 4), b.layer(fl.Tanh(), b.affine(x, 6))])


def larger_of_itself(b: GraphBuilder) -> Graph:
    x = b.input(4)
    h = b.affine(x, 6)
    return b.graph([x], [b.join(Maximum(), h, h), b.join(Minimum(), x, x)])


def gates_of_every_kind(b: GraphBuilder) -> Graph:
    """Each Gate by rectified units, many of which are exactly 0, of itself, and of what another Gate lets through."""
    x = b.input(5)
    rectified, h = b.layer(fl.ReLU(), b.affine(x, 7)), b.layer(fl.Tanh(), b.affine(x, 7))
    first, *others = (b.join(Gate(when), rectified, h) for when in get_args(Condition))
    return b.graph([x], [b.join(Gate(), h, h), b.join(Gate("not a > 0"), others[0], first), *others[1:]])


def all_dead(b: GraphBuilder) -> Graph:
    """A branch whose ReLUs are all dead, added to one that lives, multiplied by it, and joined to it."""
    x = b.input(6)
    below = b.layer(fl.Affine(0.01 * b.rng.standard_normal((8, 6)), np.full(8, -5.0)), x)
    dead = b.any_layer(fl.ReLU(), below)
    live = b.layer(fl.SiLU(), b.affine(x, 8))
    parts = [b.join(Add(), live, dead), b.join(Multiply(), dead, live), b.join(Concatenate(), dead, live)]
    return b.graph([x], [b.affine(part, 3) for part in parts])


def many_paths(b: GraphBuilder) -> Graph:
    """Sums of a vector and itself scaled, one after another: 2²⁴ paths."""
    x = h = b.input(4)
    for _ in range(MANY):
        h = b.join(Add(), h, b.layer(fl.Scale(-0.5), h))
        h = b.layer(fl.Scale(1.9), h)
    return b.graph([x], [h])


def many_blocks(b: GraphBuilder) -> Graph:
    """A residual net of 24 blocks, of whose vertices every third is a cut."""
    x = h = b.input(5)
    for _ in range(MANY):
        h = b.join(Add(), h, b.layer(fl.Scale(0.2), b.layer(fl.Tanh(), b.affine(h, 5))))
    return b.graph([x], [h])


def recurrence(b: GraphBuilder) -> Graph:
    """One cell six times, with one input that comes in at every step."""
    x, u = b.input(4), b.input(3)
    h = b.affine(u, 4)
    cell = (fl.Affine(0.5 * b.rng.standard_normal((4, 8)), b.rng.standard_normal(4)), fl.Tanh())
    for _ in range(6):
        h = b.join(Concatenate(), h, x)
        for layer in cell:
            h = b.layer(layer, h)
    return b.graph([x, u], [h])


def outputs_in_a_row(b: GraphBuilder) -> Graph:
    """Three outputs, of which each is made of the one before; the last comes first."""
    x = b.input(7)
    h = b.layer(fl.Tanh(), b.affine(x, 20))
    g = b.layer(fl.Softmax(), b.affine(h, 6))
    return b.graph([x], [b.affine(g, 2), h, g])


def input_past_everything(b: GraphBuilder) -> Graph:
    """The input goes to the last sum too, so there is no cut, and a second input to nothing else."""
    x, u = b.input(12), b.input(2)
    h = b.layer(fl.ReLU(), b.affine(b.layer(fl.ReLU(), b.affine(x, 30)), 30))
    return b.graph([x, u], [b.join(Add(), b.affine(h, 3), b.affine(x, 3), b.affine(u, 3))])


def linear(b: GraphBuilder) -> Graph:
    """No activation: J is the same at every input."""
    x, u = b.input(5), b.input(4)
    h = b.join(Add(), b.affine(x, 7), b.affine(u, 7))
    return b.graph([x, u], [b.affine(b.join(Concatenate(), h, x), 6)])


def single_units(b: GraphBuilder) -> Graph:
    x, u = b.input(1), b.input(1)
    h = b.join(Multiply(), b.affine(x, 1), b.layer(fl.Sigmoid(), u))
    h = b.join(Add(), b.layer(fl.Tanh(), h), x, u)
    return b.graph([u, x], [b.join(Maximum(), h, b.layer(fl.SiLU(), x))])


def one_in_many_between(b: GraphBuilder) -> Graph:
    x = b.input(1)
    h = b.layer(fl.ReLU(), b.affine(x, 200))
    h = b.join(Multiply(), h, b.layer(fl.Sigmoid(), b.affine(x, 200)))
    return b.graph([x], [b.affine(h, 1)])


def many_in_one_between(b: GraphBuilder) -> Graph:
    """A waist of one unit, from which a wide vector comes back, with a skip past it."""
    x = b.input(150)
    waist = b.affine(b.layer(fl.Tanh(), b.affine(x, 40)), 1)
    return b.graph([x], [b.join(Add(), b.affine(b.layer(fl.Softplus(), waist), 150), x)])


def normalizers_side_by_side(b: GraphBuilder) -> Graph:
    x = b.input(9)
    parts = [b.layer(layer, x) for layer in (fl.Softmax(), fl.LogSoftmax(), fl.Sparsemax(), fl.LayerNorm())]
    return b.graph([x], [b.join(Add(), *parts), b.join(Multiply(), parts[0], parts[3])])


def piecewise_linear(b: GraphBuilder) -> Graph:
    """Kinks alone, so samples of one region have one J."""
    x = b.input(6)
    h = b.layer(fl.LeakyReLU(0.1), b.affine(x, 16))
    h = b.layer(fl.ReLU(), b.join(Add(), h, b.affine(b.layer(fl.ReLU(), b.affine(h, 16)), 16)))
    return b.graph([x], [b.join(Maximum(), b.affine(h, 4), b.affine(h, 4))])


def waist_before_a_block(b: GraphBuilder) -> Graph:
    """Two Affines that cost less than their product, and then a ReLU that leads into a residual block."""
    x = b.input(29)
    h = b.layer(fl.ReLU(), b.affine(b.affine(x, 5), 9))
    return b.graph([x], [b.join(Add(), h, b.affine(h, 9))])


def waist_behind_a_block(b: GraphBuilder) -> Graph:
    """A residual block, and then a ReLU that leads into two Affines that cost less than their product."""
    x = b.input(9)
    h = b.layer(fl.ReLU(), b.join(Add(), x, b.layer(fl.Tanh(), b.affine(x, 9))))
    return b.graph([x], [b.affine(b.affine(h, 5), 29)])


CORNERS: dict[str, Callable[[GraphBuilder], Graph]] = {
    corner.__name__: corner
    for corner in (
        concatenated_inputs,
        gathered_inputs,
        permutation_and_back,
        take_of_a_take_of_a_concatenation,
        thrice_the_same,
        powers,
        nothing_left,
        without_influence,
        larger_of_itself,
        gates_of_every_kind,
        all_dead,
        many_paths,
        many_blocks,
        recurrence,
        outputs_in_a_row,
        input_past_everything,
        linear,
        single_units,
        one_in_many_between,
        many_in_one_between,
        normalizers_side_by_side,
        piecewise_linear,
        waist_before_a_block,
        waist_behind_a_block,
    )
}
