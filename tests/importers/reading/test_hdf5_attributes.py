"""Texts in the attributes of HDF5 files: those that claim more than is stored are refused before HDF5 takes memory for them."""

import io
import struct

import h5py
import numpy as np
import pytest

from fastjac.importers.reading import hdf5
from fastjac.importers.reading.hdf5_attributes import longest_text
from fastjac.importers.reading.hdf5_heaps import HEAP, longest_object

from .hdf5_refusal import refuses

TEXT = "a text of 20 letters"


def written(attributes, libver="earliest"):
    """The bytes of a file whose root has these attributes."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver) as file:
        file.attrs.update(attributes)
    return content.getvalue()


def claiming(content, length, address=None):
    """The content with another length, and perhaps another heap, where a text of 20 letters is referred to."""
    reference = struct.pack("<IQ", len(TEXT), content.index(HEAP))
    assert content.count(reference) == 1
    at = content.index(reference)
    changed = struct.pack("<IQ", length, content.index(HEAP) if address is None else address)
    return content[:at] + changed + content[at + len(changed) :]


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_a_text_that_claims_four_gigabytes_is_refused_before_hdf5_reads_it(libver, tmp_path):
    content = written({"model_config": TEXT}, libver)
    message = "a text of the attribute model_config claims 4294967295 bytes, the longest in the file has 20"
    if libver != "earliest":  # later versions guard what describes a group, attributes included
        message = "incorrect metadata checksum"
    for address in (None, 8, 2**60):  # HDF5 takes the memory before it looks for the heap
        damaged = claiming(content, 2**32 - 1, address)
        (tmp_path / "file.h5").write_bytes(damaged)
        for source in (damaged, tmp_path / "file.h5"):
            refuses(source, message, lambda root: root.text("model_config"))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_text_among_many_attributes_is_found_wherever_hdf5_keeps_them(libver):
    content = written({f"name{i}": TEXT for i in range(50)} | {"others": ["b", "c" * 100]}, libver)
    longest = longest_object(content)
    assert (longest, longest_text(content, "name37", longest), longest_text(content, "others", longest)) == (100, 20, 100)
    with hdf5.opened(content, "file.h5") as root:
        assert (root.text("name37"), root.texts("others")) == (TEXT, ["b", "c" * 100])


def test_an_attribute_that_stands_elsewhere_than_h5py_puts_it_is_refused():
    content = written({"model_config": TEXT})
    with pytest.raises(ValueError, match="the attribute other stands nowhere in the file as h5py writes it"):
        longest_text(content, "other", 20)


def test_a_name_that_fills_the_file_is_refused_in_little_time():
    content = written({"model_config": TEXT})
    refuses(content + b"model_config\0" * 200_000, "it has 100001 places with the name", lambda root: root.text("model_config"))


def test_a_text_longer_than_any_architecture_is_not_read(monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_TEXT", 19)
    message = "it has 20 bytes in the attribute model_config of /; fastjac reads files of up to 19"
    refuses(written({"model_config": TEXT}), message, lambda root: root.text("model_config"))


def test_a_type_that_stands_elsewhere_is_refused():
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        file["kind"] = h5py.string_dtype()
        file.attrs.create("model_config", TEXT, dtype=file["kind"])
    refuses(content.getvalue(), "the type of an attribute stands elsewhere in the file", lambda root: root.text("model_config"))


def test_texts_that_are_listed_again_and_again_are_refused():
    """A file of 80 KB that would make ten thousand lists of ten thousand names."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["names"] = np.full(9_999, b"k")
    with hdf5.opened(content.getvalue(), "file.h5") as root:
        for _ in range(3):
            assert len(root.texts("names")) == 9_999
    message = "it has 39996 names and texts, counted as often as they are read; fastjac reads files of up to 30000"
    refuses(content.getvalue(), message, lambda root: [root.texts("names") for _ in range(4)])
