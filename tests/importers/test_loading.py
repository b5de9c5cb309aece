"""`load` goes by content, and says what a file is that it does not read."""

import bz2
import gzip
import lzma
import os
import pickle
import zipfile
import zlib

import h5py
import joblib
import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

import fastjac
from fastjac.errors import DtypeError, FileError, FormatError, MissingFileError
from fastjac.importers.reading.probe import probe


def test_the_suffix_does_not_matter(tmp_path):
    path = tmp_path / "net.keras"
    fastjac.Network([fastjac.ReLU()], n_in=2).save(path)
    assert fastjac.load(path).n_in == 2


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(MissingFileError, match=r"there is no file at .*nothing.keras") as caught:
        fastjac.load(tmp_path / "nothing.keras")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_directory_is_reported(tmp_path):
    with pytest.raises(FileError, match="is a directory; fastjac loads single files"):
        fastjac.load(tmp_path)


def test_a_pipe_is_reported_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.keras")
    with pytest.raises(FileError, match=r"net.keras is a pipe, socket or device; fastjac loads regular files"):
        fastjac.load(tmp_path / "net.keras")


def test_a_path_with_a_null_byte_is_reported():
    with pytest.raises(FileError, match=r"'a\\x00b' cannot be the path of a file: (stat: )?embedded null"):
        fastjac.load("a\0b")


def test_an_empty_file_is_reported(tmp_path):
    path = tmp_path / "net.keras"
    path.touch()
    with pytest.raises(FormatError, match=r"net.keras: it is empty \(0 bytes\)") as caught:
        fastjac.load(path)
    assert isinstance(caught.value, ValueError)


def test_a_path_that_is_none_is_reported():
    with pytest.raises(DtypeError, match=r"a path must be a str or os.PathLike, got int"):
        fastjac.load(3)


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.ones(2))


def write_zip(path, member="a.txt"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "a")


SKLEARN = b"\x80\x04\x95\x40\0\0\0\0\0\0\0\x8c\x1esklearn.neural_network._x" + bytes(100)
JOBLIB = b"\x80\x03}q\0X\x01\0\0\0acjoblib.numpy_pickle\nNumpyArrayWrapper\n" + bytes(100)
NEVER = "fastjac never unpickles; if you trust where it comes from,"
CONTENTS = {
    rf"a pickle by joblib; {NEVER} pass the weights in joblib.load\(path\) to fastjac.from_state_dict": JOBLIB,
    rf"a pickle of torch; {NEVER} load it in torch and pass fastjac.from_torch": b"\x80\x02ctorch.nn\nLinear\n",
    rf"a pickle; {NEVER} load it with pickle.load and pass what it holds to fastjac.from_sklearn": pickle.dumps([1], 4),
    r"packed by gzip, and in it is of no format that fastjac knows \(it starts with b'hello'\)": gzip.compress(b"hello"),
    "compressed by zlib; unpack it and load what is in it": zlib.compress(b"hello"),
    "compressed by bzip2; unpack it and load what is in it": bz2.compress(b"hello"),
    "compressed by xz; unpack it and load what is in it; what joblib.dump wrote": lzma.compress(b"hello"),
    "compressed by zstd or lz4; unpack it": b"\x28\xb5\x2f\xfd" + bytes(20),
}
DAMAGED = {
    "plain": SKLEARN,
    "by zlib": zlib.compress(SKLEARN),
    "by gzip": gzip.compress(SKLEARN),
    "by bzip2": bz2.compress(SKLEARN),
    "by xz": lzma.compress(SKLEARN),
    "by lzma": lzma.compress(SKLEARN, lzma.FORMAT_ALONE),
    "protocol 0": b"ccopy_reg\n_reconstructor\np0\n(csklearn.pipeline\nPipeline\n\xff",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_pickles_of_scikit_learn_are_reported(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"model.onnx: byte \d+ of the pickle is an opcode that fastjac refuses"):
        fastjac.load(path)


ARCHIVES = {
    "a zip archive with a .pth file in it; take it out": ("readme", "policy.pth"),
    "a zip archive with a .onnx file in it; take it out": ("readme", "model.onnx"),
    "a zip archive with a .keras file in it; take it out": ("a/model.keras",),
}


@pytest.mark.parametrize(("message", "content"), CONTENTS.items(), ids=[message[:50] for message in CONTENTS])
def test_other_formats_are_named_by_their_content(message, content, tmp_path):
    path = tmp_path / "model.onnx"  # the suffix does not matter
    path.write_bytes(content)
    with pytest.raises(FormatError, match=rf"model.onnx is {message}.* fastjac.load reads"):
        fastjac.load(path)


@pytest.mark.parametrize(("message", "names"), ARCHIVES.items(), ids=[message[:50] for message in ARCHIVES])
def test_archives_are_named_by_what_is_in_them(message, names, tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "a")
    with pytest.raises(FormatError, match=rf"model.zip is {message}"):
        fastjac.load(path)


def test_what_libraries_write_is_named(tmp_path):
    """Not only what this file pretends that they write."""
    for compress in (0, 3, ("gzip", 3)):
        joblib.dump(MLPRegressor(), tmp_path / "model.pkl", compress=compress)
        with pytest.raises(FormatError, match=r"model.pkl: MLPRegressor: it is not fitted, so it has no weights; call fit first"):
            fastjac.load(tmp_path / "model.pkl")
    joblib.dump({"w": np.ones(3)}, tmp_path / "model.pkl")
    with pytest.raises(FormatError, match="a pickle by joblib"):
        fastjac.load(tmp_path / "model.pkl")


TENSORFLOW = {
    "TensorFlow Lite models (.tflite)": b"\x1c\0\0\0TFL3" + bytes(100),
    "frozen graphs of TensorFlow (.pb)": b"\n\x10\n\x01x\x12\x0bPlaceholder" + bytes(100),
    "TensorFlow SavedModels (folders)": b"\x08\x01\x12\x08\n\x04\x22\x02ab\x12\0" + bytes(100),
}


@pytest.mark.parametrize("name", TENSORFLOW)
def test_damaged_files_of_tensorflow_are_known(name, tmp_path):
    path = tmp_path / "saved_model.pb"
    path.write_bytes(TENSORFLOW[name])
    found = probe(path)
    assert [known.name for known in fastjac.importers.FORMATS if known.recognise(found)] == [name]
    for given in (path, tmp_path):
        with pytest.raises(FormatError, match=r"saved_model.pb: .* damaged"):
            fastjac.load(given)


def test_an_hdf5_file_that_is_open_is_not_said_to_be_damaged(tmp_path):
    path = tmp_path / "model.h5"
    for mode in ("w", "r"):
        with (
            h5py.File(path, mode),
            pytest.raises(FileError, match=r"model.h5: the file is open already, .*; close it there first"),
        ):
            fastjac.load(path)


FOREIGN = {
    r"a NumPy array \(.npy\); it may hold inputs of a network, but no network\.": write_npy,
    "a zip archive; a .keras file holds": write_zip,
    r"of no format that fastjac knows \(it starts with b'hello'\)": lambda path: path.write_bytes(b"hello"),
}


@pytest.mark.parametrize(("message", "write"), FOREIGN.items(), ids=FOREIGN)
def test_another_format_is_named_with_what_to_do(message, write, tmp_path):
    path = tmp_path / "net.keras"
    write(path)
    with pytest.raises(FormatError, match=rf"net.keras is {message}.* fastjac.load reads fastjac networks .* and Keras models"):
        fastjac.load(path)
