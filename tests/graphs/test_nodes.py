"""What nodes record, and what they refuse. What the recorded network computes is tested with the engine."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, LayerError, OptionError, ShapeError
from fastjac.graphs.conversion import graph_of
from fastjac.graphs.graph import Graph
from fastjac.graphs.nodes import divide, maximum, minimum
from fastjac.layers.joins import Add, Concatenate, Divide, Gate, Maximum, Minimum, Multiply, Pairwise, Take

X, U = fj.Input(4, "x"), fj.Input(3)
WIDE, NARROW = fj.Affine(np.ones((6, 4))), fj.Affine(np.ones((3, 6)))


def operations(graph: Graph) -> list[str]:
    return ["Input" if vertex.operation is None else type(vertex.operation).__name__ for vertex in graph.vertices]


class TestRecording:
    def test_a_layer_called_on_a_node_gives_a_node(self) -> None:
        node = NARROW(fj.Tanh()(WIDE(X)))
        assert isinstance(node, fj.Node)
        assert (node.size, node.operation, node.operands[0].size) == (3, NARROW, 6)

    def test_joins(self) -> None:
        y = fj.Tanh()(X)
        for join in (Add(), Multiply(), Divide(), Maximum(), Minimum(), Gate("not a > 0")):
            node = join(X, y)
            assert (node.operation, node.operands, node.size) == (join, (X, y), 4)
        assert Concatenate()(X, U, X).size == 11
        assert Add()(X, y, X).operands == (X, y, X)

    def test_functions(self) -> None:
        y = fj.Tanh()(X)
        made = {Add: fj.add([X, y, X]), Concatenate: fj.concatenate([X, y, X]), Multiply: fj.multiply([X, y])}
        made |= {Divide: divide(X, y), Maximum: maximum(X, y), Minimum: minimum(X, y)}
        for kind, node in made.items():
            assert type(node.operation) is kind
            assert node.operands == ((X, y) if isinstance(node.operation, Pairwise) else (X, y, X))
        product = fj.multiply(node for node in (X, y, X))
        assert product.operands[1] is X
        assert product.operands[0].operands == (X, y)

    def test_one_node_alone_joins_to_itself(self) -> None:
        assert fj.add([X]) is fj.multiply([X]) is fj.concatenate((X,)) is X

    def test_nodes_are_frozen(self) -> None:
        for node, name in ((X, "size"), (X, "name"), (X + 1.0, "operands"), (X, "surprise")):
            with pytest.raises(AttributeError, match=f"a node is frozen, so its {name} cannot be set"):
                setattr(node, name, 1)

    @pytest.mark.parametrize("twin", [copy.deepcopy, lambda node: pickle.loads(pickle.dumps(node))])
    def test_copies_are_other_nodes(self, twin: Callable[[fj.Node], fj.Node]) -> None:
        node = twin(2.0 * X[:2])
        assert repr(node) == repr(2.0 * X[:2])
        start = node.operands[0].operands[0]
        assert isinstance(start, fj.Input)
        assert (start.name, start is X) == ("x", False)

    def test_many_operands_are_not_all_shown(self) -> None:
        shown = ", ".join(["Input 'x'"] * 4)
        assert repr(fj.concatenate([*[X] * 9, U])) == f"Node(Concatenate({shown}, and 6 more), size 39)"

    def test_a_node_keeps_no_more_than_what_it_is_made_of(self) -> None:
        node = fj.Tanh()(fj.Input(3))
        user = weakref.ref(fj.Sigmoid()(node))
        gc.collect()
        assert user() is None


ARRAY = np.array([1.0, 2.0, 4.0, 0.5])
SCALES = {
    "x + 2": (X + 2, 1.0, 2.0),
    "2 + x": (2 + X, 1.0, 2.0),
    "x - 2": (X - 2, 1.0, -2.0),
    "2 - x": (2 - X, -1.0, 2.0),
    "x * 2": (X * 2, 2.0, 0.0),
    "2 * x": (2 * X, 2.0, 0.0),
    "x / 4": (X / 4, 0.25, 0.0),
    "x / 0": (X / 0, np.inf, 0.0),
    "-x": (-X, -1.0, 0.0),
    "x + array": (X + ARRAY, 1.0, ARRAY),
    "array + x": (ARRAY + X, 1.0, ARRAY),
    "x - array": (X - ARRAY, 1.0, -ARRAY),
    "array - x": (ARRAY - X, -1.0, ARRAY),
    "x * array": (X * ARRAY, ARRAY, 0.0),
    "array * x": (ARRAY * X, ARRAY, 0.0),
    "x / array": (X / ARRAY, 1 / ARRAY, 0.0),
    "x * list": (X * [1, 2, 4, 0], np.array([1.0, 2.0, 4.0, 0.0]), 0.0),
    "array of integers + x": (np.arange(4) + X, 1.0, np.arange(4.0)),
    "NumPy number * x": (np.float32(0.5) * X, 0.5, 0.0),
    "array without dimension + x": (np.array(3) + X, 1.0, 3.0),
}


class TestArithmetic:
    @pytest.mark.parametrize(("node", "weight", "bias"), SCALES.values(), ids=SCALES)
    def test_constants_become_scales(self, node: fj.Node, weight: Any, bias: Any) -> None:
        assert (type(node), type(node.operation), node.operands) == (fj.Node, fj.Scale, (X,))
        for found, expected in ((node.operation.weight, weight), (node.operation.bias, bias)):
            assert type(found) is type(expected)
            np.testing.assert_array_equal(found, expected)

    def test_float32_arrays_stay_so(self) -> None:
        assert (X * ARRAY.astype(np.float32)).operation.weight.dtype == np.float32
        assert (X / ARRAY.astype(np.float32)).operation.weight.dtype == np.float32

    @pytest.mark.parametrize("constant", [3.0, ARRAY])
    def test_a_constant_over_a_node(self, constant: Any) -> None:
        node = constant / X
        assert type(node.operation) is fj.Scale
        np.testing.assert_array_equal(node.operation.weight, constant)
        assert type(node.operands[0].operation) is fj.Reciprocal
        assert node.operands[0].operands == (X,)

    def test_what_arithmetic_computes(self) -> None:
        point = np.array([0.7, -1.3, 2.9, -0.1])
        y, c = np.tanh(point), np.array([3.0, 0.1, -7.0, 1e-3])
        h = fj.Tanh()(X)
        for node, expected in (
            (X + c - h, point + c - y),
            (c - X * h, c - point * y),
            (X / h / c, point / y / c),
            (c / X + 1 / h, c / point + 1 / y),
            (-(X * c)[[3, 0, 0]] / 3, -(point * c)[[3, 0, 0]] / 3),
        ):
            np.testing.assert_allclose(fj.Network(inputs=X, outputs=node)(point), expected, rtol=1e-14, atol=1e-15)

    def test_nodes_become_joins(self) -> None:
        y = fj.Tanh()(X)
        for node, kind in ((X + y, Add), (X * y, Multiply), (X / y, Divide)):
            assert (type(node.operation), node.operands) == (kind, (X, y))
        difference = X - y
        assert type(difference.operation) is Add
        assert difference.operands[0] is X
        assert difference.operands[1].operation.weight == -1.0

    @pytest.mark.parametrize(
        ("node", "index"),
        [
            (X[1:3], (1, 2)),
            (X[::-1], (3, 2, 1, 0)),
            (X[2], (2,)),
            (X[-1], (3,)),
            (X[[0, 0, 3]], (0, 0, 3)),
            (X[np.array([3, 1])], (3, 1)),
        ],
    )
    def test_indices_take_units(self, node: fj.Node, index: tuple[int, ...]) -> None:
        assert (type(node.operation), node.operation.index, node.operation.size) == (Take, index, 4)
        assert (node.size, node.operands) == (len(index), (X,))


class Centred(fj.Affine):
    """A layer that believes that it computes something else."""


WRONG = {
    "a subclass of a layer": (
        lambda: Centred(np.ones((3, 4)))(X),
        DtypeError,
        r"a node takes fastjac layers, but was given a Centred, a subclass of Affine; .*: pass Affine\(\.\.\.\) itself",
    ),
    "a layer that does not fit": (
        lambda: NARROW(fj.Tanh()(WIDE(X))[:2]),
        LayerError,
        r"Affine\(weight\(3, 6\)\) takes 6 inputs, but Take\(Tanh\(Affine\(Input 'x'\)\)\) gives 2; check the order",
    ),
    "a layer that does not fit an input": (
        lambda: WIDE(U),
        LayerError,
        r"Affine\(weight\(6, 4\)\) takes 4 inputs, but Input gives 3",
    ),
    "a sum of two sizes": (
        lambda: X + U,
        LayerError,
        "Add takes vectors of one size, got sizes 4, 3: Input 'x' of size 4, Inp",
    ),
    "a product of two sizes": (
        lambda: fj.multiply([U, WIDE(X)]),
        LayerError,
        r"Multiply .* 3, 6: .*Affine.* of size 6",
    ),
    "a size of 1": (lambda: X * X[0], LayerError, r"Multiply .* Take\(Input 'x'\) of size 1; a node is not broadcast"),
    "an array of another size": (
        lambda: X + np.ones(3),
        ShapeError,
        r"\+ of Input 'x' must have shape \(4,\), .* got \(3,\)",
    ),
    "a matrix": (lambda: np.ones((4, 4)) * X, ShapeError, r"beside \* of Input 'x' must have shape \(4,\), .* got \(4, 4\)"),
    "text": (lambda: X + "1", DtypeError, r"what stands beside \+ of a node must hold real numbers"),
    "a complex number": (lambda: X * 1j, DtypeError, r"what stands beside \* of a node must hold real numbers"),
    "a boolean": (
        lambda: X - True,
        DtypeError,
        "what stands beside - of a node must be a node, a number or an array of",
    ),
    "None": (lambda: X / None, DtypeError, "what stands beside / of a node must hold real numbers"),
    "a power": (lambda: X**2, DtypeError, r"a node has no \*\*; call a layer on it, as fastjac\.Power\(2\.0\)\(node\) for its"),
    "a power of a number": (lambda: 2**X, DtypeError, r"a node has no \*\*"),
    "a matrix before it": (lambda: np.ones((3, 4)) @ X, DtypeError, r"a node has no @; .* fastjac\.Affine\(weight\)\(node\)"),
    "a matrix behind it": (lambda: X @ np.ones((4, 3)), DtypeError, r"a node has no @; .*, whose weight is \(n_out, n_in\)"),
    "an absolute value": (lambda: abs(X), DtypeError, r"a node has no abs\(\); call a layer on it: fastjac\.Abs\(\)\(node\)"),
    "an iteration": (lambda: list(X), TypeError, "not iterable"),
    "an index outside": (lambda: WIDE(X)[6], OptionError, r"the index of Affine\(Input 'x'\) must lie between -6 and 5"),
    "an empty index": (lambda: X[4:], OptionError, "the index of Input 'x' must pick at least one entry"),
    "a selection of nothing": (lambda: Take((), 4), LayerError, r"Take takes one or more units of 4, got the numbers \(\)"),
    "a selection outside": (lambda: Take((4,), 4), LayerError, r"Take takes one or more units of 4, got the numbers \(4,\)"),
    "a mask": (lambda: X[np.ones(4, bool)], DtypeError, "the index of Input 'x' must not be boolean"),
    "an index with an axis for samples": (lambda: X[:, 0], DtypeError, "the index of Input 'x' must pick entries of one vector"),
    "a layer called on an array": (
        lambda: fj.Tanh()(np.ones(3)),
        DtypeError,
        r"Tanh is called on nodes .*; got ndarray. To compute values, build a Network",
    ),
    "a join called on a number": (lambda: Add()(X, 1.0), DtypeError, "Add is called on nodes .*; got float"),
    "a join of one": (lambda: Add()(X), LayerError, "Add joins two or more nodes, got 1"),
    "a pairwise join of three": (lambda: Multiply()(X, X, X), LayerError, "Multiply joins two nodes, got 3"),
    "nothing to concatenate": (lambda: fj.concatenate([]), LayerError, "concatenate takes at least one node, got none"),
    "a node in place of a list": (lambda: fj.add(X), DtypeError, "add takes a sequence of nodes, got one node"),
    "a number in place of a list": (lambda: fj.add(3), DtypeError, "add takes a sequence of nodes, got int"),
    "an array in the list": (lambda: fj.multiply([X, 2.0]), DtypeError, "multiply takes nodes, .*but item 1 is 2.0"),
    "no size": (lambda: fj.Input(None), DtypeError, "size must be a positive integer, got None"),
    "a size of zero": (lambda: fj.Input(0), OptionError, "size must be a positive integer, got 0"),
    "a name that is none": (lambda: fj.Input(3, 4), DtypeError, "name must be a string, got 4"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_nodes(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert isinstance(caught.value, FastjacError) or error is TypeError


class TestGraph:
    def test_vertices_stand_behind_their_operands(self) -> None:
        h = fj.Tanh()(WIDE(X))
        graph = graph_of([U, X], [NARROW(h) + U, h])
        assert operations(graph) == ["Input", "Input", "Affine", "Tanh", "Affine", "Add"]
        assert [vertex.operands for vertex in graph.vertices] == [(), (), (1,), (2,), (3,), (4, 0)]
        assert [vertex.size for vertex in graph.vertices] == [3, 4, 6, 6, 3, 3]
        assert (graph.inputs, graph.outputs) == ((0, 1), (5, 3))
        assert (graph.input_sizes, graph.output_sizes) == ((3, 4), (3, 6))
        assert not graph.is_path

    def test_a_chain_is_a_path(self) -> None:
        assert graph_of(X, NARROW(fj.Tanh()(WIDE(X)))).is_path

    def test_a_node_used_twice_is_one_vertex_and_a_layer_called_twice_one_layer(self) -> None:
        relu = fj.ReLU()
        h = relu(X)
        graph = graph_of(X, relu(h + h))
        assert operations(graph) == ["Input", "ReLU", "Add", "ReLU"]
        assert graph.layers == (relu, graph.vertices[2].operation)

    def test_as_deep_as_one_likes(self) -> None:
        node = X
        for _ in range(5000):
            node = fj.Tanh()(node)
        assert len(graph_of(X, node).vertices) == 5001

    def test_as_branched_as_one_likes(self) -> None:
        node = X
        for _ in range(200):  # 2 ** 200 paths
            node = node + node
        assert len(graph_of(X, node).vertices) == 201


H = fj.Tanh()(X)
BAD_GRAPHS = {
    "an input left out": (
        X,
        X + fj.Affine(np.ones((4, 3)))(U),
        LayerError,
        r"depend on Input\(3\), which is not among the inputs",
    ),
    "an input that reaches nothing": ((X, U), H, LayerError, r"input 1, Input\(3\), reaches no output; leave it out"),
    "an input twice": ((X, U, X), H, LayerError, "inputs must be different nodes, but item 2 is item 0 again"),
    "an output twice": (X, [H, H], LayerError, "outputs must be different nodes, but item 1 is item 0 again"),
    "an output that is an input": (
        X,
        [H, X],
        LayerError,
        r"output 1 is Input\(4, 'x'\) itself; a network's outputs are comp",
    ),
    "no inputs": ([], H, LayerError, "inputs takes at least one node, got none"),
    "no outputs": (X, (), LayerError, "outputs takes at least one node, got none"),
    "inputs missing": (None, H, DtypeError, "inputs takes a sequence of nodes, got NoneType"),
    "outputs missing": (X, None, DtypeError, "outputs takes a sequence of nodes, got NoneType"),
    "an array as an input": (np.ones(4), H, DtypeError, "inputs takes nodes, .*but item 0 is .*1.0"),
    "a layer as an output": (X, fj.Tanh(), DtypeError, "outputs takes a sequence of nodes, got Tanh"),
    "an inner node as an input": (H, fj.Tanh()(H), DtypeError, "inputs must be made by fastjac.Input, but item 0 is Node"),
}


@pytest.mark.parametrize(("inputs", "outputs", "error", "message"), BAD_GRAPHS.values(), ids=BAD_GRAPHS)
def test_wrong_graphs(inputs: Any, outputs: Any, error: type[FastjacError], message: str) -> None:
    for call in (graph_of, lambda inputs, outputs: fj.Network(inputs=inputs, outputs=outputs)):
        with pytest.raises(error, match=message):
            call(inputs, outputs)
