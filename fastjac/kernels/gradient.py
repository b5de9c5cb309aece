"""The gradient kernel: values and Jacobians of many samples, and the derivatives of a loss of both.

The kernel works on a block of samples at a time. It keeps all values, and pushes and pulls rows from the seeds to both ends; the
product of the rows there is the Jacobian. Then it goes back. The loss's derivative by the Jacobian runs from the ends to the
seeds, and leaves at every operation the derivatives that `second_order` describes. Last, the loss's derivative by the values runs
from the output to the input. Each of these stages is a kernel of its own, compiled when a request first asks for it (`stages`).

Sums over samples are taken block by block, in an order that depends on the number of samples and on nothing else.
"""

from __future__ import annotations

import numpy as np

from .gradient_tables import KEPT_STAGES, REQUEST, STAGES, Block, read_layout, read_request
from .jit import FROM_KERNELS_ALONE, address_of_compiled, entry, piece
from .memory import NUMBER, WORD, call_address, itemsize, stored, view
from .operators import clear

N_STAGES, N_KEPT_STAGES = len(STAGES), len(KEPT_STAGES)
FIRST_STAGE = REQUEST.fields[STAGES[0]][1]  # type: ignore[index]
"""Bytes from a request's start to the stages' addresses."""


@entry(**FROM_KERNELS_ALONE)
def gradient_float32(request, thread, chunk, chunks):
    """`_run` for float32."""
    _run(np.float32(0), request, thread, chunk, chunks)


@entry(**FROM_KERNELS_ALONE)
def gradient_float64(request, thread, chunk, chunks):
    """`_run` for float64."""
    _run(np.float64(0), request, thread, chunk, chunks)


KERNELS = {np.dtype(np.float32): gradient_float32, np.dtype(np.float64): gradient_float64}
SIGNATURE = (NUMBER,) * 4
"""What either kernel takes: the address of a request, the number of the thread, and which of how many chunks to do."""


def compiled_address(dtype: np.dtype) -> int:
    """The address of the kernel for numbers of this dtype, compiled or loaded from the cache."""
    return address_of_compiled(KERNELS[dtype], SIGNATURE)


@piece
def _run(zero, address, thread, chunk, chunks):
    """Carry out one of so many chunks of a request, with the scratch of this thread."""
    size = itemsize(zero)
    request = read_request(address, 0)
    layout = read_layout(request.layout, 0)
    if request.whole != 0:
        call_address(request.whole, (zero, address, chunk, chunks))
        return
    gradient = 0 if request.sums == 0 else request.sums + chunk * layout.gradient_size * size
    if request.starts_sums:
        clear(zero, gradient, layout.gradient_size)
    stages = view(WORD, address + FIRST_STAGE, N_STAGES)
    start, blocks = request.first_block, request.blocks
    for number in range(start + blocks * chunk // chunks, start + blocks * (chunk + 1) // chunks):
        first = number * request.block
        slot = number if request.keeps else thread
        buffers = request.buffers + thread * request.buffers_stride
        block = Block(
            min(request.block, request.n - first), layout.seeds, layout.seeds_at, layout.turn,
            request.values, layout.n_values, request.operations, layout.n_operations, request.parameters,
            request.work + slot * request.work_stride, request.lists + slot * request.lists_stride,
            buffers, buffers + layout.again * size, layout.list_row,
            request.parameters + layout.zeros * size, request.parameters + layout.ones * size,
            layout.contract, layout.copy, request.move, request.join, request.second_order,
        )  # fmt: skip
        place = stored(block)
        for stage in range(N_KEPT_STAGES if request.filled else 0, N_STAGES):
            if stages[stage] != 0:
                call_address(stages[stage], (zero, address, place, first, gradient))
