"""Keras models that branch: as live models, and in files, they become the same graph, which agrees with torch.func."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import fastjac
import fastjac as fj
from fastjac.cli import main
from fastjac.errors import LayerError, UnsupportedLayerError

from .keras_models import assert_imports_graph, in_keras_file, scramble

pytestmark = pytest.mark.usefixtures("keras_float64")


def inputs(*sizes):
    return [keras.Input((size,), name=f"in_{number}") for number, size in enumerate(sizes)]


def residual():
    tensor = hidden = keras.Input((4,))
    for _ in range(3):
        hidden = layers.Add()([hidden, layers.Dense(4, "tanh")(hidden)])
    return keras.Model(tensor, hidden)


def critic():
    state, action = inputs(4, 2)
    hidden = layers.Dense(5, "relu")(layers.Concatenate()([layers.Dense(3, "elu")(state), action]))
    return keras.Model([state, action], layers.Dense(1)(hidden))


def dense_net():
    tensor = keras.Input((3,))
    features = [tensor]
    for _ in range(3):
        features.append(layers.Dense(2, "softplus")(layers.Concatenate()(features) if len(features) > 1 else tensor))
    return keras.Model(tensor, layers.Concatenate(axis=1)(features))


def gated():
    tensor = keras.Input((4,))
    product = layers.Multiply()([layers.Dense(6, "silu")(tensor), layers.Dense(6)(tensor)])
    return keras.Model(tensor, layers.Dense(3)(product))


def merges():
    given = inputs(4, 4, 4)
    heads = [merge()(given) for merge in (layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply)]
    return keras.Model(given, [*heads, layers.Subtract()(given[:2]), layers.Add()([given[0], given[0]])])


def shared():
    """Two towers of one set of weights, and one of them called on its own output."""
    first, second = inputs(4, 4)
    dense, norm = layers.Dense(4, "tanh"), layers.BatchNormalization()
    towers = [norm(dense(tensor)) for tensor in (first, second)]
    return keras.Model([first, second], layers.Subtract()([towers[0], dense(towers[1])]))


def nested():
    """An inner model of two inputs and two outputs, which holds a residual one, and which is called twice."""
    skip = keras.Sequential([keras.Input((3,)), layers.Dense(3, "elu"), layers.Dropout(0.5)])
    p, q = inputs(3, 3)
    sums = keras.Model([p, q], [layers.Add()([p, skip(q)]), layers.Multiply()([p, q])], name="sums")
    first, second = keras.Input((3,), name="first"), keras.Input((3,), name="second")
    one, two = sums([first, second])
    again, last = sums([two, one])
    return keras.Model([second, first], [last, layers.Dense(2)(again), two])


def called_on_a_dict():
    """An inner model whose inputs are a list, in another order than their names, and one whose inputs are a dict."""
    b, a = keras.Input((2,), name="b"), keras.Input((2,), name="a")
    difference = keras.Model([b, a], layers.Subtract()([b, a]), name="listed")
    quotient = keras.Model({"a": a, "b": b}, {"q": layers.Subtract()([a, layers.Dense(2)(b)])}, name="named")
    first, second = inputs(2, 2)
    named = quotient({"b": second, "a": first})["q"]
    return keras.Model([first, second], [difference({"a": first, "b": second}), named, quotient({"b": named, "a": first})["q"]])


def spread():
    """One gate for all units, and samples of several axes that NumPy would broadcast."""
    tensor, grid = keras.Input((4,)), keras.Input((2, 4))
    gate = layers.Dense(1, "sigmoid")(tensor)
    return keras.Model([tensor, grid], [layers.Multiply()([tensor, gate]), layers.Add()([grid, tensor])])


def along_an_axis():
    first, second = keras.Input((2, 3)), keras.Input((2, 1))
    return keras.Model([first, second], layers.Dense(2)(layers.Flatten()(layers.Concatenate(axis=-1)([first, second]))))


def dicts():
    given = {name: keras.Input((2,), name=name) for name in ("z", "y")}
    return keras.Model(given, {"q": layers.Subtract()([given["y"], given["z"]]), "p": layers.Dense(3)(given["z"])})


def ends_that_are_no_nodes_of_their_own():
    tensor = keras.Input((3,))
    hidden = layers.Dense(2)(tensor)
    return keras.Model(tensor, [layers.Dropout(0.5)(tensor), hidden, hidden])


CHAINED = [residual, dense_net, gated, shared]
JOINED = [critic, merges, spread, along_an_axis, nested, called_on_a_dict, dicts, ends_that_are_no_nodes_of_their_own]


@pytest.mark.parametrize("make", CHAINED + JOINED)
def test_a_model_that_branches(make, tmp_path):
    assert_imports_graph(scramble(make()), tmp_path)


def numbers():
    tensor = keras.Input((4,))
    array, row = np.linspace(-1.3, 2.1, 4), np.full((1, 4), 0.1)
    scaled = [tensor + 0.1, 1 - tensor, 0.3 * tensor, -tensor, tensor / 3, tensor / array, ops.multiply(row, tensor)]
    powers = [2.0 / (tensor + 5.0), ops.divide(array, tensor * tensor + 1.0), tensor**2, (tensor + 7.0) ** -1.5]
    shifted = [tensor - array, ops.subtract(array, tensor), tensor + ops.convert_to_tensor(array)]
    return keras.Model(tensor, [*scaled, *powers, *shifted, layers.Dense(1)(tensor) * array])


def functions():
    tensor = keras.Input((4,))
    positive = ops.square(tensor) + 0.5
    anywhere = [
        abs(tensor),
        ops.sin(tensor),
        ops.cos(tensor),
        ops.exp(tensor),
        ops.clip(tensor, -0.5, 1.0),
        ops.clip(tensor, 0, 9),
    ]
    return keras.Model(tensor, [*anywhere, *(f(positive) for f in (ops.log, ops.sqrt, ops.rsqrt, ops.reciprocal))])


def operators():
    x, y = inputs(4, 4)
    positive = 1.0 + y * y
    sums = [x + y, x - y, x * y, x / positive, ops.add(x, y), ops.maximum(x, y), ops.minimum(x, y), ops.divide(x, positive)]
    return keras.Model([x, y], [*sums, ops.concatenate([x, y], axis=-1), x * layers.Dense(1)(y)])


def items():
    x, grid = keras.Input((5,)), keras.Input((2, 3))
    hidden = layers.Dense(4, "tanh")(x)
    mean, spread_ = hidden[:, :2], hidden[:, 2:]
    return keras.Model([x, grid], [mean + 0.5 * ops.exp(spread_), x[:, ::2], x[:, 1] - x[:, -1], grid[:, 1, :2]])


def more_functions():
    x, y = inputs(4, 4)
    hidden = layers.Dense(6, "tanh")(x)
    rows = ops.reshape(hidden, (-1, 2, 3))
    along = [ops.amax, ops.amin, ops.logsumexp, ops.var, ops.std, ops.median, ops.average, ops.sort, ops.cumsum, ops.cumprod]
    each = [
        lambda h: ops.log1p(h * h),
        ops.expm1,
        ops.exp2,
        lambda h: ops.log2(h + 2),
        lambda h: ops.log10(h + 2),
        ops.deg2rad,
        ops.rad2deg,
    ]
    two = [ops.arctan2(x, y), ops.hypot(x, y), ops.logaddexp(x, y), ops.einsum("bi,bj->bij", x, y)]
    chosen = ops.where(ops.logical_and(x > 0, ops.logical_or(y > 0, ops.logical_not(x < 1))), x, y)
    made = [f(hidden, axis=-1) for f in along] + [f(hidden) for f in each]
    moved = [ops.moveaxis(rows, 1, 2), ops.swapaxes(rows, 2, 1), ops.diagonal(rows, axis1=1, axis2=2), ops.tril(rows)]
    kept = [ops.triu(rows, 1), ops.norm(rows, axis=2), ops.norm(hidden, ord=1, axis=1, keepdims=True), ops.median(rows, axis=2)]
    pieces = [ops.split(hidden, 3, axis=-1)[2], ops.split(hidden, [1, 4], axis=1)[1], *ops.unstack(rows, 2, axis=1)]
    return keras.Model([x, y], [*made, *two, chosen, *moved, *kept, *pieces, ops.top_k(hidden, 2)[0]])


def entries_moved():
    x = keras.Input((4,))
    moved = [ops.pad(x, ((0, 0), (1, 2))), ops.repeat(x, 2, axis=1), ops.flip(x, 1), ops.roll(x, 1, axis=-1), ops.tile(x, (1, 2))]
    taken = [ops.take(x, np.array([2, 0]), axis=1), ops.take_along_axis(x, np.array([[3, 1]]), axis=1), ops.diff(x, n=2)]
    like = [ops.ones_like(x) * x, ops.concatenate([x, ops.zeros_like(x[:, :1])], 1), ops.cast(x, "float64")]
    products = [ops.tensordot(x, np.linspace(0, 1, 8).reshape(4, 2), 1), ops.dot(x, np.linspace(-1, 1, 8).reshape(4, 2))]
    return keras.Model(x, [*moved, *taken, *like, *products])


def dots():
    x, y = inputs(4, 4)
    rows, columns = layers.Reshape((2, 2))(x), layers.Reshape((2, 2))(y)
    outputs = [layers.Dot(axes=1)([x, y]), layers.Dot(axes=-1, normalize=True)([x, y]), layers.Dot(axes=(2, 1))([rows, columns])]
    return keras.Model([x, y], outputs)


def normalized_by_groups():
    x = keras.Input((2, 6))
    outputs = [layers.GroupNormalization(2), layers.GroupNormalization(-1), layers.RMSNormalization(axis=[1, 2])]
    return keras.Model(x, [layer(x) for layer in outputs])


@pytest.mark.parametrize(
    "make", [numbers, functions, operators, items, more_functions, entries_moved, dots, normalized_by_groups]
)
def test_arithmetic_on_tensors(make, tmp_path):
    assert_imports_graph(scramble(make()), tmp_path, every_format=False)


def test_numbers_have_the_precision_of_the_model():
    tensor = keras.Input((2,), dtype="float32")
    net = fastjac.from_keras(keras.Model(tensor, layers.Dense(2, dtype="float32")(tensor) * np.array([0.1, 0.2])))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net[-1].weight, np.float32([0.1, 0.2]))
    tensor = keras.Input((2,), dtype="float64")
    np.testing.assert_array_equal(fastjac.from_keras(keras.Model(tensor, tensor * np.array([0.1, 0.2])))[0].weight, [0.1, 0.2])


def test_a_shared_layer_is_one_set_of_parameters():
    net = fastjac.from_keras(shared())
    affine = [vertex.operation for vertex in net._graph.vertices if isinstance(vertex.operation, fj.Affine)]
    assert len(affine) == 3
    assert len(set(affine)) == 1
    assert net.n_parameters == 4 * 4 + 4 + 2 * 4


def test_arithmetic_that_leaves_a_chain_a_chain():
    tensor = keras.Input((4,))
    net = fastjac.from_keras(keras.Model(tensor, 2.0 * layers.Dense(3)(layers.Add()([tensor])) + 1.0))
    assert net.widths == (4, 3, 3, 3)
    assert [type(layer) for layer in net] == [fj.Affine, fj.Scale, fj.Scale]


def test_inputs_keep_their_names_and_outputs_their_order():
    state, action = keras.Input((2,), name="state"), keras.Input((3,), name="action")
    net = fastjac.from_keras(keras.Model([action, state], [layers.Dense(4)(state), layers.Concatenate()([state, action])]))
    assert (net.inputs, net.outputs) == ((3, 2), (4, 5))
    assert str(net).index("Input 'action'") < str(net).index("Input 'state'")


def test_open_sizes_of_several_inputs_are_asked_for():
    first, second = keras.Input((None,)), keras.Input((3,))
    model = keras.Model([first, second], layers.Concatenate()([first, second]))
    with pytest.raises(LayerError, match=r"pass it: fastjac\.from_keras"):
        fastjac.from_keras(model)
    assert fastjac.from_keras(model, [2, None]).inputs == (2, 3)
    with pytest.raises(
        LayerError, match="input_shape must be a list with a size or shape for each of the model's 2 inputs, got 2"
    ):
        fastjac.from_keras(model, 2)


REFUSED = {
    r"'add\w*' \(Add\): its operands of shapes \(N, 4\), \(N, 2, 4\), where N counts": lambda x, g: x + g,
    r"\(Add\): its operands of shapes \(N, 4\), \(2, 4\), where N counts": lambda x, g: x + np.ones((2, 4)),
    r"\(GetItem\): it takes some samples of a batch": lambda x, g: x[0],
    r"\(Concatenate\): axis=0 is not supported": lambda x, g: ops.concatenate([x, x]),
    r"\(TopK\): the places of the largest entries have no derivative|places of the largest": lambda x, g: (
        ops.cast(ops.top_k(x, 2)[1], "float64") * x[:, :2]
    ),
    r"\(Pad\): it pads the axis of the batch": lambda x, g: ops.pad(x, ((1, 0), (0, 0)))[:, :1],
    r"\(LogicalAnd\): it combines numbers": lambda x, g: ops.where(ops.logical_and(x, x > 0), x, 0.0 * x),
    r"\(Norm\): it takes the norm inf of axis": lambda x, g: ops.norm(x, ord=float("inf"), axis=1),
}


@pytest.mark.parametrize(("message", "operation"), REFUSED.items(), ids=REFUSED)
def test_arithmetic_that_fastjac_does_not_have_is_refused(message, operation, tmp_path):
    tensor, grid = keras.Input((4,), batch_size=2), keras.Input((2, 4), batch_size=2)
    model = keras.Model([tensor, grid], [operation(tensor, grid), -grid])
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_keras(model)


def test_a_joining_layer_with_open_sizes_is_refused():
    first, second = keras.Input((None, 2)), keras.Input((1, 2))
    model = keras.Model([first, second], layers.Add()([first, second]))
    with pytest.raises(
        LayerError, match=r"whose samples are of shape \(None, 2\); pass it: fastjac.from_keras\(model, input_shape"
    ):
        fastjac.from_keras(model)
    assert fastjac.from_keras(model, [6, 2]).n_in == 8


def test_an_input_without_use_is_refused():
    first, second = inputs(2, 2)
    with pytest.raises(LayerError, match=r"input 1, .*'in_1'.*, reaches no output"):
        fastjac.from_keras(keras.Model([first, second], layers.Dense(2)(first)))


def test_a_changed_class_of_keras_is_refused(monkeypatch):
    model = critic()
    fastjac.from_keras(model)
    monkeypatch.setattr(layers.Concatenate, "call", lambda self, given: ops.concatenate([2.0 * given[0], *given[1:]], axis=-1))
    with pytest.raises(UnsupportedLayerError, match=r"^the model 'functional.*' computes something else"):
        fastjac.from_keras(model)


def test_info_says_what_became_of_each_layer(tmp_path, capsys):
    x, y = inputs(4, 4)
    off = layers.Subtract(name="d")([layers.Dense(4, "tanh", name="f")(x), layers.Dropout(0.1, name="n")(y)])
    in_keras_file(keras.Model([x, y], layers.Average(name="m")([x, 0.5 * off])), tmp_path)
    assert main(["info", str(tmp_path / "model.keras")]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[3:6] == [
        "'f' (Dense) Affine, Tanh",
        "'n' (Dropout) nothing does nothing at inference",
        "'d' (Subtract) Scale, Add",
    ]
    assert rows[6].endswith("(Multiply) Scale")
    assert rows[7] == "'m' (Average) Add, Scale"
    assert rows[-1] == "All parameters are finite."
