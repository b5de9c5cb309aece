"""Jacobians as images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arguments import real_array
from ..errors import ShapeError
from ..graphs.ends import whole
from ..network import Network, checked_network
from ..tabular.columns import default_names
from ..tabular.result import number_of
from .axes import add_key, axes_for, signed_image


def saliency(
    net: Network, x: Any, output: int | str | None = None, *, shape: tuple[int, int] | None = None, ax: Any = None
) -> Any:
    """Draw the derivatives of one output by all inputs as an image: red where an input raises it, blue where it lowers it.

    Parameters
    ----------
    net, x : the network and one input `(n_in,)`, or a tuple for several.
    output : the number of the output, or its name, such as "y3"; by default the largest at x.
    shape : height and width of the image, whose rows follow one another in x; by default a square.
    ax : where to draw; by default a new figure.

    Returns the Axes. Raises ShapeError for an x that is not one input, and for a shape that does not hold its numbers.

    Examples
    --------
    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.saliency(net, np.zeros(4)).get_title()
    'What raises and lowers y0 = 0'
    """
    points, lead = checked_network(net)._taken(x)
    if lead:
        raise ShapeError(f"saliency draws one input, got x with the leading shape {lead}; call it for each, as with x[0]")
    point = net._inputs.split(points, -1)
    y = whole(net(point), None, net._outputs)
    names = default_names(net._outputs, "y")
    number = int(np.argmax(y)) if output is None else number_of(output, names)
    row = net.jacobian(point, wrt=slice(None), of=number)[0]
    ax = axes_for(ax, (5.4, 4.4))
    image = signed_image(ax, row.reshape(_checked_shape(shape, net.n_in)))
    ax.set(xticks=[], yticks=[], title=f"What raises and lowers {names[number]} = {y[number]:.3g}")
    ax.spines[:].set_color("0.8")
    add_key(ax, image, f"d {names[number]} / d x:  \N{MINUS SIGN} lowers, + raises")
    return ax


def jacobian(J: Any, *, ax: Any = None) -> Any:  # noqa: N803
    """Draw one Jacobian `J (n_out, n_in)` as a map with a row for each output and a column for each input.

    Returns the Axes. Raises ShapeError for a J that is no matrix.

    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.jacobian(net.jacobian(np.zeros(4))).get_xlabel()
    'input'
    """
    matrix = real_array(J, "J")
    if matrix.ndim != 2:
        raise ShapeError(f"J must be one Jacobian (n_out, n_in), got shape {matrix.shape}; draw one of several as J[0]")
    ax = axes_for(ax)
    image = signed_image(ax, matrix, aspect="auto")
    ax.set(xlabel="input", ylabel="output")
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
    add_key(ax, image, "d output / d input:  \N{MINUS SIGN} lowers, + raises")
    return ax


def _checked_shape(shape: tuple[int, int] | None, n_in: int) -> tuple[int, int]:
    side = math.isqrt(n_in)
    if shape is None:
        if side * side != n_in:
            raise ShapeError(f"{n_in} inputs make no square; pass shape=(height, width)")
        return side, side
    if len(shape) != 2 or math.prod(shape) != n_in:
        raise ShapeError(f"shape must be (height, width) with as many pixels as the network has inputs, {n_in}; got {shape}")
    return shape
