"""Comparisons and choices by them, in either kind of file."""

from collections.abc import Callable

import numpy as np
import pytest

import fastjac
from fastjac.errors import UnsupportedLayerError

from . import graphs as gr
from . import lite

C = np.array([0.3, -0.2, 0.1, 0.0])
COMPARISONS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "Greater": ("GREATER", lambda x: x > C),
    "GreaterEqual": ("GREATER_EQUAL", lambda x: x >= C),
    "Less": ("LESS", lambda x: x < C),
    "LessEqual": ("LESS_EQUAL", lambda x: x <= C),
}
COMBINATIONS: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "LogicalAnd": ("LOGICAL_AND", np.logical_and),
    "LogicalOr": ("LOGICAL_OR", np.logical_or),
}


def samples() -> np.ndarray:
    return np.concatenate([np.random.default_rng(1).normal(size=(5, 4)), [C]])


def graph_net(path, *nodes):
    """The network of a graph from x to y beside the constants c, k and z."""
    consts = [gr.const("c", C), gr.const("k", np.array([2, 2, 3, 3], np.int32)), gr.const("z", np.array(0.0))]
    path.write_bytes(gr.graph(gr.placeholder("x", (None, 4)), *consts, *nodes))
    return fastjac.load(path)


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("choice", ["Select", "SelectV2"])
def test_a_graph_chooses_by_a_comparison(name, choice, tmp_path):
    nodes = [gr.node("b", name, "x", "c"), gr.node("s", "Square", "x"), gr.node("y", choice, "b", "s", "x")]
    net = graph_net(tmp_path / "model.pb", *nodes)
    x = samples()
    holds = COMPARISONS[name][1](x)
    np.testing.assert_allclose(net(x), np.where(holds, x * x, x), rtol=1e-12)
    np.testing.assert_allclose(net.jacobian(x), np.eye(4) * np.where(holds, 2 * x, 1)[:, None], rtol=1e-12)


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("choice", ["SELECT", "SELECT_V2"])
def test_a_lite_model_chooses_by_a_comparison(name, choice, tmp_path):
    nodes = [
        lite.operator(COMPARISONS[name][0], [0, 2], [3]),
        lite.operator("SQUARE", [0], [4]),
        lite.operator(choice, [3, 4, 0], [1]),
    ]
    path = tmp_path / "model.tflite"
    path.write_bytes(lite.model(nodes, {"x": (None, 4)}, ["y"], [C.astype(np.float32)], 2))
    x = samples()[:5].astype(np.float32)
    holds = COMPARISONS[name][1](x)
    np.testing.assert_allclose(fastjac.load(path)(x), np.where(holds, x * x, x), rtol=1e-6)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_comparisons_are_combined(name, tmp_path):
    lite_name, function = COMBINATIONS[name]
    nodes = [gr.node("a", "Greater", "x", "c"), gr.node("b", "Less", "x", "z"), gr.node("n", "LogicalNot", "b")]
    x = samples()
    expected = np.where(function(x > C, ~(x < 0)), x * x, x)
    rest = [gr.node("both", name, "a", "n"), gr.node("s", "Square", "x"), gr.node("y", "SelectV2", "both", "s", "x")]
    np.testing.assert_allclose(graph_net(tmp_path / "model.pb", *nodes, *rest)(x), expected, rtol=1e-12)

    nodes = [
        lite.operator("GREATER", [0, 2], [4]),
        lite.operator("LESS", [0, 3], [5]),
        lite.operator("LOGICAL_NOT", [5], [6]),
        lite.operator(lite_name, [4, 6], [7]),
        lite.operator("SQUARE", [0], [8]),
        lite.operator("SELECT_V2", [7, 8, 0], [1]),
    ]
    path = tmp_path / "model.tflite"
    path.write_bytes(lite.model(nodes, {"x": (None, 4)}, ["y"], [C.astype(np.float32), np.float32(0)], 5))
    np.testing.assert_allclose(fastjac.load(path)(x[:5]), expected[:5], rtol=1e-5)


def test_a_choice_by_constants_moves_entries(tmp_path):
    nodes = [gr.node("two", "Minimum", "k", "k"), gr.node("is", "Equal", "k", "two"), gr.node("not", "NotEqual", "k", "two")]
    nodes += [gr.node("some", "Greater", "z", "c"), gr.node("s", "Square", "x")]
    x = samples()
    net = graph_net(tmp_path / "a.pb", *nodes, gr.node("y", "SelectV2", "is", "s", "x"))
    np.testing.assert_allclose(net(x), x * x, rtol=1e-12)
    net = graph_net(tmp_path / "b.pb", *nodes, gr.node("t", "SelectV2", "not", "s", "x"), gr.node("y", "Neg", "t"))
    np.testing.assert_allclose(net(x), -x, rtol=1e-12)
    net = graph_net(tmp_path / "c.pb", *nodes, gr.node("y", "SelectV2", "some", "s", "x"))
    np.testing.assert_allclose(net(x), np.where(C < 0, x * x, x), rtol=1e-12)


def test_equality_of_values_is_refused(tmp_path):
    with pytest.raises(UnsupportedLayerError, match=r"node 4 'b' \(Equal\): it asks whether values .* are equal"):
        graph_net(tmp_path / "model.pb", gr.node("b", "Equal", "x", "c"), gr.node("y", "Select", "b", "x", "c"))


def test_whole_rows_are_not_chosen_by_the_input(tmp_path):
    nodes = [gr.node("axis", "Const", value=gr.Held(gr.tensor(np.array([1], np.int32)))), gr.node("m", "Sum", "x", "axis")]
    nodes += [gr.node("b", "Greater", "m", "z"), gr.node("s", "Square", "x"), gr.node("y", "Select", "b", "s", "x")]
    with pytest.raises(UnsupportedLayerError, match="it chooses whole rows by the network's input"):
        graph_net(tmp_path / "model.pb", *nodes)
