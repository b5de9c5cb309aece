"""MATLAB files of versions 5 to 7.3 with weights and biases, against torch; what could be read in two ways is refused."""

import io
from itertools import pairwise

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

import fastjac
from fastjac.errors import FormatError, OptionError
from fastjac.importers import Options, read

from .agreement import assert_agrees
from .matlab_files import version_7_3

WIDTHS = (3, 4, 4, 2)
RANDOM = np.random.default_rng(4)
PARAMETERS = [(RANDOM.normal(size=(n_out, n_in)), RANDOM.normal(size=n_out)) for n_in, n_out in pairwise(WIDTHS)]
WEIGHTS, BIASES = [weight for weight, _ in PARAMETERS], [bias for _, bias in PARAMETERS]
LAYERS = ["relu", "tanh", "identity"]


def model(x):
    for (weight, bias), function in zip(PARAMETERS, (torch.relu, torch.tanh, torch.nn.Identity()), strict=True):
        x = function(x @ torch.from_numpy(weight).T + torch.from_numpy(bias))
    return x


def columns(biases):
    return [bias[:, None] for bias in biases]


def version_5(variables, **options):
    target = io.BytesIO()
    scipy.io.savemat(target, {name: of_scipy(value) for name, value in variables.items()}, **options)
    return target.getvalue()


def of_scipy(value):
    """Lists as SciPy's arrays of objects, which become cells."""
    if isinstance(value, dict):
        return {name: of_scipy(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    cell = np.empty((len(value), 1), object)
    for i, inner in enumerate(value):
        cell[i, 0] = of_scipy(inner)
    return cell


FILES = {
    "version 5": version_5,
    "version 7": lambda variables: version_5(variables, do_compression=True),
    "version 7.3": version_7_3,
    "version 7.3, packed": lambda variables: version_7_3(variables, compression="gzip", shuffle=True, chunks=True),
}
VARIABLES = {
    "cells": {"W": WEIGHTS, "b": columns(BIASES)},
    "cells of rows": {"W": [weight.T for weight in WEIGHTS], "b": [bias[None] for bias in BIASES]},
    "cells in a struct": {"controller": {"number_of_layers": 3.0, "W": WEIGHTS, "b": columns(BIASES)}},
    "numbered": {f"{name}{i}": value for i, pair in enumerate(PARAMETERS, 1) for name, value in zip("Wb", pair, strict=True)},
    "numbered otherwise": {
        f"{name}_{i}": value for i, pair in enumerate(PARAMETERS) for name, value in zip(("weights", "biases"), pair, strict=True)
    },
    "transposed": {
        f"{name}{i}": value.T for i, pair in enumerate(PARAMETERS) for name, value in zip(("kernel", "bias"), pair, strict=True)
    },
    "a state dict": {
        f"fc{i}_{name}": value for i, pair in enumerate(PARAMETERS) for name, value in zip(("weight", "bias"), pair, strict=True)
    },
    "layers of one axis more": {"W": [weight[..., None, None] for weight in WEIGHTS[:1]] + WEIGHTS[1:], "b": columns(BIASES)},
}


def write(folder, content):
    path = folder / "net.mat"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
@pytest.mark.parametrize("version", FILES)
def test_weights_are_found_and_turned_as_their_shapes_show(version, variables, tmp_path):
    path = write(tmp_path, FILES[version](variables))
    assert_agrees(fastjac.load(path, layers=LAYERS), model, (3,))


def test_single_precision_is_kept(tmp_path):
    halves = {f"W{i}": weight.astype(np.float32) for i, weight in enumerate(WEIGHTS)}
    halves |= {f"b{i}": bias.astype(np.float32) for i, bias in enumerate(BIASES)}
    x = np.random.default_rng(0).normal(size=(5, 3))
    for write_variables in (version_5, version_7_3):
        net = fastjac.load(write(tmp_path, write_variables(halves)), layers=LAYERS)
        assert net.dtype == np.float32
        np.testing.assert_allclose(net(x), model(torch.from_numpy(x)).numpy(), rtol=2e-5, atol=2e-5)


def test_whole_numbers_that_matlab_stores_in_fewer_bytes_are_numbers(tmp_path):
    """MATLAB stores a double array of small whole numbers as bytes; SciPy does not, so the bytes are put there."""
    content = version_5({"W1": np.arange(8.0).reshape(2, 4)})[: 128 + 8 + 56 + 64]
    tag = np.array([9, 64], "<u4").tobytes()
    at = content.rindex(tag)
    stored = np.arange(8.0).reshape(2, 4).astype("u1").tobytes(order="F")
    size = int.from_bytes(content[132:136], "little") - 56
    packed = content[:132] + size.to_bytes(4, "little") + content[136:at] + np.array([2, 8], "<u4").tobytes() + stored
    assert scipy.io.loadmat(io.BytesIO(packed))["W1"].tolist() == np.arange(8.0).reshape(2, 4).tolist()
    net = fastjac.load(write(tmp_path, packed + version_5({"b1": np.zeros(2)})[128:]), layers=["identity"])
    assert net.dtype == np.float64
    np.testing.assert_array_equal(net.jacobian(np.ones(4)), np.arange(8.0).reshape(2, 4))


@pytest.mark.parametrize("names", [["relu", "tansig", "purelin"], np.array(["poslin", "tanh", "linear"])])
@pytest.mark.parametrize("key", ["activation_fcns", "act_fcns"])
@pytest.mark.parametrize("write_variables", [version_5, version_7_3])
def test_names_of_activations_beside_the_weights_are_followed(write_variables, names, key, tmp_path):
    path = write(tmp_path, write_variables({"nn": {"W": WEIGHTS, "b": columns(BIASES), key: names}}))
    assert_agrees(fastjac.load(path), model, (3,))
    assert fastjac.load(path, layers=["tanh", "tanh", "tanh"])[1].rule is fastjac.Tanh.rule


def test_other_names_of_activations_are_reported(tmp_path):
    path = write(tmp_path, version_5({"W": WEIGHTS, "b": columns(BIASES), "act_fcns": ["relu", "radbas", "linear"]}))
    with pytest.raises(OptionError, match=r"act_fcns names radbas, which fastjac does not know; specify the layers"):
        fastjac.load(path)
    assert_agrees(fastjac.load(path, layers=LAYERS), model, (3,))


def test_without_names_the_layers_are_asked_for(tmp_path):
    for names in ({}, {"act_fcns": ["relu"]}, {"act_fcns": [1.0, 2.0, 3.0]}):
        path = write(tmp_path, version_5({"W": WEIGHTS, "b": columns(BIASES)} | names))
        with pytest.raises(OptionError, match=r'layers=\["relu", "relu", "identity"\].*1 with weight \(4, 3\), bias \(4,\)'):
            fastjac.load(path)
    with pytest.raises(OptionError, match="leave config out"):
        fastjac.load(path, layers=LAYERS, config="{}")


def test_order_names_the_layers_of_one_network(tmp_path):
    variables = {f"actor{name}": value for name, value in VARIABLES["a state dict"].items()}
    variables |= {f"critic{name}": value for name, value in VARIABLES["a state dict"].items()}
    path = write(tmp_path, version_5(variables))
    net = fastjac.load(path, layers=LAYERS, order=["actorfc0", "actorfc1", "actorfc2"])
    assert_agrees(net, model, (3,))
    with pytest.raises(OptionError, match="pass it from input to output: order="):
        fastjac.load(path, layers=LAYERS * 2)
    with pytest.raises(FormatError, match="its weights and biases do not follow each other"):
        fastjac.load(path, layers=LAYERS, order=["actorfc0", "criticfc0", "criticfc2"])


def test_what_is_left_out_is_reported(tmp_path):
    path = write(tmp_path, version_5({"nn": {"W": WEIGHTS, "b": columns(BIASES), "mu": np.ones(3)}, "epochs": 7.0}))
    _, imported = read(path, Options(layers=LAYERS))
    assert [part.source for part in imported.parts if part.note] == ["nn.mu (variable)"]


SQUARE = {"W1": np.eye(2), "b1": np.ones(2), "W2": np.eye(2), "b2": np.ones(2)}
SPARSE = {"W1": scipy.sparse.csc_array(np.eye(2)), "b1": np.ones(2)}
REFUSED = {
    "square weights": (SQUARE, "its weights fit as they are and transposed, so it could mean W x"),
    "one weight alone": ({"W1": np.ones((2, 3))}, "its weights fit as they are and transposed"),
    "weights of one axis": ({"W1": np.ones((2, 3, 4))}, "W1 has the shape .* a weight has two axes"),
    "a bias that is a matrix": ({"W1": np.ones((2, 3)), "b1": np.ones((2, 2))}, "b1 has the shape .* a bias has one"),
    "a bias alone": ({"W1": np.ones((2, 3)), "b2": np.ones(2)}, "group '2' has a bias and no weight"),
    "no weights": ({"x": np.ones(3), "s": {"y": "text"}}, r"no weights that fastjac knows: .* It has (x|s) \("),
    "two networks": ({"a": {"W1": np.ones((2, 3))}, "c": {"W1": np.ones((2, 3))}}, "it has weights at several places, a, c"),
    "twice": ({"W1": np.ones((2, 3)), "W": [np.ones((2, 3))]}, "it has 1.weight twice, once as W"),
    "text in a cell": ({"W": ["a", "b"]}, "W has text, where arrays of numbers are expected"),
    "unfit": ({"W1": np.ones((2, 3)), "W2": np.ones((5, 7))}, "do not follow each other: 1 with weight .*; 2 with"),
}


@pytest.mark.parametrize(("variables", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_network_or_could_be_two_is_refused(variables, message, tmp_path):
    for write_variables in (version_5, version_7_3):
        if write_variables is version_5 or "text" not in message:
            with pytest.raises(FormatError, match=message):
                fastjac.load(write(tmp_path, write_variables(variables)), layers=LAYERS)


def test_sparse_weights_are_named(tmp_path):
    with pytest.raises(FormatError, match=r"It has W1 \(a sparse matrix\), b1"):
        fastjac.load(write(tmp_path, version_5(SPARSE | {"b1": 1j * np.ones(2)})), layers=["identity"])
