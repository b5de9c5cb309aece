"""The demo's picture: which pixels speak for a digit's class, and which against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..optional import optional
from ..plot.axes import signed_image

SIDE = 8
CAPTION = (
    "Above: of each class, the digit that the network gets right with the least certainty. Below: the derivative of that class's "
    "probability by every pixel.\nMore ink in a red pixel raises the probability, in a blue one lowers it. Every map has its own "
    "scale, whose end is written below it."
)


def draw(path: Path, pixels: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, jacobians: np.ndarray) -> None:
    """Draw one digit of every class and the Jacobian's row of that class, as a map.

    Parameters
    ----------
    path : where to write the picture, a .png file.
    pixels : (n, 64) digits between 0 and 1, row by row.
    labels : (n,) their classes.
    probabilities, jacobians : (n, 10) and (n, 10, 64), the network's outputs and their derivatives.

    Raises MissingDependencyError if matplotlib is not installed.
    """
    matplotlib = optional("matplotlib.figure", "to draw the picture", "plot")
    chosen = _least_certain(labels, probabilities)
    rows = jacobians[chosen, labels[chosen]]

    figure = matplotlib.figure.Figure(figsize=(13, 3.9), layout="constrained")
    figure.suptitle("What a digits classifier looks at", fontsize=15, fontweight="bold", x=0.004, ha="left")
    axes = figure.subplots(2, len(chosen), squeeze=False)
    for column, (number, row) in enumerate(zip(chosen, rows, strict=True)):
        digit = pixels[number].reshape(SIDE, SIDE)
        axes[0, column].imshow(digit, cmap="Greys", vmin=0, vmax=1)
        probability = probabilities[number, labels[number]]
        axes[1, column].set_title(f"p({labels[number]}) = {probability:.2f}", fontsize=11)
        image = signed_image(axes[1, column], row.reshape(SIDE, SIDE))
        axes[1, column].set_xlabel(f"\N{PLUS-MINUS SIGN}{image.norm.vmax:.2f}", color="0.25")
        axes[1, column].contour(digit, levels=[0.5], colors="0.35", linewidths=1.0)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("0.8")
    figure.supxlabel(CAPTION, fontsize=11, x=0.004, ha="left", color="0.25")
    figure.savefig(path, dpi=110)


def _least_certain(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """For every class the rightly classified digit of lowest probability: the derivatives at more certain digits are nearly 0."""
    right = probabilities.argmax(axis=1) == labels
    certainty = np.where(right, probabilities[np.arange(len(labels)), labels], np.inf)
    return [int(np.where(labels == label, certainty, np.inf).argmin()) for label in np.unique(labels)]
