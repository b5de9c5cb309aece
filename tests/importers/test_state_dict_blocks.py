"""Residual blocks in the list of layers of a state dict."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, LayerError, OptionError
from fastjac.importers.state_dict import imported

from .agreement import assert_agrees
from .test_torch import scramble

VANDERPOL = Path(__file__).resolve().parents[3] / "shared" / "data" / "vanderpol_resnet.pth"


class Step(nn.Module):
    """`x + f(x)`"""

    def __init__(self, inner):
        super().__init__()
        self.net = inner

    def forward(self, x):
        return x + self.net(x)


def mlp(*parts):
    return scramble(nn.Sequential(*parts))


def test_short_form_of_one_block():
    module = Step(mlp(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 3)))
    net = fastjac.from_state_dict(module.state_dict(), [("residual", ["tanh", "identity"])])
    assert_agrees(net, module, (3,))


def test_short_form_with_layers_around_and_a_block_within_a_block():
    inner = nn.Sequential(nn.Linear(5, 5), nn.ELU(), Step(nn.Sequential(nn.Linear(5, 5))))
    module = mlp(nn.Linear(4, 5), nn.SiLU(), Step(inner), nn.Linear(5, 2))
    layers = ["silu", ("residual", ["elu", ("residual", ["identity"])]), "identity"]
    assert_agrees(fastjac.from_state_dict(module.state_dict(), layers), module, (4,))


def test_full_form_and_a_block_that_is_a_list_as_from_json():
    module = mlp(nn.Linear(4, 5), Step(nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 5), nn.GELU())), nn.BatchNorm1d(5))
    layers = ["affine", ["residual", ["layer_norm", "affine", "gelu"]], "batch_norm"]
    assert_agrees(fastjac.from_state_dict(module.state_dict(), layers), module, (4,))


def test_halves_in_a_block_are_those_of_its_own_units():
    module = mlp(nn.Linear(4, 6), Step(nn.Sequential(nn.Linear(6, 12), nn.GLU(), nn.RMSNorm(6))), nn.GLU())
    layers = ["affine", ("residual", ["affine", "glu", "rms_norm"]), "glu"]
    net = fastjac.from_state_dict(module.state_dict(), layers)
    assert_agrees(net, module, (4,))
    assert net.widths == (4, 6, 6, 3)


def test_parts_name_the_groups_inside_of_blocks():
    module = Step(mlp(nn.Linear(3, 3), nn.Tanh()))
    found = imported(module.state_dict(), [("residual", ["tanh"])])
    assert [part.source for part in found.parts] == ["net.0 (affine)", "tanh (given)"]


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([("residual", "tanh")], DtypeError, r'"residual" takes a list'),
        ([("residual", ["tanh", "tanh"])], OptionError, "layers has 2 entries for 1 affine layers"),
        ([("residual", ["swoosh"])], OptionError, r"layers\[0\]\[1\]\[1\] 'swoosh': it is none of"),
        ([("residual", ["affine"]), ("residual", [])], LayerError, r"layers\[1\] .*Residual takes at least one layer"),
        (["residual"], OptionError, "it is none of"),
    ],
)
def test_blocks_that_mean_nothing_are_refused(layers, error, message):
    with pytest.raises(error, match=message):
        fastjac.from_state_dict({"0.weight": np.eye(3)}, layers)


def test_a_block_that_changes_the_size_is_refused():
    with pytest.raises(LayerError, match=r"(?s)3.*2|2.*3"):
        fastjac.from_state_dict({"0.weight": np.ones((2, 3))}, [("residual", ["identity"])])


def test_a_residual_network_that_others_trained():
    if not VANDERPOL.exists():
        pytest.skip("the file vanderpol_resnet.pth is not among this checkout's shared data")
    net = fastjac.load(VANDERPOL, [("residual", ["tanh", "tanh", "identity"])]).astype(np.float64)
    state = torch.load(VANDERPOL, weights_only=True)
    module = Step(nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)))
    module.load_state_dict(state)
    assert_agrees(net, module.double(), (2,))
