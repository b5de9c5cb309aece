"""Models whose nodes, attributes, shapes and constants are changed at random end in a network or in an error of fastjac's own.

`tests/importers/fuzzing` changes bytes, most of which protobuf refuses; what is changed here is parsed. Run this module for more:
`python -m tests.importers.onnx.test_mutations 20000`.
"""

import random
import sys
import time
import traceback
from collections import Counter

import numpy as np
from onnx import AttributeProto, numpy_helper

import fastjac
from fastjac.errors import FastjacError

from .random_graphs import random_graph

N_MODELS = 200
MOST_SECONDS = 3.0
"""Of the processor's time, well above what any takes, and far below what one without bounds would."""
INTEGERS = (-(2**63), 2**63 - 1, -(2**31), -2, -1, 0, 1, 2, 3, 5, 7, 100, 10**6, 2**31)
REALS = (0.0, -1.0, float("nan"), float("inf"), 1e38, 1e-45)
TEXTS = (b"", b"ab,bc->ac", b"a->", b"->", b"...", b"aa->a", b"edge", b"reflect", b"wrap", b"SAME_UPPER", b"tanh", b"\xff")
ARRAYS = (
    np.zeros(0),
    np.array(1.5),
    np.ones((2, 0)),
    np.array([np.nan]),
    np.ones((1, 1, 1, 1, 1)),
    np.array([3, 4]),
    np.ones((3, 3)),
)
OPSETS = (1, 2, 4, 6, 7, 9, 11, 13, 17, 18, 21, 24)


def other_operand(graph, rng):
    node = rng.choice(graph.node)
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(["", *(name for other in graph.node for name in other.output)])


def other_operator(graph, rng):
    rng.choice(graph.node).op_type = rng.choice([*{node.op_type for node in graph.node}, *MORE_OPERATORS])


MORE_OPERATORS = (
    "Conv",
    "MaxPool",
    "LSTM",
    "GatherElements",
    "Range",
    "ConstantOfShape",
    "CastLike",
    "Mod",
    "Sign",
    "Size",
    "PRelu",
)


def other_attribute(graph, rng):
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if attributes:
        attribute = rng.choice(attributes)
        if attribute.type == AttributeProto.INT:
            attribute.i = rng.choice(INTEGERS)
        elif attribute.type == AttributeProto.INTS and attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTEGERS)
        elif attribute.type == AttributeProto.FLOAT:
            attribute.f = rng.choice(REALS)
        elif attribute.type == AttributeProto.STRING:
            attribute.s = rng.choice(TEXTS)


def other_shape(graph, rng):
    dims = [dim for source in graph.input for dim in source.type.tensor_type.shape.dim]
    if dims and rng.random() < 0.5:
        rng.choice(dims).dim_value = rng.choice((0, 1, 2, 3, 7, 1000, 2**40))
    elif graph.initializer:
        tensor = rng.choice(graph.initializer)
        if tensor.dims:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, 1, 2, 3, 7, 2**40))


def other_constant(graph, rng):
    if not graph.initializer:
        return
    tensor = rng.choice(graph.initializer)
    array = rng.choice(ARRAYS)
    try:
        old = numpy_helper.to_array(tensor)
    except ValueError:
        return
    if old.dtype.kind == "i" and old.size:
        array = old.copy()
        array.flat[rng.randrange(array.size)] = rng.choice(INTEGERS)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def without_a_node(graph, rng):
    if len(graph.node) > 1:
        del graph.node[rng.randrange(len(graph.node))]


def more_or_fewer_operands(graph, rng):
    node = rng.choice(graph.node)
    if len(node.input) > 1 and rng.random() < 0.5:
        del node.input[-1]
    else:
        node.input.append(rng.choice(["", *node.input]))


CHANGES = (other_operand, other_operator, other_attribute, other_shape, other_constant, without_a_node, more_or_fewer_operands)


def mutated(seed):
    """The bytes of a random graph with one to four changes."""
    rng = random.Random(seed)
    proto, _ = random_graph(rng.randrange(3000))
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(CHANGES)(proto.graph, rng)
    if rng.random() < 0.1:
        proto.opset_import[0].version = rng.choice(OPSETS)
    return proto.SerializeToString()


def outcome(seed):
    """What becomes of a mutated model: "network", "refused", or a fault."""
    content, start = mutated(seed), time.process_time()
    try:
        fastjac.from_onnx(content)
        result = "network"
    except FastjacError:
        result = "refused"
    except Exception:  # a fault of any kind is what is looked for
        result = f"seed {seed}: {traceback.format_exc(limit=-2)}"
    seconds = time.process_time() - start
    return result if seconds < MOST_SECONDS else f"seed {seed}: took {seconds:.1f} s"


def test_every_change_ends_in_a_network_or_in_an_error_of_fastjacs_own():
    found = Counter(outcome(seed) for seed in range(N_MODELS))
    assert found.keys() == {"network", "refused"}, [*found]
    assert min(found.values()) > N_MODELS // 10


if __name__ == "__main__":
    for result, count in Counter(outcome(seed) for seed in range(int(sys.argv[1]))).most_common():
        print(count, result)
