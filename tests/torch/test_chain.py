"""Live modules are followed once, again when they have become others, and refused where gradients would be lost."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import fastjac.torch
from fastjac.errors import DtypeError, FormatError, OptionError, ShapeError, UnsupportedLayerError
from fastjac.torch import followed as torch_followed

from .test_torch import Standardized, assert_agrees, perceptron, points


class Own(nn.Module):
    """A chain by all that a forward may go by: modules, buffers, frozen parameters, tensors, numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)
        self.act = nn.LeakyReLU(0.1)
        self.register_buffer("mean", torch.tensor([0.3, -0.2]))
        self.register_buffer("deviation", torch.tensor([2.0, 0.5]))
        self.shift = nn.Parameter(torch.ones(2), requires_grad=False)
        self.factor = torch.tensor([1.5, -0.5, 0.25], dtype=torch.float64)
        self._slope = 0.2

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.act(self.norm(self.first((x - self.mean) * (1.0 / self.deviation) + 2.0 * self.shift)))
        return self.last(functional.leaky_relu(hidden * self.factor, self._slope))


def own() -> Own:
    torch.manual_seed(0)
    return Own().double().eval()


def set_entries(tensor: Tensor) -> None:
    with torch.no_grad():
        tensor.mul_(1.7).add_(0.1)


CHANGES: dict[str, Callable[[Own], object]] = {
    "nothing": lambda module: None,
    "an option of torch's": lambda module: setattr(module.act, "negative_slope", 0.4),
    "an option of the class": lambda module: setattr(module, "_slope", 0.6),
    "a module replaced": lambda module: setattr(module, "act", nn.Softsign()),
    "a module of the same class": lambda module: setattr(module, "last", nn.Linear(3, 4).double()),
    "a parameter in place": lambda module: set_entries(module.first.weight),
    "a parameter replaced": lambda module: setattr(module.last, "weight", nn.Parameter(points(2, 3).detach())),
    "a bias taken away": lambda module: module.last.register_parameter("bias", None),
    "a parameter's data replaced": lambda module: setattr(module.last.bias, "data", points(2).detach()),
    "a frozen parameter in place": lambda module: set_entries(module.shift),
    "a buffer in place": lambda module: set_entries(module.mean),
    "a buffer that is computed with": lambda module: set_entries(module.deviation),
    "a buffer replaced": lambda module: setattr(module, "mean", points(2).detach()),
    "a tensor in place": lambda module: set_entries(module.factor),
    "a tensor replaced": lambda module: setattr(module, "factor", points(3).detach()),
    "statistics in place": lambda module: set_entries(module.norm.running_mean),
    "an eps": lambda module: setattr(module.norm, "eps", 0.5),
    "freezing": lambda module: module.first.requires_grad_(False).requires_grad_(True),
    "the forward": lambda module: setattr(module, "forward", lambda x: module.last(torch.exp(module.first(x)))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_since_the_last_call_is_noticed(name: str) -> None:
    module, x = own(), points(4, 2)
    assert_agrees(module, x)
    CHANGES[name](module)
    assert_agrees(module, x)


def test_a_sequential_may_be_rebuilt() -> None:
    module, x = perceptron(), points(4, 2)
    assert_agrees(module, x)
    module[1] = nn.Softplus()
    assert_agrees(module, x)
    module.append(nn.Softmax(dim=-1))
    assert_agrees(module, x)
    del module[3]
    assert_agrees(module, x)


def test_the_precision_may_change() -> None:
    module = perceptron()
    assert fastjac.torch.jacobian(module, points(4, 2)).dtype == torch.float64
    assert fastjac.torch.jacobian(module.float(), points(4, 2, dtype=torch.float32)).dtype == torch.float32
    with pytest.raises(DtypeError, match=r"module's dtype torch.float32, got torch.float64"):
        fastjac.torch.jacobian(module, points(4, 2))


def test_training_follows_the_module_once(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = []
    original = torch_followed.followed
    monkeypatch.setattr(torch_followed, "followed", lambda module, **sizes: followed.append(module) or original(module, **sizes))
    module, x = own(), points(4, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        module(x)
        fastjac.torch.jacobian(module, x).square().sum().backward()
        optimizer.step()
        with torch.no_grad():
            fastjac.torch.jacobian(module, x)
    assert followed == [module]


@pytest.mark.parametrize("make", [lambda: nn.Linear(2, 2), perceptron, own])
def test_nothing_is_kept_of_a_module_that_is_gone(make: Callable[[], nn.Module]) -> None:
    module = make()
    parameter = next(module.parameters())
    fastjac.torch.jacobian(module, torch.ones(2, dtype=parameter.dtype)).sum().backward()
    gone = [weakref.ref(module), weakref.ref(parameter)]
    del module, parameter
    gc.collect()  # torch leaves cycles
    assert [ref() for ref in gone] == [None, None]


class NamedAlike(nn.Module):
    """A function that is called as one of the modules is."""

    def __init__(self) -> None:
        super().__init__()
        self.tanh, self.relu = nn.Linear(2, 3), nn.PReLU(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(torch.relu(self.tanh(torch.tanh(x)) + 1.0) - 0.5)


def test_a_function_of_a_modules_name_is_not_taken_for_it() -> None:
    assert_agrees(NamedAlike().double(), points(5, 2))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.spare = nn.Linear(2, 3), nn.Linear(2, 3), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.first(x))


def test_parameters_that_play_no_part_get_no_gradient() -> None:
    module = Unused().double()
    fastjac.torch.jacobian(module, points(4, 2)).sum().backward()
    assert [name for name, parameter in module.named_parameters() if parameter.grad is not None] == ["first.weight", "first.bias"]


def test_a_wrapped_module() -> None:
    assert_agrees(torch.optim.swa_utils.AveragedModel(perceptron()), points(4, 2))
    assert_agrees(torch.optim.swa_utils.AveragedModel(nn.Linear(2, 3).double()), points(4, 2))


class Tied(nn.Module):
    """An autoencoder whose decoder uses the encoder's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(torch.tanh(self.encoder(x)), self.encoder.weight.t())


def test_a_tied_weight_may_be_frozen_and_is_read_again() -> None:
    module, x = Tied().double(), points(4, 2)
    module.encoder.weight.requires_grad_(False)
    assert_agrees(module, x)
    set_entries(module.encoder.weight)
    assert_agrees(module, x)
    module.encoder.weight.requires_grad_(True)
    with pytest.raises(UnsupportedLayerError, match=r"parameter encoder.weight is used by the forward itself"):
        fastjac.torch.jacobian(module, x)


def test_a_frozen_convolution_may_stand_among_what_is_trained_and_is_watched() -> None:
    frozen = nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 3, 1), nn.Tanh(), nn.Flatten(1)).requires_grad_(False)
    module, x = nn.Sequential(nn.Linear(2, 2), frozen, nn.Linear(6, 3)).double(), points(4, 2)
    assert_agrees(module, x)
    set_entries(frozen[1].weight)
    assert_agrees(module, x)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(2, 2), nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * (2.0 * self.scale.exp())


class Hidden(nn.Module):
    """A list that torch does not look into."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.others = nn.Linear(2, 2), [nn.Linear(2, 2)]

    def forward(self, x: Tensor) -> Tensor:
        return self.others[0](self.first(x))


class Skipping(nn.Module):
    """A graph whose forward uses a parameter itself."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(x * self.scale)


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + torch.randn(2)


class Gamma(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.lgamma(self.linear(x))


def convolution() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 1, 2), nn.Flatten())


def stepwise() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 2)), nn.BatchNorm1d(1), nn.Flatten()).eval()


def half_frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())


REFUSED = {
    "no module": (lambda: nn.Linear(2, 2).state_dict(), DtypeError, "takes a torch.nn.Module, got collections.OrderedDict"),
    "no parameters": (lambda: nn.Sequential(nn.Tanh()), DtypeError, r"no parameters to train.* use fastjac.from_torch"),
    "another device": (lambda: nn.Linear(2, 2, device="meta"), OptionError, r"parameter weight is on meta; .* module.cpu\(\)"),
    "mixed precision": (half_frozen, DtypeError, r"are torch.float32, torch.float64; call module.float\(\)"),
    "half precision": (lambda: nn.Linear(2, 2).half(), DtypeError, r"they are torch.float16; call module.float\(\)"),
    "dropout": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout()), FormatError, r"^1 \(Dropout\): .* call .eval\(\)"),
    "batch norm": (lambda: nn.Sequential(nn.BatchNorm1d(2)), FormatError, r"^0 \(BatchNorm1d\): .* call .eval\(\)"),
    "spectral norm": (
        lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)),
        FormatError,
        r"^parametrizations.weight is in training mode, .* call .eval\(\)",
    ),
    "a parameter in a graph": (Skipping, UnsupportedLayerError, r"parameter scale is used by .* requires_grad_\(False\) on it"),
    "two inputs": (lambda: nn.Bilinear(2, 2, 2), ShapeError, "x must hold a tensor for each input of the module's forward"),
    "unknown": (Gamma, UnsupportedLayerError, r"^torch.lgamma, .*, line \d+: fastjac does not have torch's operator 'lgamma'"),
    "a convolution": (
        convolution,
        UnsupportedLayerError,
        r"parameter 1.weight is used by 1 \(Conv1d\); fastjac.torch trains those",
    ),
    "samples of several axes": (stepwise, UnsupportedLayerError, r"^1 \(BatchNorm1d\).*: it acts on samples of several axes"),
    "a parameter in the forward": (Scaled, UnsupportedLayerError, r"parameter scale is used by .* requires_grad_\(False\) on it"),
    "a hidden list": (Hidden, UnsupportedLayerError, r"unnamed \(Linear\), .* not registered .* torch.nn.ModuleList"),
    "random numbers": (Noisy, UnsupportedLayerError, "it draws random numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_modules_that_are_refused(name: str) -> None:
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        fastjac.torch.value_and_jacobian(make(), torch.ones(4, 2))


def test_a_refused_module_may_be_mended() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).double()
    with pytest.raises(FormatError, match="training mode"):
        fastjac.torch.jacobian(module, points(4, 2))
    assert_agrees(module.eval(), points(4, 2))
    with pytest.raises(FormatError, match="training mode"):
        fastjac.torch.jacobian(module.train(), points(4, 2))


def test_buffers_of_a_module_without_changes_stay_untouched() -> None:
    module = Standardized().double()
    before = {name: (tensor.clone(), tensor._version) for name, tensor in module.state_dict().items()}
    fastjac.torch.jacobian(module, points(4, 2))
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name][0])
        assert tensor._version == before[name][1]
