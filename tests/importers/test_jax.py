"""Parameter trees of Flax, Haiku and Equinox compute what these compute, and what a tree does not hold is asked for.

equinox and dm-haiku are small. flax, which brings over 100 MB, is tried where it is installed; its trees are also laid out by
hand.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fastjac
from fastjac.errors import DtypeError, FormatError, OptionError
from fastjac.importers.entries import ACTIVATIONS as TORCH_ACTIVATIONS
from fastjac.importers.jax import ACTIVATIONS

from .agreement import TOLERANCE

KEY = jax.random.key(0)
LAYER_NORM_IN_FLAX = ("layer_norm", {"eps": 1e-6})
LAYER_NORM_ELSEWHERE = ("layer_norm", {"eps": 1e-5})


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """JAX computes in float64."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def scramble(tree):
    """The same tree with random numbers in its float arrays: positive ones, so that they may be variances."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.2, 1.0, leaf.shape)) if is_float(leaf) else leaf, tree)


def is_float(leaf):
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def initialized(make, *arguments):
    """What `make(*arguments)` returns, scrambled. No number is drawn in JAX, which would take most of the test's time."""
    return scramble(eqx.filter_eval_shape(make, *arguments))


def assert_agrees(net: fastjac.Network, model: Callable[[Any], Any]) -> None:
    """Values and Jacobians of `net` equal those of `model`, which takes one sample."""
    x = np.random.default_rng(1).normal(size=(6, net.n_in)) * 2.0
    y, jacobian = net.value_and_jacobian(x)
    expected, jacobians = jax.jit(jax.vmap(lambda sample: (model(sample), jax.jacobian(model)(sample))))(x)
    assert net.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(jacobian, jacobians, rtol=TOLERANCE, atol=TOLERANCE)


# Equinox


def test_an_equinox_perceptron():
    model = initialized(lambda: eqx.nn.MLP(3, 2, 4, 2, activation=jax.nn.tanh, key=KEY))
    assert_agrees(fastjac.from_jax(model, ["tanh", "tanh", "identity"]), model)
    assert_agrees(fastjac.from_jax(model.layers, ["tanh", "tanh", "identity"]), model)


def test_every_equinox_layer_with_weights():
    parts = initialized(
        lambda: [
            eqx.nn.Linear(3, 4, key=KEY),
            eqx.nn.LayerNorm(4),
            eqx.nn.PReLU(0.3),
            eqx.nn.Dropout(0.5, inference=True),
            eqx.nn.Lambda(jax.nn.gelu),
            eqx.nn.Linear(4, 1, use_bias=False, key=KEY),
        ]
    )

    def model(x):
        for part in parts:
            x = part(x)
        return x

    assert_agrees(fastjac.from_jax(parts, ["affine", LAYER_NORM_ELSEWHERE, "prelu", "gelu", "affine"]), model)


class Model(eqx.Module):
    """A user's own, whose names do not show the order."""

    enter: eqx.nn.Linear
    back: eqx.nn.Linear
    width: int = eqx.field(static=True)
    dtype: Any = eqx.field(static=True)

    def __call__(self, x):
        return self.back(jax.nn.relu(self.enter(x)))


def test_names_of_a_module_that_show_no_order_are_asked_for():
    model = initialized(lambda: Model(eqx.nn.Linear(3, 4, key=KEY), eqx.nn.Linear(4, 3, key=KEY), 4, jnp.float32))
    with pytest.raises(OptionError, match=r"\['back', 'enter'\] stand in alphabetical order.* pass it .*order="):
        fastjac.from_jax(model, ["relu", "identity"])
    assert_agrees(fastjac.from_jax(model, ["relu", "identity"], order=["enter", "back"]), model)


# Haiku


def test_a_haiku_perceptron_whose_first_layer_has_no_number():
    widths = [4] * 11 + [2]
    model = hk.transform(lambda x: hk.Sequential([part for n in widths for part in (hk.Linear(n), jax.nn.silu)])(x))
    params = initialized(model.init, KEY, jnp.ones(3))
    assert sorted(params)[:4] == ["linear", "linear_1", "linear_10", "linear_11"]
    assert_agrees(fastjac.from_jax(params, ["silu"] * 12), lambda x: model.apply(params, None, x))


def test_a_haiku_network_within_another():
    model = hk.transform(lambda x: hk.nets.MLP([5, 4, 2], with_bias=False, activation=jnp.tanh)(x))
    params = initialized(model.init, KEY, jnp.ones(3))
    assert "mlp/~/linear_0" in params
    assert_agrees(fastjac.from_jax(params, ["tanh", "tanh", "identity"]), lambda x: model.apply(params, None, x))


def test_haiku_keeps_the_statistics_of_batch_normalization_elsewhere():
    def model(x, is_training):
        x = hk.BatchNorm(True, True, 0.9)(hk.Linear(4)(x), is_training)
        return hk.Linear(2)(hk.LayerNorm(-1, True, True)(x))

    transformed = hk.transform_with_state(model)
    params, state = initialized(lambda: transformed.init(KEY, jnp.ones((1, 3)), True))
    layers = ["affine", "batch_norm", LAYER_NORM_ELSEWHERE, "affine"]
    order = ["linear", "batch_norm", "layer_norm", "linear_1"]
    net = fastjac.from_jax({**params, **state}, layers, order=order)
    assert_agrees(net, lambda x: transformed.apply(params, state, None, x[None], False)[0][0])


# Flax


def dense(rng, n_in, n_out):
    """A layer of Flax."""
    return {"kernel": jnp.asarray(rng.normal(size=(n_in, n_out))), "bias": jnp.asarray(rng.normal(size=n_out))}


def in_flax(layers):
    """The perceptron with relu of Flax's dense layers, in order."""

    def model(x):
        for i, layer in enumerate(layers):
            x = (jax.nn.relu(x) if i else x) @ layer["kernel"] + layer["bias"]
        return x

    return model


def test_numbers_give_the_order_of_flax_layers_that_jax_has_sorted():
    rng = np.random.default_rng(0)
    layers = {f"Dense_{i}": dense(rng, 3, 3) for i in range(12)}
    tree = jax.tree.map(lambda a: a, {"params": layers})
    assert list(tree["params"])[2] == "Dense_10"
    for given in (tree, tree["params"]):
        assert_agrees(fastjac.from_jax(given, ["relu"] * 11 + ["identity"]), in_flax(list(layers.values())))


def test_a_single_flax_layer():
    layer = dense(np.random.default_rng(0), 3, 2)
    for tree in (layer, {"params": layer}):
        assert_agrees(fastjac.from_jax(tree, ["identity"]), in_flax([layer]))


class State(NamedTuple):
    """A user's own container."""

    first: Any
    second: Any


def test_containers_of_every_kind():
    rng = np.random.default_rng(0)
    layers = [dense(rng, 3, 4), dense(rng, 4, 4), dense(rng, 4, 2)]
    named = State(layers[0], layers[1:])
    names = ["first", "second.0", "second.1"]
    assert_agrees(fastjac.from_jax(layers, ["relu", "relu", "identity"]), in_flax(layers))
    assert_agrees(fastjac.from_jax(tuple(layers), ["relu", "relu", "identity"]), in_flax(layers))
    assert_agrees(fastjac.from_jax(named, ["relu", "relu", "identity"], order=names), in_flax(layers))
    flat = {f"block.{i}.{name}": array for i, layer in enumerate(layers) for name, array in layer.items()}
    assert_agrees(fastjac.from_jax(flat, ["relu", "relu", "identity"]), in_flax(layers))


def test_a_dict_gives_no_order_even_if_it_is_not_sorted():
    rng = np.random.default_rng(0)
    layers = OrderedDict(up=dense(rng, 3, 3), down=dense(rng, 3, 3))
    with pytest.raises(OptionError, match=r"\['down', 'up'\] stand in alphabetical order"):
        fastjac.from_jax(layers, ["relu", "identity"])
    assert_agrees(fastjac.from_jax(layers, ["relu", "identity"], order=["up", "down"]), in_flax(list(layers.values())))


def test_order_is_asked_for_also_where_the_sorted_tree_is_not_sorted_by_full_names():
    rng = np.random.default_rng(0)
    tree = {"a": {"b": dense(rng, 3, 3)}, "a-b": dense(rng, 3, 3)}
    with pytest.raises(OptionError, match=r"\['a-b', 'a.b'\] stand in alphabetical order"):
        fastjac.from_jax(tree, ["relu", "identity"])


def test_flax_linen():
    linen = pytest.importorskip("flax.linen", reason="flax is not installed; it brings over 100 MB")

    class Network(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.PReLU()(linen.BatchNorm(use_running_average=True)(linen.Dense(4)(x)))
            boxed = linen.with_partitioning(linen.initializers.lecun_normal(), (None, "model"))
            return linen.softmax(linen.Dense(2, kernel_init=boxed)(linen.gelu(linen.LayerNorm()(x))))

    model = Network()
    variables = initialized(model.init, KEY, jnp.ones((1, 3)))
    layers = ["affine", "batch_norm", "prelu", LAYER_NORM_IN_FLAX, "gelu", "affine", "softmax"]
    order = ["Dense_0", "BatchNorm_0", "PReLU_0", "LayerNorm_0", "Dense_1"]
    assert type(variables["params"]["Dense_1"]["kernel"]).__name__ == "Partitioned"
    assert_agrees(fastjac.from_jax(variables, layers, order=order), lambda x: model.apply(variables, x))


def test_flax_nnx():
    nnx = pytest.importorskip("flax.nnx", reason="flax is not installed; it brings over 100 MB")
    rngs = nnx.Rngs(0)
    parts = [nnx.Linear(3, 4, rngs=rngs), nnx.BatchNorm(4, use_running_average=True, rngs=rngs), nnx.LayerNorm(4, rngs=rngs)]
    model = nnx.Sequential(*parts, nnx.Dropout(0.5, deterministic=True, rngs=rngs), nnx.PReLU(), nnx.Linear(4, 2, rngs=rngs))
    nnx.update(model, scramble(nnx.state(model)))
    state = nnx.state(model)
    assert any("rngs" in str(path) for path, _ in jax.tree.leaves_with_path(state))
    layers = ["affine", "batch_norm", LAYER_NORM_IN_FLAX, "prelu", "affine"]
    for tree in (state, nnx.to_pure_dict(state)):
        assert_agrees(fastjac.from_jax(tree, layers), lambda x: model(x[None])[0])
    with pytest.raises(DtypeError, match=r"got flax.nnx.*Sequential; of a Flax nnx module pass nnx.state\(model\)"):
        fastjac.from_jax(model, layers)


# What the list of layers means


@pytest.mark.parametrize(
    "name", [name for name in sorted(TORCH_ACTIVATIONS.keys() | ACTIVATIONS.keys()) if hasattr(jax.nn, name)]
)
def test_every_name_that_jax_knows_means_its_function(name):
    tree = {"w": jnp.eye(3) * 20.0}
    net = fastjac.from_jax(tree, [name])
    x = np.random.default_rng(0).normal(size=(9, 3)) * 2.0
    np.testing.assert_allclose(net(x), getattr(jax.nn, name)(x @ tree["w"]), rtol=TOLERANCE, atol=TOLERANCE)


def test_gelu_without_approximation_is_passed_as_a_layer():
    tree = {"w": jnp.eye(3)}
    assert_agrees(fastjac.from_jax(tree, [fastjac.GELU()]), lambda x: jax.nn.gelu(x, approximate=False))


def test_half_precision_is_widened():
    tree = [{"w": jnp.full((3, 2), 1.5, jnp.bfloat16), "b": jnp.ones(2, jnp.float16)}]
    net = fastjac.from_jax(tree, ["identity"])
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net(np.ones(3)), [5.5, 5.5])


def test_names_inside_of_blocks_mean_what_jax_means():
    net = fastjac.from_jax([{"w": np.eye(2)}], [("residual", ["gelu"])])
    x = np.array([0.5, -1.5])
    np.testing.assert_allclose(net(x), x + np.asarray(jax.nn.gelu(jnp.asarray(x))), rtol=1e-12)


def test_halves_and_root_mean_squares():
    weight = np.random.default_rng(0).normal(size=(3, 4))
    scale = np.array([0.5, 2.0])
    tree = {"dense": {"kernel": weight}, "norm": {"scale": scale}}
    net = fastjac.from_jax(tree, ["affine", "glu", ("rms_norm", {"eps": 1e-6})], order=["dense", "norm"])

    def model(x):
        y = jax.nn.glu(x @ weight)
        return scale * y / jnp.sqrt(jnp.mean(y**2) + 1e-6)

    assert_agrees(net, model)


TREES = {
    "layer norm without eps": (
        [{"w": np.eye(2)}, {"scale": np.ones(2), "offset": np.ones(2)}],
        ["affine", "layer_norm"],
        OptionError,
        r'layers\[1\] must give the eps, .* \("layer_norm", \{"eps": 1e-6\}\) has the default of Flax, 1e-5',
    ),
    "layer norm without eps in a block": (
        [{"w": np.eye(2)}, {"scale": np.ones(2), "offset": np.ones(2)}],
        [("residual", ["affine", ("layer_norm", {})])],
        OptionError,
        r"layers\[0\]\[1\]\[1\] must give the eps",
    ),
    "RMS norm without eps": (
        [{"w": np.eye(2)}, {"scale": np.ones(2)}],
        ["affine", "rms_norm"],
        OptionError,
        r'layers\[1\] must give the eps, .* \("rms_norm", \{"eps": 1e-6\}\) has the default of Flax',
    ),
    "batch norm without statistics": (
        {"norm_0": {"scale": np.ones(2), "bias": np.ones(2)}},
        ["batch_norm"],
        FormatError,
        "the JAX tree, its arrays under torch's names: .*takes running_mean and running_var .* holds norm_0.bias, norm_0.weight",
    ),
    "two weights of one layer": (
        {"dense": {"w": np.eye(2), "kernel": np.eye(2)}},
        ["relu"],
        FormatError,
        "dense/kernel is one more weight of layer 'dense'; pass the parameters of one network",
    ),
    "no arrays": ({"params": {}, "step": 3}, ["relu"], FormatError, "the tree holds no arrays; pass the parameters of an"),
    "pairs": (
        [(np.eye(2), np.ones(2)), (), (np.eye(2), np.ones(2))],
        ["relu", "identity"],
        FormatError,
        r"it holds arrays without names, as pairs \(W, b\) do, so name them: \[\{'w': W, 'b': b\}, .* or 'weight' where it is",
    ),
    "an array": (np.eye(2), ["relu"], DtypeError, "from_jax takes a dict, list or module that holds arrays, got numpy.ndarray"),
    "layers in a string": ({"w": np.eye(2)}, "relu", DtypeError, r'layers must be a list such as \["relu", "softmax"\]'),
    "integers": ({"w": np.eye(2, dtype=int)}, ["relu"], DtypeError, "Affine weight must hold floating-point numbers, got int64"),
    "a convolution": ({"kernel": np.ones((2, 2, 3, 3))}, ["relu"], OptionError, "is no affine layer"),
    "what is not done yet": (
        {"w": jax.ShapeDtypeStruct((2, 2), np.float32)},
        ["relu"],
        OptionError,
        "is no affine layer",
    ),
    "layers left over": (
        {"Dense_0": {"kernel": np.eye(2)}, "Dense_1": {"kernel": np.eye(2)}},
        ["affine"],
        FormatError,
        "no entry of layers uses Dense_1.weight",
    ),
}


@pytest.mark.parametrize(("tree", "layers", "error", "message"), TREES.values(), ids=TREES)
def test_trees_that_do_not_fit_are_reported(tree, layers, error, message):
    with pytest.raises(error, match=message):
        fastjac.from_jax(tree, layers)
