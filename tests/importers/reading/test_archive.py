"""Zip archives that are damaged or built to do harm are refused, and nothing in them is ever written."""

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


def test_a_missing_member_is_told_with_those_there_are(path):
    write(path, b"")
    with archive.opened(path) as found:
        for look in (found.read, found.size):
            with pytest.raises(FormatError, match="the archive holds no b, only a"):
                look("b")


def test_a_bomb_is_refused_before_it_unpacks(path):
    write(path, bytes(EXPANSION_FLOOR + 1), zipfile.ZIP_DEFLATED)
    with archive.opened(path) as found, pytest.raises(FormatError, match="a claims to unpack to 67108865 bytes from"):
        found.read("a")


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_truncated_archive_is_told(path, cut):
    write(path, b"12345")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FormatError, match="truncated or damaged"), archive.opened(path):
        pass


def test_a_damaged_member_is_told(path):
    write(path, b"12345")
    path.write_bytes(path.read_bytes().replace(b"12345", b"12x45"))
    with (
        archive.opened(path) as found,
        pytest.raises(FormatError, match=r"a cannot be unpacked .*damaged"),
    ):
        found.read("a")
