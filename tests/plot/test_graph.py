"""Networks as boxes and arrows: what the boxes say, and that none stands on another."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import fastjac as fj
import fastjac.plot
from fastjac.errors import OptionError
from fastjac.plot.layout import layout
from tests.graph_by_nodes import network_of
from tests.graph_families import FAMILIES, graph_named

NAMES = [*(f"{name} 0" for name in FAMILIES), "random 3", "random 17", "random 40"]


def patches(ax, kind):
    return [patch for patch in ax.patches if isinstance(patch, kind)]


def test_boxes_and_arrows():
    x, shared = fj.Input(2, "state"), fj.Affine(np.eye(2))
    net = fj.Network(inputs=x, outputs=x + shared(fj.Tanh()(shared(x))))
    ax = fastjac.plot.graph(net)
    assert [text.get_text() for text in ax.texts] == [
        "state\n2",
        "Affine (shared)\n2",
        "Tanh\n2",
        "Affine (shared)\n2",
        "Add\n2 (output)",
    ]
    assert len(patches(ax, FancyBboxPatch)) == 5
    assert len(patches(ax, FancyArrowPatch)) == 5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["input", "trained", "not trained"]
    tops = [text.get_position()[1] for text in ax.texts]
    assert tops == sorted(tops)
    assert ax.yaxis_inverted()


def test_a_network_too_large_for_a_picture():
    net = fj.Network([fj.ReLU()] * 80, n_in=2)
    with pytest.raises(OptionError, match=r"has 81 layers and joins, a picture shows up to 80; print\(net\) lists them"):
        fastjac.plot.graph(net)


@pytest.mark.parametrize("name", NAMES)
def test_every_vertex_stands_below_what_it_takes_and_beside_others(name):
    graph = graph_named(name)
    found = layout(graph)
    for number, vertex in enumerate(graph.vertices):
        assert all(found.spots[operand].row < found.spots[number].row for operand in vertex.operands)
    for row in found.rows:
        for left, right in pairwise(row):
            both = (left.vertex is None) + (right.vertex is None)
            assert right.x - left.x >= (1.0, 0.675, 0.35)[both] - 1e-9
    ends = sorted((line[0].vertex, line[-1].vertex) for line in found.lines)
    assert ends == sorted((operand, number) for number, vertex in enumerate(graph.vertices) for operand in vertex.operands)
    assert all(after.row == before.row + 1 for line in found.lines for before, after in pairwise(line))


def test_texts_fit_into_their_boxes():
    ax = fastjac.plot.graph(network_of(graph_named("mixture_of_experts 0")))
    ax.figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in patches(ax, FancyBboxPatch)]
    for text, box in zip(ax.texts, boxes, strict=True):
        inner = text.get_window_extent()
        assert box.x0 <= inner.x0
        assert inner.x1 <= box.x1
        assert box.y0 <= inner.y0
        assert inner.y1 <= box.y1
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_chain_stands_upright():
    found = layout(fj.Network([fj.Affine(np.eye(2)), fj.ReLU()] * 5)._graph)
    assert {round(spot.x, 9) for spot in found.spots} == {0.0}
