"""How much each output of a network depends on each input, over the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from .. import arguments
from ..errors import OptionError, ShapeError
from ..network import Network, checked_network
from .columns import default_names, rows_for
from .derivatives import NanPolicy, Rows, Units
from .moments import Moments
from .result import Sensitivity


def sensitivity(
    net: Network,
    table: Any,
    *,
    units: Units = "raw",
    weights: Any = None,
    nan_policy: NanPolicy = "raise",
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    threads: int | None = None,
) -> Sensitivity:
    """Mean, mean absolute value and standard deviation of every derivative `d y_i / d x_j` over the rows of a table.

    Parameters
    ----------
    net : the network.
    table : a data frame (pandas, or another with `columns`), whose columns are matched by name to `input_names`, or to
        `net.feature_names`, as the networks of scikit-learn's estimators have them; without either they are taken in their order.
        Or an array `(..., n_in)`; for a network of several inputs also a tuple of arrays or frames, as the network takes it.
    units : "raw", the derivatives as they are; "standard", times the standard deviation of x_j over the standard deviation of
        y_i: how many standard deviations y_i moves with one of x_j; "elasticity", `d log y_i / d log x_j`, which is
        `d y_i / d x_j * x_j / y_i`: by how many per cent y_i moves with one per cent of x_j, and 0 where x_j is 0.
    weights : (rows,) numbers from 0 on, how much each row counts; by default all the same.
    nan_policy : what becomes of nan and inf. "raise" is an error that says where the first one is. "omit" leaves out rows with
        nan or inf in an input, and in the other rows derivatives that are not finite: for "elasticity" those of an output that
        is 0, for "standard" those of an output that is the same in all rows. `count` says how many remain.
    input_names, output_names : `n_in` and `n_out` names. By default inputs have the names of `net.feature_names`, else those of
        the frame's columns, else x0, x1, ...; outputs have y0, y1, ...
    threads : most threads to use, as for `Network.jacobian`.

    Returns
    -------
    Sensitivity
        Arrays `(n_out, n_in)` in float64, with names; `print` shows a table. Standard deviations are those of `numpy.std`.

    Raises
    ------
    DtypeError
        A net that is no Network; a column or an array that does not hold numbers; names that are no strings.
    ShapeError
        A table without rows, with the wrong number of columns, or with missing or unknown ones; another number of names or
        weights.
    OptionError
        Unknown units or nan_policy; negative weights; a name that comes twice; and what nan_policy "raise" refuses.

    Costs one Jacobian for each row; with a small network the statistics take some four times as long as that. Memory holds the
    result and a block of Jacobians, whatever the number of rows; a data frame's columns are copied to one array.

    Examples
    --------
    >>> net = fj.Network([fj.Affine([[1.0, -2.0]])])
    >>> found = fj.sensitivity(net, np.eye(2), input_names=["age", "height"])
    >>> print(found)
    Sensitivity over 2 rows, raw units: d y / d x
    <BLANKLINE>
    output  input   mean  mean |.|  std  rows
    -----------------------------------------
    y0      height    -2         2    0     2
    y0      age        1         1    0     2
    """
    arguments.one_of(units, get_args(Units), "units")
    arguments.one_of(nan_policy, get_args(NanPolicy), "nan_policy")
    values, inputs = rows_for(checked_network(net), table, input_names)
    outputs = output_names_for(net, output_names)
    rows = Rows(net, values, _checked_weights(weights, len(values)), inputs, outputs)
    derivatives, x, y = Moments((net.n_out, net.n_in)), Moments((net.n_in,)), Moments((net.n_out,))
    for block in rows.blocks(units, nan_policy, threads):
        derivatives.add(block.derivatives, block.weights)
        x.add(block.x, block.weights)
        y.add(block.y, block.weights)
    n_rows = int(x.count.max())
    if not n_rows:
        raise ShapeError("no row of the table is left: each has nan or inf in an input, or the weight 0")
    factors = _standard(x.std, y.std, outputs, nan_policy) if units == "standard" else np.ones((net.n_out, net.n_in))
    known = (derivatives.count > 0) & np.isfinite(factors)
    moments = (derivatives.mean, derivatives.mean_abs, derivatives.std)
    mean, mean_abs, std = (np.where(known, moment * factors, np.nan) for moment in moments)
    return Sensitivity(mean, mean_abs, std, np.where(known, derivatives.count, 0), inputs, outputs, units, n_rows)


def output_names_for(net: Network, output_names: Sequence[str] | None) -> tuple[str, ...]:
    """The names of the outputs as they were given, checked, or the default ones."""
    if output_names is None:
        return default_names(net._outputs, "y")
    return arguments.names(output_names, net.n_out, "output_names", "output")


def _standard(x: np.ndarray, y: np.ndarray, outputs: Sequence[str], nan_policy: NanPolicy) -> np.ndarray:
    """`std(x_j) / std(y_i)`, nan where an output does not vary."""
    if nan_policy == "raise" and not y.all():
        raise OptionError(
            f"the output {outputs[int(np.argmin(y != 0.0))]!r} is the same in all rows, so it has no standard deviation to "
            'measure by; pass units="raw", or nan_policy="omit" (in the shell: --nan-policy omit), which gives nan for it'
        )
    return x / np.where(y > 0.0, y, np.nan)[:, None]


def _checked_weights(weights: Any, n: int) -> np.ndarray:
    if weights is None:
        return np.ones(n)
    array = arguments.real_array(weights, "weights").astype(np.float64)
    if array.shape != (n,):
        raise ShapeError(f"weights must have shape ({n},), one for each row of the table, got {array.shape}")
    if not np.isfinite(array).all() or (array < 0.0).any():
        wrong = int(np.argmax(~(np.isfinite(array) & (array >= 0.0))))
        raise OptionError(f"weights must be finite and not negative, got {array[wrong]} in row {wrong} (counted from 0)")
    return array
