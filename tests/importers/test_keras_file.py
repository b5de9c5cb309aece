""".keras files: read without Keras, and every kind of damage or malice is reported."""

import io
import json
import struct
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.errors import FormatError, MissingDependencyError, UnsupportedLayerError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu", name="first"), layers.Dense(2, name="second")]).save(path)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, compression=zipfile.ZIP_STORED, **changes):
    """Replace members of the archive by keyword: config, metadata, weights; None drops one."""
    names = {"config": CONFIG, "metadata": METADATA, "weights": WEIGHTS}
    contents = members(path) | {names[key]: value for key, value in changes.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(name, content)


def edit_config(path, edit):
    config = json.loads(members(path)[CONFIG])
    edit(config)
    rewrite(path, config=json.dumps(config))


def edit_weights(path, edit):
    content = io.BytesIO(members(path)[WEIGHTS])
    with h5py.File(content, "r+") as file:
        edit(file)
    rewrite(path, weights=content.getvalue())


def replace(file, name, data=None, **options):
    del file[name]
    file.create_dataset(name, data=data, **options)


def test_it_is_read_where_no_framework_can_be_imported(path):
    x = np.arange(4.0, dtype=np.float32)
    blocked = ["keras", "tensorflow", "torch", "jax", "ml_dtypes", "safetensors"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "import fastjac, numpy as np\n"
        f"print(fastjac.load({str(path)!r})(np.arange(4.0)).tolist())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(result.stdout), fastjac.load(path)(x), rtol=1e-6)


def test_without_h5py_the_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"h5py is needed .* pip install --upgrade '\.\[keras\]'"):
        fastjac.load(path)


def test_a_compressed_archive_is_read(path):
    before = fastjac.load(path)
    rewrite(path, zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(fastjac.load(path)[0].weight, before[0].weight)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_archive_is_reported(share, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match=r"starts as a zip archive but cannot be read to its end .* truncated or damaged"):
        fastjac.load(path)


def test_a_flipped_byte_is_reported(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"Sequential")] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"config.json cannot be unpacked .*CRC"):
        fastjac.load(path)


BAD_MEMBERS = {
    "no weights": ({"weights": None}, "the archive holds no model.weights.h5, only metadata.json, config.json"),
    "weights that are no HDF5": ({"weights": b"hello"}, r"model.weights.h5 cannot be read as HDF5"),
    "no JSON": ({"config": b"{"}, "config.json is not valid JSON"),
    "JSON too deep": ({"config": b"[" * 100_000}, "config.json is not valid JSON"),
    "no object": ({"config": b"[]"}, "config.json must hold a JSON object, it holds a list"),
    "no model": ({"config": b"{}"}, "config.json does not describe a model as Keras does: KeyError"),
    "Keras 4": (
        {"metadata": b'{"keras_version": "4.0.0"}'},
        "written by Keras '4.0.0'; fastjac reads what Keras 1, 2 and 3 wrote",
    ),
    "no version": ({"metadata": b"{}"}, "written by Keras None; fastjac reads"),
}


@pytest.mark.parametrize(("changes", "message"), BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_member_that_does_not_hold_is_reported(changes, message, path):
    rewrite(path, **changes)
    with pytest.raises(FormatError, match=message) as caught:
        fastjac.load(path)
    assert str(caught.value).startswith(str(path))


def test_weights_cut_off_inside_the_archive_are_reported(path):
    rewrite(path, weights=members(path)[WEIGHTS][:3000])
    with pytest.raises(FormatError, match="cannot be read as HDF5"):
        fastjac.load(path)


def layer(config, number=1):
    return config["config"]["layers"][number]


BAD_CONFIGS = {
    "layer without options": (
        lambda c: layer(c).update(config={"name": "first"}),
        FormatError,
        "does not describe a model .*KeyError",
    ),
    "layers no list": (lambda c: c["config"].update(layers=3), FormatError, "does not describe a model .*TypeError"),
    "more units": (
        lambda c: layer(c)["config"].update(units=5),
        FormatError,
        r"layer 0 'first' \(Dense\): its config asks for 2 weight arrays of shapes \(4, 5\), \(5,\), the model holds 2 of shapes",
    ),
    "no bias": (lambda c: layer(c)["config"].update(use_bias=False), FormatError, "asks for 1 weight arrays of shapes"),
    "a class that is a path": (
        lambda c: layer(c).update(class_name="a/b"),
        FormatError,
        "/layers is said to hold 'a/b', which can be no name of a member",
    ),
    "a custom class": (
        lambda c: layer(c).update(module="os"),
        UnsupportedLayerError,
        r"\(Dense\): it is a custom layer, os.Dense",
    ),
    "a custom model of a script": (lambda c: c.update(module=None), UnsupportedLayerError, "the model's class is Sequential"),
    "a custom model": (lambda c: c.update(module="os"), UnsupportedLayerError, "the model's class is os.Sequential"),
}


@pytest.mark.parametrize(("edit", "error", "message"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_config_that_does_not_fit_is_reported(edit, error, message, path):
    edit_config(path, edit)
    with pytest.raises(error, match=message):
        fastjac.load(path)


def test_a_graph_that_runs_in_a_circle_is_reported(tmp_path):
    path = tmp_path / "model.keras"
    tensor = keras.Input((4,))
    keras.Model(tensor, layers.Dense(4, name="a")(layers.Dense(4, name="b")(tensor))).save(path)

    def bend(config):
        layer(config)["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["a", 0, 0]

    edit_config(path, bend)
    with pytest.raises(FormatError, match="the model's graph runs in a circle through layer 'a'"):
        fastjac.load(path)


KERNEL = "layers/dense/vars/0"
BAD_WEIGHTS = {
    "missing": (lambda file: file.__delitem__("layers/dense"), "the model holds 0; was the model built"),
    "a gap": (
        lambda file: file.move(KERNEL, "layers/dense/vars/5"),
        r"layer 0 .*its weights are called 1, 5; a built-in",
    ),
    "a group": (lambda file: (file.__delitem__(KERNEL), file.create_group(KERNEL)), "is no array, though one is expected"),
    "an external link": (
        lambda file: (file.__delitem__(KERNEL), file.__setitem__(KERNEL, h5py.ExternalLink("/etc/passwd", "/x"))),
        "is an external link to elsewhere, which fastjac does not follow",
    ),
    "a soft link": (
        lambda file: (file.__delitem__("layers/dense"), file.__setitem__("layers/dense", h5py.SoftLink("/layers/dense_1"))),
        "is a soft link to elsewhere",
    ),
    "external storage": (
        lambda file: replace(file, KERNEL, shape=(4, 3), dtype="f4", external=[("/etc/passwd", 0, 48)]),
        "keeps its entries outside the file",
    ),
    "no group": (
        lambda file: (file.__delitem__("layers"), file.__setitem__("layers", 1.0)),
        "/layers is an array, though a group is expected there",
    ),
    "text": (
        lambda file: replace(file, KERNEL, np.full((4, 3), b"text")),
        r"layer 0 'first' \(Dense\): /layers/dense/vars/0 holds entries of type .S4, though weights are numbers",
    ),
}


@pytest.mark.parametrize(("edit", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_do_not_hold_are_reported(edit, message, path):
    edit_weights(path, edit)
    with pytest.raises(FormatError, match=message):
        fastjac.load(path)


@pytest.mark.parametrize("broken", ["Group.get", "Group.__len__", "Dataset.shape", "Dataset.__getitem__", "File.__init__"])
@pytest.mark.parametrize("error", [OSError, OverflowError, MemoryError, struct.error, SystemError])
def test_whatever_h5py_raises_on_damaged_bytes_is_reported(broken, error, path, monkeypatch):
    def fail(*args, **kwargs):
        raise error("broken inside")

    name, attribute = broken.split(".")
    monkeypatch.setattr(getattr(h5py, name), attribute, property(fail) if attribute == "shape" else fail)
    with pytest.raises(FormatError, match=r"model.keras: .*cannot be read as HDF5 \(.*broken inside"):
        fastjac.load(path)


def test_an_offset_beyond_every_file_is_reported(path):
    weights = members(path)[WEIGHTS]
    driver_information = 48  # where its address stands in a superblock of version 0
    rewrite(path, weights=weights[:driver_information] + b"\xfe" * 8 + weights[driver_information + 8 :])
    with pytest.raises(FormatError, match=r"model.weights.h5 cannot be read as HDF5 \(OverflowError"):
        fastjac.load(path)


def test_a_batch_normalization_with_one_entry_for_all_units_is_reported(path):
    keras.Sequential([keras.Input((4,)), layers.BatchNormalization(name="norm")]).save(path)
    edit_weights(path, lambda file: replace(file, "layers/batch_normalization/vars/2", np.ones(1)))
    with pytest.raises(FormatError, match=r"'norm' .*asks for 4 weight arrays of shapes \(4,\), .* the model holds 4 of shapes"):
        fastjac.load(path)


def test_attributes_are_not_read(path):
    def shout(group):
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5py.Group, "attrs", property(shout))
        patch.setattr(h5py.Dataset, "attrs", property(shout))
        assert fastjac.load(path).n_in == 4


def test_a_dataset_far_larger_than_what_is_stored_is_not_read(path):
    units = 100_000_000
    edit_config(path, lambda config: layer(config)["config"].update(units=units, use_bias=False))

    def blow_up(file):
        replace(file, KERNEL, shape=(4, units), dtype="f4", chunks=(4, 1000))
        del file["layers/dense/vars/1"]

    edit_weights(path, blow_up)
    with pytest.raises(FormatError, match="claims to hold 1600000000 bytes, 0 are stored; the file is cut off or made up"):
        fastjac.load(path)


def test_a_member_far_larger_than_what_is_stored_is_not_read(path):
    rewrite(path, zipfile.ZIP_DEFLATED, weights=bytes(300_000_000))
    with pytest.raises(FormatError, match=r"model.weights.h5 claims to unpack to 300000000 bytes"):
        fastjac.load(path)
