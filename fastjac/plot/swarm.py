"""The derivatives of one output, row by row: a dot for each row of a table and each input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import positive_count
from ..errors import OptionError
from ..network import Network
from ..tabular.derivatives import FORMULAS, Units
from ..tabular.sample import sample
from .axes import INK, axes_for, bare, shortened

MOST_ROWS = 1000
"""Most rows of a table that are drawn, evenly spread over it."""
BINS, WIDTH = 100, 0.38
"""The values are sorted into BINS bins; dots in one bin stand beside one another, up to WIDTH from the middle."""


def distributions(
    net: Network,
    table: Any,
    output: int | str = 0,
    *,
    units: Units = "raw",
    most: int = 8,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the derivatives of one output by the inputs that matter most: a dot for each row, its colour the value of the input.

    Parameters
    ----------
    net, table, units, input_names, output_names : as for `fastjac.sensitivity`. Of a table of more than 1,000 rows, 1,000 are
        drawn, evenly spread. Rows with nan or inf are left out.
    output : the number or the name of the output.
    most : how many inputs to draw, those of the largest mean absolute derivative over the rows that are drawn.
    ax : where to draw; by default a new figure.

    Returns the Axes.

    Examples
    --------
    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.distributions(net, np.eye(4), most=2).get_xlabel()
    'd y / d x, 4 rows'
    """
    count = positive_count(most, "most")
    found = sample(net, table, output, units, MOST_ROWS, input_names, output_names)
    if not len(found.x):
        raise OptionError(
            f"no row of the table has finite inputs and derivatives of {found.output_name!r}, so nothing can be drawn"
        )
    chosen = np.argsort(-np.abs(found.derivatives).mean(axis=0), kind="stable")[:count]
    ax = axes_for(ax, (8.0, 1.6 + 0.5 * len(chosen)))
    ax.axvline(0.0, color=INK, linewidth=0.8, zorder=0)
    ends = float(found.derivatives[:, chosen].min()), float(found.derivatives[:, chosen].max())
    for place, j in enumerate(chosen):
        values = found.derivatives[:, j]
        dots = ax.scatter(values, place + _offsets(values, *ends), c=_ranks(found.x[:, j]), cmap="cividis", vmin=0, vmax=1, s=7)
    ax.set_yticks(range(len(chosen)), [shortened(found.input_names[j]) for j in chosen])
    ax.invert_yaxis()
    ax.set(xlabel=f"{FORMULAS[units]}, {len(found.x):,} rows", title=f"Derivatives of {shortened(found.output_name)}")
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 1], pad=0.02, label="value of the input")
    bar.ax.set_yticklabels(["low", "high"])
    bar.outline.set_visible(False)
    bare(ax)
    return ax


def _offsets(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """How far each dot stands from the middle, so that dots of about the same value stand beside one another."""
    bins = ((values - low) * (BINS / (high - low))).astype(int) if high > low else np.zeros(len(values), int)
    counts = np.bincount(bins)
    order = np.argsort(bins, kind="stable")
    rank = np.empty(len(values), int)
    rank[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    offsets = (rank + 1) // 2 * np.where(rank % 2, 1.0, -1.0)
    return WIDTH * offsets / max(1.0, float(np.abs(offsets).max()))


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value among all, from 0 to 1."""
    distinct, places = np.unique(values, return_inverse=True)
    return places / max(1, len(distinct) - 1)
