"""Every function and tensor method that fastjac reads agrees with torch in values and Jacobians."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

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
    "unsqueeze": lambda x: x.unsqueeze(1).squeeze(1),
    "exponents": lambda x: 2**x,
    "prod": lambda x: x.prod(1, keepdim=True) + x,
    "implicit axis": lambda x: F.softmax(x.flatten(1), dim=None),
    "layer_norm of several axes": lambda x: F.layer_norm(x.view(-1, 1, N), (1, N)).flatten(1),
    "group_norm of each": lambda x: F.group_norm(torch.cat([x, x.sin()], 1), N, W[0].repeat(2), W[1].repeat(2))[:, N:],
    "weights that depend on the input": lambda x: F.linear(x.view(-1, 1, N), W[:, :1] * W[:1] + W).flatten(1) * (x @ C)[:, None],
    "where": lambda x: torch.where(x > 0.1, x * x, C),
    "masks": lambda x: x * (x > 0.3) + x.masked_fill((x < 0) | (x > 1), 0.5),
    "glu": lambda x: F.glu(torch.cat([x, C * x], 1), 1),
    "einsum": lambda x: torch.einsum("ni,oi->no", x, W) + torch.einsum("ni,nj->ni", x, x[:, :2]),
    "matmul of two": lambda x: (x[:, :, None] @ x[:, None, :]).sum(1) + (x[:, None] @ (x[:, :, None] * W)).squeeze(1),
    "attention": lambda x: F.scaled_dot_product_attention(*(x.view(-1, 1, N, 1) * one for one in (C[:2], C[1:3], C[3:]))).sum(
        (1, 3)
    ),
    "causal attention": lambda x: F.scaled_dot_product_attention(*[x.view(-1, N, 1)] * 3, is_causal=True, scale=0.7).squeeze(2),
    "masked attention": lambda x: F.scaled_dot_product_attention(*[x.view(-1, N, 1)] * 3, attn_mask=W > -1).flatten(1),
    "biased attention": lambda x: F.scaled_dot_product_attention(*[x.view(-1, N, 1)] * 3, attn_mask=W).flatten(1),
    "views": lambda x: x.view(-1, N, 1).expand(-1, -1, 2).permute(0, 2, 1).reshape(len(x), 2, N).transpose(0, 1)[1],
    "mean over axes": lambda x: x.view(-1, 1, N).mean((1, 2), keepdim=True).squeeze(1) * x + x.mean(1)[:, None],
    "indices": lambda x: x[:, torch.tensor([4, 0, 0, 1, 2])] + x[..., None, :2].amax((1, 2))[:, None],
    "truth values": lambda x: torch.cat([x[:, C > 0], (x[:, None] * W)[:, W > 0.2]], 1)[:, :N],
    "positions": lambda x: x + F.embedding(torch.arange(N) % 3, W[:3, :1]).squeeze(1) * torch.arange(N).to(x),
    "conv1d": lambda x: F.conv1d(x.unsqueeze(1), W[:2, None, :3], C[:2], padding="same", dilation=2).sum(1),
    "interpolation": lambda x: F.interpolate(x.unsqueeze(1), scale_factor=2).flatten(1)[:, ::2],
    "padding": lambda x: F.pad(x.unsqueeze(1), (1, 2), mode="reflect").squeeze(1)[:, 2:7] + F.pad(x, (1, 0))[:, :N],
    "adaptive pooling": lambda x: F.adaptive_avg_pool1d(x.unsqueeze(1), 1).flatten(1) * x,
    "instance_norm": lambda x: F.instance_norm(torch.stack([x, x * C], 1)).sum(1),
    "of the module's own making": lambda x: torch.stack([x[:, 0] * k for k in range(N)], -1) + sum(x.unbind(1))[:, None],
}


def len_of(x):
    batch, _ = x.shape
    return batch


@pytest.mark.filterwarnings("ignore:There is a performance drop because:UserWarning", "ignore:Implicit dimension:UserWarning")
@pytest.mark.parametrize("name", CALLS)
def test_one_call_between_two_linear_layers(name):
    module = between(CALLS[name])
    tolerance = 1e-7 if name in (*TORCH_ROUNDS_DERIVATIVE, "hardsigmoid", "celu") else TOLERANCE
    if name.startswith("float"):
        assert len(fastjac.from_torch(module)) == 2  # torch rounds to float32 there, which the network does not
    else:
        assert_agrees(fastjac.from_torch(module), module, (4,), tolerance)


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
    r"^torch.lgamma, .*fastjac does not have torch's operator 'lgamma'; it has abs, .* view": torch.lgamma,
    r"^last \(Linear\), .*: the number of units that it gives depends on the number of samples": lambda x: x[:2],
    r"^last \(Linear\), .*: it uses the result of torch.detach, .* which cuts off the gradient": lambda x: x.detach(),
    r"^\(Between\), .*: its forward fails .* mat1 and mat2 shapes cannot be multiplied": lambda x: W @ x,
    r"^torch.mul, .*: its operand is not the same for each sample of a batch": lambda x: x * x.size(0),
    r"^torch.softmax, .*: it acts over axis 0 .* where N counts the samples": lambda x: torch.softmax(x, 0),
    r"^torch.to, .*: it rounds to float16": lambda x: x.to(torch.float16),
    r"^torch.type_as, .*: it rounds to int64": lambda x: x.type_as(torch.arange(3)),
    r"^torch.softmax, .*: it rounds to float16": lambda x: F.softmax(x, dim=-1, dtype=torch.float16),
    r"^torch.log_softmax, .*: it rounds to bfloat16": lambda x: torch.log_softmax(x, 1, torch.bfloat16),
    "it computes numbers of type torch.complex128; fastjac takes real": lambda x: x + 1j,
    "computes with a constant of type complex64": lambda x: x * torch.ones(N, dtype=torch.complex64),
    "without running statistics": lambda x: F.batch_norm(x, None, None, training=True),
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
    with pytest.raises(UnsupportedLayerError, match=rf"^torch.lgamma, {__file__}, line {line}: fastjac does not have"):
        fastjac.from_torch(between(gamma))


TRAINING = {
    "dropout": F.dropout,
    "batch_norm": lambda x: F.batch_norm(x, C, POSITIVE, training=True),
    "rrelu": lambda x: F.rrelu(x, training=True),
}


@pytest.mark.parametrize("name", TRAINING)
def test_training_is_refused_with_the_fix(name):
    with pytest.raises(FormatError, match=rf"^torch.{name}, .*in training mode, .* call .eval\(\) .* by training=self.training"):
        fastjac.from_torch(between(TRAINING[name]))


def test_integers_do_not_widen_a_network_of_single_precision():
    module = between(lambda x: x / torch.arange(1, N + 1)).float()
    assert fastjac.from_torch(module).dtype == np.float32
