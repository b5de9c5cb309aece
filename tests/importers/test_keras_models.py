"""Keras models as wholes: chains in sequential, functional and nested models, and what is refused; graphs are beside this."""

import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError
from fastjac.importers.keras.config import snake_case

from .keras_models import assert_imports, scramble

pytestmark = pytest.mark.usefixtures("keras_float64")


def chain(tensor, *stack):
    for layer in stack:
        tensor = layer(tensor)
    return tensor


def functional(*stack, n_in=4):
    tensor = keras.Input((n_in,))
    return keras.Model(tensor, chain(tensor, *stack))


def test_functional_model_in_an_order_that_its_names_do_not_show(tmp_path):
    model = functional(layers.Dense(5, "tanh", name="z"), layers.Dense(4, name="b"), layers.Dense(3, "softmax", name="a"))
    assert assert_imports(scramble(model), tmp_path).widths == (4, 5, 5, 4, 3, 3)


def test_nested_models_are_taken_apart(tmp_path):
    innermost = keras.Sequential([keras.Input((3,)), layers.Dense(6, "relu"), layers.Dropout(0.5), layers.Dense(2)])
    inner = functional(layers.Dense(3, "elu"), innermost, layers.Dense(5))
    model = keras.Sequential([keras.Input((2, 2)), layers.Flatten(), inner, layers.Dense(4, "tanh"), layers.Dense(2)])
    assert_imports(scramble(model), tmp_path)
    assert_imports(scramble(functional(model.layers[1], layers.Dense(3))), tmp_path)


def test_a_layer_that_is_called_twice_comes_twice(tmp_path):
    dense, inner = layers.Dense(4, "tanh"), functional(layers.Dense(4, "elu"))
    assert len(assert_imports(scramble(functional(dense, inner, dense, inner)), tmp_path)) == 8


def test_a_sequential_model_that_was_built_by_its_first_call(tmp_path):
    model = keras.Sequential([layers.Dense(3, "relu"), layers.Dense(2)])
    model(np.zeros((1, 4)))
    assert_imports(scramble(model), tmp_path)


def test_a_model_without_weights_takes_its_width_from_its_input(tmp_path):
    assert assert_imports(keras.Sequential([keras.Input((3,)), layers.ReLU()]), tmp_path).n_in == 3


def test_inputs_and_outputs_in_lists_and_dicts(tmp_path):
    tensor = keras.Input((4,), name="a")
    output = layers.Dense(3)(tensor)
    listed = keras.Model([tensor], [output])
    net = fastjac.from_keras(listed)
    np.testing.assert_array_equal(net[0].weight, keras.ops.convert_to_numpy(listed.layers[1].kernel.value).T)
    assert fastjac.from_keras(keras.Model({"a": tensor}, {"b": output}))[0].weight.shape == (3, 4)


def test_the_weights_are_copied():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    net = fastjac.from_keras(model)
    before = net(np.ones(4))
    scramble(model)
    np.testing.assert_array_equal(net(np.ones(4)), before)


def test_float32_model_gives_a_float32_network():
    stack = [layers.Normalization(mean=[0.5] * 4, variance=[2.0] * 4), layers.Dense(3), layers.BatchNormalization()]
    for layer in stack:
        layer.dtype_policy = "float32"
    assert fastjac.from_keras(keras.Sequential([keras.Input((4,)), *stack])).dtype == np.float32


def dropout_in_training():
    tensor = keras.Input((4,))
    return keras.Model(tensor, layers.Dropout(0.5, name="always")(tensor, training=True))


def model_in_training():
    tensor = keras.Input((4,))
    return keras.Model(tensor, keras.Sequential([layers.Dropout(0.5)], name="inner")(tensor, training=True))


def operation():
    tensor = keras.Input((4,))
    return keras.Model(tensor, keras.ops.nan_to_num(layers.Dense(4)(tensor)))


def multiplied_by_a_table():
    tensor = keras.Input((4,))
    return keras.Model(tensor, layers.EinsumDense("ab,bc->ac", output_shape=3, name="einsum")(tensor))


def activation_of_two():
    first, second = keras.Input((4,)), keras.Input((4,))
    return keras.Model([first, second], layers.Attention(name="attention")([first[:, None], second[:, None]]))


REFUSED = {
    dropout_in_training: r"layer 0 'always' \(Dropout\): it is called with training=True; fastjac takes layers called on tensors",
    model_in_training: "inner model 'inner': it is called with training=True",
    operation: r"layer 1 'nan_to_num\w*' \(NanToNum\): it is a bare operation that fastjac does not have; it has .*, Absolute, ",
    multiplied_by_a_table: r"layer 0 'einsum' \(EinsumDense\): fastjac does not have it; it has Activation, .*, Add, ",
    activation_of_two: r"layer 2 'attention' \(Attention\): fastjac does not have it",
}


@pytest.mark.parametrize(("make", "message"), REFUSED.items(), ids=lambda case: getattr(case, "__name__", ""))
def test_what_fastjac_does_not_have_is_refused_by_name(make, message, tmp_path):
    model = make()
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.keras")


class Doubling(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


class MyDense(layers.Dense):
    pass


class MySequential(keras.Sequential):
    pass


@pytest.mark.parametrize("layer_class", [Doubling, MyDense])
def test_a_custom_layer_is_refused_by_name_and_not_run(layer_class, tmp_path):
    layer = layer_class(4) if layer_class is MyDense else layer_class()
    model = functional(keras.Sequential([layers.Dense(3), layer]))
    message = rf"layer 1 '\w+/\w+' \({layer_class.__name__}\): it is a custom layer, .*\.{layer_class.__name__}\W"
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.keras")


@keras.saving.register_keras_serializable("pkg")
class Registered(layers.Dense):
    pass


FROM_A_SCRIPT = {
    MyDense: r"layer 1 'custom' \(MyDense\): it is a custom layer, MyDense, which fastjac does not run; it has Activation, ",
    Registered: r"layer 1 'custom' \(Registered\): it is a custom layer, Registered \(registered as 'pkg>Registered'\), which",
}


@pytest.mark.parametrize(("layer_class", "message"), FROM_A_SCRIPT.items())
@pytest.mark.parametrize("make", [functional, lambda *stack: keras.Sequential([keras.Input((4,)), *stack])])
def test_a_custom_layer_of_a_script_which_files_give_no_module_is_refused(make, layer_class, message, tmp_path, monkeypatch):
    monkeypatch.setattr(layer_class, "__module__", "__main__")
    model = make(layers.Dense(3), layer_class(2, name="custom"), layers.Dense(2))
    with pytest.raises(UnsupportedLayerError, match=r"layer 1 'custom' .*it is a custom layer, __main__\."):
        fastjac.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.keras")


def test_a_custom_model_of_a_script_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(MySequential, "__module__", "__main__")
    MySequential([keras.Input((4,)), layers.Dense(3)]).save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match="the model's class is MySequential; fastjac reads"):
        fastjac.load(tmp_path / "model.keras")


def patched(layer):
    layer.call = lambda inputs: 2 * inputs
    return layer


def inner():
    return keras.Sequential([keras.Input((3,)), layers.Dense(3)], name="inner")


PATCHED = {
    r"layer 1 'd' \(Dense\): it has a call of its own": lambda: functional(layers.Dense(3), patched(layers.Dense(3, name="d"))),
    r"layer 0 'd' \(Dense\): its activation: it has a call of its own": lambda: functional(
        layers.Dense(3, activation=patched(layers.ReLU()), name="d")
    ),
    "inner model 'inner': it has a call of its own": lambda: functional(layers.Dense(3), patched(inner())),
    "the model: it has a call of its own": lambda: patched(inner()),
}


@pytest.mark.parametrize(("message", "make"), PATCHED.items(), ids=PATCHED)
def test_a_layer_with_a_call_of_its_own_is_refused(message, make):
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_keras(make())


def my_relu(x):
    return keras.ops.relu(x)


@pytest.mark.parametrize("function", [my_relu, keras.ops.gelu], ids=["own", "keras.ops.gelu, which is the tanh form"])
def test_a_foreign_activation_function_is_refused(function):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=function, name="d")])
    with pytest.raises(UnsupportedLayerError, match=rf"layer 0 'd' \(Dense\): its activation '{function.__name__}' from "):
        fastjac.from_keras(model)


def test_a_custom_activation_in_a_file_is_refused(tmp_path):
    keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=my_relu)]).save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match="its activation 'my_relu' is not among those that fastjac has: linear, relu"):
        fastjac.load(tmp_path / "model.keras")


def test_a_subclassed_model_is_refused(tmp_path):
    model = MySequential([keras.Input((4,)), layers.Dense(3)])
    with pytest.raises(UnsupportedLayerError, match="MySequential, a subclass with code of its own"):
        fastjac.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(
        UnsupportedLayerError, match=r"the model's class is .*MySequential; fastjac reads Sequential and Functional"
    ):
        fastjac.load(tmp_path / "model.keras")
    with pytest.raises(UnsupportedLayerError, match="MySequential"):
        fastjac.from_keras(keras.Sequential([keras.Input((4,)), model]))


def test_a_model_without_weights_yet_is_reported():
    with pytest.raises(FormatError, match="is not built, so it has no weights"):
        fastjac.from_keras(keras.Sequential([layers.Dense(3)]))


def test_something_else_is_reported():
    with pytest.raises(DtypeError, match=r"from_keras takes a Keras 3 model, got builtins.str"):
        fastjac.from_keras("model.keras")


def test_from_torch_says_where_a_keras_model_goes():
    """Where Keras runs on torch, its models are torch modules."""
    with pytest.raises(DtypeError, match=r"got a Keras model.*pass it to from_keras"):
        fastjac.from_torch(keras.Sequential([layers.Input((3,)), layers.Dense(2)]))


def test_an_empty_model_is_reported(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5)])
    with pytest.raises(LayerError, match=r"no layer is left: .* such as dropout, .* at least one layer"):
        fastjac.from_keras(model)


@pytest.mark.parametrize("name", ["input_shape", "n_in"])
def test_a_width_that_the_model_does_not_state_is_asked_for(name):
    model = keras.Sequential([keras.Input((None,)), layers.ReLU()])
    with pytest.raises(LayerError, match=r"pass it: fastjac.from_keras\(model, input_shape=...\)"):
        fastjac.from_keras(model)
    assert fastjac.from_keras(model, **{name: 3}).n_in == 3


def test_open_sizes_of_several_axes_are_filled():
    model = keras.Sequential([keras.Input((None, 2)), layers.Rescaling([2.0, 3.0])])
    for shape in (6, (3, 2), [(3, 2)]):
        np.testing.assert_array_equal(fastjac.from_keras(model, shape)[0].weight, [2.0, 3.0] * 3)
    for shape in (5, (2, 3), (6, 1)):
        with pytest.raises(LayerError, match=r"was given, but the model's input has samples of shape \(None, 2\); leave"):
            fastjac.from_keras(model, shape)
    with pytest.raises(DtypeError, match="input_shape must hold positive integers"):
        fastjac.from_keras(model, (None, 2))


def test_a_width_that_contradicts_the_model_is_reported():
    model = keras.Sequential([keras.Input((3,)), layers.ReLU()])
    assert fastjac.from_keras(model, 3).n_in == 3
    with pytest.raises(LayerError, match="input_shape=4 was given, but the model's input has 3 entries; leave input_shape out"):
        fastjac.from_keras(model, n_in=4)
    with pytest.raises(OptionError, match="two names for one thing"):
        fastjac.from_keras(model, 3, n_in=3)


def test_names_in_the_weights_file_are_spelled_as_keras_spells_them():
    from keras.src.utils.naming import to_snake_case

    names = [name for name in dir(layers) if name[0].isupper()]
    assert [snake_case(name) for name in names] == [to_snake_case(name) for name in names]
