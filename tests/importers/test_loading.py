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
import scipy.io
from sklearn.neural_network import MLPRegressor

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


SKLEARN = b"\x80\x04\x95\x40\0\0\0\0\0\0\0\x8c\x1esklearn.neural_network._x" + bytes(100)
JOBLIB = b"\x80\x03}q\0X\x01\0\0\0acjoblib.numpy_pickle\nNumpyArrayWrapper\n" + bytes(100)
TFLITE = b"\x1c\0\0\0TFL3" + bytes(100)
GRAPH = b"\n\x12\n\x01x\x12\x0bPlaceholder*\0" + bytes(100)
SAVED_MODEL = b"\x08\x01\x12\x40\n\x30serve\x12\x20tensorflow" + bytes(100)
NEVER = "fastjac never unpickles; if you trust where it comes from,"
CONTENTS = {
    rf"a pickle of a scikit-learn model; {NEVER} fastjac.from_sklearn\(joblib.load\(path\)\)": SKLEARN,
    rf"a pickle of a scikit-learn model; {NEVER} fastjac.from_sklearn\(joblib.load": zlib.compress(SKLEARN),
    "a pickle of a scikit-learn model; fastjac": gzip.compress(SKLEARN),
    "a pickle of a scikit-learn model;": b"ccopy_reg\n_reconstructor\np0\n(csklearn.pipeline\nPipeline\n",
    rf"a pickle by joblib; {NEVER} pass the weights in joblib.load\(path\) to fastjac.from_state_dict": JOBLIB,
    rf"a pickle of torch; {NEVER} load it in torch and pass fastjac.from_torch": b"\x80\x02ctorch.nn\nLinear\n",
    rf"a pickle; {NEVER} load it with pickle.load and pass what it holds to fastjac.from_sklearn": pickle.dumps([1], 4),
    "compressed by gzip; unpack it and load what is in it": gzip.compress(b"\x08\x07\x12\x07pytorch"),
    "compressed by zlib; unpack it and load what is in it": zlib.compress(b"hello"),
    "compressed by bzip2; unpack it and load what is in it": bz2.compress(SKLEARN),
    "compressed by xz; unpack it and load what is in it; what joblib.dump wrote": lzma.compress(SKLEARN),
    "compressed by zstd or lz4; unpack it": b"\x28\xb5\x2f\xfd" + bytes(20),
    r"a TensorFlow Lite model \(.tflite\); load the Keras model .* --tflite model.tflite --output model.onnx": TFLITE,
    r"a frozen graph of TensorFlow \(.pb\); convert the model to ONNX, as by python -m tf2onnx.convert --graphdef": GRAPH,
    r"a TensorFlow SavedModel's graph \(saved_model.pb\); save the model by model.save": SAVED_MODEL,
    r"a MATLAB file \(.mat\); read its arrays with scipy.io.loadmat\(path\)": b"MATLAB 5.0 MAT-file, Platform: GLNXA64"
    + bytes(200),
    r"a MATLAB file \(.mat, version 7.3\); read its arrays with h5py.File": b"MATLAB 7.3 MAT-file, Platform"
    + bytes(484)
    + b"\x89HDF",
}
ARCHIVES = {
    "an archive of stable-baselines3; its networks are in policy.pth: .*extract": ("data", "policy.pth", "pytorch_variables.pth"),
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
    model = MLPRegressor((2,))
    for compress in (0, 3, ("gzip", 3)):
        joblib.dump(model, tmp_path / "model.pkl", compress=compress)
        with pytest.raises(FormatError, match=r"a pickle of a scikit-learn model; .*fastjac.from_sklearn\(joblib.load\(path\)\)"):
            fastjac.load(tmp_path / "model.pkl")
    joblib.dump({"w": np.ones(3)}, tmp_path / "model.pkl")
    with pytest.raises(FormatError, match="a pickle by joblib"):
        fastjac.load(tmp_path / "model.pkl")
    scipy.io.savemat(tmp_path / "model.mat", {"w": np.ones(3)})
    with pytest.raises(FormatError, match=r"a MATLAB file \(.mat\)"):
        fastjac.load(tmp_path / "model.mat")


def test_a_saved_model_of_tensorflow_is_named(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(SAVED_MODEL)
    with pytest.raises(
        FileError, match=r'is a SavedModel of TensorFlow, a directory; save the model by model.save\("model.keras"\)'
    ):
        fastjac.load(tmp_path)


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
