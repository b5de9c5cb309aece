"""Operators that others stand for: a live module, the program that torch traces and the one that it exports agree with torch."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import UnsupportedLayerError

from ..agreement import assert_agrees

N = 6


def random(*shape):
    return torch.from_numpy(np.random.default_rng([5, *shape]).normal(size=shape))


W, C, NUMBERS = random(N, N), random(N), torch.tensor([2, 0, 1, 1, 5, 2])
DISTINCT = torch.tensor([3, 0, 5])


def pairs(x):
    """Matrices of two rows."""
    return x[:, :4].reshape(-1, 2, 2)


def positive(x):
    """Symmetric matrices whose eigenvalues are above 1."""
    return pairs(x) @ pairs(x).mT + torch.eye(2, dtype=x.dtype)


def places(x, numbers):
    return numbers.expand(x.shape[0], len(numbers))


CASES = {
    "sort": lambda x: torch.sort(x, dim=-1)[0],
    "sort descending": lambda x: x.sort(1, descending=True).values,
    "stable sort of one axis": lambda x: torch.sort(x.view(-1, 2, 3), dim=1, stable=True)[0],
    "sort of pairs": lambda x: x.view(-1, 3, 2).sort(-1)[0].view(-1, N),
    "topk": lambda x: x.topk(3, dim=1)[0],
    "topk smallest": lambda x: torch.topk(x, 2, largest=False).values,
    "kthvalue": lambda x: x.kthvalue(2, dim=1).values,
    "median": lambda x: x.median(dim=1, keepdim=True)[0],
    "msort": lambda x: torch.msort(x.view(-1, N).mT).mT,
    "cummax": lambda x: torch.cummax(x, 1).values,
    "cummin": lambda x: torch.cummin(x, 1)[0],
    "logsumexp": lambda x: torch.logsumexp(1000 * x, 1, keepdim=True),
    "scatter": lambda x: torch.zeros_like(x).scatter(1, places(x, DISTINCT), x[:, :3]),
    "scatter of a number": lambda x: x.scatter(1, places(x, DISTINCT), 2.0),
    "scatter of a constant": lambda x: x.scatter(1, places(x, DISTINCT), C.expand(x.shape[0], N)),
    "scatter_add": lambda x: x.scatter_add(1, places(x, NUMBERS), 2 * x),
    "scatter_reduce": lambda x: x.scatter_reduce(1, places(x, NUMBERS), x.cos(), "amax"),
    "index_add": lambda x: torch.zeros_like(x).index_add(1, NUMBERS, x, alpha=2),
    "index_copy": lambda x: x.index_copy(1, DISTINCT, x[:, :3].sin()),
    "index_fill": lambda x: x.index_fill(1, DISTINCT, 0.5),
    "index_put that adds": lambda x: torch.zeros(N, x.shape[0], dtype=x.dtype).index_put((NUMBERS,), x.T, accumulate=True).T,
    "diagonal_scatter": lambda x: torch.diagonal_scatter(x[:, None] * W, x, dim1=1, dim2=2),
    "take_along_dim": lambda x: torch.take_along_dim(x, places(x, NUMBERS), 1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
    "repeat_interleave by numbers": lambda x: torch.repeat_interleave(x, NUMBERS, dim=1),
    "unfold": lambda x: x.unfold(1, 3, 2),
    "pairwise_distance": lambda x: F.pairwise_distance(x, W[:1]),
    "linalg.norm": lambda x: torch.linalg.norm(x, dim=-1),
    "linalg.norm of matrices": lambda x: torch.linalg.norm(pairs(x), dim=(1, 2)),
    "linalg.matrix_norm": lambda x: torch.linalg.matrix_norm(pairs(x)),
    "linalg.vecdot": lambda x: torch.linalg.vecdot(x, x.sin()),
    "linalg.multi_dot": lambda x: torch.linalg.multi_dot([x, W, W]),
    "inner": lambda x: torch.inner(x, W),
    "tensordot": lambda x: torch.tensordot(x.view(-1, 2, 3), W.view(2, 3, N), dims=([1, 2], [0, 1])),
    "baddbmm": lambda x: torch.baddbmm(C[:3].view(3, 1, 1), x.view(1, -1, N).expand(3, -1, -1), random(3, N, 2)).mT.mT[0],
    "embedding of constants": lambda x: x @ F.embedding(NUMBERS, W).mH,
    "cross": lambda x: torch.cross(x[:, :3], x[:, 3:], dim=1),
    "det": lambda x: torch.linalg.det(pairs(x)),
    "slogdet": lambda x: torch.linalg.slogdet(positive(x))[1],
    "logdet": lambda x: torch.logdet(positive(x)),
    "inverse": lambda x: torch.inverse(positive(x)),
    "solve": lambda x: torch.linalg.solve(positive(x), x[:, 4:]),
    "solve of several columns": lambda x: torch.linalg.solve(positive(x), pairs(x.sin())),
    "solve by a constant": lambda x: torch.linalg.solve(W, x.mT).mT,
    "solve from the right": lambda x: torch.linalg.solve(W, x, left=False),
    "solve_triangular": lambda x: torch.linalg.solve_triangular(W.tril() + 3 * torch.eye(N), x.unsqueeze(-1), upper=False),
    "cholesky": lambda x: torch.linalg.cholesky(positive(x)),
    "matrix_power": lambda x: torch.linalg.matrix_power(pairs(x), 3),
    "constants of linear algebra": lambda x: x @ torch.inverse(W) @ torch.linalg.pinv(W) @ torch.matrix_exp(W),
    "eye and triangles": lambda x: x @ (torch.eye(N, dtype=x.dtype) + W[torch.tril_indices(N, N)[0][:N]]),
    "rms_norm": lambda x: F.rms_norm(x, (N,), C),
    "rms_norm with eps": lambda x: F.rms_norm(x.view(-1, 2, 3), (3,), eps=0.1),
    "broadcast_tensors": lambda x: torch.broadcast_tensors(x, C)[1] * x,
    "broadcast_to": lambda x: torch.broadcast_to(x[:, None], (x.shape[0], 2, N)),
    "column_stack": lambda x: torch.column_stack([x, x[:, 0]]),
    "dstack": lambda x: torch.dstack([x, x.sin()]),
    "diff": lambda x: torch.diff(x, n=2, dim=1),
    "diff of more": lambda x: torch.diff(x, prepend=x[:, :1] * 2),
    "trapezoid": lambda x: torch.trapezoid(x, dx=0.1, dim=1),
    "tensor_split": lambda x: torch.cat(torch.tensor_split(x, 4, dim=1)[::-1], 1),
    "tensor_split at places": lambda x: x.tensor_split([1, 4], dim=1)[1],
    "hsplit": lambda x: torch.hsplit(x, 3)[1],
    "fliplr": torch.fliplr,
    "movedim": lambda x: torch.movedim(x.view(-1, 1, 2, 3), (1, 2), (3, 1)),
    "swapdims": lambda x: torch.swapdims(x.view(-1, 2, 3), 1, 2),
    "atan2": lambda x: torch.atan2(x[:, :3], x[:, 3:]),
    "arctan2 of a constant": lambda x: torch.arctan2(x, C),
    "erfc": torch.erfc,
    "ndtr": torch.special.ndtr,
    "logit": lambda x: torch.logit(torch.sigmoid(x)),
    "logit within": lambda x: torch.logit(torch.sigmoid(x), eps=0.2),
    "sinc": torch.sinc,
    "sgn": lambda x: x * torch.sgn(x),
    "copysign": lambda x: torch.copysign(x, C),
    "deg2rad": torch.deg2rad,
    "rad2deg": torch.rad2deg,
    "float_power": lambda x: torch.float_power(x, 2),
    "ldexp": lambda x: torch.ldexp(x, torch.tensor(2)),
    "xlogy": lambda x: torch.xlogy(x, x.abs() + 1),
    "entr": lambda x: torch.special.entr(torch.sigmoid(x)),
    "logaddexp2": lambda x: torch.logaddexp2(x[:, :3], x[:, 3:]),
    "huber_loss": lambda x: F.huber_loss(x, x.flip(1), reduction="none", delta=0.5),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none", beta=0.5),
    "mse_loss": lambda x: F.mse_loss(x, torch.zeros_like(x), reduction="none"),
    "l1_loss": lambda x: F.l1_loss(x, torch.ones_like(x), reduction="none"),
    "linspace": lambda x: x * torch.linspace(0, 1, N, dtype=x.dtype) * torch.logspace(0, 1, N, dtype=x.dtype),
    "any and all": lambda x: torch.where((x > 1).any(1, keepdim=True), x, torch.where((x > -1).all(1, keepdim=True), -x, 2 * x)),
    "xor": lambda x: torch.where(torch.logical_xor(x > 0, x > 0.5), x, -x),
    "interpolate nearest": lambda x: F.interpolate(x.view(-1, 1, 2, 3), scale_factor=2),
    "interpolate to a size": lambda x: F.interpolate(x.view(-1, 1, N), size=4),
    "interpolate bilinear": lambda x: F.interpolate(x.view(-1, 1, 2, 3), scale_factor=1.5, mode="bilinear"),
    "interpolate aligned": lambda x: F.interpolate(x.view(-1, 1, 2, 3), size=(3, 4), mode="bilinear", align_corners=True),
    "interpolate linear": lambda x: F.interpolate(x.view(-1, 2, 3), size=5, mode="linear"),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x.view(-1, 2, 3), W[:2, :3].reshape(2, 1, 3), stride=2, output_padding=1),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x.view(-1, 1, 2, 3), W[:2, :2].reshape(1, 1, 2, 2), C[:1], padding=1),
    "ones of the input's precision": lambda x: x * (len(x[0]) + 1 - x.new_ones(N).cumsum(0)).log(),
    "zeros like the input": lambda x: x * (torch.zeros_like(x) + 3).log(),
}
"""Functions of samples of six numbers, most of which are one operator of torch."""


class Between(nn.Module):
    """A function behind a linear layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first = nn.Linear(4, N)

    def forward(self, x):
        return self.function(self.first(x))


def traced(module, x, path):
    torch.jit.save(torch.jit.trace(module, x, check_trace=False), path)
    return fastjac.load(path)


def exported(module, x, path):
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(program, path)
    return fastjac.load(path)


SPECIALIZED = {"linalg.multi_dot", "take_along_dim"}
"""Cases that torch exports for a batch of one fixed size."""
FORMS = {"live": lambda module, x, path: fastjac.from_torch(module), "traced": traced, "exported": exported}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in CASES for form in FORMS if form != "exported" or name not in SPECIALIZED]
)
def test_values_and_jacobians(name, form, tmp_path):
    torch.manual_seed(7)
    module = Between(CASES[name]).double().eval()
    net = FORMS[form](module, torch.randn(3, 4, dtype=torch.float64), tmp_path / "program.pt2")
    tolerance = 1e-9 if name in ("solve by a constant", "constants of linear algebra", "solve from the right") else 1e-11
    assert_agrees(net, module, (4,), tolerance)


DISTANCES = {
    "cdist": (lambda x: torch.cdist(x, W), lambda x: (x[:, None] - W).norm(dim=-1)),
    "cdist of order 1": (lambda x: torch.cdist(x, W, p=1.0), lambda x: (x[:, None] - W).abs().sum(-1)),
    "cdist of one another": (
        lambda x: torch.cdist(x.view(-1, 3, 2), x.view(-1, 3, 2).cos()),
        lambda x: (x.view(-1, 3, 1, 2) - x.view(-1, 1, 3, 2).cos()).norm(dim=-1),
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["live", "traced"])
@pytest.mark.parametrize("name", DISTANCES)
def test_distances(name, form, tmp_path):
    """Of a distance torch.func.jacrev gives the first row of the Jacobian in place of all."""
    torch.manual_seed(7)
    module, other = (Between(function).double().eval() for function in DISTANCES[name])
    other.load_state_dict(module.state_dict())
    net = FORMS[form](module, torch.randn(3, 4, dtype=torch.float64), tmp_path / "program.pt")
    assert_agrees(net, other, (4,), 1e-11)


REFUSED = {
    r"matrix of 5 rows depends on the network's input": lambda x: torch.linalg.det(x[:, :5, None] * C[:5]),
    r"takes the exponential of a matrix": lambda x: torch.matrix_exp(pairs(x)),
    r"it asks whether entries are nan or infinite": torch.nan_to_num,
    r"joins entries by 'mean'": lambda x: x.scatter_reduce(1, places(x, NUMBERS), x, "mean"),
    r"it uses the places of the largest or smallest": lambda x: x * x.sort(1)[1],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_torch(Between(REFUSED[message]).double())
