"""The result of `sensitivity`: statistics of the derivatives, with names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..arguments import positive_count
from ..errors import OptionError
from ..frozen import frozen
from ..graphs.selection import selected_once
from ..optional import optional
from ..table import format_name, format_table
from .derivatives import FORMULAS, Units

COLUMNS = ("output", "input", "mean", "mean_abs", "std", "rms", "count")
"""The columns of `to_frame`, and of files."""
MOST_OUTPUTS, MOST_INPUTS = 5, 10
"""How many outputs, and how many inputs of each, `print` shows."""


def number_of(output: int | str, names: Sequence[str]) -> int:
    """The number of the output that a name or a number stands for; OptionError where there is none."""
    if not isinstance(output, str):
        return selected_once([output], len(names), "output")[0]
    if output not in names:
        known = ", ".join(repr(format_name(name)) for name in names[:MOST_INPUTS])
        raise OptionError(f"output must be a number or one of the outputs' names, such as {known}; got {output!r}")
    return names.index(output)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How much each output depends on each input; entry `[i, j]` of each array is a statistic of `d y_i / d x_j`.

    mean, mean_abs, std : (n_out, n_in) float64, the mean, the mean absolute value and the standard deviation of the derivative
        over the rows; nan where no row counts.
    count : (n_out, n_in) int64, how many rows count.
    input_names, output_names : the names of inputs and outputs.
    units : "raw", "standard" or "elasticity"; see `sensitivity`.
    rows : how many rows of the table were used.

    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> found = fj.sensitivity(net, np.eye(2), input_names=["age", "height"])
    >>> found.mean, found.top(1).input_names
    (array([[ 1., -2.]]), ('height',))
    """

    mean: np.ndarray
    mean_abs: np.ndarray
    std: np.ndarray
    count: np.ndarray
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    units: Units
    rows: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, frozen(value))

    @property
    def rms(self) -> np.ndarray:
        """(n_out, n_in), the root mean square of the derivative."""
        return np.hypot(self.mean, self.std)

    def top(self, k: int, output: int | str | None = None) -> Sensitivity:
        """The k inputs that matter most, most first; all of them where there are fewer.

        output : the name or number of the only output that is kept. By default all are kept, and an input counts by the largest
            share that it has in the sum of `mean_abs` of any output.

        Raises OptionError for an unknown output or a k below 1.
        """
        count = positive_count(k, "k")
        kept = (
            self
            if output is None
            else self._part(np.array([number_of(output, self.output_names)]), np.arange(len(self.input_names)))
        )
        size = np.nan_to_num(kept.mean_abs)
        total = size.sum(axis=1, keepdims=True)
        share = np.divide(size, total, out=np.zeros_like(size), where=total > 0.0).max(axis=0)
        return kept._part(np.arange(len(kept.output_names)), np.argsort(-share, kind="stable")[:count])

    def lines(self) -> Iterator[tuple[Any, ...]]:
        """A line for each output and input, output by output, with the entries that COLUMNS names."""
        arrays = (self.mean, self.mean_abs, self.std, self.rms, self.count)
        for i, output in enumerate(self.output_names):
            for j, name in enumerate(self.input_names):
                yield (output, name, *(array[i, j].item() for array in arrays))

    def to_frame(self) -> Any:
        """A pandas DataFrame with a line for each output and input, and the columns that COLUMNS names.

        Raises MissingDependencyError without pandas.
        """
        pandas = optional("pandas", "to make a data frame", "pandas")
        return pandas.DataFrame(list(self.lines()), columns=list(COLUMNS))

    def _part(self, outputs: np.ndarray, inputs: np.ndarray) -> Sensitivity:
        arrays = {name: getattr(self, name)[np.ix_(outputs, inputs)] for name in ("mean", "mean_abs", "std", "count")}
        names = tuple(self.input_names[j] for j in inputs), tuple(self.output_names[i] for i in outputs)
        return replace(self, **arrays, input_names=names[0], output_names=names[1])

    def __repr__(self) -> str:
        shape = f"{len(self.input_names)} inputs -> {len(self.output_names)} outputs"
        return f"Sensitivity({shape}, {self.units}, {self.rows:,} rows)"

    def __str__(self) -> str:
        rows = [("output", "input", "mean", "mean |.|", "std", "rows")]
        for i, output in enumerate(self.output_names[:MOST_OUTPUTS]):
            for line in self.top(MOST_INPUTS, i).lines():
                mean, mean_abs, std = (f"{value:.4g}" for value in line[2:5])
                rows.append((format_name(output), format_name(line[1]), mean, mean_abs, std, f"{line[6]:,}"))
        head, *body = format_table(rows, left=2)
        title = f"Sensitivity over {self.rows:,} rows, {self.units} units: {FORMULAS[self.units]}"
        return "\n".join([title, "", head, "-" * len(head), *body, *self._left_out()])

    def _left_out(self) -> list[str]:
        """What a printed table does not show."""
        inputs, outputs = len(self.input_names) - MOST_INPUTS, len(self.output_names) - MOST_OUTPUTS
        counts = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in ((inputs, "input"), (outputs, "output")) if count > 0]
        return [f"and {' and '.join(counts)} more"] if counts else []
