"""The demo's picture: which pixels speak for a digit's class, and which against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import MissingDependencyError

SIDE = 8
CAPTION = (
    "Above: of every class the digit that the network gets right with the least certainty. Below: the row of the Jacobian that "
    "belongs to its class,\nthe change of its probability as a pixel goes from white to black. Red pixels speak for the class, "
    "blue ones against it; grey lines are outlines."
)


def draw(path: Path, pixels: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, jacobians: np.ndarray) -> None:
    """Draw one digit of every class and the Jacobian's row of that class, as maps of one colour scale.

    Parameters
    ----------
    path : of the picture, a .png file.
    pixels : (n, 64) digits between 0 and 1, row by row.
    labels : (n,) their classes.
    probabilities, jacobians : (n, 10) and (n, 10, 64), the network's outputs and their derivatives.

    Raises MissingDependencyError if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("the picture needs matplotlib: pip install 'fastjac[plot]'") from error

    chosen = _least_certain(labels, probabilities)
    rows = jacobians[chosen, labels[chosen]]
    # A few strong pixels would fade all the others: the scale ends where 2 % of them lie beyond it.
    limit = float(np.quantile(np.abs(rows), 0.98))

    figure = Figure(figsize=(13, 3.9), layout="constrained")
    figure.suptitle("What a digits classifier looks at", fontsize=15, fontweight="bold", x=0.004, ha="left")
    axes = figure.subplots(2, len(chosen), squeeze=False)
    for column, (number, row) in enumerate(zip(chosen, rows, strict=True)):
        digit = pixels[number].reshape(SIDE, SIDE)
        axes[0, column].imshow(digit, cmap="Greys", vmin=0, vmax=1)
        probability = probabilities[number, labels[number]]
        axes[1, column].set_title(f"p({labels[number]}) = {probability:.2f}", fontsize=11)
        image = axes[1, column].imshow(row.reshape(SIDE, SIDE), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes[1, column].contour(digit, levels=[0.5], colors="0.35", linewidths=1.0)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("0.8")
    bar = figure.colorbar(image, ax=axes[1], shrink=0.9, pad=0.01, extend="both")
    bar.set_label("change of\nprobability")
    bar.outline.set_visible(False)
    figure.supxlabel(CAPTION, fontsize=11, x=0.004, ha="left", color="0.25")
    figure.savefig(path, dpi=130)


def _least_certain(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """For every class the rightly classified digit of lowest probability: the others' derivatives are nearly 0."""
    right = probabilities.argmax(axis=1) == labels
    certainty = np.where(right, probabilities[np.arange(len(labels)), labels], np.inf)
    return [int(np.where(labels == label, certainty, np.inf).argmin()) for label in np.unique(labels)]
