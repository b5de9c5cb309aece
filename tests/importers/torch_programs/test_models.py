"""Modules of many architectures agree with torch in values and Jacobians, however torch has written them as programs."""

import numpy as np
import pytest
import torch

import fastjac
from fastjac.importers import Options, read

from .models import MODELS, TORCH_WARNS, UNSIZED, WRITERS, assert_agrees, build

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", MODELS)
def test_values_and_jacobians_are_those_of_torch(name, writer, tmp_path):
    module, inputs = build(name)
    path = tmp_path / "program"
    WRITERS[writer](module, inputs, path)
    if name in UNSIZED and writer in ("scripted", "frozen"):
        if len(inputs) > 1 or inputs[0].ndim > 2:
            pytest.skip("a scripted program does not say the shapes of its inputs")
        net = fastjac.load(path, n_in=inputs[0].shape[1])
    else:
        net = fastjac.load(path)
    assert net.dtype == np.float64
    assert_agrees(net, module, inputs)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["chain", "residual", "policy", "clipped"])
def test_float32_stays_float32(name, writer, tmp_path):
    module, inputs = build(name, torch.float32)
    path = tmp_path / "program"
    WRITERS[writer](module, inputs, path)
    net = fastjac.load(path)
    assert net.dtype == np.float32
    assert_agrees(net, module, inputs, 2e-5)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_chain_is_the_list_of_its_layers(writer, tmp_path):
    module, inputs = build("chain")
    path = tmp_path / "program"
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
