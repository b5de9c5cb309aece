"""Modules of many architectures agree with torch in values and Jacobians, however torch has written them as programs."""

import io
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import UnsupportedLayerError
from fastjac.importers import Options, read

from .models import MODELS, TORCH_WARNS, WRITERS, assert_agrees, build, unsized

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS)


CASES = [
    *((name, writer) for name in MODELS for writer in ("scripted", "traced", "exported") if not unsized(name, writer)),
    *((name, writer) for name in ("gated", "normalized", "choosing") for writer in ("frozen", "decomposed")),
]


@pytest.mark.parametrize(("name", "writer"), CASES)
def test_values_and_jacobians_are_those_of_torch(name, writer, tmp_path):
    module, inputs = build(name)
    path = tmp_path / "program.pt2"
    WRITERS[writer](module, inputs, path)
    net = fastjac.load(path, n_in=4 if name == "normalized" else None)
    assert net.dtype == np.float64
    assert_agrees(net, module, inputs)


@pytest.mark.parametrize(("name", "writer"), [("policy", "traced"), ("residual", "scripted"), ("clipped", "exported")])
def test_float32_stays_float32(name, writer, tmp_path):
    module, inputs = build(name, torch.float32)
    path = tmp_path / "program.pt2"
    WRITERS[writer](module, inputs, path)
    net = fastjac.load(path)
    assert net.dtype == np.float32
    assert_agrees(net, module, inputs, 2e-5)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_chain_is_the_list_of_its_layers(writer, tmp_path):
    module, inputs = build("chain")
    path = tmp_path / "program.pt2"
    WRITERS[writer](module, inputs, path)
    name, imported = read(path, Options())
    assert [type(layer).__name__ for layer in imported.network.layers] == ["Affine", "Tanh", "Affine", "GELU", "Affine"]
    assert ("TorchScript" in name) == (writer in ("scripted", "traced", "frozen"))
    if writer == "scripted":
        assert [part.source for part in imported.parts if part.layers] == [
            "0 (linear)",
            "1 (tanh)",
            "2 (linear)",
            "3 (gelu)",
            "4 (linear)",
        ]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_weights_of_half_precision_are_widened(dtype, tmp_path):
    module, inputs = build("chain", dtype)
    path = tmp_path / "program.pt2"
    WRITERS["exported"](module, inputs, path)
    with pytest.raises(UnsupportedLayerError, match=f"it holds {str(dtype).removeprefix('torch.')}; fastjac takes inputs of"):
        fastjac.load(path)
    WRITERS["scripted"](module, inputs, path)
    assert_agrees(fastjac.load(path), module.float(), tuple(x.float() for x in inputs), 2e-5)


class Block(nn.Module):
    """A sum with a value that a layer has changed in place."""

    def __init__(self):
        super().__init__()
        self.first, self.relu, self.second = nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Linear(3, 3)

    def forward(self, x):
        x = self.first(x)
        y = self.second(self.relu(x))
        return x + y


@pytest.mark.parametrize("writer", ["scripted", "traced", "exported"])
def test_layers_in_place_change_what_other_names_stand_for(writer, tmp_path):
    module, inputs = Block().double().eval(), (torch.randn(5, 3, dtype=torch.float64),)
    WRITERS[writer](module, inputs, tmp_path / "program.pt2")
    assert_agrees(fastjac.load(tmp_path / "program.pt2"), module, inputs)


def saved(value):
    target = io.BytesIO()
    torch.save(value, target)
    return target.getvalue()


@pytest.mark.parametrize("version", ["2.7", "2.8"])
def test_older_archives_of_torch_export(version, tmp_path):
    module, inputs = build("gated")
    WRITERS["exported"](module, inputs, tmp_path / "new.pt2")
    with zipfile.ZipFile(tmp_path / "new.pt2") as archive:
        graph = archive.read("new/models/model.json")
    weights, constants = saved(module.state_dict()), saved({})
    older = {"serialized_exported_program.json": graph, "serialized_state_dict.pt": weights, "serialized_constants.pt": constants}
    old = {"a/models/model.json": graph, "a/data/weights/model.pt": weights, "a/data/constants/model.pt": constants}
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        for name, content in (older if version == "2.7" else old).items():
            archive.writestr(name, content)
    assert_agrees(fastjac.load(tmp_path / "old.pt2"), module, inputs)
