"""Weights and a list of layers: every entry resolved, every key used, nothing guessed."""

from collections import OrderedDict
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, ShapeError, UnsupportedLayerError
from fastjac.importers.entries import ACTIVATIONS
from fastjac.importers.ir.functions import OF_EACH
from fastjac.importers.state_dict import imported

from .agreement import assert_agrees
from .test_torch import scramble


def stack(*widths, activation=nn.ReLU):
    """Linear layers with an activation behind each, in float64."""
    pairs = [part for n_in, n_out in pairwise(widths) for part in (nn.Linear(n_in, n_out), activation())]
    return scramble(nn.Sequential(*pairs))


def shuffled(state):
    """The same entries as a plain dict sorted by name, which is what a safetensors file gives."""
    return {key: state[key].numpy() for key in sorted(state)}


def test_short_form():
    module = scramble(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(-1)))
    net = fastjac.from_state_dict(module.state_dict(), layers=["relu", "tanh", "softmax"])
    assert_agrees(net, module, (4,))


def test_full_form_with_every_layer_that_has_weights():
    module = scramble(
        nn.Sequential(
            *(nn.Linear(4, 6), nn.BatchNorm1d(6, eps=1e-3), nn.PReLU(6), nn.Dropout()),
            *(nn.Linear(6, 5, bias=False), nn.LayerNorm(5), nn.GELU("tanh"), nn.PReLU()),
            *(nn.Linear(5, 3), nn.BatchNorm1d(3, affine=False), nn.Softmax(-1)),
        )
    )
    layers = [
        "affine",
        ("batch_norm", {"eps": 1e-3}),
        "prelu",
        "affine",
        ("layer_norm", {"eps": 1e-5}),
        fastjac.GELU("tanh"),
        "prelu",
    ]
    layers += ["affine", "batch_norm", "softmax"]
    assert_agrees(fastjac.from_state_dict(module.state_dict(), layers), module, (4,))


# torch has no modules for functions such as exp, and its Identity leaves no layer.
@pytest.mark.parametrize(
    "name", sorted(ACTIVATIONS.keys() - OF_EACH.keys() - {"identity"} | {"relu", "sigmoid", "softsign", "tanh"})
)
def test_every_name_is_torchs_module_with_default_options(name):
    (module,) = (found for title, found in vars(nn).items() if title.lower() == name.replace("_", ""))
    expected = fastjac.from_torch(module(dim=-1) if "softmax" in name else module(), n_in=3)
    net = fastjac.from_state_dict({"weight": np.eye(3)}, layers=[name])
    assert [repr(layer) for layer in net[1:]] == [repr(layer) for layer in expected]


@pytest.mark.parametrize("eps", [None, 1e-2])
def test_rms_normalization_in_the_middle_and_in_float32(eps):
    module = scramble(nn.Sequential(nn.Linear(4, 6), nn.RMSNorm(6, eps=eps), nn.GELU(), nn.Linear(6, 3)))
    entry = "rms_norm" if eps is None else ("rms_norm", {"eps": eps})
    net = fastjac.from_state_dict(module.state_dict(), ["affine", entry, "gelu", "affine"])
    assert_agrees(net, module, (4,))
    assert len(net) == 4
    assert fastjac.from_state_dict(module.float().state_dict(), ["affine", entry, "gelu", "affine"]).dtype == np.float32


def test_halves_that_gate_each_other_keep_the_network_a_row():
    module = scramble(nn.Sequential(nn.Linear(4, 6), nn.PReLU(), nn.GLU(), nn.Linear(3, 2)))
    found = imported(module.state_dict(), ["affine", "prelu", "glu", "affine"])
    assert_agrees(found.network, module, (4,))
    assert found.network.widths == (4, 6, 6, 3, 2)
    assert [part.source for part in found.parts] == ["0 (affine)", "1 (prelu)", "glu (given)", "3 (affine)"]
    short = nn.Sequential(module[0], module[2], module[3])
    assert_agrees(fastjac.from_state_dict(short.state_dict(), ["glu", "identity"]), short, (4,))
    half = {name: array.float() for name, array in module.state_dict().items()}
    assert fastjac.from_state_dict(half, ["affine", "prelu", "glu", "affine"]).dtype == np.float32


def test_halves_of_the_input_need_its_size():
    state = {"weight": np.ones((2, 3))}
    with pytest.raises(LayerError, match=r"layers\[0\] 'glu': no layer before it states how many units.*n_in=\.\.\."):
        fastjac.from_state_dict(state, ["glu", "affine"])
    net = fastjac.from_state_dict(state, ["tanh", "glu", "affine"], n_in=6)
    assert net.widths == (6, 6, 3, 2)


def test_an_odd_number_of_units_has_no_halves():
    with pytest.raises(FormatError, match=r"layers\[1\] 'glu': it takes the halves of 3 entries"):
        fastjac.from_state_dict({"weight": EYE}, ["affine", "glu"])


def test_numbers_in_names_give_the_order_whatever_the_mapping_says():
    module = stack(4, 4, 4, 4, 4, 4, 4, activation=nn.Tanh)
    state = shuffled(module.state_dict())
    assert list(state)[2] == "10.bias"
    assert_agrees(fastjac.from_state_dict(state, layers=["tanh"] * 6), module, (4,))


def test_nested_numbers_give_the_order():
    module = scramble(nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)), nn.ReLU(), nn.Linear(3, 3)))
    assert_agrees(fastjac.from_state_dict(shuffled(module.state_dict()), ["relu", "relu", "identity"]), module, (3,))


def test_other_names_come_in_the_order_of_torchs_own_state_dict():
    module = scramble(nn.Sequential(OrderedDict(encoder=nn.Linear(6, 2), act=nn.Tanh(), decoder=nn.Linear(2, 6))))
    assert_agrees(fastjac.from_state_dict(module.state_dict(), layers=["tanh", "identity"]), module, (6,))


def test_names_in_alphabetical_order_are_not_trusted():
    module = scramble(nn.Sequential(OrderedDict(encoder=nn.Linear(6, 2), act=nn.Tanh(), decoder=nn.Linear(2, 6))))
    state = shuffled(module.state_dict())
    with pytest.raises(
        OptionError, match=r"\['decoder', 'encoder'\] stand in alphabetical order.*pass it from input to output: order="
    ):
        fastjac.from_state_dict(state, layers=["tanh", "identity"])
    net = fastjac.from_state_dict(state, layers=["tanh", "identity"], order=["encoder", "decoder"])
    assert_agrees(net, module, (6,))


def test_order_must_name_the_groups():
    state = stack(3, 3, 3).state_dict()
    for order in (["0", "1"], ["0", "2", "0"]):
        with pytest.raises(
            OptionError, match=r"order must name groups, each at most once; the groups are \['0', '2'\], order is"
        ):
            fastjac.from_state_dict(state, layers=["relu"] * len(order), order=order)


def test_groups_that_order_leaves_out_are_not_used():
    module = scramble(nn.ModuleDict({"critic": nn.Linear(4, 1), "actor": nn.Sequential(nn.Linear(4, 3), nn.Tanh())}))
    found = imported(module.state_dict(), ["tanh"], order=["actor.0"])
    assert_agrees(found.network, module["actor"], (4,))
    assert (found.parts[-1].source, found.parts[-1].note) == ("critic (weights)", "left out: order does not name it")


def test_a_number_of_thousands_of_digits_in_a_name_is_a_number():
    state = {f"{'9' * 5000}.weight": np.eye(3), "2.weight": np.eye(3) * 2}
    net = fastjac.from_state_dict(state, ["relu", "relu"])
    assert net[0].weight[0, 0] == 2.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    linear = nn.Linear(4, 3).to(dtype)
    net = fastjac.from_state_dict(linear.state_dict(), layers=["relu"])
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net[0].weight, linear.weight.detach().float().numpy())


def test_arrays_of_bfloat16_are_widened():
    weight = np.array([[1.0, -3.140625]], ml_dtypes.bfloat16)
    net = fastjac.from_state_dict({"weight": weight}, layers=["identity"])
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net[0].weight, weight.astype(np.float32))


EYE, ROW = np.eye(3), np.ones(3)
BAD_LISTS = {
    "too few in short form": (["relu"], r"layers has 1 entries for 2 affine layers, \['0', '2'\]"),
    "too many in short form": (["relu"] * 3, r"layers has 3 entries for 2 affine layers, \['0', '2'\]"),
    "linear": (["relu", "linear"], r'layers\[3\] .*"linear" means a layer to torch and no activation to Keras'),
    "unknown name": (["relu", "gleu"], r"layers\[3\] 'gleu': it is none of affine, batch_norm, .* and no fastjac layer"),
    "a class": (["relu", fastjac.ReLU], r"layers\[3\] .*it is none of affine"),
    "too many layers with weights": (["affine"] * 3, r"names 3 layers with weights, the state dict holds 2: \['0', '2'\]"),
    "an unknown option": (["affine", ("batch_norm", {"momentum": 1})], "batch_norm takes no option but eps, got momentum=1"),
    "an option of affine": (["affine", ("affine", {"eps": 1.0})], r"affine takes no options, got eps=1.0"),
    "an option of batch_norm": (["affine", ("batch_norm", {"eps": "small"})], r"eps must be a real number, got 'small'"),
}


@pytest.mark.parametrize(("layers", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_that_does_not_fit_is_reported(layers, message):
    with pytest.raises((OptionError, FormatError, DtypeError), match=message):
        fastjac.from_state_dict({"0.weight": EYE, "0.bias": ROW, "2.weight": EYE}, layers)


BAD_STATES = {
    "unused keys": (
        {"0.weight": EYE, "2.weight": EYE, "2.bias": ROW},
        ["affine", "relu"],
        FormatError,
        r"uses 2.weight, 2.bias; name every",
    ),
    "batch norm unnamed": (
        {"0.weight": EYE, "1.running_mean": ROW},
        ["relu"],
        OptionError,
        "group '1' is no affine layer, .*: it holds 1.running_mean; drop what belongs to no layer, or name all layers",
    ),
    "a key among those of an affine layer": (
        {"a.weight": EYE, "a.bias": ROW, "a.foo": ROW},
        ["relu"],
        OptionError,
        "it holds a.weight, a.bias, a.foo; drop",
    ),
    "a key without a group": (
        {"a.weight": EYE, "step": np.array(3)},
        ["relu"],
        OptionError,
        r"the group of names without a dot is no .* holds step; leave out what belongs to no layer by order=\['a'\]",
    ),
    "names without dots": (
        {"W0": EYE, "b0": ROW},
        ["relu"],
        OptionError,
        r'holds W0, b0; the arrays of one layer .* "0\.weight"',
    ),
    "missing weight": (
        {"0.bias": ROW},
        ["affine"],
        FormatError,
        r"group '0': the layer takes weight and perhaps bias, .* holds 0.bias",
    ),
    "surplus key": ({"0.weight": EYE, "0.scale": ROW}, ["affine"], FormatError, r"holds 0.weight, 0.scale"),
    "wrong rank": (
        {"0.weight": ROW},
        ["affine"],
        ShapeError,
        r"layers\[0\] 'affine': group '0': Affine weight must have 2 dimensions",
    ),
    "no chain": (
        {"0.weight": np.ones((2, 3)), "1.weight": EYE},
        ["relu", "relu"],
        LayerError,
        "takes 3 inputs, but layer 0 .* gives 2",
    ),
    "integers": (
        {"0.weight": np.eye(3, dtype=int)},
        ["relu"],
        DtypeError,
        "group '0': Affine weight must hold floating-point numbers",
    ),
    "ragged": ({"0.weight": [[1.0], [1.0, 2.0]]}, ["relu"], ShapeError, "'0.weight': the array must be rectangular"),
    "a key that is no name": ({0: EYE}, ["relu"], FormatError, "must be strings, one is 0"),
    "pairs": ([(EYE, ROW)], ["relu"], DtypeError, r'got list; .* of pairs \(W, b\) make {"0.weight": W, "0.bias": b'),
    "sparse": (
        {"weight": torch.eye(3).to_sparse()},
        ["relu"],
        DtypeError,
        r"'weight': the tensor is sparse; pass tensor.to_dense\(\)",
    ),
    "meta": ({"weight": torch.ones(3, 3, device="meta")}, ["relu"], DtypeError, "'weight': .* meta device, so it .* no numbers"),
    "no shape yet": (
        {"weight": nn.LazyLinear(3).weight},
        ["relu"],
        DtypeError,
        "'weight': the .* cannot be read as a dense array",
    ),
    "no mapping": ([EYE], ["relu"], DtypeError, "state must map names to arrays, got list"),
    "no list": ({"0.weight": EYE}, "relu", DtypeError, "layers must be a list such as"),
    "nothing": ({}, [], LayerError, "at least one layer"),
    "shared slope": ({"weight": np.ones(1)}, ["prelu"], LayerError, "pass it: n_in=..."),
    "slopes of rank 2": ({"weight": EYE}, ["prelu"], ShapeError, "PReLU weight must have 1 dimension"),
    "no slope": ({"weight": np.ones(0)}, ["prelu"], ShapeError, "PReLU weight must have at least one entry"),
    "slopes that are text": ({"weight": np.array(["a"])}, ["prelu"], DtypeError, "PReLU weight must hold floating-point"),
    "complex slopes": ({"weight": ROW * 1j}, ["prelu"], DtypeError, "PReLU weight must hold floating-point numbers, got complex"),
}


@pytest.mark.parametrize(("state", "layers", "error", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_is_reported(state, layers, error, message):
    with pytest.raises(error, match=message) as caught:
        fastjac.from_state_dict(state, layers)
    assert not isinstance(caught.value, UnsupportedLayerError)


def batch_norm(**changes):
    return {"weight": ROW, "bias": ROW, "running_mean": ROW, "running_var": ROW} | changes


BAD_BATCH_NORMS = {
    "sizes": (batch_norm(running_mean=np.ones(2)), ShapeError, r"same size, got mean 2, variance 3, gamma \(weight\) 3, beta"),
    "one entry": (batch_norm(weight=np.ones(1)), ShapeError, r"same size, got mean 3, variance 3, gamma \(weight\) 1"),
    "rank": (batch_norm(running_var=EYE), ShapeError, "batch normalization's variance must have 1 dimension, got shape"),
    "a number": (batch_norm(bias=1.0), ShapeError, r"batch normalization's beta \(bias\) must have 1 dimension"),
    "integers": (batch_norm(running_mean=np.arange(3)), DtypeError, "batch normalization's mean must hold floating-point"),
    "complex": (batch_norm(bias=ROW * 1j), DtypeError, r"beta \(bias\) must hold floating-point numbers, got complex128"),
    "text": (batch_norm(running_var=np.array(["a"])), DtypeError, "variance must hold floating-point numbers, got <U1"),
    "negative variance": (batch_norm(running_var=-ROW), FormatError, "must be positive; with eps=1e-05 the smallest .* is -0.9"),
}


@pytest.mark.parametrize(("state", "error", "message"), BAD_BATCH_NORMS.values(), ids=BAD_BATCH_NORMS)
def test_a_batch_norm_that_does_not_hold_is_reported(state, error, message):
    with pytest.raises(error, match=rf"layers\[0\] 'batch_norm': the group of names without a dot: .*{message}"):
        fastjac.from_state_dict(state, ["batch_norm"])


def test_an_eps_that_is_no_number_is_reported():
    with pytest.raises(FormatError, match="must be positive; with eps=nan"):
        fastjac.from_state_dict(batch_norm(), [("batch_norm", {"eps": np.nan})])


@pytest.mark.parametrize("order", [3, "ab", [0, 1], {"a": 1, "b": 2}])
def test_an_order_that_is_no_list_of_names_is_reported(order):
    with pytest.raises(DtypeError, match=r"order must be a list of the groups' names, got .*; the groups are \['a', 'b'\]"):
        fastjac.from_state_dict({"a.weight": EYE, "b.weight": EYE}, ["relu", "relu"], order=order)


def test_a_width_that_no_layer_states_is_taken():
    assert fastjac.from_state_dict({"weight": np.ones(1)}, ["prelu"], n_in=3).n_in == 3


def test_number_of_batches_is_part_of_a_batch_norm_only():
    state = {"weight": EYE, "num_batches_tracked": np.array(3)}
    with pytest.raises(FormatError, match="holds weight, num_batches_tracked"):
        fastjac.from_state_dict(state, ["affine"])


def test_modules_that_are_registered_twice_are_reported_with_the_order_that_takes_each_once():
    first, second = np.arange(16.0).reshape(4, 4), np.eye(4)
    state = {"b.weight": first, "a.weight": second, "net.0.weight": first, "net.2.weight": second}
    message = r"\['net.0', 'net.2'\] hold the arrays of groups before them, .* registered twice do: pass order=\['b', 'a'\]"
    with pytest.raises(OptionError, match=message):
        fastjac.from_state_dict(state, ["tanh"])
    assert len(fastjac.from_state_dict(state, ["affine", "tanh", "affine"], order=["b", "a"])) == 3
