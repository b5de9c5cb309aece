"""Files packed by gzip are read as if they were not, within bounds; each kind of damage is reported."""

import gzip
import io
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.errors import FileError, FormatError
from fastjac.importers.reading.packed import LEAST_BOUND


def load(content, tmp_path, **options):
    path = tmp_path / "net.gz"
    path.write_bytes(content)
    return fastjac.load(path, **options)


@pytest.fixture
def own(tmp_path):
    """A network in fastjac's own file, as bytes."""
    path = tmp_path / "net.safetensors"
    fastjac.Network([fastjac.Affine(np.arange(6.0).reshape(2, 3)), fastjac.Tanh()]).save(path)
    return path.read_bytes()


def test_nothing_is_left_where_files_are_unpacked(own, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    assert load(gzip.compress(own), tmp_path).n_in == 3
    with pytest.raises(FormatError):
        load(gzip.compress(b"hello"), tmp_path)
    assert not list(room.iterdir())


def test_the_members_of_one_file_are_one_content(own, tmp_path):
    parts = [own[:100], b"", own[100:]]
    assert load(b"".join(map(gzip.compress, parts)), tmp_path).n_in == 3


def test_a_name_in_the_packed_file_is_not_followed(own, tmp_path):
    packed = io.BytesIO()
    with gzip.GzipFile("/etc/passwd", "wb", fileobj=packed) as file:
        file.write(own)
    assert load(packed.getvalue(), tmp_path).n_in == 3


DAMAGE = {
    "truncated": (lambda packed: packed[:-9], "net.gz: gzip packed it, and it ends in the middle; it is truncated"),
    "its header alone": (lambda packed: packed[:8], "it ends in the middle"),
    "another byte": (lambda packed: packed[:60] + bytes([packed[60] ^ 1]) + packed[61:], "and it is damaged"),
    "another length": (lambda packed: packed[:-1] + b"\xff", r"and it is damaged \(.*incorrect length check"),
    "bytes behind it": (lambda packed: packed + b"more", r"and it is damaged \(.*incorrect header check"),
    "packed twice": (gzip.compress, "net.gz: gzip packed it twice, and fastjac unpacks once; unpack it by gunzip"),
    "nothing in it": (lambda packed: gzip.compress(b""), "net.gz: it is empty"),
    "a bomb": (lambda packed: gzip.compress(bytes(1 << 26)), "gzip packed it to less than a part in 10 of its size; unpack it"),
    "many members": (lambda packed: gzip.compress(b"") * 10_001, "it has 10001 members of gzip"),
    "a damaged archive in it": (lambda packed: gzip.compress(b"PK\x03\x04" + bytes(90)), "net.gz: it starts as a zip archive"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported_with_the_name_of_the_packed_file(damage, message, own, tmp_path):
    with pytest.raises(FormatError, match=message) as caught:
        load(damage(gzip.compress(own)), tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "net.gz"))


def test_a_bomb_is_not_unpacked_beyond_its_bound(tmp_path, monkeypatch):
    unpacked = []
    decompressobj = zlib.decompressobj

    class Counting:
        def __init__(self, wbits):
            self._inner = decompressobj(wbits=wbits)

        def decompress(self, packed, most):
            unpacked.append(len(self._inner.decompress(packed, most)))
            return bytes(unpacked[-1])

        def __getattr__(self, name):
            return getattr(self._inner, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    packed = gzip.compress(bytes(1 << 26))
    with pytest.raises(FormatError, match="gzip packed it to less than a part"):
        load(packed, tmp_path)
    assert LEAST_BOUND < sum(unpacked) < LEAST_BOUND + (1 << 17)


def test_no_room_is_reported(own, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *args, **kwargs: str(tmp_path / "away"))
    with pytest.raises(FileError, match="there is no room to unpack it"):
        load(gzip.compress(own), tmp_path)


def test_tensors_of_an_onnx_file_are_looked_for_beside_the_packed_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(np.arange(6.0).reshape(2, 3), "w")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [1, size]) for name, size in (("x", 2), ("y", 3))]
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "net", ends[:1], ends[1:], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    content = gzip.compress(Path(tmp_path / "net.onnx").read_bytes())
    assert load(content, tmp_path, external_data=True).jacobian(np.ones(2)).tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
