"""Recurrent modules over a fixed number of steps agree with torch in values and Jacobians."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError

from .models import TORCH_WARNS, WRITERS, save_scripted

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS, "ignore:The tensor attributes .* were assigned during export")
STEPS, FEATURES = 4, 3
DATA = Path(__file__).parents[3] / "../shared/data"


class Last(nn.Module):
    """A head on what a recurrent module gives at the last step."""

    def __init__(self, inner: nn.Module, width: int) -> None:
        super().__init__()
        self.inner, self.head = inner, nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(x)[0][:, -1])


class Cells(nn.Module):
    """Cells that the module itself calls step by step, from a state that is an input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LSTMCell(FEATURES, 4), nn.GRUCell(4, 4)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        h, c = self.first(x, (state, 2.0 * state))
        return self.second(torch.tanh(h + c), state)


class Stateful(nn.Module):
    """A recurrent module of two layers that takes its state and its cell, and gives the next ones, as a controller does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.LSTM(FEATURES, 4, 2, batch_first=True), nn.Linear(4, 2)

    def forward(
        self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        y, state = self.inner(x, state)
        return self.head(y[:, -1]), state


STATES = [(2, FEATURES), (2, None, 4), (2, None, 4)]
"""The shapes that a Stateful takes, over two steps."""


def assert_stateful(net, module):
    """A network of three inputs and three outputs equals a module that takes and gives a state and a cell in a tuple."""
    shapes = [[1 if size is None else size for size in shape] for shape in [(None, *STATES[0]), *STATES[1:]]]
    inputs = [torch.randn(*shape, dtype=torch.float64) for shape in shapes]

    def function(x, h, c):
        y, state = module(x, (h, c))
        return y, *state

    y, jac = net.value_and_jacobian(tuple(one.numpy().ravel() for one in inputs))
    for mine, its in zip(y, function(*inputs), strict=True):
        np.testing.assert_allclose(mine, its.detach().numpy().ravel(), rtol=1e-12, atol=1e-13)
    for mine, its in zip(jac, torch.autograd.functional.jacobian(function, tuple(inputs)), strict=True):
        for block, expected in zip(mine, its, strict=True):
            np.testing.assert_allclose(block, expected.numpy().reshape(block.shape), rtol=1e-12, atol=1e-13)


def test_states_in_a_tuple_are_inputs_and_outputs(tmp_path):
    torch.manual_seed(0)
    module = Stateful().double().eval()
    save_scripted(module, (), tmp_path / "program.pt")
    net = fastjac.load(tmp_path / "program.pt", input_shape=STATES)
    assert net.inputs == (2 * FEATURES, 8, 8)
    assert net.outputs == (2, 8, 8)
    assert_stateful(net, module)
    with pytest.raises(LayerError, match=r"'x' has; .* of x, state\.0, state\.1: input_shape=\(\(n_x,\), \(n_state_0,\), "):
        fastjac.load(tmp_path / "program.pt")
    with pytest.raises(OptionError, match=r"input_shape must state one shape for each of x, state\.0, state\.1; got \(3,\)"):
        fastjac.load(tmp_path / "program.pt", input_shape=(3,))
    with pytest.raises(DtypeError, match=r"input_shape must hold .* got \(None, None\)"):
        fastjac.load(tmp_path / "program.pt", input_shape=[(2, 3), (None, None), (2, None, 4)])


def test_a_real_controller_with_its_state():
    path = DATA / "anydrive_v3_lstm.pt"
    if not path.exists():
        pytest.skip("the file of a network that others trained is not in ../shared/data")
    net = fastjac.load(path, input_shape=[(2, 2), (2, None, 8), (2, None, 8)])
    module = torch.jit.load(path, map_location="cpu")
    x, h, c = torch.randn(1, 2, 2), torch.randn(2, 1, 8), torch.randn(2, 1, 8)
    y = net(tuple(one.numpy().ravel() for one in (x, h, c)))
    expected, state = module(x, (h, c))
    for mine, its in zip(y, (expected, *state), strict=True):
        np.testing.assert_allclose(mine, its.detach().numpy().ravel(), rtol=2e-5, atol=2e-5)


MODULES = {
    "LSTM": lambda: Last(nn.LSTM(FEATURES, 5, batch_first=True), 5),
    "LSTM of two layers, both ways": lambda: Last(nn.LSTM(FEATURES, 4, 2, batch_first=True, bidirectional=True), 8),
    "GRU": lambda: Last(nn.GRU(FEATURES, 5, batch_first=True), 5),
    "GRU without biases": lambda: Last(nn.GRU(FEATURES, 5, batch_first=True, bias=False), 5),
    "RNN": lambda: Last(nn.RNN(FEATURES, 5, 2, batch_first=True), 5),
    "RNN of rectifiers": lambda: Last(nn.RNN(FEATURES, 5, batch_first=True, nonlinearity="relu"), 5),
}


@pytest.mark.parametrize("writer", ["traced", "exported"])
@pytest.mark.parametrize("name", MODULES)
def test_a_recurrent_module(name, writer, tmp_path):
    torch.manual_seed(0)
    module = MODULES[name]().double().eval()
    x = torch.randn(6, STEPS, FEATURES, dtype=torch.float64)
    WRITERS[writer](module, (x,), tmp_path / "program.pt")
    net = fastjac.load(tmp_path / "program.pt")
    y, jac = net.value_and_jacobian(x.reshape(6, -1).numpy())
    np.testing.assert_allclose(y, module(x).detach().numpy(), rtol=1e-12, atol=1e-14)
    rows = [torch.autograd.functional.jacobian(lambda v: module(v[None])[0], sample).reshape(2, -1) for sample in x]
    np.testing.assert_allclose(jac, torch.stack(rows).numpy(), rtol=1e-10, atol=1e-13)


def test_cells_take_the_state_that_they_are_given(tmp_path):
    torch.manual_seed(0)
    module = Cells().double().eval()
    x, state = torch.randn(5, FEATURES, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    WRITERS["traced"](module, (x, state), tmp_path / "program.pt")
    net = fastjac.load(tmp_path / "program.pt")
    assert net.inputs == (FEATURES, 4)
    np.testing.assert_allclose(net((x.numpy(), state.numpy())), module(x, state).detach().numpy(), rtol=1e-12, atol=1e-14)
    by_state = net.jacobian((x.numpy(), state.numpy()))[1]
    rows = [
        torch.autograd.functional.jacobian(lambda s, v=v: module(v[None], s[None])[0], s) for v, s in zip(x, state, strict=True)
    ]
    np.testing.assert_allclose(by_state, torch.stack(rows).numpy(), rtol=1e-10, atol=1e-13)


class Started(nn.Module):
    """An LSTM that starts from ones."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.LSTM(FEATURES, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ones = torch.ones(1, x.size(0), 4, dtype=x.dtype)
        return self.inner(x, (ones, ones))[0][:, -1]


REFUSED = {
    "it starts from a constant state other than 0": Started,
    "which do not make 1 layers without projections": lambda: Last(nn.LSTM(FEATURES, 5, proj_size=2, batch_first=True), 2),
}


@pytest.mark.parametrize(("message", "make"), REFUSED.items(), ids=REFUSED)
def test_what_fastjac_does_not_have_is_refused(message, make, tmp_path):
    module = make().double().eval()
    WRITERS["traced"](module, (torch.randn(2, STEPS, FEATURES, dtype=torch.float64),), tmp_path / "program.pt")
    with pytest.raises((UnsupportedLayerError, FormatError), match=message):
        fastjac.load(tmp_path / "program.pt")
