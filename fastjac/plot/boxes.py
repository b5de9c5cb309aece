"""A network as boxes and arrows, its inputs at the top."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from ..errors import OptionError
from ..layers import Layer
from ..network import Network, checked_network
from ..optional import optional
from ..table import format_name
from .axes import GREY, INK, axes_for
from .layout import Layout, layout

MOST_VERTICES = 80
"""Most vertices with which a picture can be read."""
WIDTH, HEIGHT = 0.86, 0.56
"""The size of a box, where rows, and neighbours in a row, are 1 apart."""
INCHES = (1.75, 0.8)
"""Width and height of a figure for each box."""
FILLS = {"input": "#cfe4f2", "trained": "#fbe6bf", "not trained": "white"}
"""The colours of boxes, by what they stand for."""
MOST_LETTERS = 18
"""Most letters in a line of a box."""


def graph(net: Network, *, ax: Any = None) -> Any:
    """Draw a network: a box for each input, layer and join, with the size of its result, and arrows between.

    Returns the Axes. Raises OptionError for a network of more boxes than a picture can show.

    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.graph(net).get_legend() is None
    False
    """
    vertices = checked_network(net)._graph.vertices
    if len(vertices) > MOST_VERTICES:
        raise OptionError(
            f"the network has {len(vertices)} layers and joins, a picture shows up to {MOST_VERTICES}; print(net) lists them "
            "all, and net[:10] is a part of a sequence"
        )
    found = layout(net._graph)
    low, high = min(spot.x for spot in found.spots), max(spot.x for spot in found.spots)
    width, height = high - low + 1.0, len(found.rows)
    ax = axes_for(ax, (max(3.5, INCHES[0] * width), 0.6 + INCHES[1] * height))
    ax.set(xlim=(low - 0.6, high + 0.6), ylim=(height - 0.4, -0.6))
    ax.axis("off")
    _draw_lines(ax, found)
    _draw_boxes(ax, found, net)
    matplotlib = optional("matplotlib.patches", "to draw the picture", "plot")
    key = [matplotlib.patches.Patch(facecolor=fill, edgecolor=INK, label=kind) for kind, fill in FILLS.items()]
    ax.legend(handles=key, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(key), frameon=False, fontsize="small")
    return ax


def _draw_lines(ax: Any, found: Layout) -> None:
    matplotlib = optional("matplotlib.patches", "to draw the picture", "plot")
    optional("matplotlib.path", "to draw the picture", "plot")
    for line, end in zip(found.lines, _ends(found), strict=True):
        points = [(line[0].x, line[0].row + HEIGHT / 2)]
        for spot in line[1:-1]:
            points += [(spot.x, spot.row - HEIGHT / 2), (spot.x, spot.row + HEIGHT / 2)]
        points.append((end, line[-1].row - HEIGHT / 2))
        path = matplotlib.path.Path(*_curve(points))
        style = {"arrowstyle": "-|>", "mutation_scale": 9, "color": GREY, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
        ax.add_patch(matplotlib.patches.FancyArrowPatch(path=path, **style))


def _ends(found: Layout) -> list[float]:
    """Where each line enters its box: side by side, in the order in which the lines come."""
    ends = [0.0] * len(found.lines)
    into: dict[int, list[int]] = {}
    for number, line in enumerate(found.lines):
        into.setdefault(id(line[-1]), []).append(number)
    for numbers in into.values():
        numbers.sort(key=lambda number: found.lines[number][-2].x)
        for place, number in enumerate(numbers, 1):
            ends[number] = found.lines[number][-1].x + WIDTH * (place / (len(numbers) + 1) - 0.5) * 0.8
    return ends


def _curve(points: list[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[int]]:
    """Vertices and codes of a path that is upright at each point: curves from row to row, and straight through a row."""
    vertices, codes = [points[0]], [1]
    for number, (start, stop) in enumerate(pairwise(points)):
        if number % 2:
            vertices, codes = [*vertices, stop], [*codes, 2]
        else:
            middle = (start[1] + stop[1]) / 2
            vertices, codes = [*vertices, (start[0], middle), (stop[0], middle), stop], [*codes, 4, 4, 4]
    return vertices, codes


def _draw_boxes(ax: Any, found: Layout, net: Network) -> None:
    matplotlib = optional("matplotlib.patches", "to draw the picture", "plot")
    named = dict(zip(net._graph.inputs, net._inputs.names, strict=True))
    uses = Counter(vertex.operation for vertex in net._graph.vertices)
    size = _font_size(ax)
    for number, (spot, vertex) in enumerate(zip(found.spots, net._graph.vertices, strict=True)):
        kind = "input" if vertex.operation is None else "trained" if vertex.operation.n_parameters else "not trained"
        is_output = number in net._graph.outputs
        corner = (spot.x - WIDTH / 2, spot.row - HEIGHT / 2)
        style = {"facecolor": FILLS[kind], "edgecolor": INK, "linewidth": 2.2 if is_output else 0.8, "zorder": 3}
        box = "round,pad=0,rounding_size=0.06"
        ax.add_patch(matplotlib.patches.FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle=box, **style))
        title = _title(vertex.operation, named.get(number), uses[vertex.operation] > 1)
        size_line = f"{vertex.size:,}" + (" (output)" if is_output else "")
        ax.text(spot.x, spot.row, f"{title}\n{size_line}", ha="center", va="center", fontsize=size, color=INK, zorder=4)


def _title(layer: Layer | None, name: str | None, is_again: bool) -> str:
    if layer is None:
        return "Input" if name is None else format_name(name, MOST_LETTERS)
    return type(layer).__name__ + (" (shared)" if is_again and layer.n_parameters else "")


def _font_size(ax: Any) -> float:
    """The largest font, up to 10 points, in which two lines of MOST_LETTERS letters fit into a box."""
    box = ax.transData.transform([(0.0, 0.0), (WIDTH, HEIGHT)])
    width, height = abs(box[1] - box[0]) * 72.0 / ax.figure.dpi
    return float(min(10.0, width / (0.58 * MOST_LETTERS), height / 2.7))
