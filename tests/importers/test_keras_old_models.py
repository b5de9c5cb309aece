"""Models as wholes in files of Keras 1 and 2: bare lists, graphs with their old numbers of calls, and weights found by order."""

import io

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers import Options, read
from fastjac.importers.reading import hdf5

from .agreement import assert_agrees
from .keras_models import scramble
from .keras_old_files import dense_1, dense_2, functional, layer, write_archive, write_model, write_tree, write_weights

pytestmark = pytest.mark.usefixtures("keras_float64")


def sequential(*entries, name="model"):
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(entries)}}


def input_layer(name, *shape):
    return layer("InputLayer", name, batch_input_shape=[None, *shape], dtype="float64", sparse=False)


def batch_norm(name, **options):
    return layer("BatchNormalization", name, axis=[1], epsilon=0.001, scale=True, center=True, **options)


def arrays(model_layer, prefix="w"):
    return {f"{prefix}{i}": array for i, array in enumerate(model_layer.get_weights())}


def chain(tensor, *stack):
    for one in stack:
        tensor = one(tensor)
    return tensor


def test_a_graph_of_keras_1_whose_calls_have_no_options(tmp_path):
    dense = layers.Dense(4, "tanh")
    tensor = keras.Input((4,))
    model = scramble(keras.Model(tensor, chain(tensor, dense, layers.Dropout(0.5), dense, layers.Dense(2))))
    calls = [
        (input_layer("in", 4), []),
        (dense_1("shared", 4, "tanh"), [[["in", 0, 0]], [["drop", 0, 0]]]),
        (layer("Dropout", "drop", p=0.5), [[["shared", 0, 0]]]),
        (dense_1("out", 2), [[["shared", 1, 0]]]),
    ]
    config = functional("model", calls, ["out", 0, 0]) | {"class_name": "Model"}
    weights = {"in": {}, "shared": arrays(dense), "drop": {}, "out": arrays(model.layers[-1])}
    write_model(tmp_path / "model.h5", config, weights, "1.2.2")
    assert_agrees(fastjac.load(tmp_path / "model.h5"), model, (4,))


def nested_models(base):
    """A graph of an inner graph and an inner list, each called twice; calls of inner models count from `base`."""
    inner_calls = [
        (input_layer("i", 4), []),
        (dense_2("x", 4, "tanh"), [[["i", 0, 0, {}]]]),
        (batch_norm("n"), [[["x", 0, 0, {}]]]),
    ]
    graph = functional("graph", inner_calls, ["n", 0, 0])
    plain = sequential(dense_2("y", 4, "elu", batch_input_shape=[None, 4]), layer("Dropout", "d", rate=0.5), name="plain")
    calls = [
        (input_layer("in", 2, 2), []),
        (layer("Flatten", "flat", data_format="channels_last"), [[["in", 0, 0, {}]]]),
        (graph, [[["flat", 0, 0, {"training": False}]], [["plain", base, 0, {}]]]),
        (plain, [[["graph", base, 0, {"mask": None}]], [["graph", base + 1, 0, {}]]]),
    ]
    return functional("model", calls, ["plain", base + 1, 0])


def nested_reference():
    x, n, y = layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dense(4, "elu")
    tensor = keras.Input((2, 2))
    return scramble(keras.Model(tensor, chain(tensor, layers.Flatten(), x, n, y, x, n, y))), (x, n, y)


@pytest.mark.parametrize("base", [0, 1])
def test_inner_models_whose_calls_count_from_1_if_they_define_one(base, tmp_path):
    model, (x, n, y) = nested_reference()
    trained_first = dict(enumerate([*x.get_weights(), *n.get_weights()]))
    graph = {f"graph/{i}:0": array for i, array in trained_first.items()}
    write_model(tmp_path / "model.h5", nested_models(base), {"flat": {}, "graph": graph, "plain": arrays(y)}, "2.15.0")
    net = fastjac.load(tmp_path / "model.h5")
    assert_agrees(net, model, (2, 2))
    assert len(net) == 10


def test_an_inner_model_as_the_output_of_another(tmp_path):
    model = scramble(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))
    inner = functional("inner", [(input_layer("i", 3), []), (dense_2("x", 2), [[["i", 0, 0, {}]]])], ["x", 0, 0])
    config = functional("model", [(input_layer("in", 3), []), (inner, [[["in", 0, 0, {}]]])], ["inner", 1, 0])
    write_model(tmp_path / "model.h5", config, {"in": {}, "inner": arrays(model.layers[0])}, "2.9.0")
    assert_agrees(fastjac.load(tmp_path / "model.h5"), model, (3,))


ORDERS = {
    "all trained": ({}, "Xx Xb Ng Nb Yx Yb Nm Nv"),
    "a dense layer frozen": ({"x": False}, "Ng Nb Yx Yb Xx Xb Nm Nv"),
    "batch normalization frozen too": ({"x": False, "n": False}, "Yx Yb Xx Xb Ng Nb Nm Nv"),
    "all frozen": ({"x": False, "n": False, "y": False, "inner": False}, "Xx Xb Ng Nb Nm Nv Yx Yb"),
}


@pytest.mark.parametrize(("trainable", "order"), ORDERS.values(), ids=ORDERS)
def test_arrays_of_an_inner_model_come_trained_ones_first(trainable, order, tmp_path):
    x, n, y = layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)
    model = scramble(keras.Sequential([keras.Input((4,)), x, n, y]))
    names = ["Xx", "Xb", "Ng", "Nb", "Nm", "Nv", "Yx", "Yb"]
    values = dict(zip(names, [*x.get_weights(), *n.get_weights(), *y.get_weights()], strict=True))
    stack = [dense_2("x", 3, batch_input_shape=[None, 4]), batch_norm("n"), dense_2("y", 2)]
    inner = sequential(*stack, name="inner")
    for entry in [*stack, inner]:
        entry["config"]["trainable"] = trainable.get(entry["config"]["name"], True)
    write_model(tmp_path / "model.h5", sequential(inner), {"inner": {name: values[name] for name in order.split()}}, "2.15.0")
    assert_agrees(fastjac.load(tmp_path / "model.h5"), model, (4,))


def test_a_frozen_inner_model_with_trained_layers_is_refused(tmp_path):
    inner = sequential(dense_2("x", 2, batch_input_shape=[None, 2]), name="inner")
    inner["config"]["trainable"] = False
    write_model(tmp_path / "model.h5", sequential(inner), {"inner": {"a": np.eye(2), "b": np.ones(2)}}, "2.15.0")
    with pytest.raises(FormatError, match="model 'inner' is frozen but layers in it are not"):
        fastjac.load(tmp_path / "model.h5")


def test_an_inner_list_of_keras_1_has_no_name_and_its_arrays_are_found_by_order(tmp_path):
    first, second = layers.Dense(3, "tanh"), layers.Dense(2)
    model = scramble(keras.Sequential([keras.Input((4,)), first, second]))
    inner = {"class_name": "Sequential", "config": [dense_1("dense_7", 3, "tanh", batch_input_shape=[None, 4])]}
    config = {"class_name": "Sequential", "config": [inner, layer("Dropout", "d", p=0.5), dense_1("dense_9", 2)]}
    weights = {"sequential_3": arrays(first), "d": {}, "dense_9": arrays(second)}
    write_model(tmp_path / "model.h5", config, weights, "1.2.2")
    assert_agrees(fastjac.load(tmp_path / "model.h5"), model, (4,))


def test_weights_are_found_by_order_and_never_by_name(tmp_path):
    first, second = layers.Dense(3), layers.Dense(3)
    model = scramble(keras.Sequential([keras.Input((3,)), first, second]))
    config = sequential(dense_2("a", 3, batch_input_shape=[None, 3]), dense_2("b", 3))
    write_model(tmp_path / "model.h5", config, {"b": arrays(first), "a": arrays(second)}, "2.4.0")
    assert_agrees(fastjac.load(tmp_path / "model.h5"), model, (3,))


@pytest.mark.parametrize("as_bytes", [True, False])
def test_names_that_are_spread_over_several_attributes(as_bytes, tmp_path):
    count, width = 30, 5000
    names = [f"{'long' * (width // 4)}{i}" for i in range(count)]
    stack = [dense_2(name, 2, "tanh", use_bias=False) for name in names]
    stack[0]["config"]["batch_input_shape"] = [None, 2]
    kernels = np.random.default_rng(2).normal(size=(count, 2, 2))
    weights = {name: {"kernel:0": kernel} for name, kernel in zip(names, kernels, strict=True)}
    write_model(tmp_path / "model.h5", sequential(*stack), weights, "2.2.4-tf", as_bytes)
    with h5py.File(tmp_path / "model.h5") as file:
        assert ("layer_names0" in file["model_weights"].attrs) == as_bytes  # texts stand elsewhere, so that they all fit
    expected = np.array([0.3, -0.2])
    for kernel in kernels:
        expected = np.tanh(expected @ kernel)
    np.testing.assert_allclose(fastjac.load(tmp_path / "model.h5")([0.3, -0.2]), expected, rtol=1e-12)


def test_weights_alone_of_keras_2_with_the_config(tmp_path):
    first, second = layers.Dense(3, "tanh"), layers.Dense(2)
    model = scramble(keras.Sequential([keras.Input((4,)), first, second]))
    write_weights(tmp_path / "weights.h5", {"dense_5": arrays(first), "dense_6": arrays(second)}, "2.4.0")
    config = sequential(dense_2("dense", 3, "tanh", batch_input_shape=[None, 4]), dense_2("dense_1", 2))
    net = fastjac.load(tmp_path / "weights.h5", config=config | {"keras_version": "2.4.0", "backend": "tensorflow"})
    assert_agrees(net, model, (4,))


def tree_model():
    stack = [layers.Dense(4, "tanh"), layers.Dense(4), layers.BatchNormalization(), layers.Dense(3), layers.BatchNormalization()]
    model = scramble(keras.Sequential([keras.Input((4,)), *stack]))
    hidden = [dense_2("a", 4, "tanh", batch_input_shape=[None, 4]), dense_2("b", 4), batch_norm("c")]
    config = sequential(*hidden, sequential(dense_2("d", 3), batch_norm("e"), name="inner"))
    return config, model, [one.get_weights() for one in stack]


def old_tree(a, b, c, d, e):
    inner = {"_layer_checkpoint_dependencies": {"dense": {"vars": d}, "batch_normalization": {"vars": e}}, "vars": []}
    slots = {"dense": {"vars": a}, "dense_2": {"vars": b}, "batch_normalization": {"vars": c}, "sequential": inner}
    return {"_layer_checkpoint_dependencies": slots, "vars": []}


def new_tree(a, b, c, d, e):
    inner = {"layers": {"dense": {"vars": d}, "batch_normalization": {"vars": e}}, "vars": []}
    slots = {"dense": {"vars": a}, "dense_1": {"vars": b}, "batch_normalization": {"vars": c}, "sequential": inner}
    return {"layers": slots, "vars": []}


@pytest.mark.parametrize(("tree", "version"), [(old_tree, "2.12.0"), (old_tree, "2.13.1"), (new_tree, "2.15.0")])
def test_an_archive_of_keras_2(tree, version, tmp_path):
    config, model, weights = tree_model()
    write_archive(tmp_path / "model.keras", config, tree(*weights), version)
    assert_agrees(fastjac.load(tmp_path / "model.keras"), model, (4,))


@pytest.mark.parametrize("tree", [old_tree, new_tree])
def test_weights_alone_of_keras_2_filed_by_class(tree, tmp_path):
    config, model, weights = tree_model()
    write_tree(tmp_path / "model.weights.h5", tree(*weights))
    net = fastjac.load(tmp_path / "model.weights.h5", config=config | {"keras_version": "2.13.0"})
    assert_agrees(net, model, (4,))


def test_an_archive_of_keras_2_keeps_the_meaning_of_its_names(tmp_path):
    config = sequential(dense_2("a", 1, "hard_sigmoid", use_bias=False, batch_input_shape=[None, 1]))
    write_archive(tmp_path / "model.keras", config, {"layers": {"dense": {"vars": [np.ones((1, 1))]}}}, "2.15.0")
    np.testing.assert_array_equal(fastjac.load(tmp_path / "model.keras").jacobian([1.0]), [[0.2]])


@pytest.mark.parametrize("package", ["keras", "keras.src", "tf_keras.src"])
def test_a_graph_in_an_archive_of_keras_2(package, tmp_path):
    model = scramble(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))
    graph = functional("model", [(input_layer("in", 3), []), (dense_2("a", 2), [[["in", 0, 0, {}]]])], ["a", 0, 0])
    tree = {"layers": {"dense": {"vars": model.layers[0].get_weights()}}}
    write_archive(tmp_path / "model.keras", graph | {"module": f"{package}.engine.functional"}, tree, "2.15.0")
    assert_agrees(fastjac.load(tmp_path / "model.keras"), model, (3,))


def test_a_layer_missing_in_an_old_archive_is_reported(tmp_path):
    config, _, weights = tree_model()
    tree = old_tree(*weights)
    del tree["_layer_checkpoint_dependencies"]["dense_2"]
    write_archive(tmp_path / "model.keras", config, tree, "2.13.1")
    with pytest.raises(FormatError, match=r"layer 1 'b' \(Dense\): its config asks for 2 weight arrays .* the model holds 0"):
        fastjac.load(tmp_path / "model.keras")


def graph_with(*calls):
    return functional("model", [(input_layer("in", 2), []), *calls], [calls[-1][0]["config"]["name"], 0, 0])


REFUSED = {
    "tensors in a dict": (
        graph_with((dense_2("a", 2), [{"x": ["in", 0, 0, {}], "y": ["in", 0, 0, {}]}])),
        r"layer 0 'a' \(Dense\): it is called on 2 tensors; fastjac takes it on one",
    ),
    "training": (
        graph_with((layer("Dropout", "a", rate=0.5), [[["in", 0, 0, {"training": True}]]])),
        r"layer 0 'a' \(Dropout\): it is called with training=True",
    ),
    "an operation of TensorFlow": (
        graph_with((layer("TFOpLambda", "add", function="__operators__.add"), [["in", 0, 0, {"y": 1.0, "name": None}]])),
        r"layer 0 'add' \(TFOpLambda\): fastjac does not have it",
    ),
    "no tensor": (graph_with((dense_2("a", 2), [[]])), r"layer 0 'a' \(Dense\): it is called on 0 tensors"),
    "another start": (graph_with((dense_2("a", 2), [])), "layer 'a' takes nothing from the model's input 'in'"),
}


@pytest.mark.parametrize(("config", "message"), REFUSED.values(), ids=REFUSED)
def test_a_graph_that_is_called_in_other_ways_is_refused(config, message, tmp_path):
    write_model(tmp_path / "model.h5", config, {}, "2.6.0")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.h5")


def test_a_graph_that_branches(tmp_path):
    config = graph_with((dense_2("a", 2), [[["in", 0, 0, {}]]]), (layer("Add", "add"), [[["in", 0, 0, {}], ["a", 0, 0, {}]]]))
    weights = {"in": {}, "a": {"k": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([5.0, 6.0])}, "add": {}}
    write_model(tmp_path / "model.h5", config, weights, "2.6.0")
    np.testing.assert_array_equal(fastjac.load(tmp_path / "model.h5")([1.0, 10.0]), [37.0, 58.0])


def two_ends():
    """An inner graph of two inputs and two outputs, called on a dict in another order than its list of inputs."""
    calls = [
        (input_layer("p", 2), []),
        (input_layer("q", 2), []),
        (layer("Subtract", "difference"), [[["p", 0, 0, {}], ["q", 0, 0, {}]]]),
        (layer("Multiply", "product"), [[["p", 0, 0, {}], ["q", 0, 0, {}]]]),
    ]
    inner = functional("inner", calls, ["difference", 0, 0])
    inner["config"] |= {"input_layers": [["q", 0, 0], ["p", 0, 0]], "output_layers": [["difference", 0, 0], ["product", 0, 0]]}
    outer = functional("model", [(input_layer("u", 2), []), (input_layer("v", 2), [])], ["inner", 1, 1])
    return outer, inner


@pytest.mark.parametrize(("call", "sign"), [([["u", 0, 0, {}], ["v", 0, 0, {}]], -1), ({"p": ["u", 0, 0], "q": ["v", 0, 0]}, 1)])
def test_inner_graphs_of_several_inputs_and_outputs(call, sign, tmp_path):
    outer, inner = two_ends()
    outer["config"]["layers"].append({**inner, "name": "inner", "inbound_nodes": [call]})
    outer["config"] |= {"input_layers": [["u", 0, 0], ["v", 0, 0]], "output_layers": {"b": ["inner", 1, 1], "a": ["inner", 1, 0]}}
    write_model(tmp_path / "model.h5", outer, {}, "2.9.0")
    difference, product = fastjac.load(tmp_path / "model.h5")(([1.0, 2.0], [10.0, 20.0]))
    np.testing.assert_array_equal(difference, sign * np.array([-9.0, -18.0]))
    np.testing.assert_array_equal(product, [10.0, 40.0])


def test_parts_say_what_became_of_layers(tmp_path):
    stack = [
        dense_2("a", 2, "hard_sigmoid", dtype="float16", batch_input_shape=[None, 2]),
        batch_norm("n"),
        layer("Dropout", "d"),
    ]
    weights = {"a": {"k": np.eye(2, dtype=np.float16), "b": np.ones(2, np.float16)}}
    weights |= {"n": {str(i): np.ones(2, np.float32) for i in range(4)}, "d": {}}
    write_model(tmp_path / "model.h5", sequential(*stack), weights, "2.4.0")
    name, imported = read(tmp_path / "model.h5", Options())
    assert name == "Keras models and weights (.h5)"
    assert [(part.source, part.note) for part in imported.parts] == [
        ("'a' (Dense)", "hard_sigmoid of Keras 2, with slope 0.2; float16 weights widened to float32"),
        ("'n' (BatchNormalization)", "statistics folded to one Scale"),
        ("'d' (Dropout)", "does nothing at inference"),
    ]
    assert imported.network.dtype == np.float32


def test_a_model_in_memory_is_read_as_one_in_a_file():
    content = io.BytesIO()
    write_tree(content, {"layers": {"dense": {"vars": [np.eye(2)]}}})
    with hdf5.opened(content.getvalue(), "weights") as root:
        np.testing.assert_array_equal(root.array("layers/dense/vars/0").read(), np.eye(2))
