"""The variables of a SavedModel, in a tensor bundle of TensorFlow's: a sorted table of names beside files of raw entries."""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ...errors import FileError, FormatError, UnsupportedLayerError
from ..ir.account import Account
from ..located import located
from ..reading.limits import MOST_ARRAYS, MOST_NAME, MOST_TEXT, check_count, refuse_expansion
from ..reading.protobuf import Message
from ..reading.wire import varint
from .graphdef import NodeDef
from .tensors import as_array, element_type, read_shape

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER_SIZE = 48
BLOCK_TRAILER = 5
"""How many bytes stand behind a block: one for how it is packed, and a checksum."""
PLAIN = 0
SHARDS, BIG_ENDIAN = 1, 2
DTYPE, SHAPE, SHARD, OFFSET, SIZE, SLICES = 1, 2, 3, 4, 5, 7
MOST_SHARDS = 100_000


class Variables:
    """The values of a SavedModel's variables. Their table is read when the first value is asked for.

    restored : for the name of each variable's node, its name in the bundle whose files start with `prefix`.
    """

    def __init__(self, prefix: Path, restored: Mapping[str, str], account: Account) -> None:
        self._prefix, self._restored, self._account = prefix, restored, account
        self._bundle: Bundle | None = None

    def read(self, node: NodeDef) -> np.ndarray:
        """The array of the variable that a node stands for."""
        if node.name not in self._restored:
            raise UnsupportedLayerError("the model does not say where its value is restored from; save the model again")
        if self._bundle is None:
            self._bundle = Bundle(self._prefix, self._account)
        return self._bundle.read(self._restored[node.name])


class Bundle:
    """The tensor bundle whose files start with `prefix`; FormatError where its table is damaged."""

    def __init__(self, prefix: Path, account: Account) -> None:
        self._prefix, self._account, self._taken = prefix, account, 0
        with located(f"{prefix.name}.index"):
            self._entries = dict(_table(_bytes_of(prefix.with_name(f"{prefix.name}.index"), 0, None)))
            header = Message(self._entries.get(b"", b""))
            if header.integer(BIG_ENDIAN):
                raise UnsupportedLayerError("its variables are stored big-endian; save the model on another machine")
            self._shards = header.integer(SHARDS)

    def read(self, key: str) -> np.ndarray:
        """The array of that name."""
        with located(f"variable {key!r:.80}"):
            if key.encode() not in self._entries:
                raise FormatError(f"it is not in {self._prefix.name}.index; were all files of the model copied?")
            entry = Message(self._entries[key.encode()])
            kind, shape = element_type(entry.integer(DTYPE)), read_shape(entry.message(SHAPE))
            if SLICES in entry:
                raise UnsupportedLayerError(
                    "it is stored in slices, as a partitioned variable is; save the model without partitions"
                )
            shard, offset, size = (entry.integer(field) for field in (SHARD, OFFSET, SIZE))
            if not 0 <= shard < self._shards <= MOST_SHARDS or offset < 0 or size < 0:
                raise FormatError(f"it says that it stands in file {shard} of {self._shards}; the table is damaged")
            if size != math.prod(shape) * np.dtype(kind.stored).itemsize:
                raise FormatError(f"{kind.name} of shape {shape} does not take {size} bytes; the table is damaged")
            self._taken += size
            name = f"{self._prefix.name}.data-{shard:05d}-of-{self._shards:05d}"
            with located(name):
                content = _bytes_of(self._prefix.with_name(name), offset, size, self._taken)
            self._account.store(size)
            return as_array(content, kind, shape)


def _bytes_of(path: Path, offset: int, size: int | None, taken: int = 0) -> bytes:
    """A piece of a file beside the model, or all of a table if `size` is None; FormatError where the file lacks it.

    taken : how many bytes are read from such files in all. Variables that share bytes make this more than the files hold.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise FormatError(f"{path} is no regular file")
        if size is None:
            size = status.st_size
            check_count(size, MOST_TEXT, "bytes")
        if offset + size > status.st_size:
            raise FormatError(
                f"bytes {offset} to {offset + size} are asked for, it has {status.st_size}; it is truncated or damaged"
            )
        refuse_expansion(taken, status.st_size, "what is read of it")
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError as error:
        raise FormatError(f"there is no file {path}, which holds the model's variables; copy the whole folder") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a sorted table: blocks of entries, an index of the blocks, and a footer that locates the index."""
    footer = data[-FOOTER_SIZE:]
    if len(footer) < FOOTER_SIZE or not footer.endswith(MAGIC):
        raise FormatError("it does not end as a table of TensorFlow's does; it is truncated or damaged")
    position = 0
    for _ in range(2):  # the place of the meta index comes first
        _, position = varint(footer, position)
    start, position = varint(footer, position)
    size, _ = varint(footer, position)
    count = 0
    for _, handle in _entries(_block(data, start, size)):
        start, position = varint(handle, 0)
        size, _ = varint(handle, position)
        for key, value in _entries(_block(data, start, size)):
            count += 1
            check_count(count, MOST_ARRAYS, "arrays")
            yield key, value


def _block(data: bytes, start: int, size: int) -> bytes:
    end = start + size
    if end + BLOCK_TRAILER > len(data):
        raise FormatError(f"a block of it reaches to byte {end} of {len(data)}; it is truncated or damaged")
    if data[end] != PLAIN:
        raise UnsupportedLayerError(
            "its table of variables is compressed; save the model again with TensorFlow, which does not do that"
        )
    return data[start:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block. Each key is stored as the letters in which it differs from the key before."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise FormatError("a block of its table is damaged")
    key, position = b"", 0
    while position < end:
        shared, position = varint(block, position)
        own, position = varint(block, position)
        size, position = varint(block, position)
        last = position + own + size
        if shared > len(key) or last > end or shared + own > MOST_NAME:
            raise FormatError("an entry of its table reaches beyond its block; it is damaged")
        key = key[:shared] + block[position : position + own]
        yield key, block[position + own : last]
        position = last
