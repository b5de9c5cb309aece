"""The singular values of Jacobians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import OptionError
from ..network import Network, checked_network
from ..quantities.spectral import rounding_share
from .axes import COLOURS, axes_for


def singular_spectrum(net: Network, x: Any, *, ax: Any = None) -> Any:
    """Draw the singular values of the Jacobian at x, the largest first; for several inputs their median, least and largest.

    Values that are 0 up to rounding are left out, and counted in the legend.

    Parameters
    ----------
    net, x : the network and inputs `(..., n_in)`, or a tuple for several.
    ax : where to draw; by default a new figure.

    Returns the Axes. Costs what `Network.singular_values` costs. Raises OptionError where no Jacobian is finite.

    Examples
    --------
    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.singular_spectrum(net, np.zeros(4)).get_ylabel()
    'singular value of J'
    """
    values = checked_network(net).singular_values(x).reshape(-1, min(net.n_in, net.n_out))
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        raise OptionError("x holds no input with a finite Jacobian, so there is no spectrum to draw")
    rounding = rounding_share((net.n_out, net.n_in), net.dtype) * values.max(axis=1, keepdims=True)
    low, median, high = _bands(np.where(values > rounding, values, np.nan))
    numbers = np.arange(1, values.shape[1] + 1)
    ax = axes_for(ax, (6.4, 4.2))
    if len(values) > 1:
        ax.fill_between(numbers, low, high, color=COLOURS[0], alpha=0.25, linewidth=0, label="least to largest")
    zero = int(np.isnan(median).sum())
    label = ("median" if len(values) > 1 else "singular value") + (
        f"; {zero} more {'is' if zero == 1 else 'are'} 0" if zero else ""
    )
    ax.plot(numbers, median, "o-", color=COLOURS[0], markersize=4, linewidth=1.2, label=label)
    ax.set_yscale("log")
    # An axis over less than a decade might show no round number.
    bottom, top = ax.get_ylim()
    centre = math.sqrt(bottom * top)
    ax.set_ylim(min(bottom, centre / 5.0), max(top, centre * 5.0))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="number, from the largest", ylabel="singular value of J", xlim=(0.5, len(numbers) + 0.5))
    ax.set_title(
        f"Spectrum of J ({net.n_out} \N{MULTIPLICATION SIGN} {net.n_in}) at {len(values):,} input{'s' * (len(values) > 1)}"
    )
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _bands(values: np.ndarray) -> np.ndarray:
    """The least, the median and the largest (3, k) of those values (n, k) that are not nan; nan where all are."""
    bands = np.full((3, values.shape[1]), np.nan)
    known = ~np.isnan(values).all(axis=0)
    bands[:, known] = np.nanquantile(values[:, known], (0.0, 0.5, 1.0), axis=0)
    return bands
