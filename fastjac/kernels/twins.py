"""Twins: samples with the same slopes at every unit, and so with the same Jacobian.

A piecewise linear network is affine on each of many regions of its inputs. On a fine grid, along a trajectory or around a
point most samples lie in the region of the sample before, so that sample's Jacobian is copied and nothing is multiplied.
"""

from __future__ import annotations

import numpy as np

from .jit import piece
from .memory import copy_bytes, itemsize, view
from .state import state_at
from .tables import ACTIVATE, read_primal

WORD = np.int32(0)
WORD_BYTES = 4
RUN_BYTES = 16384
"""Results are copied in runs of so many bytes, which stay in the first-level cache; a larger one is a run of its own."""


@piece
def is_twin(program, layout, state, sample):
    """Whether a sample of a block has, bit by bit, every slope of the sample before it."""
    size = itemsize(program.zero)
    for number in range(layout.n_primal):
        step = read_primal(program.primal, number)
        if step.operation == ACTIVATE:
            slopes = state_at(program.zero, step, state, sample)
            if _differ(slopes, slopes - step.state_row * size, step.n_in * size // WORD_BYTES):
                return False
    return True


@piece
def _differ(address, other, words):
    """Whether two runs of words differ. All words are compared, since a loop that may stop early takes one word at a time."""
    a, b = view(WORD, address, words), view(WORD, other, words)
    found = WORD
    for i in range(words):
        found |= a[i] ^ b[i]
    return found != 0


@piece
def repeat(address, size, count):
    """Make the results at an address, of `size` bytes each, equal to the first of them.

    Small ones are copied together with the copies behind them. The system's copy of memory does not read what it overwrites,
    which a loop of stores does: beyond the second-level cache that takes half the time again.
    """
    done = 1
    while done < count:
        copied = min(done, max(1, RUN_BYTES // size), count - done)
        copy_bytes(address + done * size, address, copied * size)
        done += copied
