"""MATLAB files of version 7.3: what MATLAB wrote is read, references that go round or multiply end, damage is reported."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from fastjac.errors import FormatError
from fastjac.importers.reading import matlab_hdf5
from tests.importers.matlab_files import HEADER, version_7_3

WRITTEN_BY_MATLAB = Path(scipy.io.__file__).parent / "matlab/tests/data/testhdf5_7.4_GLNX86.mat"


def write(path, fill):
    """A file that `fill` fills, with MATLAB's header."""
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    content = bytearray(path.read_bytes())
    content[:128] = HEADER.ljust(124) + b"\x00\x02IM"
    path.write_bytes(content)
    return path


def references(*targets):
    return np.array([target.ref for target in targets], h5py.ref_dtype)


@pytest.mark.skipif(not WRITTEN_BY_MATLAB.is_file(), reason="SciPy is installed without the files that it is tested with")
def test_what_matlab_wrote_is_read():
    (value,) = matlab_hdf5.read(WRITTEN_BY_MATLAB).values()
    np.testing.assert_allclose(value, np.linspace(0, 2 * np.pi, 9)[None])


def test_values_come_in_matlabs_order(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(version_7_3({"s": {"c": [np.arange(6.0).reshape(2, 3), "text", np.array(["ab", "c"])]}, "t": "x"}))
    found = matlab_hdf5.read(path)
    np.testing.assert_array_equal(found["s"]["c"][0], np.arange(6.0).reshape(2, 3))
    assert found["s"]["c"][1:] == ["text", ["ab", "c"]]
    assert found["t"] == "x"


def goes_round(file):
    cell = file.create_dataset("c", (1, 1), h5py.ref_dtype)
    cell[0, 0] = cell.ref


def doubles(file):
    """Five cells, each of which has the one before it nine times."""
    inner = file.create_dataset("#refs#/a", data=1.0)
    for i in range(5):
        inner = file.create_dataset(f"#refs#/c{i}", data=references(*[inner] * 9), dtype=h5py.ref_dtype)
    file.create_dataset("c", data=references(inner), dtype=h5py.ref_dtype)


def groups_go_round(file):
    file.create_group("a")["a"] = file["/"]


def no_target(file):
    file.create_dataset("c", (2, 1), h5py.ref_dtype)[0, 0] = file.create_dataset("a", data=1.0).ref


DAMAGE = {
    "a cell in itself": (goes_round, "more than 10 levels of cells and structs"),
    "cells that multiply": (doubles, "it has 2001 values; fastjac reads files of up to 2000"),
    "groups in themselves": (groups_go_round, "more than 10 levels of cells and structs"),
    "an empty reference": (no_target, "a cell of /c cannot be read as HDF5"),
    "a reference to a group": (
        lambda file: file.create_dataset("c", data=references(file["/"])), "more than 10 levels of cells and structs",
    ),
    "a link": (lambda file: file.__setitem__("c", h5py.ExternalLink("other.mat", "/a")), "an external link to elsewhere"),
    "a long text": (lambda file: file.create_dataset("t", data=np.ones((10_001, 1), np.uint16)), "it has 10001 letters in /t"),
    "many references": (
        lambda file: file.create_dataset("c", (10_001, 1), h5py.ref_dtype), "it has 10001 references in /c; fastjac reads",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fill", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(fill, message, tmp_path):
    with pytest.raises(FormatError, match=message):
        matlab_hdf5.read(write(tmp_path / "a.mat", fill))


def test_a_header_alone_is_reported(tmp_path):
    (tmp_path / "a.mat").write_bytes(HEADER.ljust(512))
    with pytest.raises(FormatError, match="the file cannot be read as HDF5"):
        matlab_hdf5.read(tmp_path / "a.mat")


def test_entries_of_other_types_are_passed_over(tmp_path):
    path = write(tmp_path / "a.mat", lambda file: file.create_dataset("a", data=np.array([(1, 2.0)], "i4,f8")))
    assert matlab_hdf5.read(path)["a"].kind == "an array that does not hold numbers"
