"""Modules that torch.save wrote as a whole: read without torch, nothing made, against the modules themselves."""

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import LayerError
from fastjac.importers.torch_file.modules import MODULES

from .agreement import assert_agrees
from .test_torch import ONE_MODULE, scramble

HERE = __name__


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.fc2(self.drop(torch.relu(self.norm(self.fc1(x)))))


class Block(nn.Module):
    """A residual block, with an activation that both of its uses share."""

    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.act = nn.PReLU()

    def forward(self, x):
        return x + self.act(self.steps[1](self.act(self.steps[0](x))))


class Deep(nn.Sequential):
    """A Sequential of the user's own."""


LISTS = {
    f"{HERE}.Net": ["fc1", "norm", "relu", "fc2"],
    f"{HERE}.Block": [("residual", ["steps.0", "act", "steps.1", "act"])],
    f"{HERE}.Deep": ["0", "1"],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


def loaded(module, path, legacy=False, **options):
    """The network of a module that is saved as a whole, in float64."""
    torch.save(module, path, _use_new_zipfile_serialization=not legacy)
    return fastjac.load(path, **options)


def classes(*names):
    return {f"{HERE}.{name}": LISTS[f"{HERE}.{name}"] for name in names}


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("legacy", [False, True])
def test_modules_of_torch_in_a_sequential(path, legacy):
    inner = nn.Sequential(nn.LayerNorm(6), nn.PReLU(6), nn.GroupNorm(1, 6))
    module = scramble(
        nn.Sequential(
            nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6, eps=1e-3), nn.GELU("tanh"), inner, nn.Linear(6, 3, bias=False)
        )
    )
    assert_agrees(loaded(module, path, legacy), module, (4,))


@pytest.mark.parametrize(
    "module",
    [
        *(nn.LeakyReLU(0.3), nn.ELU(0.5), nn.CELU(2.0), nn.Softplus(2.0, 3.0), nn.Hardtanh(-0.5, 2.0), nn.ReLU6(), nn.SELU()),
        *(nn.Threshold(0.1, -0.2), nn.Hardshrink(0.3), nn.Softshrink(0.2), nn.Softmax(-1), nn.Softmin(1)),
        *(nn.LogSoftmax(-1), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Tanhshrink(), nn.LogSigmoid(), nn.Softsign(), nn.Hardswish()),
        *(
            nn.Dropout(0.4),
            nn.Identity(),
            nn.AlphaDropout(),
            nn.BatchNorm1d(3, affine=False),
            nn.LayerNorm(3, elementwise_affine=False),
        ),
    ],
    ids=repr,
)
def test_options_of_modules(path, module):
    """Saved in training mode, they are read as in evaluation mode."""
    whole = scramble(nn.Sequential(nn.Linear(3, 3), module))
    assert_agrees(loaded(whole.train(), path), whole.eval(), (3,))


def test_images(path):
    layers = [nn.Conv2d(2, 3, 3, padding="same"), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.ConvTranspose2d(3, 2, 2)]
    module = scramble(nn.Sequential(*layers, nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(4, 3)))
    assert_agrees(loaded(module, path, input_shape=(2, 6, 5)), module, (2, 6, 5))


OVER_PLACES = {
    (6,): [nn.Unflatten(1, (2, 3)), nn.RMSNorm(6)],
    (2, 5): [
        *(nn.Conv1d(2, 3, 2, stride=2), nn.ConvTranspose1d(2, 3, 2, 2, output_padding=1), nn.GLU(1)),
        *(nn.MaxPool1d(2), nn.AvgPool1d(2, 1, 1), nn.AdaptiveAvgPool1d(3)),
    ],
    (2, 3, 3): [
        *(nn.Conv2d(2, 2, 2, groups=2), nn.ConvTranspose2d(2, 1, 2), nn.BatchNorm2d(2), nn.Dropout2d()),
        *(nn.MaxPool2d(2, 1), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(5)),
    ],
    (4, 2, 3): [nn.PixelShuffle(2)],
    (1, 4, 2): [nn.PixelUnshuffle(2)],
    (2, 3, 3, 3): [nn.Dropout3d()],
}
"""Modules that take more than rows of units, by the shape of a sample."""


def test_every_module_of_the_table_is_tested():
    rows = {name.split()[0] for name in ONE_MODULE}
    assert {*MODULES} == rows | {type(module).__name__ for modules in OVER_PLACES.values() for module in modules}


@pytest.mark.parametrize("shape", OVER_PLACES, ids=repr)
def test_modules_that_take_sequences_and_images(shape, path):
    for module in OVER_PLACES[shape]:
        whole = scramble(nn.Sequential(module, nn.Tanh())).eval()
        assert_agrees(loaded(whole, path, input_shape=shape), whole, shape)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("legacy", [False, True])
def test_a_class_that_the_user_lists(path, legacy):
    module = scramble(Net())
    assert_agrees(loaded(module, path, legacy, classes=classes("Net")), module, (3,))


def test_classes_in_classes_with_blocks_and_lists(path):
    module = scramble(nn.Sequential(Deep(nn.Linear(4, 3), nn.Tanh()), Block(), Net()))
    assert_agrees(loaded(module, path, classes=classes("Net", "Block", "Deep")), module, (4,))


def test_activations_and_layers_of_fastjac_in_a_list(path):
    module = scramble(Net())
    listed = {f"{HERE}.Net": ["fc1", "norm", fastjac.ELU(0.5), "drop", "fc2", "softmax"]}
    net = loaded(module, path, classes=listed)
    expected = lambda x: torch.softmax(module.fc2(nn.functional.elu(module.norm(module.fc1(x)), 0.5)), -1)  # noqa: E731
    assert_agrees(net, expected, (3,))


def test_halves_that_gate_each_other_in_a_list(path):
    module = scramble(Net())
    net = loaded(module, path, classes={f"{HERE}.Net": ["fc1", "norm", "fc2", "glu"]})
    assert_agrees(net, lambda x: nn.functional.glu(module.fc2(module.norm(module.fc1(x)))), (3,))


def test_a_module_that_is_used_twice_is_one_layer(path):
    shared = nn.Linear(3, 3)
    module = scramble(nn.Sequential(shared, nn.Tanh(), shared))
    net = loaded(module, path)
    assert_agrees(net, module, (3,))
    assert net[0] is net[2]


def test_wrappers_and_checkpoints_around_a_module(path):
    module = scramble(nn.Sequential(nn.Linear(3, 4), nn.Tanh()))
    assert_agrees(loaded(nn.DataParallel(module), path), module, (3,))
    assert_agrees(loaded({"epoch": 3, "model": module, "optimizer": {"state": {}}}, path), module, (3,))


def test_layers_for_the_weights_of_a_module(path):
    module = scramble(Net())
    net = loaded(module, path, layers=["affine", "batch_norm", "relu", "affine"])
    assert_agrees(net, module, (3,))


def test_the_precision_is_that_of_the_widest_weight(path):
    assert loaded(nn.Sequential(nn.Linear(3, 3), nn.Softplus()), path).dtype == np.float32
    assert loaded(nn.Sequential(nn.Linear(3, 3).half(), nn.Softplus()), path).dtype == np.float32
    assert loaded(nn.Sequential(nn.Linear(3, 3).double(), nn.Softplus()), path).dtype == np.float64
    assert loaded(nn.Sequential(nn.PReLU()), path, n_in=2).dtype == np.float32


def test_a_size_that_nothing_states(path):
    with pytest.raises(LayerError, match=r"n_in=\.\.\."):
        loaded(nn.Sequential(nn.Tanh()), path)
    assert loaded(nn.Sequential(nn.Tanh()), path, n_in=3).n_in == 3


def test_parts_name_the_modules(path):
    torch.save(nn.Sequential(nn.Linear(3, 3), nn.Dropout(), nn.Sequential(nn.Tanh())), path)
    parts = fastjac.importers.read(path, fastjac.importers.Options())[1].parts
    assert [part.source for part in parts] == ["x (input)", "0 (Linear)", "1 (Dropout)", "2.0 (Tanh)"]


def test_the_random_slope_in_evaluation_is_its_mean(path):
    assert repr(loaded(nn.Sequential(nn.Linear(3, 3), nn.RReLU(0.125, 0.375)), path)[1]) == repr(fastjac.LeakyReLU(0.25))


def test_gelu_of_torch_before_1_12_is_exact(path):
    module = nn.Sequential(nn.Linear(3, 3), nn.GELU())
    del module[1].approximate
    assert repr(loaded(module, path)[1]) == repr(fastjac.GELU())
