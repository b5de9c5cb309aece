"""The gradient kernel: values and Jacobians of many samples, and the derivatives of a loss of both.

For a block of samples at a time it keeps the values at every boundary, pushes and pulls rows from the seeds to both ends, whose
product is the Jacobian, and then goes back: the loss's derivative by the Jacobian runs from the ends to the seeds, leaving at
every operation what `second_order` says, and last that by the values runs from the output to the input.

Sums over samples are taken block by block, in an order that depends on the number of samples and on nothing else.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .gradient_rows import differentiate, go_back_through_rows, write_jacobians
from .gradient_sweep import Block, sweep
from .gradient_tables import read_layout, read_operation, read_request
from .gradient_values import go_back_through_values
from .jit import address_of_compiled, entry, jit, piece
from .memory import itemsize
from .operators import clear, copy
from .pack import add_up_sums, pack_parameters
from .parameter_jacobian import push_direction, write_parameter_jacobian
from .tangent_kernel import write_features, write_tangent_kernel


@entry()
def gradient_float32(request, thread, chunk, chunks):
    """`_run` for float32."""
    _run(np.float32(0), request, thread, chunk, chunks)


@entry()
def gradient_float64(request, thread, chunk, chunks):
    """`_run` for float64."""
    _run(np.float64(0), request, thread, chunk, chunks)


KERNELS = {np.dtype(np.float32): gradient_float32, np.dtype(np.float64): gradient_float64}
SIGNATURE = (types.intp,) * 4
"""What either takes: the address of a request, the number of the thread, and which of how many chunks to do."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, address, thread, chunk, chunks):
    """Carry out one of so many chunks of a request, with the scratch of this thread."""
    size = itemsize(zero)
    request = read_request(address, 0)
    layout = read_layout(request.layout, 0)
    if request.sources != 0:
        pack_parameters(zero, request, layout, chunk, chunks)
        return
    if request.parameter_gradient != 0:
        add_up_sums(zero, request, layout, chunk, chunks)
        return
    gradient = 0 if request.sums == 0 else request.sums + chunk * layout.gradient_size * size
    if request.starts_sums:
        clear(zero, gradient, layout.gradient_size)
    blocks = (request.n + layout.block - 1) // layout.block
    for number in range(blocks * chunk // chunks, blocks * (chunk + 1) // chunks):
        first = number * layout.block
        slot = number if request.keeps else thread
        block = Block(
            min(layout.block, request.n - first), layout.seeds, layout.seeds_at,
            request.operations, layout.n_operations, request.parameters,
            request.work + slot * request.work_stride, request.lists + slot * request.lists_stride,
            request.buffers + thread * request.buffers_stride, layout.list_row,
            request.parameters + layout.zeros * size, request.parameters + layout.ones * size, request.multiply,
        )  # fmt: skip
        if request.tangent_kernel != 0:
            left = request.features + first * layout.features_size * size
            target = request.tangent_kernel + first * request.n_right * layout.n_out * layout.n_out * size
            write_tangent_kernel(zero, block, layout, left, request.right_features, request.n_right, target)
            continue
        if not request.filled:
            _evaluate(zero, block, request, layout, first)
        spare = block.buffers + layout.spare_buffer * size
        if request.features != 0:
            write_features(zero, block, layout.features_size, spare, request.features + first * layout.features_size * size)
        if request.parameter_jacobian != 0:
            target = request.parameter_jacobian + first * layout.n_out * layout.n_parameters * size
            write_parameter_jacobian(zero, block, layout.n_parameters, spare, target)
        if request.jacobian != 0:
            write_jacobians(zero, block, layout, request.jacobian + first * layout.n_in * layout.n_out * size)
        if request.jacobian_gradient != 0:
            by_jacobian = request.jacobian_gradient + first * layout.n_in * layout.n_out * size
            go_back_through_rows(zero, block, layout, by_jacobian, gradient)
        if gradient != 0 or request.x_gradient != 0:
            go_back_through_values(zero, block, layout, request, first, gradient)


@piece
def _evaluate(zero, block, request, layout, first):
    """Values at every boundary, and rows if anything that is asked for depends on them."""
    sweep(zero, block, request.x + first * layout.n_in * itemsize(zero))
    _write_values(zero, block, request, layout, first)
    if request.direction != 0:
        _push_direction(zero, block, layout, request, first)
    if request.jacobian + request.jacobian_gradient + request.parameter_jacobian + request.features != 0:
        differentiate(zero, block, layout)


@jit
def _write_values(zero, block, request, layout, first):
    if request.y != 0:
        size = itemsize(zero)
        last = read_operation(block.operations, block.n_operations)
        target = request.y + first * layout.n_out * size
        copy(zero, block.work + last.inputs * size, last.in_row, 1, target, layout.n_out, block.samples, layout.n_out, block.ones)


@jit
def _push_direction(zero, block, layout, request, first):
    size = itemsize(zero)
    here, there = block.buffers + layout.first_buffer * size, block.buffers + layout.second_buffer * size
    tangents = push_direction(zero, block, request.direction, here, there, block.buffers + layout.spare_buffer * size)
    last = read_operation(block.operations, block.n_operations)
    target = request.y_tangent + first * layout.n_out * size
    copy(zero, tangents, last.in_row, 1, target, layout.n_out, block.samples, layout.n_out, block.ones)
