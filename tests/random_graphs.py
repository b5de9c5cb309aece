"""Random graphs of every layer, join and selection, deterministic by seed."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import get_args

import numpy as np

from fastjac.graphs.graph import Graph
from fastjac.layers import Log, Reciprocal, ReLU, Scale, Sqrt
from fastjac.layers.joins import Add, Concatenate, Condition, Gate, Join, Maximum, Minimum, Multiply, Take
from tests.graph_builder import GraphBuilder, UnfitError
from tests.graph_inputs import is_fair

Rng = np.random.Generator
MOST_INPUTS = MOST_OUTPUTS = 3
LEAST_VERTICES, MOST_VERTICES = 2, 30
LAST_MOVE = 5
"""Vertices that the last move may add past the length that was drawn."""
OF_POSITIVE_NUMBERS = (Sqrt, Reciprocal, Log)
TRIALS = 32
"""Inputs of which a quarter must be fair, or the graph is drawn again."""


@cache
def random_graph(seed: int) -> Graph:
    """The graph of this seed: 2 to 30 vertices besides 1 to 3 inputs, 1 to 3 outputs; sizes 1 to 12, at times up to 250."""
    return fit_graph(_draw, [seed])


def fit_graph(draw: Callable[[GraphBuilder], Graph], seed: Sequence[int]) -> Graph:
    """The first graph that `draw` makes, of all attempts with this seed, for which fair inputs are easily found."""
    for attempt in range(100):
        rng = np.random.default_rng([*seed, attempt])
        try:
            graph = draw(GraphBuilder(rng))
        except UnfitError:
            continue
        x = rng.standard_normal((TRIALS, sum(graph.input_sizes)))
        if np.mean(is_fair(graph, x, rng)) >= 0.25:
            return graph
    raise AssertionError(f"no fit graph is found for seed {seed}")


def _draw(builder: GraphBuilder) -> Graph:
    rng = builder.rng
    length = int(np.exp(rng.uniform(np.log(LEAST_VERTICES), np.log(MOST_VERTICES - LAST_MOVE))))
    n_outputs = int(rng.integers(1, 1 + MOST_OUTPUTS))
    waiting = int(rng.choice(MOST_INPUTS, p=[0.5, 0.3, 0.2]))
    builder.input(draw_size(rng))
    while len(builder) - len(builder.inputs) + _closing_length(builder, n_outputs) + waiting < length:
        if waiting and rng.random() < 0.3:
            builder.input(draw_size(rng))
            waiting -= 1
        else:
            _move(builder)
    for _ in range(waiting):
        builder.input(draw_size(rng))
    _close(builder, n_outputs)
    if not LEAST_VERTICES <= len(builder) - len(builder.inputs) <= MOST_VERTICES:
        raise UnfitError
    return builder.graph(rng.permutation(builder.inputs).tolist(), _outputs(builder, n_outputs))


def _closing_length(builder: GraphBuilder, n_outputs: int) -> int:
    return 1 + max(0, len(builder.loose) - n_outputs + 2) // 3


def _close(builder: GraphBuilder, n_outputs: int) -> None:
    """Join vertices that nothing takes until there are no more of them than outputs, and none of them is an input."""
    while len(loose := builder.loose) > n_outputs:
        builder.join(Concatenate(), *loose[: min(4, len(loose) - n_outputs + 1)])
    for number in builder.loose:
        if number in builder.inputs:
            builder.affine(number, draw_size(builder.rng))


def _outputs(builder: GraphBuilder, n_outputs: int) -> list[int]:
    """All that nothing takes, and vertices within the graph up to the number of outputs, in any order."""
    inner = set(range(len(builder))) - set(builder.inputs) - set(builder.loose)
    more = builder.rng.permutation(sorted(inner))[: n_outputs - len(builder.loose)]
    return builder.rng.permutation([*builder.loose, *more]).astype(int).tolist()


def draw_size(rng: Rng) -> int:
    """1 to 12, one in ten up to 70, one in fifty up to 200."""
    chance = rng.random()
    return int(rng.integers(1, 13) if chance < 0.9 else rng.integers(13, 71) if chance < 0.98 else rng.integers(71, 201))


def _move(builder: GraphBuilder) -> None:
    """One move drawn at random; nothing is left of one that fails."""
    length = len(builder)
    try:
        [*MOVES][builder.rng.choice(len(MOVES), p=SHARES)](builder)
    except UnfitError:
        builder.forget(length)


def _pick(builder: GraphBuilder) -> int:
    """A vertex: the latest, one that nothing takes, or any."""
    chance = builder.rng.random()
    return int(len(builder) - 1 if chance < 0.4 else builder.rng.choice(builder.loose if chance < 0.8 else len(builder)))


def _pick_like(builder: GraphBuilder, number: int) -> int:
    """A vertex of the size of this one, which is most often another, and made by an Affine if there is none."""
    alike = [n for n in range(len(builder)) if builder.size(n) == builder.size(number) and n != number]
    chance = builder.rng.random()
    if chance < 0.05:
        return number
    if alike and chance < 0.8:
        return int(builder.rng.choice(alike))
    return builder.affine(_pick(builder), builder.size(number))


def affine(builder: GraphBuilder) -> None:
    builder.affine(_pick(builder), draw_size(builder.rng))


def activation(builder: GraphBuilder) -> None:
    builder.activation(_pick(builder))


def dense(builder: GraphBuilder) -> None:
    builder.activation(builder.affine(_pick(builder), draw_size(builder.rng)))


def rectified(builder: GraphBuilder) -> None:
    """A layer of ReLUs, some or most of whose units are dead."""
    builder.layer(ReLU(), builder.affine(_pick(builder), draw_size(builder.rng)))


def scale(builder: GraphBuilder) -> None:
    number, rng = _pick(builder), builder.rng
    weight, bias = rng.uniform(-1.5, 1.5, builder.size(number)), rng.standard_normal(builder.size(number))
    builder.layer(Scale(weight if rng.random() < 0.5 else rng.uniform(-1.5, 1.5), bias if rng.random() < 0.5 else 0.0), number)


def add(builder: GraphBuilder) -> None:
    first = _pick(builder)
    others = [_pick_like(builder, first) for _ in range(builder.rng.integers(1, 4))]
    builder.join(Add(), first, *others)


def pairwise(builder: GraphBuilder) -> None:
    joins: tuple[Join, ...] = (Multiply(), Multiply(), Maximum(), Minimum(), *map(Gate, get_args(Condition)))
    first = _pick(builder)
    builder.join(joins[builder.rng.integers(len(joins))], first, _pick_like(builder, first))


def gate(builder: GraphBuilder) -> None:
    """A product with an activation of its own, many of whose units may be 0."""
    first = _pick(builder)
    factor = builder.activation(builder.affine(_pick(builder), builder.size(first)))
    builder.join(Multiply(), *builder.rng.permutation([first, factor]).tolist())


def divide(builder: GraphBuilder) -> None:
    numerator = _pick(builder)
    builder.divide(numerator, _pick_like(builder, numerator))


def of_positive_numbers(builder: GraphBuilder) -> None:
    """A layer that is not defined for all numbers."""
    layer = OF_POSITIVE_NUMBERS[builder.rng.integers(len(OF_POSITIVE_NUMBERS))]
    builder.layer(layer(), builder.positive(_pick(builder)))


def concatenate(builder: GraphBuilder) -> None:
    """Any vertices one after another, at times one of them twice."""
    builder.join(Concatenate(), *(_pick(builder) for _ in range(builder.rng.integers(2, 5))))


def take(builder: GraphBuilder) -> None:
    """A slice, with a step at times, or units in any order, some of them twice."""
    number, rng = _pick(builder), builder.rng
    size = builder.size(number)
    if rng.random() < 0.5:
        first = int(rng.integers(size))
        builder.take(number, range(first, int(rng.integers(first, size)) + 1, int(rng.integers(1, 3))))
    else:
        builder.take(number, rng.integers(size, size=rng.integers(1, min(2 * size, 12) + 1)).tolist())


def share(builder: GraphBuilder) -> None:
    """A layer that is there already, once more."""
    operations = [vertex.operation for vertex in builder.vertices if vertex.operation is not None]
    layers = [operation for operation in operations if not isinstance(operation, (Join, Take))]
    if not layers:
        raise UnfitError
    layer, number = layers[builder.rng.integers(len(layers))], _pick(builder)
    if layer.n_in not in (None, builder.size(number)):
        number = builder.affine(number, layer.n_in)
    builder.layer(layer, number)


def residual(builder: GraphBuilder) -> None:
    """One or two blocks `x + f(x)`, between which the graph has a cut if nothing else reaches past them."""
    number = _pick(builder)
    for _ in range(builder.rng.integers(1, 3)):
        hidden = builder.activation(builder.affine(number, draw_size(builder.rng)))
        number = builder.join(Add(), number, builder.affine(hidden, builder.size(number)))


def square(builder: GraphBuilder) -> None:
    """An Affine that keeps the size, so that there are vertices alike."""
    number = _pick(builder)
    builder.affine(number, builder.size(number))


MOVES: dict[Callable[[GraphBuilder], None], int] = {
    affine: 2,
    activation: 5,
    dense: 4,
    rectified: 2,
    scale: 1,
    add: 3,
    pairwise: 3,
    gate: 1,
    divide: 1,
    of_positive_numbers: 1,
    concatenate: 2,
    take: 3,
    share: 2,
    residual: 2,
    square: 1,
}
"""Each with how often it is drawn, beside the others."""
SHARES = np.array([*MOVES.values()]) / sum(MOVES.values())
