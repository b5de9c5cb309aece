"""The kept state of samples: what a primal sweep leaves for their Jacobians, so that no other sweep is needed."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..kernels.call import KEPT
from ..kernels.tables import Program
from ..lowering.memory import LINE, aligned_zeros
from ..pickling import refuse_pickling


class State(NamedTuple):
    """The vectors of the Jacobians on the way, as `kernels.state` lays them out; one state serves all programs of a chain.

    memory : the memory for all samples.  address : where it starts, on a cache line.  samples : how many there are.
    size : elements that one sample takes.  first : the number of the first sample that a call is for.
    """

    memory: np.ndarray
    address: int
    samples: int
    size: int
    first: int = 0

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network")

    def at(self, sample: int) -> State:
        """The state from this sample on, counted from the first one."""
        return self._replace(first=self.first + sample)

    def handle(self, handle: np.ndarray) -> np.ndarray:
        """A copy of a handle, for a call that leaves the state here or starts from it."""
        mine = handle.copy()
        mine[KEPT:] = self.address, self.samples, self.first
        return mine


def room_for_state(program: Program, samples: int) -> State:
    """Memory for the state of so many samples."""
    size = int(program.layout["state_size"][0])
    # A whole vector may be read where a part of a row starts, and end behind it.
    memory = aligned_zeros(samples * size + LINE, program.parameters.dtype)
    return State(memory, memory.ctypes.data, samples, size)
