"""Live modules of many architectures agree with torch in values and Jacobians: with all that files of programs may hold."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import FastjacError

from .test_torch import scramble
from .torch_programs.models import MODELS, assert_agrees, build

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:enable_nested_tensor is True")


class Last(nn.Module):
    """What a recurrent layer gives behind the last step, from a sequence of features that is scaled before."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(cell.hidden_size * (2 if cell.bidirectional else 1), 2)
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x):
        outputs, _ = self.cell(x * self.scale)
        return self.head(outputs[:, -1])


class Encoder(nn.Module):
    """Steps with learned positions and a token in front of them, an encoder, and the token's features behind it."""

    def __init__(self, **options):
        super().__init__()
        self.embed, self.positions = nn.Linear(2, 4), nn.Embedding(5, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, **options), 2)

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), self.embed(x)], dim=1)
        x = x + self.positions(torch.arange(x.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return self.encoder(x, mask=mask)[:, -1]


class Attention(nn.Module):
    """Heads of attention by einsum, as they are written by hand."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(4, 12, bias=False), nn.Linear(4, 3)

    def forward(self, x):
        n, steps, width = x.shape
        q, k, v = (part.view(n, steps, 2, width // 2) for part in self.qkv(x).chunk(3, dim=-1))
        weights = torch.softmax(torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(width // 2), dim=-1)
        return self.out(torch.einsum("bhqk,bkhd->bqhd", weights, v).reshape(n, steps, width)).mean(dim=1)


class Block(nn.Module):
    """A residual block of convolutions, with a gate for each channel."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.second, self.gate = nn.Conv2d(2, 2, 3, padding="same", groups=2), nn.Linear(2, 2)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.second(self.act(self.norm(self.first(x))))
        h = h * torch.sigmoid(self.gate(h.mean(dim=(2, 3))))[:, :, None, None]
        h += x
        return self.act(h)


class Mixer(nn.Module):
    """Patches of an image, mixed along both of their axes."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(1, 3, 2, stride=2), nn.LayerNorm(3)
        self.tokens, self.channels = nn.Linear(4, 4), nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Linear(5, 3))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm(x).permute(0, 2, 1)).permute(0, 2, 1)
        return (x + self.channels(self.norm(x))).mean(1)


def along_a_line():
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2),
        nn.GroupNorm(2, 4),
        nn.SiLU(),
        nn.AvgPool1d(2),
        nn.Flatten(),
    )


def on_images():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1),
        nn.BatchNorm2d(2),
        nn.PReLU(2),
        nn.MaxPool2d(2, padding=1),
        nn.Dropout2d(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2, 3),
    )


def backwards():
    return nn.Sequential(
        nn.ConvTranspose2d(2, 4, 3, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2),
        nn.Tanh(),
        nn.ConvTranspose2d(4, 1, 2, padding=2, dilation=(1, 2), bias=False),
        nn.Flatten(),
    )


ARCHITECTURES = {
    "convolution along a line": (along_a_line, (2, 9)),
    "convolutions of images": (on_images, (1, 6, 6)),
    "residual block of convolutions": (lambda: nn.Sequential(Block(), nn.InstanceNorm2d(2), nn.Flatten()), (2, 3, 3)),
    "transposed convolutions": (backwards, (2, 2, 3)),
    "patches": (Mixer, (1, 4, 4)),
    "LSTM": (lambda: Last(nn.LSTM(2, 3, batch_first=True)), (4, 2)),
    "LSTM both ways": (lambda: Last(nn.LSTM(2, 3, num_layers=2, batch_first=True, bidirectional=True)), (3, 2)),
    "GRU": (lambda: Last(nn.GRU(2, 3, batch_first=True)), (4, 2)),
    "RNN": (lambda: Last(nn.RNN(2, 3, batch_first=True, nonlinearity="relu")), (4, 2)),
    "LSTM with all that it gives": (lambda: nn.LSTM(2, 3, batch_first=True), (3, 2)),
    "TransformerEncoder": (Encoder, (3, 2)),
    "TransformerEncoder, norm first": (lambda: Encoder(norm_first=True, activation=F.gelu), (3, 2)),
    "attention by einsum": (Attention, (3, 4)),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_values_and_jacobians_are_those_of_torch(name):
    make, shape = ARCHITECTURES[name]
    module = scramble(make())
    assert_agrees(fastjac.from_torch(module, shape), module, (torch.randn(5, *shape, dtype=torch.float64),))


@pytest.mark.parametrize("name", MODELS)
def test_what_files_of_programs_may_hold_live_modules_may_too(name):
    module, inputs = build(name)
    assert_agrees(fastjac.from_torch(module, [tuple(x.shape[1:]) for x in inputs]), module, inputs)


def test_frozen_layers_and_those_in_single_precision_are_the_same():
    module, x = Encoder().eval().requires_grad_(False), torch.randn(4, 3, 2)
    net = fastjac.from_torch(module, (3, 2))
    assert net.dtype == "float32"
    assert_agrees(net, module, (x,), 2e-4)


def test_the_places_of_a_convolution_share_its_weights():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(8, 2))
    net = fastjac.from_torch(module, (1, 5, 5))
    assert net.n_parameters == sum(parameter.numel() for parameter in module.parameters())


REFUSED = {
    "places": (lambda: nn.MaxPool1d(2, return_indices=True), (1, 4), r"^\(MaxPool1d\): it uses the places of the largest"),
    "whole numbers": (lambda: nn.Embedding(3, 2), (4,), r"^\(Embedding\): its forward fails .* must be long, int"),
    "steps along the batch": (lambda: nn.GRU(2, 3), (4, 2), r"^\(GRU\): it runs along|^\(GRU\): .* number of samples in a batch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_fastjac_lacks_is_refused_with_its_module(name):
    make, shape, message = REFUSED[name]
    with pytest.raises(FastjacError, match=message):
        fastjac.from_torch(make().eval(), shape)
