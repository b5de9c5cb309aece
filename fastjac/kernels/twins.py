"""Twins: samples with the same slopes at every unit, and so with the same Jacobian.

A piecewise linear network is affine on each of many regions of its inputs. On a fine grid, along a trajectory or around a
point most samples lie in the region of the sample before, so that sample's Jacobian is copied and nothing is multiplied.
"""

from __future__ import annotations

import numpy as np

from .jit import piece
from .memory import itemsize, view
from .state import state_at
from .tables import ACTIVATE, read_primal

WORD = np.int32(0)
WORD_BYTES = 4


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
