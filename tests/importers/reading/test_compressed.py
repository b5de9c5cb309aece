"""Compressed files are unpacked as their own libraries do it, and no further than their size allows."""

import bz2
import gzip
import lzma
import tracemalloc
import zlib
from functools import partial

import numpy as np
import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading.compressed import start_of, unpacked
from fastjac.importers.reading.probe import probe

METHODS = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, fast": partial(zlib.compress, level=1),
    "zlib, best": partial(zlib.compress, level=9),
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=0),
    "lzma": partial(lzma.compress, format=lzma.FORMAT_ALONE, preset=0),
    "nothing": bytes,
}
CONTENT = b"\x80\x04" + np.random.default_rng(0).integers(0, 256, 200_000, np.uint8).tobytes()


def probed(path, content):
    path.write_bytes(content)
    return probe(path)


@pytest.mark.parametrize("compress", METHODS.values(), ids=METHODS)
def test_all_is_unpacked(compress, tmp_path):
    found = probed(tmp_path / "a", compress(CONTENT))
    assert unpacked(found) == CONTENT
    assert start_of(found) == CONTENT[: 1 << 16]


@pytest.mark.parametrize("compress", [METHODS[name] for name in METHODS if name != "nothing"])
@pytest.mark.parametrize("cut", [100, 1000, 100_000])
def test_truncated_files_are_reported(compress, cut, tmp_path):
    with pytest.raises(FormatError, match=r"it is truncated|cannot be unpacked"):
        unpacked(probed(tmp_path / "a", compress(CONTENT)[:-cut]))


@pytest.mark.parametrize("name", ["gzip", "zlib", "bzip2", "xz", "lzma"])
def test_damaged_files_are_reported(name, tmp_path):
    content = bytearray(METHODS[name](CONTENT))
    content[20:60] = bytes(40)
    with pytest.raises(FormatError, match=r"it cannot be unpacked \(.*\); it is truncated or damaged|it is truncated"):
        unpacked(probed(tmp_path / "a", bytes(content)))


@pytest.mark.parametrize("name", ["gzip", "zlib", "bzip2", "xz", "lzma"])
def test_bombs_are_refused_before_they_are_unpacked(name, tmp_path):
    found = probed(tmp_path / "a", METHODS[name](bytes(20_000_000 if name == "bzip2" else 70_000_000)))
    most = 16_777_216 if name == "bzip2" else 67_108_864
    tracemalloc.start()
    with pytest.raises(FormatError, match=rf"it unpacks to more than {most} bytes from \d+; fastjac does not open such a file"):
        unpacked(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * most


def test_lzma_may_not_ask_for_more_memory_than_its_presets_take(tmp_path):
    header = bytearray(lzma.compress(CONTENT, lzma.FORMAT_ALONE))
    header[1:5] = (0xF0000000).to_bytes(4, "little")  # what it says that it looks back at
    with pytest.raises(FormatError, match="cannot be unpacked"):
        unpacked(probed(tmp_path / "a", bytes(header)))
