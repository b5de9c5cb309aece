"""The derivatives of one output at some rows of a table, for pictures that show rows one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from .. import arguments
from ..network import Network, checked_network
from .columns import rows_for
from .derivatives import Rows, Units
from .result import number_of
from .sensitivity import output_names_for


class Sample(NamedTuple):
    """Some rows of a table: inputs `x (n, n_in)`, the derivatives `(n, n_in)` of an output by them, and the names of all."""

    x: np.ndarray
    derivatives: np.ndarray
    input_names: tuple[str, ...]
    output_name: str


def sample(
    net: Network,
    table: Any,
    output: int | str,
    units: Units,
    most: int,
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
) -> Sample:
    """At most so many rows, evenly spread over the table; arguments and errors are those of `fastjac.sensitivity`.

    Rows with nan or inf, in an input or a derivative, are left out. Standard deviations are those of the rows that are kept.
    """
    arguments.one_of(units, get_args(Units), "units")
    values, inputs = rows_for(checked_network(net), table, input_names)
    outputs = output_names_for(net, output_names)
    number = number_of(output, outputs)
    values = values[np.linspace(0, len(values) - 1, min(most, len(values))).astype(int)]
    rows = Rows(net, values, np.ones(len(values)), inputs, outputs, number)
    blocks = list(rows.blocks(units, "omit", None))
    x = np.concatenate([block.x for block in blocks] or [np.empty((0, net.n_in))])
    y = np.concatenate([block.y for block in blocks] or [np.empty((0, 1))])
    derivatives = np.concatenate([block.derivatives[:, 0] for block in blocks] or [np.empty((0, net.n_in))])
    if units == "standard" and len(x):
        with np.errstate(all="ignore"):
            derivatives *= x.std(axis=0) / y.std()
    finite = np.isfinite(derivatives).all(axis=1)
    return Sample(x[finite], derivatives[finite], inputs, outputs[number])
