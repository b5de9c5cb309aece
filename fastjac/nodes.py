"""Nodes: vectors that a network will compute, as its user writes it down.

    x, u = Input(8), Input(4)
    h = Tanh()(Affine(w1, b1)(concatenate([x, u])))
    net = Network(inputs=(x, u), outputs=x + 0.01 * Affine(w2, b2)(h))

A node holds the operation that makes it and the nodes that this operation takes; nothing is computed. `graph_of` collects the
operations between inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .arguments import positive_count, real_array
from .errors import DtypeError, LayerError, ShapeError
from .graph import Graph, Vertex
from .known import OPERATIONS, described
from .layers import Add, Concatenate, Divide, Join, Layer, Maximum, Minimum, Multiply, Reciprocal, Scale, Take
from .selection import selected
from .table import format_sizes

SHOWN_DEPTH = 3
"""How many operations, one behind another, a node shows of those that make it."""
MOST_SHOWN = 4
"""How many of the nodes that an operation joins are shown."""


class Node:
    """A vector of a network, of `size` units: what an operation gives when it is called on other nodes.

    Nodes know `+`, `-`, `*` and `/` with nodes of the same size, with numbers, and with arrays of one entry for each unit; an
    array becomes a parameter of the network, a number does not. `x / c` multiplies by 1 / c, rounded in the precision of c, and
    `c / x` multiplies 1 / x by c: both are within 1.5 units in the last place of the quotient, and exact where c is a power of
    two. The other operations round once, as in NumPy.

    `x[index]` takes units: by a slice, by an integer array, which may repeat, or by an int, which gives a node of size 1 as
    `x[i:i+1]` does.

    >>> x = fj.Input(3)
    >>> y = 2.0 * x[:2] + fj.Tanh()(x[[0, 2]])
    >>> y
    Node(Add(Scale(Take(Input)), Tanh(Take(Input))), size 2)
    >>> fj.Network(inputs=x, outputs=y)([1, 2, 0])
    array([2.76159416, 4.        ])
    """

    __slots__ = ("__weakref__", "operands", "operation", "size")

    # So that NumPy leaves `array + node` to the node.
    __array_ufunc__ = None
    # Else iteration over a node would try node[0], node[1], ... without end.
    __iter__ = None

    operation: Layer | None
    operands: tuple[Node, ...]
    size: int

    def __init__(self, operation: Layer | None, operands: tuple[Node, ...], size: int) -> None:
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "operands", operands)
        object.__setattr__(self, "size", size)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a node is frozen, so its {name} cannot be set; what is called on it gives a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation, self.operands, self.size)

    def follow(self, operation: Layer, *others: Node) -> Node:
        """The node that an operation makes from this one and, for a join, from others."""
        operands = (self, *others)
        if type(operation) not in OPERATIONS:
            raise DtypeError(f"a node takes fastjac layers, but was given {described(operation)}")
        if isinstance(operation, Join):
            return Node(operation, operands, _joined_size(operation, operands))
        if operation.n_in not in (None, self.size):
            raise LayerError(
                f"{operation!r} takes {operation.n_in} inputs, but {self.shown()} gives {self.size}; check the order of the "
                "layers and whether a weight must be transposed to (n_out, n_in)"
            )
        return Node(operation, operands, self.size if operation.n_out is None else operation.n_out)

    def shown(self, depth: int = SHOWN_DEPTH) -> str:
        """How the node is made, as far as fits in a line."""
        return f"{type(self.operation).__name__}({_named(self.operands, lambda node: node.shown(depth - 1)) if depth else '...'})"

    def __repr__(self) -> str:
        return f"Node({self.shown()}, size {self.size})"

    def __add__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Add()(self, other)
        return self.follow(Scale(1.0, _constant(other, self, "+")))

    def __mul__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Multiply()(self, other)
        return self.follow(Scale(_constant(other, self, "*")))

    def __sub__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Add()(self, -other)
        return self.follow(Scale(1.0, -_constant(other, self, "-")))

    def __rsub__(self, other: Any) -> Node:
        return self.follow(Scale(-1.0, _constant(other, self, "-")))

    def __truediv__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Divide()(self, other)
        with np.errstate(all="ignore"):
            return self.follow(Scale(_constant(1.0 / np.asarray(_constant(other, self, "/")), self, "/")))

    def __rtruediv__(self, other: Any) -> Node:
        return _constant(other, self, "/") * self.follow(Reciprocal())

    def __neg__(self) -> Node:
        return self.follow(Scale(-1.0))

    __radd__ = __add__
    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Node:
        numbers = selected(index, self.size, f"the index of {self.shown()}")
        return self.follow(Take(numbers, self.size))


class Input(Node):
    """An input of a network: a vector of `size` numbers.

    name : what printed networks and errors call it.

    >>> x = fj.Input(2, name="state")
    >>> x
    Input(2, 'state')
    >>> print(fj.Network(inputs=x, outputs=x + fj.Tanh()(x)))
    Network, float64
    layer             takes  size    parameters
    -------------------------------------------
    0  Input 'state'         2
    1  Tanh           0      2                0
    2  Add (output)   0, 1   2                0
    -------------------------------------------
    total                    2 -> 2           0
    """

    __slots__ = ("name",)

    name: str | None

    def __init__(self, size: int, name: str | None = None) -> None:
        count = positive_count(size, "size")
        if count is None:
            raise DtypeError("size must be a positive integer, got None")
        if not isinstance(name, str | None):
            raise DtypeError(f"name must be a string, got {name!r}")
        super().__init__(None, (), count)
        object.__setattr__(self, "name", name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Input, (self.size, self.name)

    def shown(self, depth: int = SHOWN_DEPTH) -> str:
        return "Input" if self.name is None else f"Input {self.name!r}"

    def __repr__(self) -> str:
        return f"Input({self.size})" if self.name is None else f"Input({self.size}, {self.name!r})"


def _constant(value: Any, node: Node, sign: str) -> Any:
    """The operand at the other side of `sign`: a number, or an array with an entry for each unit of the node."""
    array = real_array(value, f"what stands beside {sign} of a node")
    if array.dtype.kind == "b":
        raise DtypeError(
            f"what stands beside {sign} of a node must be a node, a number or an array of numbers, got {value!r:.80}"
        )
    if array.ndim and array.shape != (node.size,):
        raise ShapeError(
            f"an array beside {sign} of {node.shown()} must have shape ({node.size},), one entry for each unit, got {array.shape}"
        )
    if not array.ndim:
        return float(array)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _joined_size(join: Join, nodes: Sequence[Node]) -> int:
    try:
        return join.joined_size([node.size for node in nodes])
    except LayerError as error:
        raise LayerError(f"{error}: {_named(nodes, _sized)}; a node is not broadcast") from None


def _named(nodes: Sequence[Node], name_of: Callable[[Node], str]) -> str:
    """The names of nodes, of the first few where there are many."""
    more = [f"and {len(nodes) - MOST_SHOWN} more"] if len(nodes) > MOST_SHOWN else []
    return ", ".join([*map(name_of, nodes[:MOST_SHOWN]), *more])


def _sized(node: Node) -> str:
    return f"{node.shown()} of size {node.size}"


def concatenate(nodes: Iterable[Node]) -> Node:
    """The units of all nodes, one node after another.

    >>> x, u = fj.Input(2), fj.Input(1)
    >>> fj.Network(inputs=(x, u), outputs=fj.Exp()(fj.concatenate([x, u])))(([0, 1], [2]))
    array([1.        , 2.71828183, 7.3890561 ])
    """
    return _joined(Concatenate(), nodes, "concatenate")


def add(nodes: Iterable[Node]) -> Node:
    """The sum of nodes of one size, added up in this order.

    >>> x, u = fj.Input(2), fj.Input(2)
    >>> fj.Network(inputs=(x, u), outputs=fj.add([x, u, u]))(([1, 2], [10, 20]))
    array([21., 42.])
    """
    return _joined(Add(), nodes, "add")


def multiply(nodes: Iterable[Node]) -> Node:
    """The product of nodes of one size, unit by unit, multiplied in this order.

    >>> x, u = fj.Input(2), fj.Input(2)
    >>> fj.Network(inputs=(x, u), outputs=fj.multiply([x, u]))(([1, 2], [10, 20]))
    array([10., 40.])
    """
    first, *rest = _checked(nodes, "multiply")
    for node in rest:
        first = Multiply()(first, node)
    return first


def divide(a: Node, b: Node) -> Node:
    """`a / b`, unit by unit."""
    return Divide()(a, b)


def maximum(a: Node, b: Node) -> Node:
    """The larger of a and b, unit by unit; where they are equal, each has half of the derivative."""
    return Maximum()(a, b)


def minimum(a: Node, b: Node) -> Node:
    """The smaller of a and b, unit by unit; where they are equal, each has half of the derivative."""
    return Minimum()(a, b)


def _joined(join: Join, nodes: Iterable[Node], name: str) -> Node:
    """All nodes joined; a single one is left as it is."""
    given = _checked(nodes, name)
    return join(*given) if len(given) > 1 else given[0]


def _checked(nodes: Any, name: str) -> tuple[Node, ...]:
    """The nodes in a sequence, at least one; `name` says who takes them."""
    if isinstance(nodes, Node):
        raise DtypeError(f"{name} takes a sequence of nodes, got one node; write [a, b]")
    try:
        given = tuple(nodes)
    except TypeError as error:
        raise DtypeError(f"{name} takes a sequence of nodes, got {type(nodes).__name__}") from error
    for position, node in enumerate(given):
        if not isinstance(node, Node):
            raise DtypeError(
                f"{name} takes nodes, such as fastjac.Input(3) or a layer called on one, but item {position} is {node!r:.100}"
            )
    if not given:
        raise LayerError(f"{name} takes at least one node, got none")
    return given


def as_nodes(given: Any, name: str) -> tuple[Node, ...]:
    """One node or a sequence of nodes as a tuple, in which no node may stand twice."""
    nodes = (given,) if isinstance(given, Node) else _checked(given, name)
    places: dict[Node, int] = {}
    for position, node in enumerate(nodes):
        if places.setdefault(node, position) != position:
            raise LayerError(f"{name} must be different nodes, but item {position} is item {places[node]} again: {node!r}")
    return nodes


def row(node: Node, *layers: Layer) -> Node:
    """The node behind layers in a row."""
    for layer in layers:
        node = node.follow(layer)
    return node


def graph_of(inputs: Any, outputs: Any) -> Graph:
    """The graph that leads from `inputs` to `outputs`, each a node or a sequence of nodes.

    Raises DtypeError for anything but nodes, LayerError where an input is given twice, reaches no output or is an output, and
    where an output depends on an Input that is not given.
    """
    starts, ends = as_nodes(inputs, "inputs"), as_nodes(outputs, "outputs")
    for position, node in enumerate(starts):
        if not isinstance(node, Input):
            raise DtypeError(f"inputs must be made by fastjac.Input, but item {position} is {node!r}")
    for position, node in enumerate(ends):
        if isinstance(node, Input):
            raise LayerError(f"output {position} is {node!r} itself; a network's outputs are computed, as by fastjac.Scale()(x)")
    numbers = {node: number for number, node in enumerate(starts)}
    vertices = [Vertex(None, (), node.size) for node in starts]
    for node in in_order(ends):
        if isinstance(node, Input):
            if node not in numbers:
                raise LayerError(
                    f"the outputs depend on {node!r}, which is not among the inputs; add it to them, or leave it out of what the "
                    "outputs are made of"
                )
            continue
        numbers[node] = len(vertices)
        vertices.append(Vertex(node.operation, tuple(numbers[operand] for operand in node.operands), node.size))
    used = {number for vertex in vertices for number in vertex.operands}
    for position, node in enumerate(starts):
        if position not in used:
            raise LayerError(f"input {position}, {node!r}, reaches no output; leave it out of inputs, or use it")
    return Graph(tuple(vertices), tuple(range(len(starts))), tuple(numbers[node] for node in ends))


def in_order(ends: Sequence[Node]) -> Iterator[Node]:
    """Every node that leads to the ends, once, behind its operands."""
    # A stack of its own, because a network may be deeper than Python's stack.
    seen: set[Node] = set()
    stack = [(node, False) for node in reversed(ends)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(node.operands)]


def are_nodes(value: Any) -> bool:
    """Whether it is a node, or a list or tuple that begins with one."""
    return isinstance(value, Node) or (isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Node))


def inline(graph: Graph, nodes: Any) -> Any:
    """The outputs of a graph whose inputs are these nodes: a node, or a tuple where there are several."""
    given = (nodes,) if isinstance(nodes, Node) else _checked(nodes, "a network")
    sizes = graph.input_sizes
    if tuple(node.size for node in given) != sizes:
        wanted = f"{len(sizes)} node{'s' * (len(sizes) > 1)}, of size {format_sizes(sizes, ', ')}"
        raise LayerError(f"the network takes {wanted}; got {_named(given, _sized)}")
    made = dict(zip(graph.inputs, given, strict=True))
    for number, vertex in enumerate(graph.vertices):
        if vertex.operation is not None:
            first, *others = (made[operand] for operand in vertex.operands)
            made[number] = first.follow(vertex.operation, *others)
    outputs = tuple(made[number] for number in graph.outputs)
    return outputs if len(outputs) > 1 else outputs[0]
