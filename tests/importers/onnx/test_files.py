"""How a file is known, and that nothing but the package onnx is imported to read one."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import fastjac
from fastjac.errors import MissingDependencyError
from fastjac.importers.onnx import recognise
from fastjac.importers.reading.probe import probe

from .graphs import field, saved, small_file

CONTENT = small_file()


# Known by content


def recognised(content: bytes, folder: Path) -> bool:
    path = folder / "anything"
    path.write_bytes(content)
    return recognise(probe(path))


def test_a_file_is_known_by_its_first_fields(tmp_path):
    assert recognised(CONTENT, tmp_path)
    assert recognised(b"\x08\x09" + field(2, b"pytorch") + field(8, b"\x10\x0d") + field(7, b""), tmp_path)
    assert recognised(b"\x08\x03" + field(6, b"a" * 100_000) + field(7, b"what comes here does not matter"), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x08",
        b"\x08\x03",
        b"\x08" + b"\xff" * 40,
        b"\x08\x03" + field(1, b"a") + field(7, b""),
        b"\x08\x03" + field(9, b"") + field(7, b""),
        b"\x08\x03\x2b" + field(7, b""),
        field(2, b"pytorch") + b"\x08\x03" + field(7, b""),
        b"\x80\x02}q\x00.",
        b"PK\x05\x06" + b"\0" * 18,
        b"\x93NUMPY\x01\0",
        b"\x89HDF\r\n\x1a\n",
        b"// a network\n1,2,3,4\n",
        (64).to_bytes(8, "little") + b"{" + b" " * 63,
    ],
)
def test_other_files_are_not_taken_for_it(content, tmp_path):
    assert not recognised(content, tmp_path)


def test_nothing_else_is_imported_to_read_a_file(tmp_path):
    path = saved(onnx.load_model_from_string(CONTENT), tmp_path)
    code = f"""
import sys
for name in ("torch", "keras", "tensorflow", "jax", "onnxruntime", "onnx.reference", "sklearn"):
    sys.modules[name] = None
import pickle
class Refused:
    def __init__(self, *args, **kwargs):
        raise AssertionError("unpickled")
pickle.Unpickler = pickle._Unpickler = Refused
import fastjac
assert "onnx" not in sys.modules, "imported before it was needed"
print(fastjac.load({str(path)!r}).widths)
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "(5, 3, 3)\n", run.stderr


def test_a_missing_package_is_reported(tmp_path, monkeypatch):
    path = saved(onnx.load_model_from_string(CONTENT), tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"onnx is needed .* pip install --upgrade '\.\[onnx\]'"):
        fastjac.load(path)
