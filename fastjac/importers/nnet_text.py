"""The text of `.nnet` files, in the dialects of the tools that write them.

After comments, which start with `//`, the lines hold, separated by commas or blanks:

1. the number of affine layers, of inputs, of outputs, and the largest size of a layer;
2. the sizes from the input's to the output's;
3. a flag that nothing uses;
4. the inputs' minimums, and 5. their maximums;
6. the inputs' means and one for all outputs, and 7. their ranges likewise;
8. for each affine layer, the rows of its weight, then its biases, one a line.

Other writers put only the number of layers on line 1, repeat the last size on line 2, leave out line 3, or have one number on
each of lines 4 to 7, or none of these lines. The number of lines, and of numbers on each, shows which dialect a file has; a file
that could have two is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise
from typing import BinaryIO

import numpy as np

from .. import layers as fl
from ..errors import FormatError
from .reading.limits import MOST_LAYERS, MOST_UNITS, check_count
from .reading.lines import Lines

COMMENT = b"//"
BYTES_OF_A_NUMBER = 2
"""The fewest bytes that a number takes: a digit and what separates it from the next."""
N_SIZES = 2
"""How many lines stand before those of the scaling."""
N_HEADER = 7
"""How many lines stand before those of the weights."""


@dataclass(frozen=True)
class Scaling:
    """The scaling between the units of a user and those of the network.

    minimums, maximums : (n_in,) of the inputs, infinite where the file has none.
    means, ranges : (n_in,) of the inputs.
    mean, range : of all outputs.
    unclear : why the means and ranges of the file cannot be used; empty where they can, or where the file has none.
    """

    minimums: np.ndarray
    maximums: np.ndarray
    means: np.ndarray
    ranges: np.ndarray
    mean: float = 0.0
    range: float = 1.0
    unclear: str = ""

    @property
    def changes_nothing(self) -> bool:
        """Whether all means are 0 and all ranges 1."""
        return not np.any(self.means) and bool(np.all(self.ranges == 1.0)) and (self.mean, self.range) == (0.0, 1.0)


@dataclass(frozen=True)
class _Outline:
    """How many lines hold something, and how many numbers stand on each of the first lines."""

    n_lines: int
    first: list[int]


def read(file: BinaryIO, size: int) -> tuple[Scaling, list[fl.Affine]]:
    """The scaling and the affine layers in an open file of `size` bytes; FormatError, with its line, for what is damaged."""
    outline = _outline(file)
    lines = Lines(file, COMMENT)
    widths = _widths(lines, size)
    scaling = _header(lines, outline, widths)
    affines = [_affine(lines, n_in, n_out, i) for i, (n_in, n_out) in enumerate(pairwise(widths), start=1)]
    lines.check_end("the last bias")
    return scaling, affines


def _outline(file: BinaryIO) -> _Outline:
    counts = Lines(file, COMMENT).entry_counts()
    first = list(islice(counts, N_HEADER))
    n_lines = len(first) + sum(1 for _ in counts)
    file.seek(0)
    return _Outline(n_lines, first)


def _widths(lines: Lines, size: int) -> list[int]:
    """The sizes from the input's to the output's; FormatError where the file is too short for their weights."""
    # Writers differ in whether the largest size counts the inputs, and nothing needs it.
    n_layers, *ends = lines.counts((4, 1), "the numbers of layers, inputs, outputs and units of the largest layer")
    check_count(n_layers, MOST_LAYERS, "layers")
    widths = lines.counts((n_layers + 1, n_layers + 2), "the layer sizes")
    if len(widths) > n_layers + 1 and widths.pop() != widths[-1]:
        raise FormatError(
            f"the layer sizes are {n_layers + 2} for {n_layers} layers, and the last does not repeat the one before it: is the "
            f"number of layers wrong, or which size is too many? Leave {n_layers + 1}"
        )
    if ends and [widths[0], widths[-1]] != ends[:2]:
        raise FormatError(
            f"the layer sizes lead from {widths[0]} to {widths[-1]} units, the line above states {ends[0]} inputs and "
            f"{ends[1]} outputs"
        )
    check_count(max(widths), MOST_UNITS, "units in a layer")
    n_numbers = sum((before + 1) * behind for before, behind in pairwise(widths))
    if n_numbers * BYTES_OF_A_NUMBER > size:
        raise FormatError(f"the layer sizes ask for {n_numbers} numbers, which {size} bytes cannot hold; the file is truncated")
    return widths


def _header(lines: Lines, outline: _Outline, widths: list[int]) -> Scaling:
    """What the lines between the sizes and the weights state, which some writers leave out."""
    n_in, counts = widths[0], outline.first[N_SIZES:]
    in_full = [n_in, n_in, n_in + 1, n_in + 1]
    between = outline.n_lines - N_SIZES - 2 * sum(widths[1:])
    if between in (0, 1) and counts[1:] != in_full:
        if n_in == 1:
            raise FormatError(
                f"it has {outline.n_lines} lines: it may lack those of the scaling, or be truncated, which nothing shows where "
                "there is one input; write all five lines between the sizes and the weights"
            )
        if counts[between] == n_in:
            if between:
                lines.skip("a flag")
            return _no_scaling(n_in)
    if between != N_HEADER - N_SIZES - 1 or counts[:4] != in_full:
        lines.skip("a flag")
    return _scaling(lines, n_in)


def _scaling(lines: Lines, n_in: int) -> Scaling:
    low, high = (lines.floats((n_in, 1), f"the inputs' {what}") for what in ("minimums", "maximums"))
    means, ranges = (lines.floats((n_in + 1, 1), f"the {what} of the inputs and of the outputs") for what in ("means", "ranges"))
    none = _no_scaling(n_in)
    # A lone 0 for both bounds of all inputs means that there is none; of one input in a full header it is a bound.
    if low == high == [0.0] and (n_in > 1 or len(means) == 1):
        minimums, maximums = none.minimums, none.maximums
    else:
        minimums, maximums = (np.broadcast_to(np.array(bounds), (n_in,)) for bounds in (low, high))
    if len(means) == len(ranges) == n_in + 1:
        return Scaling(minimums, maximums, np.array(means[:-1]), np.array(ranges[:-1]), means[-1], ranges[-1])
    unclear = "" if means == [0.0] and ranges in ([0.0], [1.0]) else f"means {_shown(means)} and ranges {_shown(ranges)}"
    return Scaling(minimums, maximums, none.means, none.ranges, unclear=unclear)


def _shown(numbers: list[float]) -> str:
    return f"{numbers[0]:g} alone" if len(numbers) == 1 else f"of {len(numbers)} numbers"


def _no_scaling(n_in: int) -> Scaling:
    return Scaling(np.full(n_in, -np.inf), np.full(n_in, np.inf), np.zeros(n_in), np.ones(n_in))


def _affine(lines: Lines, n_in: int, n_out: int, position: int) -> fl.Affine:
    weight = lines.matrix(n_out, n_in, f"row {{}} of the weight of layer {position}")
    bias = lines.matrix(n_out, 1, f"bias {{}} of layer {position}")
    return fl.Affine(weight, bias[:, 0])
