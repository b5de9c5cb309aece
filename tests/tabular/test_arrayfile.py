"""Arrays in files: mapped when read, whole or absent when written."""

import numpy as np
import pytest

from fastjac.errors import FileError, FormatError, MissingFileError
from fastjac.tabular.arrayfile import read_array, write_array


def test_blocks_become_one_array(tmp_path):
    path = tmp_path / "a.npy"
    whole = np.arange(24.0, dtype=np.float32).reshape(4, 3, 2)
    write_array(path, (whole[:1], whole[1:1], whole[1:]), whole.shape, whole.dtype)
    np.testing.assert_array_equal(np.load(path), whole)
    assert np.load(path).dtype == np.float32


def test_an_array_is_mapped_and_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    array = read_array(tmp_path / "a.npy")
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


def test_an_error_among_the_blocks_leaves_no_file(tmp_path):
    def blocks():
        yield np.ones((1, 2))
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_array(tmp_path / "a.npy", blocks(), (2, 2), np.dtype(np.float64))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_or_written(tmp_path):
    (tmp_path / "text.npy").write_text("1 2 3")
    with pytest.raises(MissingFileError, match="there is no file"):
        read_array(tmp_path / "none.npy")
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(FormatError, match=r'; numpy.save\("table.npy", table\[names\].to_numpy\(\)\) writes one$'):
        read_array(tmp_path / "table.csv")
    (tmp_path / "table.csv").unlink()
    with pytest.raises(FormatError, match=r"is not a \.npy file"):
        read_array(tmp_path / "text.npy")
    with pytest.raises(FileError, match="it is a directory"):
        write_array(tmp_path, [], (0,), np.dtype(np.float64))
    assert [path.name for path in tmp_path.iterdir()] == ["text.npy"]
