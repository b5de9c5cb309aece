"""Tensors in other files are read only with the user's leave, and only from regular files in the model's directory."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import fastjac
from fastjac.errors import FileError, FormatError, UnsupportedLayerError
from fastjac.importers.onnx.external import ExternalData
from fastjac.importers.onnx.model import build

from .graphs import random, saved, written

WEIGHT = random(3, 2)


def model_at(folder: Path, location: str, **entries: Any) -> Path:
    """A model whose weight stands at a location, saved in the folder."""
    proto = written("y = MatMul(x, w)", ("N", 3))
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.DOUBLE, dims=[3, 2], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    proto.graph.initializer.append(tensor)
    return saved(proto, folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"head" + WEIGHT.tobytes() + b"tail")
    return tmp_path


def test_it_is_refused_without_leave(folder):
    path = model_at(folder, "weights.bin", offset=4, length=48)
    with pytest.raises(
        UnsupportedLayerError, match=r"constant 'w': its entries stand outside the file; .* pass external_data=True"
    ):
        fastjac.load(path)
    with pytest.raises(UnsupportedLayerError, match="outside the file"):
        fastjac.from_onnx(onnx.load(path, load_external_data=False))


@pytest.mark.parametrize("entries", [{"length": 48}, {}])
def test_it_is_read_with_leave(folder, entries):
    net = fastjac.load(model_at(folder, "weights.bin", offset=4, checksum="anything", **entries), external_data=True)
    np.testing.assert_array_equal(net[0].weight, WEIGHT.T)


def test_what_the_onnx_package_itself_writes_is_read(tmp_path):
    proto = written("a = MatMul(x, w); y = Add(a, b)", ("N", 3), w=WEIGHT, b=random(2))
    onnx.save(proto, tmp_path / "model.onnx", save_as_external_data=True, location="data", size_threshold=0)
    net = fastjac.load(tmp_path / "model.onnx", external_data=True)
    np.testing.assert_array_equal(net[0].weight, WEIGHT.T)
    np.testing.assert_array_equal(net[0].bias, random(2))


def test_a_file_in_a_directory_below_and_a_link_to_one_are_read(folder):
    (folder / "below").mkdir()
    (folder / "weights.bin").rename(folder / "below" / "weights.bin")
    (folder / "link.bin").symlink_to(folder / "below" / "weights.bin")
    for location in ("below/weights.bin", "./link.bin"):
        assert fastjac.load(model_at(folder, location, offset=4), external_data=True).n_in == 3


def outside(folder: Path) -> Path:
    """A file beside the model's directory."""
    path = folder.parent / f"{folder.name}-secret.bin"
    path.write_bytes(WEIGHT.tobytes())
    return path


LEADING_OUT = {
    "the parent": lambda folder: f"../{outside(folder).name}",
    "the parent, hidden": lambda folder: f"below/../../{outside(folder).name}",
    "the parent, as on Windows": lambda folder: f"..\\{outside(folder).name}",
    "an absolute path": lambda folder: str(outside(folder)),
    "an absolute path, as on Windows": lambda folder: "C:\\secret.bin",
    "a share, as on Windows": lambda folder: "\\\\server\\share\\secret.bin",
    "a drive, as on Windows": lambda folder: "C:secret.bin",
}


@pytest.mark.parametrize("location", LEADING_OUT.values(), ids=LEADING_OUT)
def test_a_location_that_leads_out_is_refused(folder, location):
    path = model_at(folder, location(folder))
    with pytest.raises(FormatError, match=r"constant 'w': its location '.* leads out of the model's directory"):
        fastjac.load(path, external_data=True)


def test_a_link_that_leads_out_is_refused(folder):
    (folder / "link.bin").symlink_to(outside(folder))
    (folder / "folder").symlink_to(folder.parent)
    for location in ("link.bin", f"folder/{outside(folder).name}"):
        with pytest.raises(FormatError, match="is a link out of the model's directory, which fastjac does not follow"):
            fastjac.load(model_at(folder, location), external_data=True)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    (folder / "below").mkdir()
    for location in ("pipe", "below", "."):
        with pytest.raises(FormatError, match="is no regular file"):
            fastjac.load(model_at(folder, location), external_data=True)


NOWHERE = {
    "no such file": ("nothing.bin", {}, "there is no file 'nothing.bin'"),
    "a null byte": ("a\0b", {}, "there is no file"),
    "a name far too long": ("a" * 9000, {}, "there is no file"),
    "an empty name": ("", {}, "it does not say where"),
    "too short a file": ("weights.bin", {"offset": 9}, "lies at bytes 9 to 57 of 'weights.bin', which has 56"),
    "an offset far out": ("weights.bin", {"offset": 2**62}, "which has 56"),
    "a negative offset": ("weights.bin", {"offset": -1}, "its offset '-1' is no whole number"),
    "an offset of words": ("weights.bin", {"offset": "one"}, "its offset 'one' is no whole number"),
    "an offset of far too many digits": ("weights.bin", {"offset": "1" * 5000}, "its offset '1"),
    "another length": ("weights.bin", {"length": 47}, "takes 48 bytes, but its length in 'weights.bin' is stated as 47"),
}


@pytest.mark.parametrize(("location", "entries", "message"), NOWHERE.values(), ids=NOWHERE)
def test_a_place_where_it_is_not_is_reported(folder, location, entries, message):
    with pytest.raises(FormatError, match=f"constant 'w': .*{message}"):
        fastjac.load(model_at(folder, location, **entries), external_data=True)


def test_links_in_a_circle_are_reported(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    with pytest.raises(FormatError, match="there is no file 'a'"):
        fastjac.load(model_at(folder, "a"), external_data=True)


def test_a_file_that_cannot_be_read_is_reported(folder, monkeypatch):
    def refused(*args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = model_at(folder, "weights.bin")
    model = onnx.load(path, load_external_data=False)
    monkeypatch.setattr("builtins.open", refused)  # the tests may run as root, who may read everything
    with pytest.raises(
        FileError, match=r"constant 'w': 'weights.bin', which holds its entries, cannot be read: Permission denied"
    ):
        build(model, ExternalData(folder))


def test_a_shape_far_larger_than_the_file_takes_no_memory(folder):
    path = model_at(folder, "weights.bin")
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].dims[:] = [1 << 30, 1 << 30]
    with pytest.raises(FormatError, match=r"lies at bytes 0 to 9223372036854775808 of 'weights.bin', which has 56"):
        fastjac.load(saved(proto, folder), external_data=True)
