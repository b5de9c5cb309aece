"""Where the vertices of a graph stand in a picture: each below all its operands, and beside others so that few lines cross.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", IEEE
Transactions on Systems, Man and Cybernetics 11, 1981): rows by longest paths, stops where a line passes a row, the order in a row
by the mean place of the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..graphs.graph import Graph

SWEEPS, PLACINGS = 12, 60
"""How many times all rows are put in order, and how many times their spots are put in place."""
STIFFNESS = (1.0, 2.0, 8.0)
"""How much a line wants to be upright, by the number of its ends that are stops: long lines most."""
CHAIN_STIFFNESS = 8.0
"""How much a line wants to be upright between two vertices that no other line leaves or enters."""
BOX, STOP = 1.0, 0.35
"""The room that a vertex takes in a row, and that a passing line takes."""


@dataclass
class Spot:
    """A vertex, or a stop of a line that passes a row (vertex None), with its place."""

    vertex: int | None
    row: int
    above: list[Spot] = field(default_factory=list)
    below: list[Spot] = field(default_factory=list)
    x: float = 0.0


@dataclass
class Layout:
    """Places of the vertices, and for each line the spots through which it goes, from operand to vertex."""

    spots: list[Spot]
    lines: list[list[Spot]]
    rows: list[list[Spot]]


def layout(graph: Graph) -> Layout:
    """The layout of a graph; x and row of each spot count boxes."""
    spots, lines = _spots(graph)
    every = {id(spot): spot for line in [spots, *lines] for spot in line}.values()
    rows: list[list[Spot]] = [[] for _ in range(1 + max(spot.row for spot in every))]
    for spot in every:
        rows[spot.row].append(spot)
    rows = _ordered(rows)
    for row in rows:
        _place(row, [(0.0, 1.0)] * len(row))
    for sweep in range(PLACINGS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _place(row, [_wanted(spot) for spot in row])
    return Layout(spots, lines, rows)


def _spots(graph: Graph) -> tuple[list[Spot], list[list[Spot]]]:
    """A spot for each vertex, and the lines; lines of one operand share their stops."""
    spots: list[Spot] = []
    lines: list[list[Spot]] = []
    trunks: list[list[Spot]] = []
    for number, vertex in enumerate(graph.vertices):
        spot = Spot(number, 1 + max((spots[operand].row for operand in vertex.operands), default=-1))
        spots.append(spot)
        trunks.append([spot])
        for operand in vertex.operands:
            trunk = trunks[operand]
            while trunk[-1].row < spot.row - 1:
                trunk.append(_joined(trunk[-1], Spot(None, trunk[-1].row + 1)))
            line = trunk[: spot.row - trunk[0].row]
            _joined(line[-1], spot)
            lines.append([*line, spot])
    return spots, lines


def _joined(upper: Spot, lower: Spot) -> Spot:
    upper.below.append(lower)
    lower.above.append(upper)
    return lower


def _ordered(rows: list[list[Spot]]) -> list[list[Spot]]:
    """The rows in the order of fewest crossings that sweeps down and up meet."""
    best, fewest = rows, _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        swept = list(rows)
        for number in range(len(rows)) if down else reversed(range(len(rows))):
            neighbour = number - 1 if down else number + 1
            if not 0 <= neighbour < len(rows):
                continue
            place = {id(spot): i for i, spot in enumerate(swept[neighbour])}
            key = {id(spot): _barycentre(spot.above if down else spot.below, place, i) for i, spot in enumerate(swept[number])}
            swept[number] = sorted(swept[number], key=lambda spot, key=key: key[id(spot)])  # type: ignore[misc]
        rows = swept
        if (count := _crossings(rows)) < fewest:
            best, fewest = rows, count
    return best


def _barycentre(neighbours: Sequence[Spot], place: dict[int, int], own: float) -> float:
    return float(np.mean([place[id(spot)] for spot in neighbours])) if neighbours else own


def _crossings(rows: Sequence[Sequence[Spot]]) -> int:
    """How many pairs of lines between neighbouring rows cross."""
    count = 0
    for upper, lower in pairwise(rows):
        place = {id(spot): i for i, spot in enumerate(lower)}
        ends = [(i, place[id(below)]) for i, spot in enumerate(upper) for below in spot.below]
        count += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(ends) for c, d in ends[:i])
    return count


def _wanted(spot: Spot) -> tuple[float, float]:
    """Where a spot's neighbours alone would put it, at their mean weighted by the stiffness of the lines, and the weight."""
    ends = [(upper.x, _stiffness(upper, spot)) for upper in spot.above] + [
        (lower.x, _stiffness(spot, lower)) for lower in spot.below
    ]
    weight = sum(stiffness for _, stiffness in ends)
    return (sum(x * stiffness for x, stiffness in ends) / weight, weight) if ends else (spot.x, 1.0)


def _stiffness(upper: Spot, lower: Spot) -> float:
    stops = (upper.vertex is None) + (lower.vertex is None)
    is_chain = not stops and len(upper.below) == 1 and len(lower.above) == 1
    return CHAIN_STIFFNESS if is_chain else STIFFNESS[stops]


def _place(row: Sequence[Spot], wanted: Sequence[tuple[float, float]]) -> None:
    """Put the spots of a row, in their order, as near to the wanted places as the room that each takes allows.

    The places are the weighted least squares under the order: neighbours that would stand too close become one block at their
    mean, by the pool-adjacent-violators algorithm. So the sum of all squares never rises, and no picture drifts.
    """
    room = [BOX if spot.vertex is not None else STOP for spot in row]
    offsets = np.cumsum([0.0, *((a + b) / 2 for a, b in pairwise(room))])
    blocks: list[tuple[float, float, int]] = []
    for (target, weight), offset in zip(wanted, offsets, strict=True):
        mean, total, size = target - float(offset), weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, count = blocks.pop()
            mean, total, size = (before * heavy + mean * total) / (heavy + total), heavy + total, count + size
        blocks.append((mean, total, size))
    bases = [mean for mean, _, size in blocks for _ in range(size)]
    for spot, base, offset in zip(row, bases, offsets, strict=True):
        spot.x = base + float(offset)
