"""Each operator that fastjac reads in torch's programs agrees with torch, in values and Jacobians."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

import fastjac
from fastjac.importers.torch_program.aten.operators import OPERATORS

from .models import TORCH_WARNS, assert_agrees, tensors

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS, "ignore:There is a performance drop:UserWarning")
C = torch.linspace(-1.0, 2.0, 6, dtype=torch.float64)
W = torch.linspace(-1.0, 1.0, 24, dtype=torch.float64).reshape(4, 6).sin()
POSITIVE = torch.linspace(0.5, 2.0, 6, dtype=torch.float64)
IMAGE = torch.linspace(-1.0, 1.0, 8, dtype=torch.float64).reshape(2, 1, 2, 2)
CASES = {
    # Activations
    "relu": torch.relu,
    "relu6": lambda x: functional.relu6(4 * x),
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.3),
    "prelu": lambda x: torch.prelu(x, POSITIVE),
    "rrelu": lambda x: functional.rrelu(x, 0.1, 0.3, training=False),
    "elu": lambda x: functional.elu(x, 0.7),
    "selu": torch.selu,
    "celu": torch.celu,
    "gelu": functional.gelu,
    "gelu tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "hardsigmoid": lambda x: functional.hardsigmoid(3 * x),
    "hardswish": lambda x: functional.hardswish(3 * x),
    "hardtanh": lambda x: functional.hardtanh(x, -0.5, 0.7),
    "softplus": lambda x: functional.softplus(x, 2.0, 1.5),
    "softshrink": lambda x: functional.softshrink(x, 0.4),
    "hardshrink": lambda x: functional.hardshrink(x, 0.4),
    "tanhshrink": functional.tanhshrink,
    "softsign": functional.softsign,
    "threshold": lambda x: functional.threshold(x, 0.2, -1.5),
    "clamp": lambda x: torch.clamp(x, -0.5, 0.5),
    "clamp below": lambda x: x.clamp(min=-0.5),
    "clamp_max": lambda x: x.clamp_max(0.5),
    "clamp by tensors": lambda x: torch.clamp(x, min=C - 1.0, max=C),
    "exp": torch.exp,
    "log": lambda x: torch.log(x * x + 0.1),
    "sqrt": lambda x: torch.sqrt(x * x + 0.1),
    "rsqrt": lambda x: torch.rsqrt(x * x + 0.1),
    "reciprocal": lambda x: torch.reciprocal(x + 5),
    "abs": torch.abs,
    "square": torch.square,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": lambda x: torch.tan(x / 3),
    "erf": torch.erf,
    "log1p": lambda x: torch.log1p(x * x),
    "expm1": torch.expm1,
    "hyperbolic": lambda x: torch.sinh(x) * torch.cosh(x),
    "other bases": lambda x: torch.exp2(x) + torch.log2(x * x + 1) + torch.log10(x * x + 1),
    "logaddexp": lambda x: torch.logaddexp(x, C) + torch.logaddexp(x, x * x),
    "hypot": lambda x: torch.hypot(x, POSITIVE),
    # Arithmetic
    "add": lambda x: torch.add(x, C, alpha=2),
    "add of two": lambda x: x + torch.tanh(x),
    "sub": lambda x: C - x,
    "rsub": lambda x: 1.5 - x,
    "sub with alpha": lambda x: torch.sub(x, torch.sin(x), alpha=3),
    "mul": lambda x: 2 * x * C * torch.cos(x),
    "div": lambda x: x / POSITIVE / 3 / (x * x + 1),
    "div of a number": lambda x: 2.5 / (x + 6),
    "pow": lambda x: (x * x + 0.1) ** 1.5,
    "pow of a number": lambda x: 2.0**x,
    "pow of a tensor": lambda x: (x * x + 0.1) ** (1 - x),
    "pow by a number for each unit": lambda x: (x - 3) ** torch.tensor([2.0, 3.0, 1.0, -2.0, 2.0, 0.0], dtype=torch.float64),
    "neg": lambda x: -x,
    "maximum": lambda x: torch.maximum(x, torch.sin(3 * x)),
    "minimum": lambda x: torch.minimum(x, C),
    "max of two": lambda x: torch.max(x, x * x),
    "lerp": lambda x: torch.lerp(x, x * x, 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, C, value=0.5),
    "addcdiv": lambda x: torch.addcdiv(x, x, POSITIVE, value=0.5),
    "where": lambda x: torch.where(x > 0.1, x * x, C),
    "where of several": lambda x: torch.where((x > 0.1) & (x < 1.0) | ~(x >= -1.0), x, 2 * x),
    "masked_fill": lambda x: x.masked_fill(x <= 0.2, -3.0),
    "masks as numbers": lambda x: x * (x > 0.3).to(x.dtype),
    "sign": lambda x: torch.sign(x) * x * x,
    "division that rounds": lambda x: (
        x * torch.div(C * 3, 2.0, rounding_mode="trunc") + torch.div(C * 3, 2.0, rounding_mode="floor")
    ),
    "roundings": lambda x: x * (torch.floor(x) + torch.ceil(3 * x) - torch.round(2 * x) * torch.trunc(5 * x)) + torch.frac(x),
    "quotients that round": lambda x: (
        x
        * (
            torch.div(x, 0.3, rounding_mode="floor")
            + torch.div(x, POSITIVE, rounding_mode="trunc")
            + torch.div(2.5, x, rounding_mode="floor")
        )
    ),
    "remainders": lambda x: (x % 0.7) + torch.fmod(x, -0.3) * torch.remainder(x, POSITIVE),
    "trigonometry": lambda x: torch.tan(x) + torch.atan(x) * torch.asin(x.tanh()) + torch.arccos(x.tanh()),
    "hyperbolic and inverse": lambda x: (
        torch.sinh(x) + torch.cosh(x) * torch.arcsinh(x) + torch.acosh(1.5 + x * x) + torch.atanh(x.tanh() / 2)
    ),
    "constants filled in place": lambda x: x + x.new_empty(6).fill_(0.5) * torch.zeros(6).add_(2.0).mul_(3.0),
    "constants that become tensors in place": lambda x: x + torch.mul(C, 2.0).expand_as(x).exp().add_(x),
    "constants": lambda x: x * torch.floor(C * 2).sum() + torch.arange(6) * torch.ones_like(C),
    # Movement
    "view": lambda x: x.view(-1, 3, 2).permute(0, 2, 1).reshape(x.size(0), -1),
    "flatten": lambda x: x.view(-1, 3, 2).sin().flatten(1),
    "unflatten": lambda x: x.unflatten(1, (2, 3)).transpose(1, 2).flatten(1),
    "squeeze": lambda x: x.unsqueeze(1).cos().squeeze(1).unsqueeze(-1).squeeze(),
    "t": lambda x: (W @ x.t()).t(),
    "movedim": lambda x: x.view(-1, 3, 2).movedim(2, 1).flatten(1),
    "expand": lambda x: (x[:, :1].expand(-1, 6) * x).expand_as(x),
    "repeat": lambda x: x.repeat(1, 2),
    "slices": lambda x: x[:, 1:5:2] + x[..., -2:],
    "narrow": lambda x: x.narrow(1, 2, 3),
    "select": lambda x: x[:, 1] * x[:, -1],
    "index_select": lambda x: x.index_select(1, torch.tensor([4, 0, 0])),
    "index": lambda x: x[:, [4, 1, 1]],
    "entries written to places": lambda x: x.select_scatter(x[:, 1] ** 2, 1, 0).slice_scatter(x[:, :2].exp(), 1, 2, 4),
    "entries written to a list of places": lambda x: x.t().index_put((torch.tensor([4, 1]),), x[:, :2].sin().t()).t(),
    "index by truth values": lambda x: x[:, C > 0],
    "gather": lambda x: x.view(-1, 2, 3)[:, :, [2, 0]].flatten(1),
    "split": lambda x: torch.cat(x.split(4, dim=1)[::-1], 1),
    "split with sizes": lambda x: torch.cat(x.split([1, 2, 3], dim=1)[::-1], 1),
    "chunk": lambda x: torch.cat(x.chunk(4, dim=-1)[::-1], 1),
    "unbind": lambda x: torch.stack(x.unbind(1)[::-1], 1),
    "stack": lambda x: torch.stack([x, 2 * x], dim=2).flatten(1),
    "cat with constants": lambda x: torch.cat([x, torch.ones(x.shape[0], 2, dtype=x.dtype)], 1),
    "pad": lambda x: functional.pad(x, (1, 2), value=0.5),
    "flip": lambda x: x.flip(1),
    "zeros": lambda x: x + torch.zeros_like(x) + x.new_ones(6) + torch.full((1, 6), 0.5, dtype=x.dtype),
    "index by lists": lambda x: x.view(-1, 2, 3)[:, [[0], [1]], [2, 0]].flatten(1),
    "roll": lambda x: x.roll(2, 1) * x.roll((1, -1), (1, 1)) + x.view(-1, 2, 3).roll((1, 2), (1, -1)).flatten(1),
    "triangles": lambda x: (x.view(-1, 2, 3).tril() * 2 + x.view(-1, 2, 3).triu(1)).flatten(1),
    "diagonals": lambda x: torch.diag_embed(x.view(-1, 2, 3).diagonal(1, 1, 2)).flatten(1),
    "pixel_shuffle": lambda x: functional.pixel_shuffle(torch.cat([x, x * x], 1).view(-1, 4, 1, 3), 2).flatten(1),
    "pixel_unshuffle": lambda x: functional.pixel_unshuffle(torch.cat([x, x * x], 1).view(-1, 1, 2, 6), 2).flatten(1),
    # Products and normalizations
    "linear": lambda x: functional.linear(x, W, C[:4]),
    "linear on steps": lambda x: functional.linear(x.view(-1, 2, 3), W[:, :3]).flatten(1),
    "matmul": lambda x: x @ W.t(),
    "matmul with a vector": lambda x: x @ C,
    "addmm": lambda x: torch.addmm(C[:4], x, W.t(), beta=2, alpha=0.5),
    "einsum": lambda x: torch.einsum("ni,oi->no", x, W),
    "bilinear": lambda x: functional.bilinear(x[:, :2], x[:, 2:], W.view(3, 2, 4), C[:3]),
    "conv2d that covers its input": lambda x: functional.conv2d(x[:, :4].view(-1, 1, 2, 2), IMAGE, C[:2]).flatten(1),
    "conv1d": lambda x: functional.conv1d(x.unsqueeze(1), IMAGE.view(2, 1, 4), C[:2], stride=2, padding=1).flatten(1),
    "max_pool1d": lambda x: functional.max_pool1d(x.unsqueeze(1), 2).flatten(1),
    "max_pool1d beyond the end": lambda x: functional.max_pool1d(x.unsqueeze(1), 2, 3, ceil_mode=True).flatten(1),
    "max_pool1d dilated and padded": lambda x: functional.max_pool1d(x.unsqueeze(1), 2, 1, 1, dilation=3).flatten(1),
    "max_pool2d beyond the end": lambda x: functional.max_pool2d(x.view(-1, 1, 2, 3), 2, 2, 1, ceil_mode=True).flatten(1),
    "avg_pool1d beyond the end": lambda x: functional.avg_pool1d(x.unsqueeze(1), 3, 2, 1, ceil_mode=True).flatten(1),
    "avg_pool1d of what is inside": lambda x: functional.avg_pool1d(x.unsqueeze(1), 3, 4, 1, True, False).flatten(1),
    "adaptive average pooling": lambda x: functional.adaptive_avg_pool2d(x.view(-1, 1, 3, 2), (2, None)).flatten(1),
    "adaptive max pooling": lambda x: functional.adaptive_max_pool1d(x.unsqueeze(1), 4).flatten(1),
    "avg_pool2d": lambda x: functional.avg_pool2d(x.view(-1, 1, 2, 3), 2, 1).flatten(1),
    "layer_norm": lambda x: functional.layer_norm(x, (6,), POSITIVE, C, 1e-3),
    "batch_norm": lambda x: functional.batch_norm(x, C, POSITIVE, C, POSITIVE, eps=1e-3),
    "group_norm": lambda x: functional.group_norm(x, 2, POSITIVE, C, 1e-3),
    "rms_norm": lambda x: functional.rms_norm(x, (6,), POSITIVE, 1e-3),
    "rms_norm of a precision": lambda x: functional.rms_norm(1e-3 * x.view(-1, 2, 3), (2, 3), W[0].view(2, 3)).flatten(1),
    "rms_norm without a weight": lambda x: functional.rms_norm(x.view(-1, 2, 3), (3,), eps=1e-3).flatten(1),
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, 1),
    "softmin": lambda x: functional.softmin(x, 1),
    "softmax of parts": lambda x: torch.softmax(x.view(-1, 2, 3), 1).flatten(1),
    "dropout": lambda x: 2 * functional.dropout(x, 0.5, training=False),
    "cross": lambda x: torch.linalg.cross(x[:, :3], x[:, 3:]),
    # Reductions
    "cumsum": lambda x: x.cumsum(1) + x.view(-1, 2, 3).cumsum(1).flatten(1),
    "cumprod": lambda x: (x + 2).cumprod(-1),
    "sum": lambda x: x.sum(1),
    "sum over two axes": lambda x: (x * x).view(-1, 2, 3).sum((1, 2), keepdim=True).flatten(1),
    "mean": lambda x: x.mean(-1, keepdim=True),
    "prod": lambda x: (x[:, :3] + 3).prod(1),
    "max": lambda x: x.max(1)[0] + x.min(dim=1, keepdim=True).values.squeeze(1),
    "amax": lambda x: x.amax(1, keepdim=True) - x.amin((1,), keepdim=True),
    "norm": lambda x: torch.norm(x, dim=1) + torch.linalg.vector_norm(x, 1, dim=1),
    "norm of zeros": lambda x: torch.linalg.vector_norm(0.0 * x, dim=1) + torch.norm(0.0 * x, dim=1),
    "norm of order infinity": lambda x: torch.linalg.vector_norm(x, math.inf, dim=1),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "var": lambda x: x.var(1) + x.std(1, unbiased=False),
    "var_mean": lambda x: torch.var_mean(x, 1)[0] * torch.std_mean(x, dim=1, correction=0)[1] + torch.aminmax(x, dim=1)[1],
    "logsumexp": lambda x: torch.logsumexp(x, 1),
    "cosine_similarity": lambda x: functional.cosine_similarity(x, C.expand_as(x), dim=1),
}
NOISE = 2e-7
"""How far torch's own derivatives are off, which take 1 / 6 as a float32 number."""
ROUNDED = ("hardsigmoid", "hardswish")
UNUSUAL = ("rrelu", "bilinear", "logsumexp", "logaddexp", "roll")
"""What torch takes apart into operators that stand for nothing else."""


def batch():
    torch.manual_seed(3)
    return torch.randn(5, 6, dtype=torch.float64)


@pytest.mark.parametrize("name", CASES)
def test_a_traced_operator(name, tmp_path):
    path = tmp_path / "program.pt"
    torch.jit.trace(One(CASES[name]), batch()).save(path)
    net = fastjac.load(path)
    assert_agrees(net, CASES[name], (batch(),), NOISE if name in ROUNDED else 1e-11)


class One(nn.Module):
    """A function as a module, with whose program torch stores the inputs that it was traced with."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class All(nn.Module):
    """Every case as an output of its own, but for some."""

    def __init__(self, *without):
        super().__init__()
        self.without = without

    def forward(self, x):
        return {name: case(x) for name, case in CASES.items() if name not in self.without}


@pytest.mark.parametrize("decomposed", [False, True], ids=["recorded", "decomposed"])
def test_exported_operators(decomposed, tmp_path):
    path = tmp_path / "program.pt2"
    module = All(*ROUNDED, *(UNUSUAL if decomposed else ()))
    exported = torch.export.export(module, (batch(),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(exported.run_decompositions() if decomposed else exported, path)
    net = fastjac.load(path)
    assert len(net.outputs) == len(tensors(module(batch())))
    assert_agrees(net, module, (batch(),))


def test_every_function_of_numbers_is_in_a_table_once():
    assert len(OPERATORS) > 150
    assert all(callable(function) for function in OPERATORS.values())
