"""Mean sensitivity over a table: bars, or a map where there are many outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError
from ..tabular import Sensitivity
from ..tabular.derivatives import FORMULAS
from .axes import COLOURS, GREY, INK, add_key, axes_for, bare, shortened, signed_image


def sensitivity(result: Sensitivity, output: int | str | None = None, *, most: int = 10, ax: Any = None) -> Any:
    """Draw how much the outputs depend on the inputs that matter most.

    Bars are mean absolute derivatives. On each bar a dot is the mean, with a line one standard deviation to both sides. For more
    than four outputs the picture is a map of the means.

    Parameters
    ----------
    result : what `fastjac.sensitivity` gives.
    output : the number or the name of the only output to draw; by default all.
    most : how many inputs to draw, those that `Sensitivity.top` gives.
    ax : where to draw; by default a new figure.

    Returns the Axes.

    Examples
    --------
    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.sensitivity(fj.sensitivity(net, np.eye(4))).get_xlabel()
    'd y / d x, over 4 rows'
    """
    if not isinstance(result, Sensitivity):
        raise DtypeError(f"result must be what fastjac.sensitivity gives, got {type(result).__name__}")
    shown = result.top(most, output)
    inputs = [shortened(name) for name in shown.input_names]
    outputs = [shortened(name) for name in shown.output_names]
    label = f"{FORMULAS[shown.units]}, over {shown.rows:,} rows"
    if len(outputs) > len(COLOURS):
        ax = axes_for(ax, (3.0 + 0.6 * len(inputs), 1.5 + 0.3 * len(outputs)))
        _map(ax, shown, inputs, outputs, label)
    else:
        ax = axes_for(ax, (8.0, 1.6 + len(inputs) * (0.2 + 0.2 * len(outputs))))
        _bars(ax, shown, inputs, outputs, label)
    return ax


def _bars(ax: Any, shown: Sensitivity, inputs: list[str], outputs: list[str], label: str) -> None:
    height = 0.8 / len(outputs)
    places = np.arange(len(inputs))
    for i, (name, colour) in enumerate(zip(outputs, COLOURS, strict=False)):
        at = places + (i - (len(outputs) - 1) / 2) * height
        ax.barh(at, shown.mean_abs[i], height, color=colour, alpha=0.55, label=f"{name}: mean of |derivative|")
        style = {"color": INK, "ecolor": GREY, "markersize": 4, "elinewidth": 1.2}
        spread = "mean \N{PLUS-MINUS SIGN} std over the rows" if i == len(outputs) - 1 else None
        ax.errorbar(shown.mean[i], at, xerr=shown.std[i], fmt="o", label=spread, **style)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    ax.set_yticks(places, inputs)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    # Below the axes, where there are no bars.
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(3, len(outputs) + 1), frameon=False)
    bare(ax)


def _map(ax: Any, shown: Sensitivity, inputs: list[str], outputs: list[str], label: str) -> None:
    image = signed_image(ax, shown.mean, aspect="auto")
    ax.set_xticks(np.arange(len(inputs)), inputs, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(outputs)), outputs)
    ax.spines[:].set_visible(False)
    add_key(ax, image, f"mean of {label}")
