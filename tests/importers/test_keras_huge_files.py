"""Small Keras files that ask for more units, layers or memory than any model has are refused at once."""

import json

import h5py
import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError


def config_of(*entries):
    stack = [{"class_name": name, "config": {"name": f"layer_{i}", **options}} for i, (name, options) in enumerate(entries)]
    return json.dumps({"class_name": "Sequential", "config": {"name": "model", "layers": stack}})


def inner_models(depth):
    """A model that calls another twice, which calls another twice, and so on."""
    entry = {"class_name": "Activation", "config": {"name": "a", "activation": "relu"}, "name": "a"}
    for level in range(depth):
        name = entry["config"]["name"]
        history = [["in", 0, 0], [name, 0, 0]]
        calls = [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": h}}], "kwargs": {}} for h in history]
        given = {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 3]}, "inbound_nodes": []}
        output = [name, 1 + (level > 0), 0]
        ends = {"input_layers": ["in", 0, 0], "output_layers": output}
        graph = {"name": f"model_{level}", "layers": [given, {**entry, "inbound_nodes": calls}], **ends}
        entry = {"class_name": "Functional", "config": graph, "name": f"model_{level}"}
    return json.dumps(entry)


def write_huge(path, text, norms):
    """A model of a config and of the four-unit batch normalizations that it names."""
    with h5py.File(path, "w") as file:
        file.attrs.update(model_config=text, keras_version="3.0.0")
        file.create_group("model_weights").attrs["layer_names"] = norms
        for name in norms:
            group = file["model_weights"].create_group(name)
            group["mean"], group["variance"] = np.ones((2, 4), np.float32)
            group.attrs["weight_names"] = ["mean", "variance"]


HUGE_CONFIGS = {
    "units spread over a huge input": (
        config_of(
            ("InputLayer", {"batch_shape": [None, 10**9, 4]}),
            ("BatchNormalization", {"axis": -1, "epsilon": 0.1, "scale": False, "center": False}),
        ),
        "it has 4000000000 units in a layer; fastjac reads files of up to 16777216",
    ),
    "a huge input": (
        config_of(("InputLayer", {"batch_shape": [None, 10**15]}), ("Activation", {"activation": "relu"})),
        "it has 1000000000000000 units in a layer",
    ),
    "an input of no size": (
        config_of(("InputLayer", {"batch_shape": [None, -4]}), ("Activation", {"activation": "relu"})),
        r"the model's input has samples of shape \[-4\], whose sizes must be positive or None",
    ),
    "models within models, each called twice": (
        inner_models(20),
        "layers, counted as often as they are called; fastjac reads files",
    ),
    "models within models too deep": (inner_models(60), "model_config is nested more than 100 levels deep"),
}


@pytest.mark.parametrize(("text", "message"), HUGE_CONFIGS.values(), ids=HUGE_CONFIGS)
def test_a_config_that_asks_for_more_than_any_model_is_refused(text, message, tmp_path):
    write_huge(tmp_path / "model.h5", text, ["layer_1"] if "BatchNormalization" in text else [])
    with pytest.raises(FormatError, match=message):
        fastjac.load(tmp_path / "model.h5")


def test_a_few_weights_spread_over_many_layers_are_refused(tmp_path):
    shape, count = [None, 1000, 1000, 4], 8
    options = {"axis": -1, "epsilon": 0.1, "scale": False, "center": False}
    text = config_of(("InputLayer", {"batch_shape": shape}), *[("BatchNormalization", options)] * count)
    write_huge(tmp_path / "model.h5", text, [f"layer_{i + 1}" for i in range(count)])
    with pytest.raises(FormatError, match="the model claims to unpack to 128000000 bytes from 0"):
        fastjac.load(tmp_path / "model.h5")
