"""Small files of TensorFlow's that ask for much work: each is refused, or read, after little of it."""

import numpy as np
import pytest

import fastjac

from ..test_hostile_files import work_of
from . import graphs as gr
from . import lite

X = gr.placeholder("x", (None, 4))
IMAGE = gr.placeholder("x", (1000, 1000))


def chain(operator, count, source=X, *consts, **attributes):
    """Nodes one behind another, each of which takes the constants too."""
    names = [f"c{i}" for i in range(len(consts))]
    held = [gr.const(name, value) for name, value in zip(names, consts, strict=True)]
    nodes = [gr.node(f"n{i}", operator, f"n{i - 1}" if i else "x", *names, **attributes) for i in range(count)]
    return gr.graph(source, *held, *nodes)


def calls_with_arguments():
    """A function of 2,000 arguments, called by one that is called 4,000 times."""
    many = gr.function("f", [f"a{i}" for i in range(2000)], {"y": "a0"})
    inner = gr.node("c", "PartitionedCall", *["x"] * 2000, f=gr.Called("f"))
    nodes = [gr.node(f"n{i}", "PartitionedCall", f"n{i - 1}" if i else "x", f=gr.Called("g")) for i in range(4000)]
    return gr.graph(X, *nodes, functions=[many, gr.function("g", ["x"], {"y": "c:o:0"}, inner)])


def calls_with_results():
    """A function of 2,000 results, called 4,000 times."""
    many = gr.function("f", ["x"], {f"r{i}": "x" for i in range(2000)})
    nodes = [gr.node(f"n{i}", "PartitionedCall", f"n{i - 1}" if i else "x", f=gr.Called("f")) for i in range(4000)]
    return gr.graph(X, *nodes, functions=[many])


def restored_through_identities():
    """A thousand variables, each restored at the end of nine thousand nodes that pass it on."""
    nodes = [gr.node("i0", "RestoreV2"), *(gr.node(f"i{i}", "Identity", f"i{i - 1}") for i in range(1, 8900))]
    nodes += [gr.node(f"a{i}", "Assign", f"v{i}", "i8899") for i in range(1000)]
    served = {"serving_default": gr.signature({"x": gr.end("x:0", (None, 4))}, {"y": gr.end("y:0", (None, 4))})}
    return gr.saved_model(gr.graph(X, gr.node("y", "Tanh", "x"), *nodes), served)


def lite_chain(count):
    nodes = [lite.operator("TANH", [i + 1 if i else 0], [i + 2 if i < count - 1 else 1]) for i in range(count)]
    return lite.model(nodes, {"x": (None, 4)}, ["y"], values=count)


def lite_outputs():
    """Nodes that share one long list of outputs."""
    nodes = [lite.operator("UNPACK", [0], list(range(2, 2002)), axis=1)] * 40
    return lite.model([*nodes, lite.operator("ADD_N", range(2, 2002), [1])], {"x": (None, 2000)}, ["y"], values=2000)


FILES = {
    "a long chain": lambda: chain("Tanh", 1500),
    "a sum of many": lambda: gr.graph(X, gr.node("y", "AddN", *["x"] * 3000)),
    "a sum of many large ones": lambda: gr.graph(IMAGE, gr.node("y", "AddN", *["x"] * 9000)),
    "attributes that nobody reads": lambda: chain("Tanh", 500, X, **{f"a{i}": 1 for i in range(20)}),
    "transpositions": lambda: chain("Transpose", 1500, IMAGE, np.array([1, 0], np.int32)),
    "softmax of many rows": lambda: chain("Softmax", 50, IMAGE),
    "results that are not there": lambda: chain("Unpack", 9000, X, num=9999, axis=1),
    "a huge shape": lambda: chain("BroadcastTo", 1, X, np.array([1 << 20, 1 << 20, 4], np.int32)),
    "calls with arguments": calls_with_arguments,
    "calls with results": calls_with_results,
    "restored through identities": restored_through_identities,
    "a long chain of Lite": lambda: lite_chain(1500),
    "outputs of Lite": lite_outputs,
}


@pytest.mark.parametrize("name", FILES)
def test_little_work_is_done_for_a_small_file(name, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(FILES[name]())
    assert path.stat().st_size < 1_000_000
    assert 100 < work_of(lambda: fastjac.load(path)) < 1_300_000
