"""What the kernels run: the Program, and the records that its tables are made of.

`lowering.program` writes the tables; `sweep`, `accumulate` and `lanes` read them. Offsets and strides count elements of the
network's dtype. A matrix is named by a place and an offset in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..frozen import frozen
from ..pickling import refuse_pickling
from .memory import record_reader

PARAMETERS, WORK, SEED, OUT, INPUTS, SCRATCH = range(6)
"""Places of a matrix: the network's parameters, the sample's own workspace, its seed, its result. A vector of values lies in a
workspace, or among the inputs. Where a workspace is kept, scratch lies apart from it. `gradient_tables` names more places."""

AFFINE, ACTIVATE, NORMALIZE, TAKE, ADD, JOIN = range(6)
"""Operations of the primal sweep."""

CONTRACT, COPY, PACK, APPLY, CLEAR, SUM = range(6)
"""Operations of the accumulation."""

ROWS, COLUMNS = range(2)
"""The side along which a result is cut into pieces."""

DENSE = -1
"""In place of a live list, a scale or scratch, where there is none."""

JACOBIAN, JVP, VJP = range(3)
"""Tasks of the Program that `Network.program` gives."""

INDEX = np.int32(0)
"""A zero of the type of a unit's number in a list."""
INDEX_BYTES = INDEX.itemsize


class Program(NamedTuple):
    """A network lowered to arrays: one set of compiled kernels serves every network, because a network is data to them.

    parameters : all weights and other numbers, in the network's dtype.
    primal, live, steps : tables of PRIMAL, LIVE and STEP records.
    layout : one LAYOUT record for each task: what is computed besides the values, and where.
    kernel : one record that holds the address of the kernel that walks the tables. The record's field is named after the digest
        of all kernel sources, so that a user's compiled function, which relies on how they are called, does not outlive them.

    Tables and layout name the kernels of their steps by addresses too. All addresses are valid in this process alone.
    """

    parameters: np.ndarray
    primal: np.ndarray
    live: np.ndarray
    steps: np.ndarray
    layout: np.ndarray
    kernel: np.ndarray

    def __repr__(self) -> str:
        layout = self.layout[0]
        return f"Program({layout['n_in']} -> {layout['n_out']}, {len(self.steps)} steps, {self.parameters.dtype})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network to the other process, and call its program() there")


class Tables(NamedTuple):
    """A Program as kernels see it: a zero of the parameters' type, and the addresses of its arrays."""

    zero: Any
    parameters: int
    primal: int
    live: int
    steps: int
    layout: int


def record(*names: str) -> np.dtype:
    """A record of integers of these names."""
    return np.dtype([(name, np.int64) for name in names])


def records(kind: np.dtype, rows: Iterable[Mapping[str, int]]) -> np.ndarray:
    """A read-only table of records, one for each row of fields; fields that a row leaves out are 0."""
    rows = list(rows)
    table = np.zeros(len(rows), kind)
    for entry, row in zip(table, rows, strict=True):
        for name, value in row.items():
            entry[name] = value
    return frozen(table)


# Behind the rows of the primal sweep stand those of each task whose samples lie along the lanes; `lanes` says what they hold.
PRIMAL = record(
    "operation",
    "kernel",  # the address of the kernel that takes this step, one of `sweep`
    "n_in",
    "n_out",
    "source_place",  # the operand: its place, its offset there, and the elements from one sample's to the next's
    "source",
    "source_row",
    "other_place",  # ADD, JOIN: the same of the second operand
    "other",
    "other_row",
    "target",  # the result; the operand of ACTIVATE and NORMALIZE lies there, or has rows as long, and is copied there
    "row",
    "weight",  # AFFINE: the transposed weight in the parameters, in panels of so many columns, or DENSE where it is row-major,
    "panel",  # and the bias
    "bias",
    "skip",  # AFFINE: whether inputs that are 0 need not be multiplied
    "rule",  # ACTIVATE, NORMALIZE: the address of the rule, and its parameters: for every value of a block, or one number
    "p",  # TAKE: a list of the units' numbers, in the parameters, or DENSE for the first ones
    "q",
    "state",  # the Jacobian's vectors, as `state` reads them: elements of one sample before them, and from sample to sample
    "state_row",
    "rank",  # NORMALIZE: terms of the Jacobian
    "compose",  # ACTIVATE: whether the slope is multiplied onto the slope that is there
    "pieces",  # into how many pieces the step may be cut
)

STEP = record(
    "operation",
    "kernel",  # the address of the kernel that takes this step, one of `accumulate` or `adjoint`
    "rows",
    "columns",
    "a_place",  # CONTRACT: left operand; COPY, PACK: source. Its offset, and in a workspace the elements to the next sample's
    "a",
    "a_first",  # where it starts in the region that each sample has there
    "a_sample",
    "a_row",
    "a_column",
    "b_place",  # CONTRACT: right operand, row-major, or in panels, whose rows are as long as a tile is wide
    "b",
    "b_first",
    "b_sample",
    "b_row",
    "b_panel",  # the columns of a panel, or DENSE where it is row-major
    "start_place",  # CONTRACT: a matrix that the product is added to, which may be the result itself; DENSE if there is none
    "start",
    "start_first",
    "start_sample",
    "start_row",
    "strip",  # CONTRACT: columns that all samples of a group compute before they go on to the next ones
    "c_place",  # result, row-major; APPLY, SUM: the matrix changed in place
    "c",
    "c_first",
    "c_sample",
    "c_row",
    "turned",  # CONTRACT: scratch for a strip of the result, which is stored transposed, or DENSE
    "live",  # CONTRACT: the live list that the inner index runs over; PACK: the rows that are taken; or DENSE
    "depth",  # CONTRACT: length of the inner index where it is DENSE
    "a_packed",  # CONTRACT: whether an operand holds the live units alone, side by side
    "b_packed",
    "rows_live",  # CONTRACT: the live list whose units are all that the result's rows, or columns, hold; or DENSE
    "columns_live",
    "stacked",  # CONTRACT: the most samples whose rows make one left operand, and one result; 0 if each sample is alone
    "masked",  # CONTRACT, APPLY: whether numbers that the diagonal scales by 0 become 0 even where they are inf or nan
    "cut",  # whether a piece of the step is some ROWS of the result, or some COLUMNS
    "pieces",  # into how many pieces the step may be cut
    # APPLY: the Jacobian's vectors; PACK: the diagonal whose live columns are taken; CONTRACT, COPY: a diagonal that scales the
    # result's columns, or DENSE. Both fields as those of PRIMAL.
    "state",
    "state_row",
    "rank",  # APPLY: 0 for a diagonal, else the terms of a normalizer
    "units_on_columns",  # APPLY: whether the units lie along the columns or the rows
    "forward",  # APPLY: N t on tangents, or N^T u on cotangents
    "units",  # SUM: a list of the columns that are added, in the parameters; DENSE: as they lie
    "scatters",  # SUM: whether these are columns of the result, or of the source
    "rule",  # those of `adjoint`: the address of the kernel of bends, or of derivatives by p and q
    "p",  # where these parameters lie, as for PRIMAL
    "q",
    "by_p",  # where the derivatives by them go, counted from the result's start, or DENSE
    "by_q",
    "to_other",  # from the slopes by one operand to those by the other, in elements of one sample
    "piece_depth",  # numbers of a row that dot products take before the next ones; their `strip` counts rows of the weight
    "piece_rows",  # rows and columns of a result that are computed apart before they are added; at least all if none are
    "piece_columns",
    "adds",  # whether the result is added to what is there
)

LIVE = record("state", "state_row", "size", "list", "stacked")
"""A diagonal whose live units are listed: where it lies, its size, where its list starts, and STEP's `stacked`.

A list is its length followed by the units' numbers, in order. Stacked samples have one list, of the units that are live in any
of them; it stands in the place of the first sample's list.
"""

LAYOUT = record(
    "contract",  # addresses of kernels that those of several steps call
    "copy",
    "n_in",
    "n_out",
    "seed_size",  # of one sample
    "out_size",
    "out_columns",  # of the matrix that is the result
    "n_primal",  # steps of the primal sweep, the first rows of its table
    "state_primal",  # how many of them lead to a state: those behind make the outputs alone
    "first_step",  # the task's rows of the tables
    "last_step",
    "first_live",
    "last_live",
    "piecewise_linear",  # whether equal slopes at every unit make equal results
    "parts",  # the most threads that can share the work for one sample, and the thousandths of it that they cannot share
    "serial",
    "block",  # samples that share one primal sweep
    "group",  # samples of a block that take each step together
    "values",  # offset in the workspace of the network's outputs, and the elements from one sample's to the next's
    "values_row",
    "spare",  # offset of a buffer of values
    "state",  # offset of the state of a block, and the elements that one sample's takes
    "state_size",
    "chain",  # the number of the chain from which this is lowered; all programs of a chain take its states
    "own",  # offset of the matrices of a group's samples: one matrix for all samples, then the next matrix
    "zeros",  # offsets in the parameters: a row of zeros, a row of ones
    "ones",
    "n_identity",  # numbers 0, 1, 2, ... at the start of the lists
    "own_lists",  # the first sample's lists, and their size
    "own_lists_size",
    "work_size",  # of one thread's workspace and lists
    "list_size",
    "lane_samples",  # how many samples lie along the vector lanes where there are enough (see `lanes`); 0 if none ever do
    "lane_kernel",  # the address of the kernel that takes these samples
    "first_lane",  # its rows of the table of the primal sweep, behind the first `n_primal`
    "last_lane",
    "lane_forward",  # whether it pushes tangents or pulls cotangents, and how many
    "lane_rows",
    "lane_scales",  # whether the slopes behind the last factor scale what is pushed there
    "lane_work",  # offset of its workspace: two buffers of values, two matrices, slopes
    "lane_buffer",  # elements of a buffer, and of a matrix
    "lane_matrix",
    "lane_primal",  # the first steps that are taken afterwards, of the primal sweep and of the task
    "lane_step",
    "lane_place",  # the matrix that it makes: place, offset, elements from one sample's to the next's,
    "lane_c",
    "lane_sample",
    "lane_row",  # from one output to the next, and from one input to the next; one of these is 1
    "lane_column",
)
"""How a task uses memory."""

read_primal, read_live, read_step, read_layout = (record_reader(kind) for kind in (PRIMAL, LIVE, STEP, LAYOUT))
