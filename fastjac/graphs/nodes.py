"""Nodes: vectors that a network will compute, as its user writes it down.

    x, u = Input(8), Input(4)
    h = Tanh()(Affine(w1, b1)(concatenate([x, u])))
    net = Network(inputs=(x, u), outputs=x + 0.01 * Affine(w2, b2)(h))

A node holds the operation that makes it and the nodes that this operation takes; nothing is computed. `conversion.graph_of`
collects the operations between inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Never

import numpy as np

from ..arguments import positive_count, real_array
from ..errors import DtypeError, LayerError, ShapeError
from ..layers import Add, Concatenate, Divide, Join, Layer, Maximum, Minimum, Multiply, Reciprocal, Scale, Take
from .known import OPERATIONS, described
from .selection import selected

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
        return f"{type(self.operation).__name__}({named(self.operands, lambda node: node.shown(depth - 1)) if depth else '...'})"

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

    def __pow__(self, exponent: Any) -> Never:
        raise DtypeError("a node has no **; call a layer on it, as fastjac.Power(2.0)(node) for its square")

    def __matmul__(self, weight: Any) -> Never:
        raise DtypeError("a node has no @; call a layer on it: fastjac.Affine(weight)(node), whose weight is (n_out, n_in)")

    __rpow__ = __pow__
    __rmatmul__ = __matmul__

    def __abs__(self) -> Never:
        raise DtypeError("a node has no abs(); call a layer on it: fastjac.Abs()(node)")

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
        raise LayerError(f"{error}: {named(nodes, sized)}; a node is not broadcast") from None


def named(nodes: Sequence[Node], name_of: Callable[[Node], str]) -> str:
    """The names of nodes, of the first few where there are many."""
    more = [f"and {len(nodes) - MOST_SHOWN} more"] if len(nodes) > MOST_SHOWN else []
    return ", ".join([*map(name_of, nodes[:MOST_SHOWN]), *more])


def sized(node: Node) -> str:
    """A node with its size, for errors."""
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
    first, *rest = checked(nodes, "multiply")
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
    given = checked(nodes, name)
    return join(*given) if len(given) > 1 else given[0]


def checked(nodes: Any, name: str) -> tuple[Node, ...]:
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


def row(node: Node, *layers: Layer) -> Node:
    """The node behind layers in a row."""
    for layer in layers:
        node = node.follow(layer)
    return node
