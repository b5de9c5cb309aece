"""Weights and a list of layers: every entry resolved, every key used, nothing guessed."""

from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, ShapeError, UnsupportedLayerError
from fastjac.importers.state_dict import ACTIVATIONS

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


# torch has no module for exp, and its Identity leaves no layer.
@pytest.mark.parametrize("name", ACTIVATIONS.keys() - {"exp", "identity"})
def test_every_name_is_torchs_module_with_default_options(name):
    (module,) = (found for title, found in vars(nn).items() if title.lower() == name.replace("_", ""))
    expected = fastjac.from_torch(module(dim=-1) if "softmax" in name else module(), n_in=3)
    net = fastjac.from_state_dict({"weight": np.eye(3)}, layers=[name])
    assert [repr(layer) for layer in net[1:]] == [repr(layer) for layer in expected]


def test_numbers_in_names_tell_the_order_whatever_the_mapping_says():
    module = stack(4, 4, 4, 4, 4, 4, 4, activation=nn.Tanh)
    state = shuffled(module.state_dict())
    assert list(state)[2] == "10.bias"
    assert_agrees(fastjac.from_state_dict(state, layers=["tanh"] * 6), module, (4,))


def test_nested_numbers_tell_the_order():
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
    with pytest.raises(OptionError, match=r"order must name every group once; the groups are \['0', '2'\], order is \['0'\]"):
        fastjac.from_state_dict(stack(3, 3, 3).state_dict(), layers=["relu", "relu"], order=["0"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    linear = nn.Linear(4, 3).to(dtype)
    net = fastjac.from_state_dict(linear.state_dict(), layers=["relu"])
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net[0].weight, linear.weight.detach().float().numpy())


EYE, ROW = np.eye(3), np.ones(3)
BAD_LISTS = {
    "too few in short form": (["relu"], r"layers has 1 entries for 2 affine layers \(0, 2\)"),
    "too many in short form": (["relu"] * 3, r"layers has 3 entries for 2 affine layers \(0, 2\)"),
    "linear": (["relu", "linear"], r'layers\[3\] .*"linear" means a layer to torch and no activation to Keras'),
    "unknown name": (["relu", "gleu"], r"layers\[3\] 'gleu': it is none of affine, batch_norm, .* and no fastjac layer"),
    "a class": (["relu", fastjac.ReLU], r"layers\[3\] .*it is none of affine"),
    "an unknown option": (
        ["affine", "affine", ("batch_norm", {"momentum": 1})],
        "names 3 layers with weights, the state dict holds 2",
    ),
    "an option of affine": (["affine", ("affine", {"eps": 1.0})], r"affine takes no options, a number; got eps=1.0"),
    "an option of batch_norm": (["affine", ("batch_norm", {"eps": "small"})], r"batch_norm takes eps, a number; got eps='small'"),
}


@pytest.mark.parametrize(("layers", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_that_does_not_fit_is_told(layers, message):
    with pytest.raises((OptionError, FormatError), match=message):
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
        "group '1' is no affine layer, so layers must",
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
    "no mapping": ([EYE], ["relu"], DtypeError, "state must map names to arrays, got list"),
    "no list": ({"0.weight": EYE}, "relu", DtypeError, "layers must be a list such as"),
    "nothing": ({}, [], LayerError, "at least one layer"),
}


@pytest.mark.parametrize(("state", "layers", "error", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_is_told(state, layers, error, message):
    with pytest.raises(error, match=message) as caught:
        fastjac.from_state_dict(state, layers)
    assert not isinstance(caught.value, UnsupportedLayerError)


def test_number_of_batches_is_part_of_a_batch_norm_only():
    state = {"weight": EYE, "num_batches_tracked": np.array(3)}
    with pytest.raises(FormatError, match="holds weight, num_batches_tracked"):
        fastjac.from_state_dict(state, ["affine"])
