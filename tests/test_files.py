"""Files are replaced whole or not at all, and only files."""

import os
import stat

import pytest

from fastjac.errors import FileError
from fastjac.files import replacing


def write(path, error=None):
    with replacing(path) as file:
        file.write(b"new")
        if error is not None:
            raise error


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_reported_without_the_name_of_the_draft(tmp_path):
    with pytest.raises(FileError) as caught, replacing(tmp_path / "a"):
        raise OSError(28, "No space left on device", "/somewhere/else")
    assert str(caught.value) == f"cannot write {tmp_path / 'a'}: No space left on device"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_and_leads_to_the_new_file(tmp_path, exists):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_name_of_the_largest_length_can_be_written(tmp_path):
    write(tmp_path / ("a" * 255))
    assert (tmp_path / ("a" * 255)).read_bytes() == b"new"


def test_a_file_as_parent_is_reported(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(FileError) as caught:
        write(tmp_path / "a" / "b")
    assert str(caught.value) == f"cannot write {tmp_path / 'a' / 'b'}: Not a directory"


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*none.a: No such file or directory$"):
        write(tmp_path / "none" / "a")


def test_links_in_a_circle_are_reported(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(FileError, match="Too many levels of symbolic links"):
        write(tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_directory_stays(tmp_path):
    with pytest.raises(FileError, match="it is a directory; give the name of a file in it"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="it is a pipe or a device"):
        write(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]
