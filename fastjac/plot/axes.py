"""Axes to draw on, files, and what several pictures share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DtypeError, OptionError
from ..files import replacing
from ..optional import optional
from ..table import format_name

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
"""Colours of Okabe and Ito's palette, which the colour-blind can distinguish."""
INK, GREY = "0.15", "0.45"
MOST_LETTERS = 24
"""Most letters of a name beside an axis."""
SIZE = (8.0, 5.0)
"""Width and height of a figure in inches."""


def axes_for(ax: Any, size: tuple[float, float] = SIZE) -> Any:
    """`ax` itself, or new axes in a figure of pyplot's, of a given size in inches.

    Raises DtypeError for an ax that is no Axes, MissingDependencyError if matplotlib is not installed.
    """
    if ax is None:
        matplotlib = optional("matplotlib.pyplot", "to draw the picture", "plot")
        return matplotlib.pyplot.subplots(figsize=size, layout="constrained")[1]
    if not hasattr(ax, "imshow"):
        raise DtypeError(f"ax must be an Axes of matplotlib, got {type(ax).__name__}; of several take one, as axes[0]")
    return ax


@contextmanager
def picture(path: Path, size: tuple[float, float] = SIZE) -> Iterator[Any]:
    """New axes, which are written to a file when the `with` block ends; the file's suffix names the format, .png, .svg or .pdf.

    Raises OptionError for an unknown suffix, FileError where the file cannot be written, MissingDependencyError if matplotlib is
    not installed.

    >>> import pathlib, tempfile, fastjac.plot
    >>> with tempfile.TemporaryDirectory() as folder, fastjac.plot.picture(pathlib.Path(folder, "plan.png")) as ax:
    ...     fastjac.plot.plan(fj.Network([fj.Tanh()], n_in=2).plan(), ax=ax).get_xlabel()
    'multiply-adds for one input'
    """
    matplotlib = optional("matplotlib.figure", "to draw the picture", "plot")
    figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
    kind, known = path.suffix.removeprefix(".").lower(), figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise OptionError(f"a picture's name must end in one of {', '.join(f'.{name}' for name in known)}, got {path}")
    yield figure.add_subplot()
    with replacing(path) as file:
        figure.savefig(file, format=kind, dpi=150)


def signed_image(ax: Any, values: np.ndarray, **options: Any) -> Any:
    """The image of a matrix, red where it is positive and blue where it is negative, each shade as far from 0 as its opposite."""
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0.0)) or 1.0
    return ax.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest", **options)


def add_key(ax: Any, image: Any, label: str) -> None:
    """A bar beside the axes that says what the colours of a signed image mean."""
    bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)


def shortened(name: str) -> str:
    """A name, cut to the room beside an axis."""
    text = format_name(name, MOST_LETTERS + 1)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def bare(ax: Any) -> None:
    """Take away the frame, except for the axis below."""
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
