"""Every function and tensor method that fastjac reads agrees with torch in values and Jacobians."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.torch.functions import FUNCTIONS, METHODS
from fastjac.importers.torch.reshaping import RESHAPES

from .agreement import TOLERANCE, TORCH_ROUNDS_DERIVATIVE, assert_agrees

N = 5


def random(*shape):
    return torch.from_numpy(np.random.default_rng(3).normal(size=shape))


W, C, POSITIVE, FOUR = random(N, N), random(N), random(N).abs() + 0.1, random(4)


class Between(nn.Module):
    """A function between two linear layers."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first, self.last = nn.Linear(4, N), nn.Linear(N, 3)

    def forward(self, x):
        return self.last(self.function(self.first(x)))


def between(function):
    torch.manual_seed(5)
    return Between(function).double().eval()


CALLS = {
    "linear": lambda x: F.linear(x, W, C),
    "linear without bias": lambda x: F.linear(x, weight=W),
    "matmul": lambda x: torch.matmul(x, W),
    "matmul operator": lambda x: x @ W.T,
    "matmul method": lambda x: x.matmul(W),
    "mm": lambda x: torch.mm(x, W),
    "addmm": lambda x: torch.addmm(C, x, W, beta=2, alpha=0.5),
    "add": lambda x: torch.add(x, C, alpha=2),
    "add constant first": lambda x: C + x,
    "add a number": lambda x: 1 + x,
    "add in place": lambda x: x.add_(C),
    "add integers": lambda x: x + torch.arange(N),
    "sub": lambda x: x - C,
    "sub constant first": lambda x: C - x,
    "sub with alpha": lambda x: torch.sub(C, x, alpha=3),
    "sub from a number": lambda x: 2 - x,
    "subtract": lambda x: torch.subtract(x, C),
    "mul": lambda x: x * C[None],
    "mul by an entry": lambda x: C[:1] * x,
    "mul by one number": lambda x: x * np.float32(0.5),
    "multiply": lambda x: torch.multiply(x, C),
    "div": lambda x: torch.div(x, POSITIVE),
    "divide": lambda x: torch.divide(x, 3),
    "true_divide": lambda x: x.true_divide(POSITIVE),
    "truediv": lambda x: (x - C) / POSITIVE,
    "div of a number": lambda x: 2 / F.softplus(x),
    "div of a constant": lambda x: torch.div(C, torch.exp(x)),
    "pow": lambda x: x**3,
    "pow of a root": lambda x: torch.pow(F.softplus(x), 1.5),
    "pow negative": lambda x: F.softplus(x).pow(exponent=-1),
    "square": torch.square,
    "sqrt": lambda x: x.exp().sqrt(),
    "rsqrt": lambda x: torch.rsqrt(torch.exp(x)),
    "reciprocal": lambda x: (1 + torch.exp(x)).reciprocal(),
    "abs": abs,
    "abs method": lambda x: x.abs_(),
    "absolute": torch.absolute,
    "neg": lambda x: -x,
    "negative": lambda x: torch.negative(x),
    "clamp": lambda x: torch.clamp(x, min=0.1),
    "clamp above": lambda x: x.clamp(max=0.3),
    "clip": lambda x: x.clip(-0.2, 0.3),
    "batch_norm": lambda x: F.batch_norm(x, C, POSITIVE, W[0], W[1], eps=1e-3),
    "batch_norm bare": lambda x: F.batch_norm(x, C, POSITIVE),
    "layer_norm": lambda x: F.layer_norm(x, (N,), W[0], W[1], eps=1e-3),
    "layer_norm bare": lambda x: F.layer_norm(x, [N]),
    "layer_norm of the shape": lambda x: F.layer_norm(x, x.shape[1:]),
    "layer_norm of the last size": lambda x: F.layer_norm(x, (x.size(-1),), weight=W[0]),
    "group_norm": lambda x: F.group_norm(x, 1, W[0], W[1]),
    "dropout": lambda x: F.dropout(x, 0.3, training=False),
    "dropout off": lambda x: F.dropout(x, p=0.0),
    "dropout of torch": lambda x: torch.dropout(x, 0.3, False),
    "dropout1d": lambda x: F.dropout1d(x, training=False),
    "alpha_dropout": lambda x: F.alpha_dropout(x),
    "feature_alpha_dropout": lambda x: F.feature_alpha_dropout(x),
    "clone": torch.clone,
    "relu": F.relu,
    "relu of torch": lambda x: torch.relu(input=x),
    "relu in place": lambda x: x.relu_(),
    "relu in place of torch": torch.relu_,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "leaky_relu of a tensor": lambda x: F.leaky_relu(x, torch.tensor(0.3, dtype=torch.float64)),
    "prelu": lambda x: F.prelu(x, C),
    "prelu shared": lambda x: x.prelu(C[:1]),
    "rrelu": lambda x: F.rrelu(x, 0.1, 0.4),
    "relu6": F.relu6,
    "elu": lambda x: F.elu(x, alpha=0.7),
    "selu": torch.selu,
    "celu": lambda x: F.celu(x, 0.7),
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "tanh": torch.tanh,
    "tanh method": lambda x: x.tanh(),
    "tanh functional": F.tanh,
    "sigmoid": torch.sigmoid,
    "expit": torch.special.expit,
    "exp": torch.exp,
    "log": lambda x: torch.log(F.softplus(x)),
    "sin": torch.sin,
    "cos": lambda x: x.cos(),
    "erf": torch.erf,
    "hardtanh": lambda x: F.hardtanh(x, -0.3, 0.8),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "softplus": lambda x: F.softplus(x, beta=2, threshold=3),
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid,
    "hardshrink": lambda x: F.hardshrink(x, 0.3),
    "softshrink": lambda x: F.softshrink(x, 0.3),
    "tanhshrink": F.tanhshrink,
    "threshold": lambda x: F.threshold(x, 0.3, -2.0),
    "softmax": lambda x: F.softmax(x, dim=-1),
    "softmax of torch": lambda x: torch.softmax(x, 1),
    "softmax special": lambda x: torch.special.softmax(x, 1),
    "softmin": lambda x: F.softmin(x, dim=1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "contiguous": lambda x: x.contiguous(),
    "float": lambda x: x.float().double(),
    "double": lambda x: x.double(),
    "to": lambda x: x.to(W).to(W.dtype).to("cpu", non_blocking=True),
    "type": lambda x: x.type(torch.float64),
    "type_as": lambda x: x.type_as(W),
    "cpu": lambda x: x.cpu(),
    "flatten": lambda x: torch.flatten(x, 1),
    "flatten method": lambda x: x.flatten(start_dim=1),
    "view": lambda x: x.view(x.size(0), -1),
    "view of the size": lambda x: x.view(x.shape),
    "view of the width": lambda x: x.view(-1, N),
    "view of the second size": lambda x: x.view(-1, x.shape[1]),
    "reshape": lambda x: x.reshape((len_of(x), -1)),
    "reshape of torch": lambda x: torch.reshape(x, (-1, N)),
    "squeeze": lambda x: x.squeeze(-1),
}


def len_of(x):
    batch, _ = x.shape
    return batch


@pytest.mark.filterwarnings("ignore:There is a performance drop because:UserWarning")
@pytest.mark.parametrize("name", CALLS)
def test_one_call_between_two_linear_layers(name):
    module = between(CALLS[name])
    tolerance = 1e-7 if name in (*TORCH_ROUNDS_DERIVATIVE, "hardsigmoid", "celu") else TOLERANCE
    if name.startswith("float"):
        assert len(fastjac.from_torch(module)) == 2  # torch rounds to float32 there, which the network does not
    else:
        assert_agrees(fastjac.from_torch(module), module, (4,), tolerance)


def test_every_function_of_the_tables_is_tested():
    untested = {"cuda", "unsqueeze"}  # needs a GPU; stands with the scalar outputs below
    assert {*FUNCTIONS, *METHODS, *RESHAPES} - untested == {name.split()[0] for name in CALLS}


class Alone(nn.Module):
    """A function by itself."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


KINKED = {
    "clamp": lambda x: x.clamp(-1, 0.5),
    "clamp above": lambda x: torch.clamp(x, max=0.5),
    "clamp to one number": lambda x: x.clamp(0.5, 0.5),
    "clip": lambda x: x.clip(min=-1),
    "hardtanh": lambda x: F.hardtanh(x, -1, 0.5),
    "relu6": F.relu6,
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.5, 1.0),
    "hardswish": F.hardswish,
    "abs": torch.abs,
}
CURVED = {
    "sqrt": torch.sqrt,
    "reciprocal": lambda x: 1 / x,
    "log": torch.log,
    "pow": lambda x: x**2,
    "pow of a root": lambda x: x**0.5,
    "rsqrt": torch.rsqrt,
}


@pytest.mark.parametrize("name", [*KINKED, *CURVED])
def test_kinks_infinities_and_nan(name):
    points = [-3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, np.inf, -np.inf, np.nan]
    x = torch.tensor(np.repeat(points, 64), requires_grad=True)  # whole vectors, which torch does not treat as single numbers
    function = (KINKED | CURVED)[name]
    y = function(x)
    (slope,) = torch.autograd.grad(y, x, torch.ones_like(y))
    net = fastjac.from_torch(Alone(function).double(), n_in=1)
    found, jacobian = net.value_and_jacobian(np.array(points)[:, None])
    rounding = 4e-16 if name in CURVED else 0
    np.testing.assert_allclose(found[:, 0], y.detach().numpy()[::64], rtol=rounding, atol=0)
    np.testing.assert_allclose(jacobian[:, 0, 0], slope.numpy()[::64], rtol=rounding, atol=0)


class Outputs(nn.Module):
    """One output, as a bare number for each sample where `function` makes it so."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.only = nn.Linear(4, 1)

    def forward(self, x):
        return self.function(self.only(x))


SCALAR = {
    "squeeze": lambda x: x.squeeze(-1),
    "squeeze all": lambda x: torch.squeeze(x),
    "view": lambda x: x.view(-1),
    "reshape to the batch": lambda x: x.reshape(x.size(0)),
    "flatten": lambda x: x.flatten(),
    "then an activation": lambda x: torch.sigmoid(x.squeeze(1)) * 2 - C[0],
    "and back": lambda x: F.softmax(x.squeeze(1).unsqueeze(-1) * C[:1], dim=-1),
    "and back by view": lambda x: x.view(-1).view(-1, 1),
}


@pytest.mark.parametrize("name", SCALAR)
def test_a_single_output_may_lose_its_axis(name):
    torch.manual_seed(5)
    module = Outputs(SCALAR[name]).double()
    assert_agrees(fastjac.from_torch(module), lambda x: module(x).reshape(-1, 1), (4,))


REFUSED = {
    "lgamma .*fastjac does not have it; it has abs, .* view": torch.lgamma,
    "it picks samples of the batch": lambda x: x[:2],
    "detach": lambda x: x.detach(),
    r"\(prod\), .*fastjac does not have it": lambda x: x.prod(1, keepdim=True),
    "its exponent depends on the input": lambda x: 2**x,
    "it has an exponent for each feature": lambda x: x**C,
    "a matrix on the left of x mixes the samples": lambda x: W @ x,
    r"its weight has shape \(5,\); fastjac takes a matrix": lambda x: x @ C,
    "rounding_mode='floor' is not supported": lambda x: torch.div(x, 2, rounding_mode="floor"),
    "fastjac takes constants beside x": lambda x: x * x.size(0),
    r"a constant of shape \(5, 1\) is spread along an axis": lambda x: x * C[:, None],
    "dim=0 is not supported": lambda x: torch.softmax(x, 0),
    "dim=None is not supported": lambda x: F.softmax(x.flatten(1), dim=None),
    "dim=0 is not supported; fastjac takes 1, -1 or none": lambda x: x.squeeze(0),
    "it adds an axis": lambda x: x.unsqueeze(1),
    r"reshapes samples of 5 features to \(-1, 1\)": lambda x: x.view(-1, 1),
    r"to \(1, -1\), which may mix": lambda x: x.view(1, -1),
    r"to \(-1\), which may mix": lambda x: x.view(-1),
    r"to \(the size of the batch, 1, -1\)": lambda x: x.view(x.size(0), 1, -1),
    r"start_dim=0, end_dim=-1 is not supported": torch.flatten,
    r"start_dim=1, end_dim=2 is not supported": lambda x: x.flatten(1, 2),
    "it rounds to float16": lambda x: x.to(torch.float16),
    "it rounds to int64": lambda x: x.type_as(torch.arange(3)),
    r"^softmax .*: it rounds to float16": lambda x: F.softmax(x, dim=-1, dtype=torch.float16),
    r"^log_softmax .*: it rounds to bfloat16": lambda x: torch.log_softmax(x, 1, torch.bfloat16),
    "computes with a constant of type complex128": lambda x: x + 1j,
    "computes with a constant of type complex64": lambda x: x @ torch.ones(N, N, dtype=torch.complex64),
    "computes with a whole number of 401 digits": lambda x: x * 10**400,
    r"called with arguments that fastjac cannot read \(TypeError": lambda x: F.rrelu(x, "low"),
    "without running statistics": lambda x: F.batch_norm(x, None, None, training=True),
    r"normalized_shape=\(2, 3\) is not supported": lambda x: F.layer_norm(x, (2, 3)),
    "num_groups=5 is not supported": lambda x: F.group_norm(x, 5),
    "arguments that fastjac does not know: .*unexpected keyword argument 'dtype'": lambda x: x.exp(dtype=torch.float64),
    "its weight depends on the input": lambda x: F.linear(C, x),
}


@pytest.mark.parametrize(("message", "function"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused_with_its_line(message, function):
    with pytest.raises(UnsupportedLayerError, match=message) as caught:
        fastjac.from_torch(between(function))
    assert f" {__file__}, line " in str(caught.value)


def test_the_error_gives_the_line_of_the_users_code():
    def gamma(x):
        return torch.lgamma(x)

    line = gamma.__code__.co_firstlineno + 1
    with pytest.raises(UnsupportedLayerError, match=rf"^lgamma \(lgamma\), {__file__}, line {line}: fastjac does not have it"):
        fastjac.from_torch(between(gamma))


TRAINING = {
    "dropout": F.dropout,
    "batch_norm": lambda x: F.batch_norm(x, C, POSITIVE, training=True),
    "rrelu": lambda x: F.rrelu(x, training=True),
}


@pytest.mark.parametrize("name", TRAINING)
def test_training_is_refused_with_the_fix(name):
    with pytest.raises(FormatError, match=rf"^{name} .*in training mode, .* call .eval\(\) .* by training=self.training"):
        fastjac.from_torch(between(TRAINING[name]))


AFTER_A_SQUEEZE = {
    "softmax": lambda x: F.softmax(x.squeeze(-1), dim=-1),
    "linear": lambda x: F.linear(x.squeeze(-1), W),
    "constants": lambda x: x.squeeze(-1) * C,
}


@pytest.mark.parametrize("name", AFTER_A_SQUEEZE)
def test_what_acts_along_an_axis_is_refused_where_none_is_left(name):
    with pytest.raises(UnsupportedLayerError, match="acts along an axis of samples that have none left; take out the squeeze"):
        fastjac.from_torch(Outputs(AFTER_A_SQUEEZE[name]).double())


def test_integers_do_not_widen_a_network_of_single_precision():
    module = between(lambda x: x / torch.arange(1, N + 1)).float()
    assert fastjac.from_torch(module).dtype == np.float32


def test_a_weight_that_is_the_input_itself_is_told():
    with pytest.raises(UnsupportedLayerError, match="it takes several tensors that depend on the inputs; fastjac has it of one"):
        fastjac.from_torch(between(lambda x: F.linear(x, x)))
