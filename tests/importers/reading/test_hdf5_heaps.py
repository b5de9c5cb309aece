"""Heaps of HDF5 files, in which texts stand, are refused where HDF5 itself would go round for ever or take all memory."""

import io
import re
import struct

import h5py
import numpy as np
import pytest

from fastjac.importers.reading import hdf5
from fastjac.importers.reading.hdf5_heaps import HEAP, longest_object

from .hdf5_refusal import refuses


def test_the_longest_object_is_found_in_any_heap():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs.update(a="x" * 10, b="x" * 100_000, c="x" * 1000)
    assert longest_object(content.getvalue()) == 100_000
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["a"] = np.ones(3)
    assert longest_object(content.getvalue()) == 0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.h5"


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_every_version_of_the_head_is_known(libver, path):
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["a"] = "text"
    with hdf5.opened(path, "file.h5") as root:
        assert root.text("a") == "text"


def bomb_of_names(count, length):
    """A file whose attribute a has `count` texts that are all the same one, of `length` letters, stored once."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["long"] = "x" * length
        file.attrs["a"] = np.array([f"n{i:05d}" for i in range(count)], dtype=object)
    data = content.getvalue()
    heaps = {found.start() for found in re.finditer(HEAP, data)}
    # A text of variable length stands as its length, the address of its heap, and its number in there.
    entries = {at: struct.unpack_from("<IQI", data, at) for at in range(len(data) - 16)}
    places = [(at, size) for at, (size, heap, _) in entries.items() if heap in heaps and size in (6, length)]
    long = next(data[at : at + 16] for at, size in places if size == length)
    changed = bytearray(data)
    for at, size in places:
        if size == 6:
            changed[at : at + 16] = long
    return bytes(changed)


def test_a_text_that_is_named_again_and_again_is_refused(path):
    content = bomb_of_names(count=1000, length=100_000)
    with h5py.File(io.BytesIO(content)) as file:
        assert len(file.attrs["a"][999]) == 100_000  # so the whole would take 100 MB
    message = r"the attribute a of / claims to unpack to 1000\d+ bytes from"
    refuses(content, message, lambda root: root.texts("a"))
    path.write_bytes(content)
    refuses(path, message, lambda root: root.texts("a"))


def with_text():
    """A file with a text, and where its heap starts, and the free rest of that."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["a"] = "text"
    data = bytearray(content.getvalue())
    return data, data.index(HEAP), data.index(HEAP) + 16 + 16 + 8


BAD_HEAPS = {
    "a free rest of no length, in which HDF5 never ends": (lambda heap, rest: (rest + 8, 0), "an object of 0 bytes, which does"),
    "a length that wraps around": (lambda heap, rest: (heap + 24, 2**64 - 16), "an object of 18446744073709551600 bytes, which"),
    "a length beyond the heap": (lambda heap, rest: (heap + 24, 5000), "an object of 5000 bytes, which does not fit"),
    "a heap beyond the file": (lambda heap, rest: (heap + 8, 2**40), r"the heap at byte \d+ ends behind the file"),
    "addresses of four bytes": (lambda heap, rest: (8, 4 << 40 | 4 << 48), "it does not start as a file that h5py wrote"),
}


@pytest.mark.parametrize(("change", "message"), BAD_HEAPS.values(), ids=BAD_HEAPS)
def test_a_damaged_heap_is_reported_before_hdf5_reads_it(change, message, path):
    data, heap, rest = with_text()
    at, number = change(heap, rest)
    data[at : at + 8] = struct.pack("<Q", number)
    path.write_bytes(data)
    for source in (path, bytes(data)):
        refuses(
            source, rf"file.h5 cannot be read as HDF5 \(ValueError\(.*{message}.*it is truncated", lambda root: root.text("a")
        )


def test_heaps_within_heaps_are_refused_in_little_time():
    """Each of ten thousand heaps stands in an object of the one before and claims all the rest of the file."""
    data, _, _ = with_text()
    size = 32 * 10_000
    for start in range(0, size, 32):
        data += struct.pack("<HHIQ", 1, 0, 0, 16) + HEAP + bytes(3) + struct.pack("<Q", size - start - 16)
    refuses(bytes(data), "its heaps overlap", lambda root: root.text("a"))


def test_a_cut_off_head_is_reported():
    for size in (0, 8, 12):
        refuses(bytes(with_text()[0][:size]), "it does not start as a file that h5py wrote", lambda root: root.names())
