"""Read `.nnet` files: ReLU networks as numbers in text, with the scaling of their inputs and outputs.

The network itself takes inputs that were clipped to [minimum, maximum] and then scaled, `(x - mean) / range`. It gives outputs
that are still to be scaled, `y range + mean`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import FormatError, OptionError
from ..network import Network
from . import nnet_text
from .ir.assembly import assemble_row
from .located import located
from .nnet_text import Scaling
from .options import Options, ScalingName
from .parts import Imported, Part
from .reading.packed import unpacked_probe
from .reading.probe import Probe, opened

DEFAULT_SCALING: ScalingName = "linear"
START = re.compile(rb"\s*(//|\d+\s*[,\s]\s*\d+\s*([,\s]|$))")
"""How a file starts: with a comment, or with two whole numbers."""


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
        It is no such file, is damaged, or its scaling is unusable; the message gives the line.
    OptionError
        `scaling` is something else.

    Examples
    --------
    >>> import tempfile
    >>> lines = "1,2,1,2,", "2,1,", "0,", "-1,-1,", "1,1,", "0,0,0,", "1,1,1,", "3,4,", "0.5,"
    >>> with tempfile.NamedTemporaryFile("w", suffix=".nnet") as file:
    ...     print(*lines, sep="\\n", file=file, flush=True)
    ...     fj.from_nnet(file.name).value_and_jacobian([0, 0])
    (array([0.5]), array([[3., 4.]]))
    """
    _check_scaling(scaling)
    with unpacked_probe(path) as found, located(str(found.origin)):
        return _imported(found, scaling).network


def recognise(probe: Probe) -> bool:
    """Whether the file starts with a comment or with two whole numbers, which no other format does."""
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
    with opened(probe.path) as file:
        stated, affines = nnet_text.read(file, probe.size)
    inner = [Part(f"layer {i} (affine, relu)", (affine, fl.ReLU())) for i, affine in enumerate(affines[:-1], start=1)]
    inner.append(Part(f"layer {len(affines)} (affine)", (affines[-1],)))
    with np.errstate(all="ignore"):  # what overflows is refused with a message of its own
        before, behind = SCALINGS[scaling](stated)
    return assemble_row([before, *inner, behind], None, "from_nnet")


# The scaling


def _raw(scaling: Scaling) -> tuple[Part, Part]:
    remedy = 'left out by scaling="none"'
    return (
        Part("inputs (clip to [min, max], (x - mean) / range)", (), remedy),
        Part(f"outputs (y * {scaling.range:g} + {scaling.mean:g})", (), remedy),
    )


def _linear(scaling: Scaling) -> tuple[Part, Part]:
    _check_clear(scaling)
    if scaling.changes_nothing:
        return Part("inputs", (), "the file has no scaling, or one that changes nothing"), Part("outputs", ())
    layers = (fl.Scale(1.0, -scaling.means), _division(scaling))
    note = "clipping to [min, max] is left out, which changes nothing within"
    return Part("inputs ((x - mean) / range)", layers, note), _scaled_outputs(scaling)


def _clipped(scaling: Scaling) -> tuple[Part, Part]:
    """Clipping by two ReLUs: `min + relu(x - min)` is `max(x, min)`, and `max - relu(max - x)` is `min(x, max)`.

    Each unit has its own bounds.
    """
    _check_clear(scaling)
    low, high = scaling.minimums, scaling.maximums
    if not np.all(np.isfinite(high - low)) or np.any(high < low):
        raise FormatError(
            'clipping takes finite minimums that are not above the maximums; pass scaling="linear", which leaves it out'
        )
    above = (fl.Scale(1.0, -low), fl.ReLU())
    below = (fl.Scale(-1.0, high - low), fl.ReLU())
    shift = (fl.Scale(-1.0, high - scaling.means), _division(scaling))
    return Part("inputs (clip to [min, max], (x - mean) / range)", (*above, *below, *shift)), _scaled_outputs(scaling)


def _check_clear(scaling: Scaling) -> None:
    if scaling.unclear:
        raise FormatError(
            f"it has {scaling.unclear}, which does not show what is scaled by what: each line should hold one number for each "
            'input and one for all outputs; pass scaling="none", which leaves the scaling out'
        )


def _scaled_outputs(scaling: Scaling) -> Part:
    return Part("outputs (y * range + mean)", (fl.Scale(scaling.range, scaling.mean),))


def _division(scaling: Scaling) -> fl.Scale:
    inverse = 1.0 / scaling.ranges
    if not np.all(np.isfinite(inverse)):
        raise FormatError('the ranges of the inputs divide, so none may be 0; pass scaling="none", which leaves them out')
    return fl.Scale(inverse)


SCALINGS: dict[ScalingName, Callable[[Scaling], tuple[Part, Part]]] = {"none": _raw, "linear": _linear, "clipped": _clipped}
"""What stands before and behind the network, by the name that `from_nnet` gives it."""
