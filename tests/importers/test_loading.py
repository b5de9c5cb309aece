"""`load` goes by content, and says what a file is that it does not read."""

import os
import pickle
import zipfile

import numpy as np
import pytest

import fastjac
from fastjac.errors import DtypeError, FileError, FormatError, MissingFileError


def test_the_suffix_does_not_matter(tmp_path):
    path = tmp_path / "net.keras"
    fastjac.Network([fastjac.ReLU()], n_in=2).save(path)
    assert fastjac.load(path).n_in == 2


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(MissingFileError, match=r"there is no file at .*nothing.keras") as caught:
        fastjac.load(tmp_path / "nothing.keras")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_directory_is_told(tmp_path):
    with pytest.raises(FileError, match="is a directory; fastjac loads single files"):
        fastjac.load(tmp_path)


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.keras")
    with pytest.raises(FileError, match=r"net.keras is a pipe, socket or device; fastjac loads regular files"):
        fastjac.load(tmp_path / "net.keras")


def test_a_path_with_a_null_byte_is_told():
    with pytest.raises(FileError, match=r"'a\\x00b' cannot be the path of a file: (stat: )?embedded null"):
        fastjac.load("a\0b")


def test_an_empty_file_is_told(tmp_path):
    path = tmp_path / "net.keras"
    path.touch()
    with pytest.raises(FormatError, match=r"net.keras is empty \(0 bytes\)") as caught:
        fastjac.load(path)
    assert isinstance(caught.value, ValueError)


def test_a_path_that_is_none_is_told():
    with pytest.raises(DtypeError, match=r"a path must be a str or os.PathLike, got int"):
        fastjac.load(3)


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.ones(2))


def write_zip(path, member="a.txt"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "a")


FOREIGN = {
    r"a NumPy array \(.npy\); it may hold inputs of a network, but no network\.": write_npy,
    r"a program of torch.export \(.pt2\); pass torch.export.load": lambda path: write_zip(path, "m/models/model.json"),
    "a zip archive; a .keras file holds": write_zip,
    "a pickle; fastjac never unpickles": lambda path: path.write_bytes(pickle.dumps([1])),
    r"of no format that fastjac knows \(it starts with b'hello'\)": lambda path: path.write_bytes(b"hello"),
}


@pytest.mark.parametrize(("message", "write"), FOREIGN.items(), ids=FOREIGN)
def test_another_format_is_named_with_what_to_do(message, write, tmp_path):
    path = tmp_path / "net.keras"
    write(path)
    with pytest.raises(FormatError, match=rf"net.keras is {message}.* fastjac.load reads fastjac networks .* and Keras models"):
        fastjac.load(path)
