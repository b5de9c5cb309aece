"""Read `.nnet` files: ReLU networks as numbers in text, with the scaling of their inputs and outputs.

After comments, which start with `//`, the lines hold, separated by commas:

1. the number of affine layers, of inputs, of outputs, and the largest size of a layer;
2. the sizes from the input's to the output's;
3. a flag that nothing uses;
4. the inputs' minimums, and 5. their maximums;
6. the inputs' means and one for all outputs, and 7. their ranges likewise;
8. for each affine layer, the rows of its weight, then its biases, one a line.

The network itself takes inputs that were clipped to [minimum, maximum], `(x - mean) / range`, and gives outputs which are
still to be scaled, `y range + mean`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import FileError, FormatError, OptionError
from ..network import Network
from .located import located
from .options import Options, ScalingName
from .parts import Imported, Part, assemble
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .reading.lines import Lines
from .reading.packed import unpacked_probe
from .reading.probe import Probe

COMMENT = b"//"
DEFAULT_SCALING: ScalingName = "linear"
START = re.compile(rb"\s*(//|\d+\s*,[\d\s,]*$)")
"""How a file starts: with a comment, or with whole numbers."""
BYTES_OF_A_NUMBER = 2
"""At the least: a digit and what separates it from the next."""


@dataclass(frozen=True)
class Scaling:
    """What stands between the units of a user and those of the network.

    minimums, maximums, means, ranges : (n_in,) of the inputs.
    mean, range : of all outputs.
    """

    minimums: np.ndarray
    maximums: np.ndarray
    means: np.ndarray
    ranges: np.ndarray
    mean: float
    range: float


def from_nnet(path: str | os.PathLike[str], scaling: ScalingName = DEFAULT_SCALING) -> Network:
    """The network in a `.nnet` file, with or without the scaling of inputs and outputs that the file specifies.

    Parameters
    ----------
    path : the file.
    scaling : what stands around the affine layers and ReLUs.

        "linear", the default: inputs `(x - mean) / range`, outputs `y range + mean`, so that both are in the units of the
        problem. Clipping is left out, which changes nothing for inputs within the file's bounds, their faces included: there,
        this is what the format's own evaluation gives.

        "none": nothing. Inputs and outputs are in the network's own units, as in the ONNX twins of such files, and as
        verification benchmarks state their properties.

        "clipped": the same behind inputs clipped to the file's bounds, as the format's own evaluation does it. The derivative
        by an input at or beyond its bounds is 0.

    Returns
    -------
    Network
        In float64.

    Raises
    ------
    MissingFileError, FileError
        There is no such file, or it cannot be read.
    FormatError
        It is no such file, damaged, or its scaling is none; the message gives the line.
    OptionError
        `scaling` is something else.
    """
    _check_scaling(scaling)
    with unpacked_probe(path) as found, located(str(found.origin)):
        return _imported(found, scaling).network


def recognise(probe: Probe) -> bool:
    """Whether the file starts with a comment or a line of whole numbers, which no other format does."""
    return START.match(probe.head) is not None


def load(probe: Probe, options: Options) -> Imported:
    """Read the network with the scaling that `options.scaling` asks for.

    Raises FormatError where the file is damaged or has no such scaling, OptionError for another option or an unknown scaling.
    """
    options.refuse_all_but("scaling")
    scaling = DEFAULT_SCALING if options.scaling is None else options.scaling
    _check_scaling(scaling)
    return _imported(probe, scaling)


def _check_scaling(scaling: Any) -> None:
    if not isinstance(scaling, str) or scaling not in SCALINGS:
        raise OptionError(f"scaling must be one of {', '.join(SCALINGS)}, got {scaling!r}")


def _imported(probe: Probe, scaling: ScalingName) -> Imported:
    try:
        with open(probe.path, "rb") as file:
            told, affines = _read(Lines(file, COMMENT), probe.size)
    except OSError as error:
        raise FileError(f"it cannot be read: {error.strerror}") from error
    inner = [Part(f"layer {i} (affine, relu)", (affine, fl.ReLU())) for i, affine in enumerate(affines[:-1], start=1)]
    inner.append(Part(f"layer {len(affines)} (affine)", (affines[-1],)))
    with np.errstate(all="ignore"):  # what overflows is told
        before, behind = SCALINGS[scaling](told)
    return assemble([before, *inner, behind], None, "from_nnet")


# The scaling


def _raw(scaling: Scaling) -> tuple[Part, Part]:
    remedy = 'left out by scaling="none"'
    return (
        Part("inputs (clip to [min, max], (x - mean) / range)", (), remedy),
        Part(f"outputs (y * {scaling.range:g} + {scaling.mean:g})", (), remedy),
    )


def _linear(scaling: Scaling) -> tuple[Part, Part]:
    layers = (fl.Scale(1.0, -scaling.means), _division(scaling))
    note = "clipping to [min, max] is left out, which changes nothing within"
    return Part("inputs ((x - mean) / range)", layers, note), _scaled_outputs(scaling)


def _clipped(scaling: Scaling) -> tuple[Part, Part]:
    """`min + relu(x - min)` is `max(x, min)`, and `max - relu(max - x)` is `min(x, max)`, each bound by its own unit."""
    low, high = scaling.minimums, scaling.maximums
    if not np.all(np.isfinite(high - low)) or np.any(high < low):
        raise FormatError(
            'clipping takes finite minimums that are not above the maximums; pass scaling="linear", which leaves it out'
        )
    above = (fl.Scale(1.0, -low), fl.ReLU())
    below = (fl.Scale(-1.0, high - low), fl.ReLU())
    shift = (fl.Scale(-1.0, high - scaling.means), _division(scaling))
    return Part("inputs (clip to [min, max], (x - mean) / range)", (*above, *below, *shift)), _scaled_outputs(scaling)


def _scaled_outputs(scaling: Scaling) -> Part:
    return Part("outputs (y * range + mean)", (fl.Scale(scaling.range, scaling.mean),))


def _division(scaling: Scaling) -> fl.Scale:
    inverse = 1.0 / scaling.ranges
    if not np.all(np.isfinite(inverse)):
        raise FormatError('the ranges of the inputs divide, so none may be 0; pass scaling="none", which leaves them out')
    return fl.Scale(inverse)


SCALINGS: dict[ScalingName, Callable[[Scaling], tuple[Part, Part]]] = {"none": _raw, "linear": _linear, "clipped": _clipped}
"""What stands before and behind the network, by the name that `from_nnet` gives it."""


# The text


def _read(lines: Lines, size: int) -> tuple[Scaling, list[fl.Affine]]:
    """The scaling and the affine layers in a file of `size` bytes."""
    widths = _widths(lines, size)
    lines.skip("a flag")
    scaling = _scaling(lines, widths[0])
    affines = [_affine(lines, n_in, n_out, i) for i, (n_in, n_out) in enumerate(pairwise(widths), start=1)]
    lines.check_end("the last bias")
    return scaling, affines


def _widths(lines: Lines, size: int) -> list[int]:
    """The sizes from the input's to the output's, whose numbers the file's bytes can hold."""
    # Writers differ in whether the largest size counts the inputs, and nothing needs it.
    n_layers, n_in, n_out, _ = lines.counts(4, "the numbers of layers, inputs, outputs and units of the largest layer")
    check_count(n_layers, MOST_LAYERS, "layers")
    widths = lines.counts(n_layers + 1, "the layer sizes")
    if (widths[0], widths[-1]) != (n_in, n_out):
        raise FormatError(
            f"the layer sizes lead from {widths[0]} to {widths[-1]} units, the line above tells {n_in} inputs and {n_out} outputs"
        )
    check_count(max(widths), MOST_UNITS, "units in a layer")
    n_numbers = sum((before + 1) * behind for before, behind in pairwise(widths))
    if n_numbers * BYTES_OF_A_NUMBER > size:
        raise FormatError(f"the layer sizes ask for {n_numbers} numbers, which {size} bytes cannot hold; the file is truncated")
    return widths


def _scaling(lines: Lines, n_in: int) -> Scaling:
    minimums, maximums = (np.array(lines.floats(n_in, f"the inputs' {what}")) for what in ("minimums", "maximums"))
    *means, mean = lines.floats(n_in + 1, "the means of the inputs and of the outputs")
    *ranges, spread = lines.floats(n_in + 1, "the ranges of the inputs and of the outputs")
    return Scaling(minimums, maximums, np.array(means), np.array(ranges), mean, spread)


def _affine(lines: Lines, n_in: int, n_out: int, position: int) -> fl.Affine:
    weight = lines.matrix(n_out, n_in, f"row {{}} of the weight of layer {position}")
    bias = lines.matrix(n_out, 1, f"bias {{}} of layer {position}")
    return fl.Affine(weight, bias[:, 0])
