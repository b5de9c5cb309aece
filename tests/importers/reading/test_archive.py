"""Zip archives that are damaged or built to do harm are refused, and nothing in them is ever written."""

import struct
import tracemalloc
import zipfile

import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading import archive
from fastjac.importers.reading.limits import EXPANSION_FLOOR


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.zip"


def write(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("a", content)


def test_members_are_read(path):
    write(path, b"12345")
    with archive.opened(path) as found:
        assert (found.names, found.size("a"), found.read("a")) == (("a",), 5, b"12345")


def test_a_missing_member_is_reported_with_those_there_are(path):
    write(path, b"")
    with archive.opened(path) as found:
        for look in (found.read, found.size):
            with pytest.raises(FormatError, match="the archive holds no b, only a"):
                look("b")


def test_a_bomb_is_refused_before_it_unpacks(path):
    write(path, bytes(EXPANSION_FLOOR + 1), zipfile.ZIP_DEFLATED)
    with archive.opened(path) as found, pytest.raises(FormatError, match="a claims to unpack to 67108865 bytes from"):
        found.read("a")


def claim(path, field, value):
    """Overwrite a size in the archive's directory, which stands 20 (compressed) or 24 (unpacked) bytes into an entry."""
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + {"compressed": 20, "unpacked": 24}[field]
    content[at : at + 4] = struct.pack("<I", value)
    path.write_bytes(content)


def test_no_more_is_unpacked_than_is_claimed(path):
    write(path, bytes(20_000_000), zipfile.ZIP_DEFLATED)
    claim(path, "unpacked", 100)
    tracemalloc.start()
    with archive.opened(path) as found, pytest.raises(FormatError, match=r"a cannot be unpacked .*CRC"):
        found.read("a")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_member_longer_than_the_archive_is_refused(path):
    write(path, b"12345")
    claim(path, "compressed", 2**32 - 2)
    with (
        archive.opened(path) as found,
        pytest.raises(FormatError, match=r"a claims 4294967294 bytes of an archive of \d+; the arch"),
    ):
        found.read("a")


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_truncated_archive_is_reported(path, cut):
    write(path, b"12345")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FormatError, match="truncated or damaged"), archive.opened(path):
        pass


def test_a_damaged_member_is_reported(path):
    write(path, b"12345")
    path.write_bytes(path.read_bytes().replace(b"12345", b"12x45"))
    with (
        archive.opened(path) as found,
        pytest.raises(FormatError, match=r"a cannot be unpacked .*damaged"),
    ):
        found.read("a")


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_slow_methods_are_refused_by_name_whole_and_damaged(path, method, name):
    write(path, bytes(range(256)) * 10, method)
    content = path.read_bytes()
    start = content.index(b"PK\x03\x04") + 31
    for damaged in (content, content[:start] + bytes(8) + content[start + 8 :]):
        path.write_bytes(damaged)
        with archive.opened(path) as found, pytest.raises(FormatError, match=f"a is packed by {name}; fastjac unpacks deflate"):
            found.read("a")


def write_members(path, count, name="{}"):
    with zipfile.ZipFile(path, "w") as file:
        for i in range(count):
            file.writestr(name.format(i), b"")


def test_members_are_counted(path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_ARRAYS", 3)
    write_members(path, 4)
    with pytest.raises(FormatError, match="it has 4 members; fastjac reads files of up to 3"), archive.opened(path):
        pass


def test_a_directory_is_not_read_where_it_is_longer_than_any(path):
    write_members(path, 40, "{:0>40000}")
    tracemalloc.start()
    with (
        pytest.raises(FormatError, match=r"its directory has 16\d{5} bytes; fastjac reads archives of up to"),
        archive.opened(path),
    ):
        pass
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_what_is_read_again_and_again_counts_together(path):
    """As members do that share the bytes of one."""
    write(path, bytes(EXPANSION_FLOOR // 4), zipfile.ZIP_DEFLATED)
    with archive.opened(path) as found:
        for _ in range(4):
            assert len(found.read("a")) == EXPANSION_FLOOR // 4
        with pytest.raises(FormatError, match="what is read of the archive up to a claims to unpack to 83886080 bytes from"):
            found.read("a")
