"""The state of samples: the vectors of the Jacobians on the way, which the primal sweep leaves for the accumulation.

These are the slopes of every activation and of every join, and the vectors of every normalizer. The vectors of one operator lie
together, for as many samples as there is room, and behind them lie those of the next operator. A record counts the elements of
one sample, so it holds wherever the state lies: in the workspace for a block, or in memory that keeps it for a whole batch.
"""

from __future__ import annotations

from .jit import piece
from .memory import itemsize

STATE = 2
"""Where the words of its state stand in a run's memory: an address, how many samples it has room for, the first one's number."""


@piece
def with_state(zero, layout, memory, first):
    """The memory of a run with the state of one of its blocks; the state lies in the workspace unless it is kept elsewhere.

    first : the block's first sample, counted in the run.
    """
    work, lists, kept, room, start = memory
    if kept == 0:
        return work, lists, work + layout.state * itemsize(zero), layout.block, 0
    return work, lists, kept, room, start + first


@piece
def state_at(zero, record, state, sample):
    """The address of the vectors that a record names in a sample's state.  sample : counted from the state's first one."""
    address, room, first = state
    return address + (record.state * room + (first + sample) * record.state_row) * itemsize(zero)
