"""What torch exports to ONNX, by its old and its new exporter, agrees with torch in values and Jacobians.

Options are numbers that float32 holds, since an attribute of a node is one; so both sides have the same options.
"""

import contextlib
import io
import logging
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import fastjac

from ..agreement import TOLERANCE, TORCH_ROUNDS_DERIVATIVE, assert_agrees

N = 5
EPS = 2.0**-16


def export(module: nn.Module, shape: tuple[int, ...], **options: Any) -> bytes:
    """The bytes of a module exported for a batch of any size by the old exporter, or by another one that options name."""
    options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "N"}}, "opset_version": 17, **options}
    file = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # torch's own, on its old exporter
        torch.onnx.export(module, (torch.zeros(1, *shape, dtype=torch.float64),), file, **options)
    return file.getvalue()


def scrambled(module: nn.Module) -> nn.Module:
    """The module in float64 and evaluation mode, with random weights and statistics."""
    torch.manual_seed(4)
    module = module.double().eval()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point():
            positive = name.endswith(("running_var", "original0"))
            tensor.data = torch.rand_like(tensor) + 0.5 if positive else torch.randn_like(tensor)
    return module


class Reshaped(nn.Module):
    """A module applied to samples of several axes, flattened as users do it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Flatten, then the module."""
        return self.module(x.view(x.size(0), -1))


class Clamped(nn.Module):
    """A bound for each unit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """At least 0, 1, 2, ..."""
        return torch.clamp(x, min=torch.arange(float(N), dtype=x.dtype))


class Standardized(nn.Module):
    """A network on standardized inputs, whose outputs are scaled back."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.deviation = nn.Buffer(torch.zeros(N)), nn.Buffer(torch.ones(N))
        self.inner = nn.Sequential(nn.Linear(N, 4), nn.Tanh(), nn.Linear(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """3 minus twice the output."""
        return 3.0 - 2.0 * self.inner((x - self.mean) / self.deviation)


MODULES = {
    "Linear": lambda: nn.Linear(N, 3),
    "Linear without bias": lambda: nn.Linear(N, 3, bias=False),
    "BatchNorm1d": lambda: nn.BatchNorm1d(N, eps=EPS),
    "BatchNorm1d bare": lambda: nn.BatchNorm1d(N, eps=EPS, affine=False),
    "LayerNorm": lambda: nn.LayerNorm(N, eps=EPS),
    "LayerNorm bare": lambda: nn.LayerNorm(N, eps=EPS, elementwise_affine=False),
    "ReLU": nn.ReLU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.25),
    "PReLU": nn.PReLU,
    "PReLU of units": lambda: nn.PReLU(N),
    "RReLU": lambda: nn.RReLU(0.125, 0.375),
    "ReLU6": nn.ReLU6,
    "ELU": lambda: nn.ELU(0.5),
    "SELU": nn.SELU,
    "CELU": lambda: nn.CELU(0.5),
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Hardtanh": lambda: nn.Hardtanh(-0.5, 2.0),
    "Hardsigmoid": nn.Hardsigmoid,
    "Hardswish": nn.Hardswish,
    "Softplus": nn.Softplus,
    "Softplus of beta": lambda: nn.Softplus(2.0),
    "Softsign": nn.Softsign,
    "LogSigmoid": nn.LogSigmoid,
    "Hardshrink": lambda: nn.Hardshrink(0.75),
    "Softshrink": lambda: nn.Softshrink(0.75),
    "Tanhshrink": nn.Tanhshrink,
    "Softmax": lambda: nn.Softmax(-1),
    "Softmin": lambda: nn.Softmin(-1),
    "LogSoftmax": lambda: nn.LogSoftmax(-1),
    "Clamped": Clamped,
    "weight_norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(N, 3)),
    "Standardized": Standardized,
}
SINCE = {"CELU": 12, "Clamped": 12}
"""Opsets before which the old exporter does not take a module."""


@pytest.mark.filterwarnings("ignore:There is a performance drop because we have not yet implemented the batching rule")
@pytest.mark.parametrize("opset", [9, 13, 17, 20])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_by_the_old_exporter(name, opset):
    if opset < SINCE.get(name, 0):
        with pytest.raises((torch.onnx.errors.UnsupportedOperatorError, ValueError)):
            export(MODULES[name]().double(), (N,), opset_version=opset)
        return
    module = scrambled(MODULES[name]())
    net = fastjac.from_onnx(export(module, (N,), opset_version=opset))
    assert_agrees(net, module, (N,), 1e-7 if name in TORCH_ROUNDS_DERIVATIVE else TOLERANCE)


@pytest.mark.parametrize("fold", [False, True])
def test_an_image_classifier(fold):
    inner = nn.Sequential(
        OrderedDict(a=nn.Linear(12, 6), b=nn.BatchNorm1d(6, eps=EPS), c=nn.ReLU(), d=nn.Dropout(), e=nn.Linear(6, 3))
    )
    for model in (nn.Sequential(nn.Flatten(), inner, nn.LogSoftmax(1)), Reshaped(inner)):
        module = scrambled(model)
        content = export(module, (3, 2, 2), do_constant_folding=fold, keep_initializers_as_inputs=not fold, opset_version=15)
        net = fastjac.from_onnx(content)
        assert net.n_in == 12
        assert_agrees(net, module, (3, 2, 2))


def test_a_fixed_batch_of_one():
    module = scrambled(nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2), nn.Softmax(-1)))
    assert_agrees(fastjac.from_onnx(export(module, (2, 3), dynamic_axes=None)), module, (2, 3))


def test_linear_layers_of_three_axes():
    """The old exporter makes MatMul with a transposed weight and Add of these."""
    module = scrambled(nn.Sequential(nn.Linear(N, 4), nn.GELU(), nn.Linear(4, 3)))
    assert_agrees(fastjac.from_onnx(export(module, (1, N))), module, (1, N))


def test_float32_is_kept():
    torch.manual_seed(4)
    module = nn.Sequential(nn.Linear(N, 4), nn.SiLU(), nn.Linear(4, 3)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = io.BytesIO()
        torch.onnx.export(module, (torch.zeros(1, N),), file, dynamo=False)
    net = fastjac.from_onnx(file.getvalue())
    x = torch.randn(6, N)
    assert net.dtype == np.float32
    np.testing.assert_allclose(net(x.numpy()), module(x).detach().numpy(), rtol=1e-5, atol=1e-6)  # both round to float32


def dynamo_chain(names: list[str]) -> nn.Module:
    """The modules one after the other with linear layers between."""
    modules: list[nn.Module] = []
    for name in names:
        modules += [nn.Linear(N, N), MODULES[name]()]
    return nn.Sequential(*modules)


DYNAMO = [
    ["BatchNorm1d", "LayerNorm", "ReLU", "LeakyReLU", "PReLU", "PReLU of units", "ReLU6", "ELU", "SELU", "Tanh", "Sigmoid"],
    ["GELU", "GELU by tanh", "SiLU", "Mish", "Hardtanh", "Hardswish", "Softplus", "Softplus of beta", "Softsign", "Clamped"],
    ["LogSigmoid", "Hardshrink", "Softshrink", "Tanhshrink", "Softmin", "LogSoftmax", "Standardized"],
]
"""Modules with which the new exporter is tried; it takes a second for each call, so they stand in chains."""


@pytest.mark.parametrize(("names", "opset"), [(DYNAMO[0], 18), (DYNAMO[1], 18), (DYNAMO[2], 18), (DYNAMO[1], 23)])
def test_modules_by_the_new_exporter(names, opset, caplog):
    pytest.importorskip("onnxscript", reason="torch's new exporter needs onnxscript")
    caplog.set_level(logging.ERROR)
    module = scrambled(dynamo_chain(names))
    for linear in module[::2]:
        linear.weight.data /= N**0.5
    content = export(module, (N,), dynamo=True, opset_version=opset, dynamic_axes=None, dynamic_shapes=({0: "N"},), verbose=False)
    assert_agrees(fastjac.from_onnx(content), module, (N,))
