"""The two containers that torch.save writes: a zip archive, and before torch 1.6 one stream of pickles and storages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import FormatError
from ..reading import archive
from ..reading.limits import MOST_ARRAYS, MOST_TEXT, check_count
from ..reading.opcodes import MOST_OPCODES, Interpreted, interpret
from ..reading.probe import Probe
from .storages import Described, LegacyStorages, Storages, ZipStorages, described

PICKLE = "data.pkl"
SCRIPT_CONSTANTS = "constants.pkl"
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_SIGNATURE = b"\x8a\x0a" + MAGIC_NUMBER.to_bytes(10, "little")
"""A pickle's opcode for a number of ten bytes, and the number."""
LEGACY_VERSION = 1001
LEGACY_OPCODES = (10, 10, 100, MOST_OPCODES, 10 * MOST_ARRAYS)
"""The most opcodes of the five pickles in the stream."""


def is_zip(probe: Probe) -> bool:
    """Whether the file is a zip archive with torch's pickle in it."""
    return any(name.rpartition("/")[2] == PICKLE for name in probe.zip_names)


def is_legacy(probe: Probe) -> bool:
    """Whether the file begins with torch's magic number, after the two bytes that state the pickle's version."""
    return probe.head[:1] == b"\x80" and probe.head[2:].startswith(LEGACY_SIGNATURE)


@contextmanager
def opened(probe: Probe) -> Iterator[tuple[Any, Storages]]:
    """What the file's pickle describes, and its storages, which can be read while the file is open.

    Raises FormatError where the file is damaged or is a program in TorchScript.
    """
    if not is_zip(probe):
        yield _legacy(probe)
        return
    with archive.opened(probe.path) as found:
        yield zip_content(found)


def zip_content(found: archive.Archive) -> tuple[Any, Storages]:
    """What the pickle in an open archive describes, and the archive's storages."""
    pickle = _pickle_of(found)
    return pickled(found, pickle), ZipStorages(found, pickle.removesuffix(PICKLE))


def pickled(found: archive.Archive, member: str) -> Any:
    """What a pickle in an archive describes."""
    check_count(found.size(member), MOST_TEXT, f"bytes in {member}")
    return interpret(found.read(member)).value


def _pickle_of(found: archive.Archive) -> str:
    """The name of the pickle with the tensors."""
    if any(name.rpartition("/")[2] == SCRIPT_CONSTANTS for name in found.names):
        raise FormatError(
            "it holds a TorchScript archive beside or inside other things, so a program and not only weights; take it out and "
            "load it by itself"
        )
    pickles = [name for name in found.names if name.rpartition("/")[2] == PICKLE]
    if len(pickles) != 1:
        raise FormatError(f"it holds {len(pickles)} pickles, {', '.join(pickles[:3]) or 'no data.pkl'}; torch.save writes one")
    return pickles[0]


def _legacy(probe: Probe) -> tuple[Any, Storages]:
    """What a legacy file's fourth pickle describes, and the storages behind the pickles, whose order the fifth pickle lists."""
    _magic, version, system, content, keys = _five_pickles(probe.read(MOST_TEXT))
    if version.value != LEGACY_VERSION:
        raise FormatError(f"it does not have version {LEGACY_VERSION} of torch's format before 1.6; the file is damaged")
    if not isinstance(system.value, dict) or system.value.get("little_endian") is not True:
        raise FormatError("it does not say that its numbers are little-endian; save it again with a newer torch")
    return content.value, LegacyStorages(probe.path, keys.end, _in_order(content, keys.value))


def _five_pickles(data: bytes) -> list[Interpreted]:
    pickles: list[Interpreted] = []
    for most in LEGACY_OPCODES:
        pickles.append(interpret(data, pickles[-1].end if pickles else 0, most))
    return pickles


def _in_order(content: Interpreted, keys: Any) -> list[Described]:
    """The storages in the order in which they follow each other in the file."""
    by_key = {storage.key: storage for storage in map(described, content.storages)}
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in by_key for key in keys):
        raise FormatError("the storages that it lists are not those that its pickle refers to; the file is damaged")
    return [by_key[key] for key in keys]
