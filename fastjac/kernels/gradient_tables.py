"""What the gradient kernel runs besides a Program's tables: places of its matrices, records of parameters, and a request.

`fastjac.gradients` writes the records and the requests. A request states what is given and what is wanted, and names the tables
of steps that compute this.
"""

from __future__ import annotations

from .memory import record_reader
from .tables import SCRATCH, record

SUMS, DIRECTION = SCRATCH + 1, SCRATCH + 2
"""Places of matrices that all samples share: sums of gradients over samples, and a direction of the parameters, laid out as the
parameters are."""
ARRAYS = (
    "y_gradient",  # (n, n_out): the loss's derivative by y
    "jacobian_gradient",  # (n, n_out, n_in): and by J
    "jacobian",  # J; this and those below are results
    "x_gradient",  # (n, n_in): the loss's derivative by x
    "y_tangent",  # (n, n_out): tangents of y along the direction of the parameters
    "parameter_jacobian",  # (n, n_out, n_parameters)
    "features",  # (n, features_size): see `tangent_kernel`
)
"""Arrays of a request that matrices lie in, with an entry for each sample."""
PLACES = {name: place for place, name in enumerate(ARRAYS, DIRECTION + 1)}
"""The places of these arrays."""

SIZES = tuple(f"{name}_size" for name in ARRAYS)
"""Fields of a request: the numbers that one sample has in each of these arrays."""

PARAMETER = record(
    "rows",  # of a weight (n_out, n_in); a vector is one row
    "columns",
    "row",  # the same padded, from row to row of the flat array of parameters and of the sums
    "copies",  # how often a vector lies in the flat array: an activation's lie there once for each sample of a block
    "fills",  # whether the padding of rows repeats their last number
    "place",  # where it starts in the flat array
    "turned",  # where a weight's transpose starts there, and the elements from row to row; or DENSE
    "turned_row",
    "gradient",  # where its gradient starts in the sums; or DENSE if that is not wanted
    "position",  # where it starts in the flat vector of all parameters, without padding
)
"""One parameter: a trained array."""

FEATURE = record(
    "n_in",  # of the operation, and the same padded
    "n_out",
    "in_row",
    "out_row",
    "features",  # where the operation's features lie among those of a sample
    "twin",  # the next operation with the same parameters; for the last of them, the first
    "bias",  # whether an affine map has a bias
    "parameter_pull",  # the address of an activation's kernel of derivatives by p and q; 0 for an affine map
    "p",  # the parameters of an activation, and whether each is trained
    "q",
    "trains_p",
    "trains_q",
)
"""An operation that has parameters, for the tangent kernel."""

REQUEST = record(
    "kernel",  # the gradient kernel's address; this and the next three stand where `call` looks for them
    "task",  # REQUESTED
    "n_in",  # 1
    "n_out",
    "seed_size",  # 0
    "parameters",  # the Program's arrays, by their addresses
    "primal",
    "live",
    "steps",
    "layout",
    "x",  # (n, n_in)
    "y",  # (n, n_out); 0 for an array that is neither given nor wanted, here and below
    *ARRAYS,
    *SIZES,
    "sums",  # (n_sums, gradient_size): a sum over the samples of each chunk
    "n_sums",
    "gradient_size",
    "starts_sums",  # whether the sums start at 0, or go on from what they hold
    "parameter_records",  # PARAMETER records, and how many there are
    "n_parameter_records",
    "parameter_gradient",  # (n_parameters,): if not 0, all that is asked for is to add up the sums there
    "sources",  # (n_parameter_records,): addresses of the parameters; if not 0, all that is asked for is to pack them
    "direction",  # tangents of the parameters, laid out as they are
    "feature_records",  # FEATURE records, and how many there are
    "n_feature_records",
    "right_features",  # features of (n_right, features_size) others, and the tangent kernel (n, n_right, n_out, n_out)
    "n_right",
    "tangent_kernel",
    "right_block",  # samples on the right of the tangent kernel that are worked on together, and the row of their products
    "right_row",
    "turned",  # offsets in the scratch: features of those samples, transposed; two Gram matrices; rows of derivatives
    "by_rows",
    "by_inputs",
    "by_parameters",
    "n",
    "block",  # samples that are worked on together, as many as there is room for or fewer
    "first_block",  # the blocks of this request, which may be some of all blocks
    "blocks",
    "keeps",  # whether each block has a workspace and lists of its own, or each thread
    "work",
    "work_stride",
    "lists",
    "lists_stride",
    "scratch",
    "scratch_stride",
    "whole",  # the address of a kernel that carries out a chunk of the request in place of steps, or 0
    "pairs",  # the address of the kernel that takes a block in place of steps, or 0
)
"""One call of the gradient kernel."""

read_parameter, read_feature, read_request = (record_reader(kind) for kind in (PARAMETER, FEATURE, REQUEST))
