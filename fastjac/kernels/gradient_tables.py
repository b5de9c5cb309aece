"""What the gradient kernel runs: records for a network's operations, and the words of a request.

`fastjac.gradients.lowering` writes the records, and `fastjac.gradients.runner` a request. Boundary k lies before operation k; the
last boundary is the output. At every boundary each sample has as many *rows* as there are seeds: tangents (rows of the Jacobian
from the seeds' boundary to this one, transposed) on its right, cotangents (rows of the Jacobian from this one to the seeds'
boundary) on its left.
"""

from __future__ import annotations

from typing import NamedTuple

from .memory import NUMBER, record_reader, tuple_reader, tuple_type
from .tables import record

OPERATION = record(
    "operation",  # AFFINE, ACTIVATE or NORMALIZE
    "n_in",
    "n_out",
    "in_row",  # the same, padded
    "out_row",
    "weight",  # AFFINE, in the parameters: (n_out, in_row), its transpose (n_in, out_row), and the bias, padded
    "transposed",
    "bias",
    "rule",  # ACTIVATE, NORMALIZE: addresses of the rule's kernel, and of the one of its bends, or 0
    "bend",
    "normalize_columns",  # NORMALIZE: the address of that kernel, and the terms of the Jacobian
    "rank",
    "parameter_pull",  # ACTIVATE: the address of the kernel of derivatives by p and q, or 0 where neither is trained
    "p",  # ACTIVATE, NORMALIZE: the rule's parameters, padded rows
    "q",
    "weight_gradient",  # in the gradient, laid out as the parameters are; or DENSE if it is not wanted
    "bias_gradient",
    "p_gradient",
    "q_gradient",
    "weight_position",  # in the flat vector of all parameters, without padding; or DENSE
    "bias_position",
    "p_position",
    "q_position",
    "features",  # where this operation's lie among those of a sample
    "inputs",  # in the workspace: values at the operation's input, (block, in_row)
    "slopes",  # ACTIVATE, NORMALIZE: the Jacobian's vectors, (block, slopes_row)
    "slopes_row",
    "bends",  # the loss's derivative by the inputs through the operation's Jacobian, (block, in_row); or DENSE if that is 0
    "rows",  # rows at the boundary before the operation, (block * seeds, in_row), or DENSE; the next record's lie behind it
    "live",  # lists of live units of the diagonal, one for each sample; or DENSE
    "live_in",  # AFFINE: lists of the units outside which rows at its input, or output, are 0; or DENSE
    "live_out",
)
"""One operation; the last record of a table stands for the network's output and has n_in, in_row, inputs and rows alone."""

LAYOUT = record(
    "n_in",
    "n_out",
    "n_operations",
    "lowest",  # the first operation of which any gradient is wanted
    "seeds_at",  # the boundary at which the seeds lie
    "seeds",  # how many: the units there
    "block",  # samples that are worked on together
    "first_buffer",  # offsets in the buffers of (block * seeds, widest) numbers
    "second_buffer",
    "spare_buffer",
    "piece",  # of a piece of a weight's gradient
    "zeros",  # offsets in the parameters: a row of zeros, a row of ones
    "ones",
    "n_identity",  # numbers 0, 1, 2, ... at the start of the lists
    "list_row",  # entries from one sample's list to the next's
    "gradient_size",
    "n_parameters",
    "features_size",  # of one sample
    "right_block",  # samples on the right of the tangent kernel that are worked on together, and the row of their products
    "right_row",
    "turned",  # offsets in the buffers: features of those samples, transposed, and the two Gram matrices
    "by_rows",
    "by_inputs",
    "work_size",  # of one block's workspace and lists
    "list_size",
    "buffers_size",  # of one thread's buffers
)

KEPT_STAGES = "evaluate", "push_direction", "differentiate"
"""Stages of a block that a request leaves out where they are `filled`."""
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
    "starts_sums",  # whether they start at 0, or at what they are
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
    "keeps",  # whether each block has a workspace and lists of its own, or each thread
    "filled",  # whether they hold what an earlier request for the same samples has computed
    "work",
    "work_stride",
    "lists",
    "lists_stride",
    "buffers",
    "buffers_stride",
    "contract",  # addresses of kernels that those of several stages call
    "copy",
    "move",
    "second_order",
    "whole",  # the address of the kernel that carries out all of the request, or 0; then those of a block's stages, or 0
    *STAGES,
)
"""One call of the gradient kernel."""


class Block(NamedTuple):
    """Samples that are worked on together, and where everything of theirs lies.

    samples, seeds : how many samples, and rows of each.  seeds_at : the boundary where the rows are the identity's.
    operations, parameters, work, lists, buffers : addresses.  n_operations : how many there are.
    list_row : entries from one sample's list to the next's.
    zeros, ones : addresses of rows of zeros and ones.
    contract, copy, move, second_order : addresses of kernels.
    """

    samples: int
    seeds: int
    seeds_at: int
    operations: int
    n_operations: int
    parameters: int
    work: int
    lists: int
    buffers: int
    list_row: int
    zeros: int
    ones: int
    contract: int
    copy: int
    move: int
    second_order: int


read_block = tuple_reader(tuple_type(Block))
TAKEN = (NUMBER,) * 4
"""What the kernel of a stage takes: addresses of the request and of a block, the block's first sample, and where sums go."""

read_operation, read_layout, read_request = (record_reader(kind) for kind in (OPERATION, LAYOUT, REQUEST))
