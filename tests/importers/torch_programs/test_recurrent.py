"""Recurrent modules over a fixed number of steps agree with torch in values and Jacobians."""

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .models import TORCH_WARNS, WRITERS

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS, "ignore:The tensor attributes .* were assigned during export")
STEPS, FEATURES = 4, 3


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
