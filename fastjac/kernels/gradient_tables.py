"""What the gradient kernel runs: records for a network's operations, and the words of a request.

`fastjac.gradients.lowering` writes the records, and `fastjac.gradients.runner` a request. *Values* are the vectors of a network:
number 0 is the input, the last one the output. An *operation* leads from one value, its source, to another, its target. In order
of their targets operations make one value after another, each the sum of what its operations bring. The *seeds* are the units of
a value through which all ways from the input to the output pass. At every value each sample has as many *rows* as there are
seeds. Behind the seeds these are tangents (rows of the Jacobian from the seeds to this value, transposed), before the seeds
cotangents (rows of the Jacobian from this value to the seeds). A tangent is the sum over the operations that lead to a value, a
cotangent the sum over those that lead away.
"""

from __future__ import annotations

from typing import NamedTuple

from . import tables
from .memory import NUMBER, record_reader, tuple_reader, tuple_type
from .tables import NORMALIZE, record

BRING, PAIR = NORMALIZE + 1, NORMALIZE + 2
"""Operations besides AFFINE, ACTIVATE and NORMALIZE. BRING takes units of the source as they are. PAIR is a function of two
values, unit by unit: two operations, one behind the other, each with the slopes by its own source."""
WRITES, ADDS, CLEARS = range(3)
"""What an operation does to the rows at which it arrives. The first operation there writes; those that follow
add. A first operation that brings only some of the units clears all of them and then adds, since others may bring any units."""

VALUE = record(
    "size",
    "row",  # the same, padded
    "rows",  # in the workspace: (block * seeds, row), or DENSE
    "made_again",  # the operation that makes rows again that are not kept
    "derivative",  # in the buffers: the loss's derivative by the numbers or by the rows, or tangents of the numbers
)
"""One value; its numbers lie where the primal sweep puts them."""

OPERATION = record(
    "operation",  # AFFINE, ACTIVATE, NORMALIZE, BRING or PAIR
    "source",  # the numbers of two values, their units, and the same padded
    "target",
    "n_in",
    "n_out",
    "in_row",
    "out_row",
    "push",  # WRITES, ADDS or CLEARS: what it does to tangents at the target, and to cotangents at the source
    "pull",
    "source_made",  # the last operation that makes the source, or DENSE
    "weight",  # AFFINE, in the parameters: (n_out, in_row), its transpose (n_in, out_row), and the bias, padded
    "transposed",
    "bias",
    "bend",  # ACTIVATE, NORMALIZE, PAIR: the address of the kernel of its bends, or 0
    "normalize_columns",  # NORMALIZE: the address of that kernel, and the terms of the Jacobian
    "rank",
    "parameter_pull",  # ACTIVATE: the address of the kernel of derivatives by p and q, or 0 where neither is trained
    "p",  # ACTIVATE, NORMALIZE: the rule's parameters, padded rows, one for each sample of a block
    "q",
    "first",  # BRING: the first unit at the source, and at the target, and how many there are
    "place",
    "count",
    "units",  # BRING: a list of the units' numbers at the source, in the parameters, or DENSE where they follow one another
    "partner",  # PAIR: the number of the operation of the other operand
    "weight_gradient",  # in the gradient, laid out as the parameters are; or DENSE if it is not wanted
    "bias_gradient",
    "p_gradient",
    "q_gradient",
    "weight_position",  # in the flat vector of all parameters, without padding; or DENSE
    "bias_position",
    "p_position",
    "q_position",
    "twin",  # the next operation with the same parameters; for the last of them, the first
    "repeats",  # whether an earlier operation has the same parameters
    "features",  # where this operation's features lie among those of a sample, or DENSE if it has no parameters
    "inputs",  # in the workspace: the numbers of the source, (block, in_row)
    "slopes",  # ACTIVATE, NORMALIZE, PAIR: the Jacobian's vectors, (block, slopes_row)
    "slopes_row",
    "bends",  # the loss's derivative by the source through the operation's Jacobian, (block, in_row), or DENSE if it is 0; for a
    # PAIR the derivative by its slopes, from which the derivatives by both sources follow
    "live",  # lists of live units of the diagonal, one for each sample; or DENSE
    "live_in",  # AFFINE: lists of the units outside which rows at its input, or output, are 0; or DENSE
    "live_out",
)
"""One operation."""

LAYOUT = record(
    *(tables.LAYOUT.names or ()),  # the primal sweep reads it too
    "n_operations",
    "n_values",
    "lowest",  # the first operation whose gradient is wanted
    "seeds_at",  # the value whose units are the seeds
    "turn",  # the first operation behind the seeds
    "seeds",  # how many
    "again",  # offsets in the buffers: rows that are made again, and a piece of a weight's gradient
    "piece",
    "list_row",  # entries from one sample's list to the next's
    "gradient_size",
    "n_parameters",
    "features_size",  # of one sample
    "right_block",  # samples on the right of the tangent kernel that are worked on together, and the row of their products
    "right_row",
    "turned",  # offsets in the buffers: features of those samples, transposed, and the two Gram matrices
    "by_rows",
    "by_inputs",
    "buffers_size",  # of one thread's buffers
)

KEPT_STAGES = "evaluate", "push_direction", "differentiate"
"""Stages of a block that a `filled` request leaves out."""
STAGES = (
    *KEPT_STAGES, "write_features", "write_parameter_jacobian", "write_jacobians", "go_back_through_rows",
    "go_back_through_values", "write_tangent_kernel",
)  # fmt: skip
"""All stages of a block, in their order, by the names of their kernels."""

REQUEST = record(
    "kernel",  # the gradient kernel's address; this and the next three stand where `call` looks for them
    "task",  # REQUESTED
    "n_in",  # 1
    "n_out",
    "seed_size",  # 0
    "parameters",  # addresses
    "primal",
    "values",
    "operations",
    "layout",
    "x",  # (n, n_in)
    "y",  # (n, n_out), or 0 if it is not wanted; so all below
    "jacobian",  # (n, n_out, n_in)
    "y_gradient",  # the loss's derivative by y, or 0 if it does not depend on it
    "jacobian_gradient",
    "x_gradient",  # (n, n_in)
    "sums",  # (n_sums, gradient_size): a sum over the samples of each chunk
    "n_sums",
    "starts_sums",  # whether the sums start at 0, or go on from what they hold
    "parameter_gradient",  # (n_parameters,); if not 0, all that is asked for is to add up the sums there
    "sources",  # (n_operations, 4): addresses of weight, bias, p and q; if not 0, all that is asked for is to pack them
    "parameter_jacobian",  # (n, n_out, n_parameters)
    "direction",  # tangents of the parameters, laid out as they are, and the values' tangents (n, n_out) for them
    "y_tangent",
    "features",  # (n, features_size); written, or read for the tangent kernel
    "right_features",  # those of (n_right, features_size) others, and the tangent kernel (n, n_right, n_out, n_out)
    "n_right",
    "tangent_kernel",
    "n",
    "block",  # samples that are worked on together, as many as there is room for or fewer
    "first_block",  # the blocks of this request, which may be some of all blocks
    "blocks",
    "keeps",  # whether each block has a workspace and lists of its own, or each thread
    "filled",  # whether workspaces and lists hold what an earlier request for the same samples has computed
    "work",
    "work_stride",
    "lists",
    "lists_stride",
    "buffers",
    "buffers_stride",
    "move",  # addresses of kernels that those of several stages call
    "join",
    "second_order",
    "whole",  # the address of the kernel that carries out all of the request, or 0; then those of a block's stages, or 0
    *STAGES,
)
"""One call of the gradient kernel."""


class Block(NamedTuple):
    """Samples that are worked on together, and where everything of theirs lies.

    samples, seeds : how many samples, and rows of each.
    seeds_at, turn : the value where the rows are the identity's, and the first operation behind it.
    values, operations, parameters, work, lists, buffers : addresses.  n_values, n_operations : how many there are.
    spare : address of the rows that are made again.  list_row : as in LAYOUT.
    zeros, ones : addresses of rows of zeros and ones.
    contract, copy, move, join, second_order : addresses of kernels.
    """

    samples: int
    seeds: int
    seeds_at: int
    turn: int
    values: int
    n_values: int
    operations: int
    n_operations: int
    parameters: int
    work: int
    lists: int
    buffers: int
    spare: int
    list_row: int
    zeros: int
    ones: int
    contract: int
    copy: int
    move: int
    join: int
    second_order: int


read_block = tuple_reader(tuple_type(Block))
ONE_ROW = 1
"""Rows of each sample where values, or derivatives by them, go through an operation."""
TAKEN = (NUMBER,) * 4
"""What the kernel of a stage takes: addresses of the request and of a block, the block's first sample, and the sums' address."""

read_value, read_operation, read_layout, read_request = (record_reader(kind) for kind in (VALUE, OPERATION, LAYOUT, REQUEST))
