"""How a file is known, the real networks, and that nothing but the package onnx is imported to read one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import fastjac
from fastjac.errors import MissingDependencyError
from fastjac.importers.onnx import recognise
from fastjac.importers.reading.probe import probe

from .graphs import field, samples, saved, small_file

DATA = Path("../shared/data")
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


def test_a_missing_package_is_told(tmp_path, monkeypatch):
    path = saved(onnx.load_model_from_string(CONTENT), tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"onnx is needed .* pip install --upgrade '\.\[onnx\]'"):
        fastjac.load(path)


# Real files


def real(name: str) -> Path:
    """A network that others trained; skipped where it is not here."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there; it is optional")
    return path


def test_the_collision_avoidance_network():
    path = real("ACASXU_run2a_1_1_batch_2000.onnx")
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(path).graph.initializer}
    x = samples((5,))
    expected = x - arrays["input_AvgImg"].ravel()
    for i in range(1, 7):
        expected = np.maximum(expected @ arrays[f"Operation_{i}_MatMul_W"] + arrays[f"Operation_{i}_Add_B"], 0.0)
    expected = expected @ arrays["linear_7_MatMul_W"] + arrays["linear_7_Add_B"]
    net = fastjac.load(path)
    assert net.widths[0] == 5
    assert net.dtype == np.float32
    np.testing.assert_allclose(net.astype(np.float64)(x), expected, rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net.astype(np.float64), x).passed


def test_the_collision_avoidance_network_is_that_of_its_text_file():
    first = fastjac.load(real("ACASXU_run2a_1_1_batch_2000.onnx")).astype(np.float64)
    second = fastjac.load(real("ACASXU_run2a_1_1_batch_2000.nnet"), scaling="none")
    x = samples((5,))
    np.testing.assert_allclose(first(x), second(x), rtol=1e-4, atol=1e-5)  # the text holds six digits of each weight


def test_the_network_with_weights_on_the_left():
    path = real("TestNetwork2.onnx")
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(path).graph.initializer}
    x = samples((5,))
    expected = x.T
    for i in range(7):
        expected = arrays[f"W{i}"] @ expected + arrays[f"B{i}"][:, None]
        expected = np.maximum(expected, 0.0) if i < 6 else expected
    net = fastjac.load(path).astype(np.float64)
    assert [type(layer).__name__ for layer in net] == ["Affine", "ReLU"] * 6 + ["Affine"]
    np.testing.assert_allclose(net(x), expected.T, rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net, x).passed
