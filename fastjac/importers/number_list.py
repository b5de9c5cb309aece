"""Read the lists of numbers in which the verification tools Sherlock and POLAR take their networks, one entry a line.

The lines hold

1. the number of inputs, 2. of outputs, 3. of hidden layers;
4. the size of each hidden layer;
5. in POLAR's files, the activation behind each affine layer: ReLU, sigmoid, tanh, or Affine for none;
6. for each unit of each layer, its weights, then its bias;
7. perhaps an offset and a factor of all outputs: the network gives `(y - offset) factor`.

Sherlock itself takes a ReLU behind every layer, also the last. Others keep other networks in the same form, so the user states
the layers where the file names none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from .. import layers as fl
from ..errors import FormatError, OptionError
from ..graphs.blocks import Item
from .groups import MOST_SHOWN
from .ir.assembly import assemble_row
from .options import Options
from .parts import Imported, Part
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .reading.lines import Lines
from .reading.probe import Probe, opened
from .state_dict import imported

START = re.compile(rb"\s*\d+[ \t]*\r?\n\s*\d+[ \t]*\r?\n")
"""How a file starts: with two whole numbers, each alone on its line."""
COMMENT = b"//"
NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "affine": "identity"}
"""POLAR's names of activations, in small letters, and those that a state dict's list of layers has."""
N_COUNTS, N_SCALING = 3, 2
"""How many lines stand before the sizes of the hidden layers, and behind the last bias."""


def recognise(probe: Probe) -> bool:
    """Whether the file starts with two whole numbers, each alone on its line."""
    return START.match(probe.head) is not None


def load(probe: Probe, options: Options) -> Imported:
    """Read the weights, with the activations that the file names, or that `options.layers` states where it names none.

    Raises FormatError where the file is damaged or names another activation; OptionError where `layers` is needed and missing,
    or is given and has no use.
    """
    options.refuse_all_but("layers")
    with opened(probe.path) as file:
        n_lines = sum(1 for _ in Lines(file, COMMENT).entry_counts())
        file.seek(0)
        return _read(file, n_lines, options)


def _read(file: BinaryIO, n_lines: int, options: Options) -> Imported:
    lines = Lines(file, COMMENT)
    widths = _widths(lines)
    sizes = list(pairwise(widths))
    names = _names(lines, len(sizes))
    n_left = n_lines - N_COUNTS - (len(widths) - 2) - len(names) - sum((n_in + 1) * n_out for n_in, n_out in sizes)
    if n_left not in (0, N_SCALING):
        fault = f"misses {-n_left} of the numbers" if n_left < 0 else f"has {n_left} numbers more than those"
        raise FormatError(
            f"it {fault} that its layers of {', '.join(map(str, widths[:MOST_SHOWN]))} units take; an offset and a factor of the "
            "outputs alone may follow them"
        )
    arrays = [_affine(lines, n_in, n_out, number) for number, (n_in, n_out) in enumerate(sizes)]
    state = {name: array for affine in arrays for name, array in affine.items()}
    inner = imported(state, _activations(names, len(sizes), options))
    scaling = _scaling(lines, n_left)
    items: list[fl.Layer | Item] = [inner.network, *(layer for part in scaling for layer in part.layers)]
    return assemble_row([*inner.parts, *scaling], None, "fastjac.load", items=items)


def _widths(lines: Lines) -> list[int]:
    """The sizes from the input's to the output's."""
    n_in, n_out, n_hidden = (lines.counts((1,), f"the number of {what}")[0] for what in ("inputs", "outputs", "hidden layers"))
    check_count(2 * (n_hidden + 1), MOST_LAYERS, "layers and activations")
    hidden = [lines.counts((1,), "the size of a hidden layer")[0] for _ in range(n_hidden)]
    widths = [n_in, *hidden, n_out]
    check_count(max(widths), MOST_UNITS, "units in a layer")
    return widths


def _names(lines: Lines, n_layers: int) -> list[str]:
    """The activations that the file names, for every layer or for none."""
    names: list[str] = []
    while len(names) < n_layers and (word := lines.word()) is not None:
        if word.lower() not in NAMES:
            raise FormatError(f"it names the activation {word:.40}; fastjac reads {', '.join(NAMES)} in such a file")
        names.append(NAMES[word.lower()])
    if names and len(names) < n_layers:
        raise FormatError(f"it names {len(names)} activations for {n_layers} layers; the file is damaged")
    return names


def _activations(names: list[str], n_layers: int, options: Options) -> Sequence[Any]:
    if names:
        options.refuse_all_but()
        return names
    if options.layers is None:
        example = ", ".join(['"relu"'] * n_layers) if n_layers <= MOST_SHOWN else f"... {n_layers} names"
        raise OptionError(
            "it holds weights and does not name what follows each of its affine layers, so specify that; Sherlock's own networks "
            f"have a ReLU behind every layer, also the last: fastjac.load(path, layers=[{example}])"
        )
    return options.layers


def _affine(lines: Lines, n_in: int, n_out: int, number: int) -> dict[str, np.ndarray]:
    rows = lines.matrix(n_out * (n_in + 1), 1, f"number {{}} of layer {number + 1}").reshape(n_out, n_in + 1)
    return {f"{number}.weight": rows[:, :-1], f"{number}.bias": rows[:, -1]}


def _scaling(lines: Lines, n_left: int) -> list[Part]:
    if not n_left:
        return []
    offset, factor = (lines.floats((1,), f"the {what} of the outputs")[0] for what in ("offset", "factor"))
    layers = () if (offset, factor) == (0.0, 1.0) else (fl.Scale(1.0, -offset), fl.Scale(factor))
    return [Part(f"outputs ((y - {offset:g}) * {factor:g})", layers)]
