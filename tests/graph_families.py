"""Graphs as people build them, at random sizes: residual nets, gates, concatenated features, two inputs, two heads."""

from collections.abc import Callable
from functools import cache

from fastjac import layers as fl
from fastjac.graphs.graph import Graph
from fastjac.layers import Layer
from fastjac.layers.joins import Add, Concatenate, Maximum, Minimum, Multiply
from tests.corner_graphs import CORNERS
from tests.graph_builder import GraphBuilder
from tests.random_graphs import fit_graph, random_graph

ACTIVATIONS: tuple[Callable[[], Layer], ...] = (fl.ReLU, fl.ReLU, fl.Tanh, fl.GELU, fl.SiLU, fl.ELU, fl.Softplus, fl.LeakyReLU)


def graph_named(name: str) -> Graph:
    """A family or a corner and a seed ("dense_net 3", "powers 0"), or "random" and one ("random 17")."""
    family, seed = name.split()
    return random_graph(int(seed)) if family == "random" else family_graph(family, int(seed))


@cache
def family_graph(name: str, seed: int) -> Graph:
    """The graph of this family or corner and seed."""
    return fit_graph({**FAMILIES, **CORNERS}[name], [*name.encode(), seed])


class Draw:
    """A builder with one activation for a whole network."""

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder, self.rng = builder, builder.rng
        self._activation = ACTIVATIONS[self.rng.integers(len(ACTIVATIONS))]

    def width(self) -> int:
        """4 to 24, one in ten up to 130."""
        return int(self.rng.integers(4, 25) if self.rng.random() < 0.9 else self.rng.integers(25, 131))

    def blocks(self) -> range:
        return range(int(self.rng.integers(1, 5)))

    def activation(self, operand: int) -> int:
        return self.builder.layer(self._activation(), operand)

    def dense(self, operand: int, size: int) -> int:
        return self.activation(self.builder.affine(operand, size))

    def head(self, operand: int) -> int:
        return self.builder.affine(operand, int(self.rng.integers(1, 6)))


def post_activation_residual_net(builder: GraphBuilder) -> Graph:
    """Blocks `act(x + f(x))`, f with a hidden layer; every sum is a cut."""
    draw = Draw(builder)
    size = draw.width()
    x = builder.input(draw.width())
    h = draw.dense(x, size)
    for _ in draw.blocks():
        h = draw.activation(builder.join(Add(), h, builder.affine(draw.dense(h, draw.width()), size)))
    return builder.graph([x], [draw.head(h)])


def pre_activation_residual_net(builder: GraphBuilder) -> Graph:
    """Blocks `x + f(norm(x))`, as in a transformer's multilayer perceptron."""
    draw = Draw(builder)
    size = draw.width()
    x = builder.input(draw.width())
    h = builder.affine(x, size)
    for _ in draw.blocks():
        normal = builder.layer(fl.LayerNorm(draw.rng.uniform(0.5, 1.5, size), draw.rng.standard_normal(size)), h)
        h = builder.join(Add(), h, builder.affine(draw.dense(normal, draw.width()), size))
    return builder.graph([x], [draw.head(draw.activation(h))])


def projected_residual_net(builder: GraphBuilder) -> Graph:
    """Blocks of other sizes, with an Affine on the shortcut."""
    draw = Draw(builder)
    x = h = builder.input(draw.width())
    for _ in draw.blocks():
        size = draw.width()
        h = draw.activation(builder.join(Add(), builder.affine(draw.dense(h, draw.width()), size), builder.affine(h, size)))
    return builder.graph([x], [draw.head(h)])


def dense_net(builder: GraphBuilder) -> Graph:
    """Every layer takes the input and all that earlier layers have made."""
    draw = Draw(builder)
    x = features = builder.input(draw.width())
    for _ in range(draw.rng.integers(2, 6)):
        features = builder.join(Concatenate(), features, draw.dense(features, int(draw.rng.integers(3, 13))))
    return builder.graph([x], [draw.head(features)])


def swiglu(builder: GraphBuilder) -> Graph:
    """Residual blocks `x + W (silu(A x) * (B x))`, whose A and B are at times two halves of one Affine."""
    draw = Draw(builder)
    size = draw.width()
    x = builder.input(draw.width())
    h = builder.affine(x, size)
    fused = draw.rng.random() < 0.5
    for _ in draw.blocks():
        width = draw.width()
        both = builder.affine(h, 2 * width) if fused else h
        a = builder.take(both, range(width)) if fused else builder.affine(h, width)
        b = builder.take(both, range(width, 2 * width)) if fused else builder.affine(h, width)
        product = builder.join(Multiply(), builder.layer(fl.SiLU(), a), b)
        h = builder.join(Add(), h, builder.affine(product, size))
    return builder.graph([x], [h])


def deeponet(builder: GraphBuilder) -> Graph:
    """A branch net of a sampled function and a trunk net of a place, multiplied; the Affine behind them sums."""
    draw = Draw(builder)
    size = draw.width()
    u, place = builder.input(int(draw.rng.integers(10, 101))), builder.input(2)
    branch = builder.affine(draw.dense(u, draw.width()), size)
    trunk = draw.dense(draw.dense(place, draw.width()), size)
    return builder.graph([u, place], [draw.head(builder.join(Multiply(), branch, trunk))])


def two_branch_critic(builder: GraphBuilder) -> Graph:
    """Q(s, a): each input through a layer of its own, then concatenated; at times the smaller of two heads."""
    draw = Draw(builder)
    s, a = builder.input(draw.width()), builder.input(int(draw.rng.integers(1, 7)))
    h = builder.join(Concatenate(), draw.dense(s, draw.width()), draw.dense(a, draw.width()))
    q = builder.affine(draw.dense(h, draw.width()), 1)
    if draw.rng.random() < 0.5:
        q = builder.join(Minimum(), q, builder.affine(draw.dense(h, draw.width()), 1))
    return builder.graph([s, a], [q])


def residual_dynamics(builder: GraphBuilder) -> Graph:
    """`x + dt f(x, u)`, at times two steps of it with shared weights."""
    draw, n = Draw(builder), int(builder.rng.integers(2, 13))
    x, u = builder.input(n), builder.input(int(draw.rng.integers(1, 5)))
    h = builder.join(Concatenate(), x, u)
    behind = len(builder)
    change = builder.layer(fl.Scale(0.1), builder.affine(draw.dense(draw.dense(h, draw.width()), draw.width()), n))
    layers = [vertex.operation for vertex in builder.vertices[behind:] if vertex.operation is not None]
    state = builder.join(Add(), x, change)
    if draw.rng.random() < 0.5:
        change = builder.join(Concatenate(), state, u)
        for layer in layers:
            change = builder.layer(layer, change)
        state = builder.join(Add(), state, change)
    return builder.graph([x, u], [state])


def mixture_of_experts(builder: GraphBuilder) -> Graph:
    """Experts weighted by a softmax, each of whose units is gathered as often as an expert has outputs."""
    draw, n_experts = Draw(builder), int(builder.rng.integers(2, 5))
    n_out = int(draw.rng.integers(1, 9))
    x = builder.input(draw.width())
    weights = builder.layer(fl.Softmax(), builder.affine(x, n_experts))
    experts = [builder.affine(draw.dense(x, draw.width()), n_out) for _ in range(n_experts)]
    parts = [builder.join(Multiply(), builder.take(weights, [k] * n_out), expert) for k, expert in enumerate(experts)]
    return builder.graph([x], [builder.join(Add(), *parts)])


def two_heads(builder: GraphBuilder) -> Graph:
    """A mean and a positive deviation from one trunk, maxout units in the middle, and the features as a third output."""
    draw, n_out = Draw(builder), int(builder.rng.integers(1, 6))
    x = builder.input(draw.width())
    h = draw.dense(x, draw.width())
    size = draw.width()
    h = builder.join(Maximum(), builder.affine(h, size), builder.affine(h, size))
    mean = builder.affine(h, n_out)
    deviation = builder.layer(fl.Softplus(), builder.affine(h, n_out))
    return builder.graph([x], [builder.divide(mean, deviation), deviation, h])


def blocks_between_cuts(builder: GraphBuilder) -> Graph:
    """Two to six blocks in a row, of branches that meet, with links of other sizes between: waists, normalizers, selections."""
    draw = Draw(builder)
    x = h = builder.input(draw.width())
    for _ in range(draw.rng.integers(2, 7)):
        h = _link(draw, h)
        a, b = _branch(draw, h), _branch(draw, h, may_be_empty=True)
        if builder.size(a) != builder.size(b):
            h = builder.join(Concatenate(), a, b)
        else:
            h = builder.join((Add(), Add(), Multiply(), Maximum())[draw.rng.integers(4)], a, b)
    return builder.graph([x], [draw.head(h)])


def _link(draw: Draw, operand: int) -> int:
    """What may stand between two blocks: nothing, layers, or two Affines with a waist between that makes them cheap."""
    kind, builder, size = draw.rng.integers(6), draw.builder, draw.width()
    if kind == 0:
        return operand
    if kind == 1:
        return builder.activation(operand)
    if kind == 2:
        return builder.take(operand, draw.rng.integers(builder.size(operand), size=min(size, 24)).tolist())
    if kind == 3:
        return builder.affine(builder.affine(operand, int(draw.rng.integers(1, 6))), size)
    return draw.dense(operand, size) if kind == 4 else builder.affine(operand, size)


def _branch(draw: Draw, operand: int, may_be_empty: bool = False) -> int:
    """Nothing at all where that is allowed, an activation alone, or a hidden layer; most keep the size."""
    kind, builder = draw.rng.integers(5), draw.builder
    if kind < 2:
        return operand if may_be_empty else builder.affine(draw.activation(operand), builder.size(operand))
    if kind == 2:
        return draw.activation(operand)
    size = builder.size(operand) if draw.rng.random() < 0.8 else int(draw.rng.integers(2, 12))
    return builder.affine(draw.dense(operand, draw.width()), size)


FAMILIES: dict[str, Callable[[GraphBuilder], Graph]] = {
    family.__name__: family
    for family in (
        post_activation_residual_net,
        pre_activation_residual_net,
        projected_residual_net,
        dense_net,
        swiglu,
        deeponet,
        two_branch_critic,
        residual_dynamics,
        mixture_of_experts,
        two_heads,
        blocks_between_cuts,
    )
}
