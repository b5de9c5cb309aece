"""Every Keras layer and option that fastjac reads, live and from a .keras file, agrees with Keras in values and Jacobians."""

import keras
import numpy as np
import pytest
from keras import layers

import fastjac
from fastjac.importers import Options, read
from fastjac.importers.keras.activations import ACTIVATIONS, HARD_SIGMOID_2, MIXING, REFUSED
from fastjac.importers.keras.layers import CONVERTERS
from fastjac.importers.keras.rectifiers import MOST_DOUBLED

from .agreement import TOLERANCE, TORCH_ROUNDS_DERIVATIVE, assert_agrees
from .keras_models import assert_imports, assert_imports_graph, assert_same, saved_and_loaded, scramble

pytestmark = pytest.mark.usefixtures("keras_float64")
N = 5


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != HARD_SIGMOID_2])
def test_dense_with_every_activation_by_name(activation, tmp_path):
    model = keras.Sequential([keras.Input((N,)), layers.Dense(4, activation=activation), layers.Dense(3)])
    assert_imports(scramble(model), tmp_path, 1e-7 if activation in TORCH_ROUNDS_DERIVATIVE else TOLERANCE)


def test_every_built_in_activation_is_known():
    built_in = {name for name in dir(keras.activations) if not name.startswith("_")} - {"deserialize", "get", "serialize"}
    assert built_in <= ACTIVATIONS.keys() | MIXING.keys() | REFUSED.keys()


ONE_LAYER = {
    "Dense": lambda: layers.Dense(N, use_bias=False),
    "Dense with LeakyReLU": lambda: layers.Dense(N, activation=layers.LeakyReLU(negative_slope=0.1)),
    "Dense with PReLU": lambda: layers.Dense(N, activation=layers.PReLU()),
    "Activation": lambda: layers.Activation("tanh"),
    "Activation of a layer": lambda: layers.Activation(layers.ReLU(max_value=1.0)),
    "ReLU": layers.ReLU,
    "ReLU with max_value": lambda: layers.ReLU(max_value=1.5),
    "ReLU with max_value 6": lambda: layers.ReLU(max_value=6.0),
    "ReLU with negative_slope": lambda: layers.ReLU(negative_slope=0.1),
    "ReLU with threshold": lambda: layers.ReLU(threshold=0.7),
    "ReLU with slope and top": lambda: layers.ReLU(max_value=1.5, negative_slope=0.1),
    "ReLU with slope and top 0": lambda: layers.ReLU(max_value=0.0, negative_slope=0.1),
    "ReLU with threshold and top": lambda: layers.ReLU(max_value=1.5, threshold=0.7),
    "ReLU with threshold and slope": lambda: layers.ReLU(negative_slope=0.2, threshold=0.7),
    "ReLU with all": lambda: layers.ReLU(max_value=1.5, negative_slope=0.2, threshold=0.7),
    "ReLU with a top below its threshold": lambda: layers.ReLU(max_value=0.3, negative_slope=0.2, threshold=0.7),
    "LeakyReLU": layers.LeakyReLU,
    "LeakyReLU with slope": lambda: layers.LeakyReLU(negative_slope=0.05),
    "PReLU": layers.PReLU,
    "PReLU shared": lambda: layers.PReLU(shared_axes=[1]),
    "ELU": lambda: layers.ELU(alpha=0.6),
    "Softmax": layers.Softmax,
    "Softmax on axis 1": lambda: layers.Softmax(axis=[1]),
    "RMSNormalization with epsilon": lambda: layers.RMSNormalization(epsilon=0.1),
    "GroupNormalization bare": lambda: layers.GroupNormalization(groups=1, scale=False, center=False, epsilon=0.1),
    "BatchNormalization": layers.BatchNormalization,
    "BatchNormalization bare": lambda: layers.BatchNormalization(scale=False, center=False, epsilon=0.01),
    "BatchNormalization scaled": lambda: layers.BatchNormalization(center=False, axis=1),
    "BatchNormalization centered": lambda: layers.BatchNormalization(scale=False),
    "BatchNormalization frozen": lambda: layers.BatchNormalization(trainable=False),
    "LayerNormalization": layers.LayerNormalization,
    "LayerNormalization bare": lambda: layers.LayerNormalization(scale=False, center=False, epsilon=0.01),
    "LayerNormalization scaled": lambda: layers.LayerNormalization(center=False, axis=1),
    "LayerNormalization centered": lambda: layers.LayerNormalization(scale=False, axis=[-1]),
    "GroupNormalization": lambda: layers.GroupNormalization(groups=-1, epsilon=0.5),
    "GroupNormalization of one group": lambda: layers.GroupNormalization(groups=1, scale=False),
    "RMSNormalization": layers.RMSNormalization,
    "Normalization adapted": layers.Normalization,
    "Normalization given": lambda: layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0, 5.0], variance=[1.0, 4.0, 2.0, 3.0, 0.5]),
    "Normalization by numbers": lambda: layers.Normalization(axis=None, mean=2.0, variance=3.0),
    "Normalization inverted": lambda: layers.Normalization(mean=[1.0] * 5, variance=[4.0, 1.0, 2.0, 3.0, 0.0], invert=True),
    "Rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
    "Rescaling by lists": lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0], offset=[1.0] * 5),
    "Rescaling by arrays": lambda: layers.Rescaling(np.arange(1.0, 6.0)),
    "Flatten": layers.Flatten,
    "Reshape": lambda: layers.Reshape((5,)),
    "Identity": layers.Identity,
    "Dropout": lambda: layers.Dropout(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(0.5),
    "ActivityRegularization": lambda: layers.ActivityRegularization(l1=0.5),
}


def test_glu_halves_the_units_of_the_last_layer(tmp_path):
    # Keras believes that an activation keeps the number of units, so it builds no layer behind this one that fits.
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="glu")])
    assert_imports(scramble(model), tmp_path)


@pytest.mark.parametrize("make", ONE_LAYER.values(), ids=ONE_LAYER)
def test_one_layer_between_two_dense_ones(make, tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(N, use_bias=False), make(), layers.Dense(3)])
    model(np.zeros((1, 4)))  # Keras builds the weights of a layer that is an activation only here
    assert_imports(scramble(model), tmp_path)


def grid() -> keras.Layer:
    return layers.Reshape((3, 2, 1))


SEVERAL_AXES = {
    "Flatten": [layers.Flatten],
    "elementwise": [lambda: layers.Activation("tanh"), lambda: layers.Rescaling(2.0, offset=1.0), layers.Flatten],
    "Rescaling of channels": [lambda: layers.Rescaling([1.0, 2.0]), layers.Flatten],
    "PReLU": [layers.PReLU, layers.Flatten],
    "PReLU shared": [lambda: layers.PReLU(shared_axes=[1]), layers.Flatten],
    "BatchNormalization": [layers.BatchNormalization, layers.Flatten],
    "BatchNormalization of axis 1": [lambda: layers.BatchNormalization(axis=1), layers.Flatten],
    "Normalization of channels": [layers.Normalization, layers.Flatten],
    "Normalization of all": [lambda: layers.Normalization(axis=(1, 2)), layers.Flatten],
    "Normalization of one number": [lambda: layers.Normalization(axis=None), layers.Flatten],
    "Normalization of fewer": [lambda: layers.Normalization(axis=(1, 2), mean=[1.0, 2.0], variance=[2.0, 3.0]), layers.Flatten],
    "Softmax of all": [lambda: layers.Softmax(axis=[1, 2]), layers.Flatten],
    "LayerNormalization of all": [lambda: layers.LayerNormalization(axis=[1, 2]), layers.Flatten],
    "SpatialDropout1D": [lambda: layers.SpatialDropout1D(0.5), layers.Flatten],
    "Reshape": [lambda: layers.Reshape((2, -1)), layers.BatchNormalization, lambda: layers.Reshape((-1,))],
    "Dense of each step": [lambda: layers.Dense(4, "tanh"), layers.Flatten],
    "Dense of each step with a softmax": [lambda: layers.Dense(4, "softmax"), layers.Flatten],
    "TimeDistributed": [lambda: layers.TimeDistributed(layers.Dense(4, "elu")), layers.Flatten],
    "TimeDistributed Activation": [lambda: layers.TimeDistributed(layers.Activation("gelu")), layers.Flatten],
    "Softmax of each step": [layers.Softmax, layers.Flatten],
    "Softmax of each feature": [lambda: layers.Softmax(axis=1), layers.Flatten],
    "LayerNormalization of each step": [layers.LayerNormalization, layers.Flatten],
    "GroupNormalization": [lambda: layers.Dense(6), lambda: layers.GroupNormalization(groups=3), layers.Flatten],
    "GroupNormalization of axis 1": [lambda: layers.GroupNormalization(groups=3, axis=1, center=False), layers.Flatten],
    "RMSNormalization of each step": [layers.RMSNormalization, layers.Flatten],
    "RMSNormalization of all": [lambda: layers.RMSNormalization(axis=[1, 2]), layers.Flatten],
    "UnitNormalization": [layers.UnitNormalization, layers.Flatten],
    "UnitNormalization of each feature": [lambda: layers.UnitNormalization(axis=1), layers.Flatten],
    "Permute": [lambda: layers.Permute((2, 1)), lambda: layers.Dense(4), layers.Flatten],
    "RepeatVector": [layers.Flatten, lambda: layers.RepeatVector(3), lambda: layers.Dense(2, "tanh"), layers.Flatten],
    "Cropping1D": [lambda: layers.Cropping1D((1, 0)), layers.Flatten],
    "ZeroPadding1D": [lambda: layers.ZeroPadding1D((1, 2)), layers.Flatten],
    "GlobalAveragePooling1D": [layers.GlobalAveragePooling1D],
    "GlobalMaxPooling1D": [layers.GlobalMaxPooling1D],
    "GlobalAveragePooling2D": [lambda: layers.Reshape((3, 2, 1)), layers.GlobalAveragePooling2D],
    "Conv1D": [lambda: layers.Conv1D(4, 2, activation="tanh"), layers.Flatten],
    "Conv1D with strides": [lambda: layers.Conv1D(4, 2, strides=2, padding="same", use_bias=False), layers.Flatten],
    "Conv1D causal": [lambda: layers.Conv1D(4, 2, padding="causal", dilation_rate=2), layers.Flatten],
    "Conv1D in groups": [lambda: layers.Conv1D(4, 2, groups=2), layers.Flatten],
    "Conv2D": [grid, lambda: layers.Conv2D(3, (2, 1), activation="relu"), layers.Flatten],
    "Conv2D of the same size": [grid, lambda: layers.Conv2D(3, 3, padding="same"), lambda: layers.Conv2D(2, 1), layers.Flatten],
    "Conv2D that covers its input": [grid, lambda: layers.Conv2D(5, (3, 2)), layers.Flatten],
    "Conv1DTranspose": [lambda: layers.Conv1DTranspose(4, 3, strides=2, padding="same", activation="tanh"), layers.Flatten],
    "Conv1DTranspose dilated": [lambda: layers.Conv1DTranspose(2, 2, dilation_rate=3, use_bias=False), layers.Flatten],
    "Conv1DTranspose with gaps": [lambda: layers.Conv1DTranspose(2, 2, strides=4), layers.Flatten],
    "Conv1DTranspose with channels first": [
        lambda: layers.Conv1DTranspose(2, 3, strides=2, data_format="channels_first"),
        layers.Flatten,
    ],
    "Conv2DTranspose": [grid, lambda: layers.Conv2DTranspose(3, (4, 3), strides=(2, 3), padding="same"), layers.Flatten],
    "Conv2DTranspose with more behind": [
        grid,
        lambda: layers.Conv2DTranspose(2, (3, 2), strides=(2, 3), padding="same", output_padding=(1, 2)),
        lambda: layers.Conv2DTranspose(1, 2, strides=2, output_padding=1),
        layers.Flatten,
    ],
    "UpSampling1D": [lambda: layers.UpSampling1D(2), layers.Flatten],
    "UpSampling2D": [grid, lambda: layers.UpSampling2D((2, 3)), layers.Flatten],
    "UpSampling2D between": [grid, lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"), layers.Flatten],
    "MaxPooling1D": [lambda: layers.MaxPooling1D(2, 1), layers.Flatten],
    "MaxPooling2D": [grid, lambda: layers.MaxPooling2D(2, padding="same"), layers.Flatten],
    "AveragePooling1D": [lambda: layers.AveragePooling1D(2, 1), layers.Flatten],
    "AveragePooling2D": [grid, lambda: layers.AveragePooling2D(2, padding="same"), layers.Flatten],
    "GlobalMaxPooling2D": [grid, layers.GlobalMaxPooling2D],
    "ZeroPadding2D": [grid, lambda: layers.ZeroPadding2D(((1, 0), (0, 2))), layers.Flatten],
    "Cropping2D": [grid, lambda: layers.Cropping2D(((1, 0), (0, 1))), layers.Flatten],
    "LSTM": [lambda: layers.LSTM(4)],
    "LSTM of all steps": [lambda: layers.LSTM(4, return_sequences=True, use_bias=False), lambda: layers.LSTM(2)],
    "LSTM backwards": [lambda: layers.LSTM(4, go_backwards=True, return_sequences=True, activation="elu"), layers.Flatten],
    "GRU": [lambda: layers.GRU(4)],
    "GRU that resets before": [lambda: layers.GRU(4, reset_after=False, return_sequences=True), layers.Flatten],
    "GRU without a bias": [lambda: layers.GRU(4, use_bias=False)],
    "SimpleRNN": [lambda: layers.SimpleRNN(4, return_sequences=True), layers.Flatten],
    "Bidirectional": [lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)), layers.Flatten],
    "Bidirectional added": [lambda: layers.Bidirectional(layers.GRU(3), merge_mode="sum")],
    "Flatten with channels first": [lambda: layers.Flatten(data_format="channels_first")],
}


@pytest.mark.parametrize("makes", SEVERAL_AXES.values(), ids=SEVERAL_AXES)
def test_samples_of_several_axes_are_flattened(makes, tmp_path):
    model = keras.Sequential([keras.Input((3, 2)), *(make() for make in makes), layers.Dense(3)])
    assert assert_imports(scramble(model), tmp_path).n_in == 6


ONE_ROW = {
    "Dense": lambda: layers.Dense(2, "softmax"),
    "Softmax": layers.Softmax,
    "LayerNormalization": layers.LayerNormalization,
}


@pytest.mark.parametrize("make", ONE_ROW.values(), ids=ONE_ROW)
def test_what_acts_on_the_last_axis_is_taken_where_the_others_have_size_1(make, tmp_path):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5), layers.Reshape((1, 5)), make(), layers.Flatten(), layers.Dense(3)]
    )
    assert_imports(scramble(model), tmp_path)


OPERATIONS = {
    "relu": keras.ops.relu,
    "relu with options": lambda x: keras.activations.relu(x, negative_slope=0.1, max_value=1.5),
    "leaky_relu": lambda x: keras.ops.leaky_relu(x, negative_slope=0.3),
    "elu": lambda x: keras.ops.elu(x, alpha=0.3),
    "celu": lambda x: keras.activations.celu(x, alpha=1.0),
    "gelu, by default the tanh form": keras.ops.gelu,
    "gelu approximate": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu exact": lambda x: keras.ops.gelu(x, approximate=False),
    "softmax": keras.ops.softmax,
    "log_softmax": lambda x: keras.activations.log_softmax(x, axis=1),
    "threshold": lambda x: keras.ops.threshold(x, 0.1, 0.7),
    "hard_shrink": lambda x: keras.ops.hard_shrink(x, 0.3),
    "soft_shrink": lambda x: keras.ops.soft_shrink(x, 0.3),
    "squareplus": lambda x: keras.ops.squareplus(x, b=2),
    "exp": keras.ops.exp,
    "tanh": keras.ops.tanh,
    "sigmoid": keras.activations.sigmoid,
    "silu": keras.ops.silu,
}


@pytest.mark.parametrize("function", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_that_are_activations(function, tmp_path):
    tensor = keras.Input((4,))
    model = scramble(keras.Model(tensor, layers.Dense(3)(function(layers.Dense(N)(tensor)))))
    net = fastjac.from_keras(model)
    assert_agrees(net, model, (4,))
    model.save(tmp_path / "model.keras")
    assert_same(fastjac.load(tmp_path / "model.keras"), net)


def test_operations_that_move_or_sum_entries(tmp_path):
    tensor = keras.Input((3, 2))
    ops = keras.ops
    made = [
        ops.softmax(tensor, axis=1),
        ops.log_softmax(tensor),
        ops.sum(tensor, axis=-1),
        ops.mean(tensor, axis=1, keepdims=True),
        ops.max(tensor, axis=[1, 2]),
        ops.min(tensor, axis=1),
        ops.prod(tensor, axis=-1),
        ops.reshape(tensor, (-1, 2, 3)),
        ops.transpose(tensor, (0, 2, 1)),
        ops.squeeze(ops.expand_dims(tensor, 2), 2) * 2.0,
        ops.stack([tensor, -tensor], axis=2),
        ops.matmul(tensor, np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]])),
        ops.where(ops.greater(tensor, 0.1), tensor, 0.2 * tensor),
        ops.where(ops.less_equal(tensor, tensor * tensor), tensor, 3.0),
        ops.erf(tensor),
        tensor[:, None, 1:, 0],
        ops.maximum(tensor, 0.3),
        2.0**tensor,
    ]
    assert_imports_graph(scramble(keras.Model(tensor, made)), tmp_path, every_format=False)


def test_a_relu_that_must_double_too_many_units_is_refused():
    model = keras.Sequential([keras.Input((MOST_DOUBLED + 1,)), layers.ReLU(negative_slope=0.5, threshold=1.0)])
    with pytest.raises(
        fastjac.errors.UnsupportedLayerError, match=r"=0.5 together with threshold=1.0 is supported for up to 1024"
    ):
        fastjac.from_keras(model)


def test_every_layer_of_the_table_is_tested():
    tested = {name.split()[0] for name in [*ONE_LAYER, *SEVERAL_AXES]}
    assert CONVERTERS.keys() - tested == {"SpatialDropout2D", "SpatialDropout3D"}


REFUSED_LAYERS = {
    "layer 0 'conv' .SeparableConv1D.: fastjac does not have it; it has Activation, ": lambda: layers.SeparableConv1D(
        2, 1, name="conv"
    ),
    "UpSampling2D.: interpolation='bicubic' is not supported; fastjac takes 'nearest' and 'bilinear'": lambda: keras.Sequential(
        [layers.Reshape((3, 2, 1)), layers.UpSampling2D(2, interpolation="bicubic")]
    ),
    "return_state=True is not supported": lambda: layers.LSTM(2, return_state=True),
    "merge_mode=None gives both results apart": lambda: layers.Bidirectional(layers.LSTM(2), merge_mode=None),
    "Lambda.: it holds code of the user's own, which fastjac does not run": lambda: layers.Lambda(lambda x: x + 1, name="lambda"),
    "TimeDistributed.: its layer Reshape: fastjac has it on each step for Dense": lambda: layers.TimeDistributed(
        layers.Reshape((2, 1))
    ),
    "Softmax.: axis=": lambda: layers.Softmax(axis=0),
    "axis=-2 is not supported; fastjac takes -1": lambda: layers.GroupNormalization(groups=1, axis=-2),
    "rms_scaling=True": lambda: layers.LayerNormalization(rms_scaling=True),
    "renorm=True": lambda: layers.BatchNormalization(renorm=True),
    "max_value=0 makes every output 0": lambda: layers.ReLU(max_value=0.0),
    "activation 'sparsemax' is not supported: Keras up to 3.15": lambda: layers.Activation("sparsemax"),
}


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`", "ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(("message", "make"), REFUSED_LAYERS.items(), ids=REFUSED_LAYERS)
def test_what_cannot_be_honoured_is_refused(message, make, tmp_path):
    model = keras.Sequential([keras.Input((3, 2)), make()])
    with pytest.raises(fastjac.errors.UnsupportedLayerError, match=message):
        fastjac.from_keras(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(fastjac.errors.UnsupportedLayerError, match=message):
        fastjac.load(tmp_path / "model.keras")


def test_a_quantized_layer_is_refused():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    with pytest.warns(UserWarning, match="InputLayer"):
        model.quantize("int8")
    with pytest.raises(fastjac.errors.UnsupportedLayerError, match=r"layer 0 .*it is quantized"):
        fastjac.from_keras(model)


def test_a_lora_pair_is_merged(tmp_path):
    dense = layers.Dense(3)
    model = keras.Sequential([keras.Input((4,)), dense])
    dense.enable_lora(2)
    # Keras keeps the pair in float32, so the merged kernel differs by as much.
    dense.lora_kernel_b.assign(np.ones((2, 3)))
    x = np.ones((1, 4))
    model.save(tmp_path / "model.keras")
    for net in (fastjac.from_keras(model), fastjac.load(tmp_path / "model.keras")):
        np.testing.assert_allclose(net(x), keras.ops.convert_to_numpy(model(x)), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "expected"), [("float16", "float32"), ("bfloat16", "float32"), ("mixed_bfloat16", "float32")])
def test_half_precision_weights_are_widened(dtype, expected, tmp_path):
    stack = [layers.Dense(3, dtype=dtype), layers.BatchNormalization(dtype=dtype), layers.Normalization(dtype=dtype)]
    model = scramble(keras.Sequential([keras.Input((4,), dtype="float32"), *stack]))
    net = fastjac.from_keras(model)
    assert net.dtype == expected
    np.testing.assert_array_equal(net[0].weight, keras.ops.convert_to_numpy(model.layers[0].kernel.value).astype("float32").T)
    for loaded in saved_and_loaded(model, tmp_path):
        assert_same(loaded, net)


def test_mixed_precision_is_reported(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_float16")])
    model.save(tmp_path / "model.keras")
    notes = [part.note for part in read(tmp_path / "model.keras", Options())[1].parts]
    assert notes == ["mixed_float16: Keras rounds to half precision here, fastjac does not"]
    assert fastjac.from_keras(model).dtype == np.float32


def test_normalization_of_inputs_far_from_zero_keeps_its_digits_in_float32():
    mean, deviation = np.float32([101325.0, 290.0]), np.float32([300.0, 0.7])
    normalization = layers.Normalization(mean=mean, variance=deviation**2, dtype="float32")
    stack = [keras.Input((2,)), normalization, layers.Dense(3, dtype="float32")]
    model = keras.Sequential(stack)
    net = fastjac.from_keras(model)
    x = mean + deviation * np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    exact = (x.astype(np.float64) - mean) / deviation
    expected = exact @ net[-1].weight.T.astype(np.float64) + net[-1].bias
    assert net.dtype == np.float32
    np.testing.assert_allclose(net(x), expected, atol=2e-6 * np.abs(expected).max())
