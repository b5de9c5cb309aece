"""A table of any kind as numbers, its columns in the order in which a network takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import arguments
from ..dense import column_numbers
from ..errors import OptionError, ShapeError
from ..graphs.ends import End
from ..network import Network
from ..table import format_name

MOST_LISTED = 8
"""How many columns an error lists."""


class Table(NamedTuple):
    """Rows of numbers `values (n, columns)`, and the names of the columns; no names where nothing names them."""

    values: np.ndarray
    names: tuple[str, ...] = ()


def rows_for(net: Network, table: Any, input_names: Sequence[str] | None) -> Table:
    """The rows `(n, n_in)` of a table as the network takes them, with the name of each input.

    table : a data frame of pandas or another library, whose columns are matched to the names of the inputs; an array; or, for
        several inputs, a tuple of either.
    input_names : the names of the inputs; by default `net.feature_names`, else the names of the columns, else x0, x1, ...
    """
    wanted = net.feature_names if input_names is None else arguments.names(input_names, net.n_in, "input_names", "input")
    if net._inputs.several and isinstance(table, tuple) and not isinstance(table, Table):
        fits = len(wanted) > 0 and len(table) == len(net.inputs)
        wanted_of = net._inputs.split(np.array(wanted), -1) if fits else [()] * len(table)
        parts = [_read(part, tuple(names)) for part, names in zip(table, wanted_of, strict=True)]
        values = net._inputs.points(tuple(part.values for part in parts), np.dtype(np.float64), "table")
        found = tuple(name for part in parts for name in part.names)
    else:
        values, found = _read(table, wanted)
        if found and values.shape[1] != net.n_in:
            raise ShapeError(
                f"the table must have {net.n_in} columns, one for each input of the network, got {len(found)}: {_listed(found)}; "
                "pick those that it takes, in its order"
            )
        values = arguments.features(values, net.n_in, "table")
    if values.size == 0:
        raise ShapeError("the table has no rows, so there is nothing to take a mean of")
    is_named = len(set(found)) == net.n_in
    return Table(values.reshape(-1, net.n_in), wanted or (found if is_named else default_names(net._inputs, "x")))


def default_names(end: End, letter: str) -> tuple[str, ...]:
    """x0, x1, ... for one vector; for several x0[0], x0[1], ..., or state[0], state[1], ... where one has the name state."""
    if not end.several and end.names[0] is None:
        return tuple(f"{letter}{number}" for number in range(end.total))
    own = [name or f"{letter}{number}" for number, name in enumerate(end.names)]
    labels = own if len(set(own)) == len(own) else [f"{letter}{number}" for number in range(len(own))]
    sized = zip(labels, end.sizes, strict=True)
    return tuple(name for label, size in sized for name in ([label] if size == 1 else [f"{label}[{i}]" for i in range(size)]))


def matched(found: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where in `found` each of the wanted columns is. Raises as `picked` does, and ShapeError where `found` has other columns."""
    places = picked(found, wanted)
    extra = [name for name in found if name not in set(wanted)]
    if extra:
        raise ShapeError(
            f"the table has the columns {_listed(extra)}, which the network does not take; leave them out: in pandas by "
            "table[list(net.feature_names)], in the shell by --columns"
        )
    return places


def picked(found: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where in `found` each of the wanted columns is.

    Raises ShapeError where one is missing, OptionError where two of `found` have one name.
    """
    repeated = [name for name, times in Counter(found).items() if times > 1]
    if repeated:
        raise OptionError(f"the table has two columns called {_listed(repeated[:1])}; rename or drop one")
    places = {name: place for place, name in enumerate(found)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise ShapeError(f"the table lacks the columns {_listed(missing)}; it has {_listed(found)}{_fix(missing, found)}")
    return [places[name] for name in wanted]


def _fix(missing: Sequence[str], found: Sequence[str]) -> str:
    """What to do where a column holds categories, each of which is an input of its own."""
    encoded = [name for name in found if any(other.startswith(f"{name}=") for other in missing)]
    if not encoded:
        return ""
    dummies = f"pandas.get_dummies(table, columns={encoded}, prefix_sep='=', dtype=float)"
    return f"; encode the categories as 0 and 1 first: {dummies}.reindex(columns=list(net.feature_names), fill_value=0.0)"


def _read(table: Any, wanted: Sequence[str]) -> Table:
    """A data frame with its columns in the order of the wanted names, if there are any and it has names; an array as it is."""
    if isinstance(table, Table):
        return Table(table.values[:, matched(table.names, wanted)], tuple(wanted)) if wanted and table.names else table
    if not hasattr(table, "columns"):
        return Table(arguments.real_array(table, "table"))
    labels = list(table.columns)
    texts, is_named = tuple(map(str, labels)), all(isinstance(label, str) for label in labels)
    order = matched(texts, wanted if wanted and is_named else texts)
    columns = [column_numbers(table[labels[place]], labels[place], "the table") for place in order]
    values = np.column_stack(columns) if columns else np.empty((len(table), 0))
    return Table(values, tuple(texts[place] for place in order) if is_named else ())


def _listed(names: Sequence[str]) -> str:
    """Names for an error, the first few where there are many."""
    shown = ", ".join(repr(format_name(name)) for name in names[:MOST_LISTED])
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")
