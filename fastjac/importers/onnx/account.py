"""How much is made of a file, held against the tensors in it."""

from __future__ import annotations

from ..reading.limits import refuse_expansion

ENTRY_BYTES = 8
"""The most that one entry of an array takes."""


class Account:
    """Bytes of a file's own tensors, and of what is made of them: constants that nodes compute, and weights of layers.

    A few nodes can ask for any number of zeros, and many nodes can share one weight, of which each layer holds a copy.
    """

    def __init__(self) -> None:
        self._stored = self._made = 0

    def store(self, size: int) -> None:
        """Take note of `size` bytes that the file holds."""
        self._stored += size

    def make(self, entries: int) -> None:
        """Take note of entries of arrays before they are made; FormatError if they outgrow by far what the file holds."""
        self._made += ENTRY_BYTES * entries
        refuse_expansion(self._made, self._stored, "the model")
