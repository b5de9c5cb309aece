"""Count how much is made of a model, and compare it with what its file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from ..reading.limits import MOST_LAYERS, check_count, refuse_expansion

Made = TypeVar("Made")
ENTRY_BYTES = 8
"""The most bytes that one entry of an array takes."""
MOST_VECTORS = 2 * MOST_LAYERS
"""How many vectors one model may compute. Each is a layer, unless several are recognized as one."""


class Account:
    """Bytes of a file's own tensors, and of what is made of them: constants that are computed, weights of layers, and units.

    A small file can ask for much memory: a few operations can ask for any number of zeros, and many can share one weight, where
    each layer holds a copy of it.
    """

    def __init__(self) -> None:
        self._stored = self._made = self._vectors = 0
        self.shared: dict[Any, Any] = {}

    def store(self, size: int) -> None:
        """Take note of `size` bytes that the file holds."""
        self._stored += size

    def make(self, entries: int) -> None:
        """Take note of entries of arrays before they are made; FormatError if all of them far outgrow what the file holds."""
        self._made += ENTRY_BYTES * entries
        refuse_expansion(self._made, self._stored, "the model")

    def take_apart(self, vectors: int) -> None:
        """Take note of vectors that an operation acts on one after another; FormatError if all operations have far too many."""
        self._vectors += vectors
        check_count(self._vectors, MOST_VECTORS, "vectors that operations take one after another")


def shared(key: Any, make: Callable[[], Made]) -> Made:
    """What `make` gave at the first call with this key while one model is read: so layers at several places are one layer."""
    account = _current.get()
    if account is None:
        return make()
    if key not in account.shared:
        account.shared[key] = make()
    return account.shared[key]


_current: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def accounting(account: Account) -> Iterator[None]:
    """Count on this account whatever is made inside the context."""
    token = _current.set(account)
    try:
        yield
    finally:
        _current.reset(token)


def spend_places(units: int, samples: int) -> None:
    """Count the numbers that say where units stand, for one sample and for a batch; each takes half the bytes of an entry."""
    spend(units * (1 + samples) // 2)


def hold(entries: int) -> None:
    """Count entries that the file of the model that is being read holds."""
    account = _current.get()
    if account is not None:
        account.store(ENTRY_BYTES * entries)


def take_apart(vectors: int) -> None:
    """Count vectors on which an operation of the model that is being read acts one after another."""
    account = _current.get()
    if account is not None:
        account.take_apart(vectors)


def spend(entries: int) -> None:
    """Count entries that are about to be made for the model that is being read."""
    account = _current.get()
    if account is not None:
        account.make(entries)
