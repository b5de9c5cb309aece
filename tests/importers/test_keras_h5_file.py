""".h5 files of whole Keras models: read without Keras, and every kind of damage or malice is reported."""

import json
import subprocess
import sys
import tracemalloc

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.errors import FormatError, OptionError, UnsupportedLayerError

from .keras_models import assert_imports, scramble

KERNEL = "model_weights/first/model/first/kernel"


@pytest.fixture
def path(tmp_path):
    stack = [keras.Input((4,)), layers.Dense(3, "relu", name="first"), layers.Dense(2, name="second")]
    keras.Sequential(stack, name="model").save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def edit_config(path, change):
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)


def replace(file, name, data=None, **options):
    del file[name]
    file.create_dataset(name, data=data, **options)


def test_it_is_read_where_no_framework_can_be_imported(path):
    blocked = ["keras", "tensorflow", "torch", "jax", "ml_dtypes", "safetensors", "onnx"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "import pickle, unittest.mock\n"
        "import fastjac, numpy as np\n"
        "with unittest.mock.patch.multiple(pickle, Unpickler=None, load=None, loads=None):\n"
        f"    net = fastjac.load({str(path)!r})\n"
        "print(net(np.arange(4.0)).tolist())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(result.stdout), fastjac.load(path)(np.arange(4.0, dtype=np.float32)), rtol=1e-6)


def test_a_large_file_is_not_read_as_a_whole(path):
    edit(path, lambda file: file.create_dataset("optimizer_weights/a", data=np.ones(4_000_000)))
    fastjac.load(path)  # which imports what it needs
    tracemalloc.start()
    try:
        fastjac.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("keras_float64")
@pytest.mark.parametrize("frozen", [[], [0], [0, 1], [0, 1, 2]])
def test_frozen_layers_of_an_inner_model_keep_their_weights(frozen, tmp_path):
    stack = [layers.Dense(3), layers.BatchNormalization(), layers.Dense(2, activation=layers.LeakyReLU(0.1))]
    inner = keras.Sequential([keras.Input((4,)), *stack])
    for i in frozen:
        stack[i].trainable = False
    assert_imports(scramble(keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])), tmp_path)


@pytest.mark.usefixtures("keras_float64")
def test_an_inner_model_frozen_as_a_whole_keeps_its_weights(tmp_path):
    stack = [layers.Dense(3, "tanh"), layers.BatchNormalization(), layers.Dense(2)]
    inner = keras.Sequential([keras.Input((4,)), *stack])
    inner.trainable = False
    model = scramble(keras.Sequential([keras.Input((4,)), inner]))
    assert_imports(model, tmp_path)
    stack[2].trainable = True
    model.save(tmp_path / "model.h5")
    with pytest.raises(FormatError, match=r"is frozen but layers in it are not, .* set trainable alike"):
        fastjac.load(tmp_path / "model.h5")


def test_a_trained_model_with_an_optimizer(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    assert_imports_in_float32(model, tmp_path)


def assert_imports_in_float32(model, folder):
    x = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    model.save(folder / "model.h5")
    np.testing.assert_allclose(fastjac.load(folder / "model.h5")(x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable("pkg")
class Registered(layers.Dense):
    pass


class Unregistered(layers.Dense):
    pass


CUSTOM = {
    Registered: r"layer 0 'a' \(pkg>Registered\): it is a custom layer, pkg>Registered, which fastjac does not run",
    Unregistered: r"layer 0 'a' \(Unregistered\): fastjac does not have it; it has Activation, ",
}


@pytest.mark.parametrize(("layer_class", "message"), CUSTOM.items())
def test_a_custom_layer_is_refused_by_name(layer_class, message, tmp_path):
    keras.Sequential([keras.Input((4,)), layer_class(3, name="a")]).save(tmp_path / "model.h5")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.h5")


OPERATIONS = {
    "relu": lambda h: keras.ops.relu(h),
    "a mean, whose class is called as a layer's": lambda h: keras.ops.average(h, axis=-1),
    "arithmetic": lambda h: (2.0 * h - 1.0) / 3.0 + h,
    "some units": lambda h: keras.ops.concatenate([h[:, :2], h[:, 1:] ** 2], axis=1),
    "a softmax": lambda h: keras.ops.softmax(h, axis=1),
    "a layer beside an operation": lambda h: layers.Average()([h, keras.ops.sin(h)]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_known_by_what_only_layers_have(name, tmp_path):
    """Such a file does not state the modules of classes, and Keras itself cannot read it again."""
    tensor = keras.Input((4,))
    model = keras.Model(tensor, OPERATIONS[name](layers.Dense(3)(tensor)))
    model.save(tmp_path / "model.h5")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(model(x)).reshape(5, -1)
    np.testing.assert_allclose(fastjac.load(tmp_path / "model.h5")(x), expected, rtol=1e-5, atol=1e-6)


class Own(keras.Model):
    def call(self, x):
        return x


def test_a_subclassed_model_is_refused_by_name(tmp_path):
    model = Own()
    model(np.zeros((1, 4)))
    model.save(tmp_path / "model.h5")
    with pytest.raises(UnsupportedLayerError, match="the model's class is Own; fastjac reads Sequential and Functional models"):
        fastjac.load(tmp_path / "model.h5")


def test_a_layer_without_the_options_of_others_is_no_operation(tmp_path):
    tensor = keras.Input((4,))
    keras.Model(tensor, layers.Dense(2)(layers.Discretization([0.0, 1.0])(tensor))).save(tmp_path / "model.h5")
    with pytest.raises(UnsupportedLayerError, match=r"\(Discretization\): fastjac does not have it"):
        fastjac.load(tmp_path / "model.h5")


@pytest.mark.parametrize("options", [{"layers": ["relu"]}, {"config": "{}"}, {"n_in": 4}, {"order": ["a"]}])
def test_options_are_refused_since_the_file_states_them(options, path):
    with pytest.raises(OptionError, match=r"this format states .* itself or has no use for it"):
        fastjac.load(path, **options)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_reported(share, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match=r"model.h5: .* cannot be read as HDF5 .*; it is truncated or damaged"):
        fastjac.load(path)


def test_another_hdf5_file_is_reported(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["temperature"] = np.ones(3)
    with pytest.raises(FormatError, match=r"data.h5: it is no Keras file with weights; it holds temperature"):
        fastjac.load(tmp_path / "data.h5")
    with h5py.File(tmp_path / "data.h5", "w"):
        pass
    with pytest.raises(FormatError, match="it holds nothing"):
        fastjac.load(tmp_path / "data.h5")


BAD_ATTRIBUTES = {
    "config no JSON": (lambda file: file.attrs.update(model_config="{"), "model_config is not valid JSON"),
    "config no model": (
        lambda file: file.attrs.update(model_config="{}"),
        "model_config does not describe a model as Keras does",
    ),
    "config a number": (lambda file: file.attrs.update(model_config=3.0), "the attribute model_config of / must hold text"),
    "config two texts": (lambda file: file.attrs.update(model_config=["a", "b"]), "must hold one text, it holds 2"),
    "config no UTF-8": (
        lambda file: file.attrs.update(model_config=np.bytes_(b"\xff\xfe")),
        "the attribute model_config of / cannot",
    ),
    "a reference": (lambda file: file.attrs.update(model_config=file["model_weights"].ref), "model_config of / must hold text"),
    "a version of numbers": (
        lambda file: file.attrs.update(keras_version=[3, 15]),
        "the attribute keras_version of / must hold text",
    ),
    "no names of layers": (
        lambda file: file["model_weights"].attrs.pop("layer_names"),
        "/model_weights does not list its layers in an attribute layer_names",
    ),
    "names of layers as numbers": (
        lambda file: file["model_weights"].attrs.update(layer_names=[1.0]),
        "the attribute layer_names of /model_weights must hold text",
    ),
    "fewer layers": (
        lambda file: file["model_weights"].attrs.update(layer_names=["first"]),
        r"the config has 2 layers with weights \(first, second\), the file holds those of 1 \(first\)",
    ),
    "fewer arrays": (
        lambda file: file["model_weights/first"].attrs.update(weight_names=["model/first/kernel"]),
        r"layer 0 'first' \(Dense\): its config asks for 2 weight arrays of shapes \(4, 3\), \(3,\), the model holds 1 of shapes",
    ),
    "an array that is not there": (
        lambda file: file["model_weights/first"].attrs.update(weight_names=["a/b", "c"]),
        "/model_weights holds no first/a/b, though it says so",
    ),
    "a group for an array": (
        lambda file: file["model_weights/first"].attrs.update(weight_names=["model/first", "model/first/bias"]),
        "/model_weights/first/model/first is no array",
    ),
    "an array for a group": (
        lambda file: file["model_weights/first"].attrs.update(weight_names=["model/first/kernel/x", "model/first/bias"]),
        "/model_weights/first/model/first/kernel is an array, though a group is expected there",
    ),
    "a path of a thousand groups": (
        lambda file: file["model_weights/first"].attrs.update(weight_names=["a/" * 1000 + "b", "c"]),
        "it has 1001 groups around an array of /model_weights; fastjac reads files of up to 100",
    ),
    "huge lists of names": (
        lambda file: file["model_weights"].attrs.update(layer_names=np.full(20_000, b"a")),
        "it has 20000 entries in the attribute layer_names of /model_weights; fastjac reads files of up to 10000",
    ),
    "no weights": (lambda file: file.__delitem__("model_weights"), "it has a model_config but no group model_weights"),
    "weights elsewhere": (
        lambda file: (
            file.__delitem__("model_weights"),
            file.__setitem__("model_weights", h5py.ExternalLink("/etc/passwd", "/")),
        ),
        "//model_weights is an external link to elsewhere, which fastjac does not follow",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_ATTRIBUTES.values(), ids=BAD_ATTRIBUTES)
def test_a_file_that_does_not_hold_is_reported(change, message, path):
    edit(path, change)
    with pytest.raises(FormatError, match=message) as caught:
        fastjac.load(path)
    assert str(caught.value).startswith(str(path))


BAD_ARRAYS = {
    "a soft link": (
        lambda file: (file.__delitem__(KERNEL), file.__setitem__(KERNEL, h5py.SoftLink("/model_weights/second"))),
        f"/{KERNEL} is a soft link to elsewhere",
    ),
    "external storage": (
        lambda file: replace(file, KERNEL, shape=(4, 3), dtype="f4", external=[("/etc/passwd", 0, 48)]),
        "keeps its entries outside the file",
    ),
    "a declared terabyte": (
        lambda file: replace(file, KERNEL, shape=(4, 3 * 10**11), dtype="f4", chunks=(4, 1000)),
        r"of shapes \(4, 3\), \(3,\), the model holds 2 of shapes \(4, 300000000000\)",
    ),
    "text": (
        lambda file: replace(file, KERNEL, np.full((4, 3), b"text")),
        "holds entries of type .S4, though weights are numbers",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_array_that_does_not_hold_is_reported(change, message, path):
    edit(path, change)
    with pytest.raises(FormatError, match=message):
        fastjac.load(path)


def test_a_declared_terabyte_in_config_and_array_is_not_read(path):
    units = 3 * 10**11
    edit_config(path, lambda entries: entries[1]["config"].update(units=units, use_bias=False))

    def blow_up(file):
        file["model_weights/first"].attrs["weight_names"] = ["model/first/kernel"]
        replace(file, KERNEL, shape=(4, units), dtype="f4", chunks=(4, 1000))

    edit(path, blow_up)
    with pytest.raises(FormatError, match="claims to hold 4800000000000 bytes, 0 are stored; the file is cut off or made up"):
        fastjac.load(path)
