"""Modules of many architectures, and the three ways in which torch writes them as programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fastjac import Network


class Residual(nn.Module):
    """`x + f(x)`, normalized, three times."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.SiLU(), nn.Linear(6, 6)) for _ in range(3))
        self.last = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


class Gated(nn.Module):
    """Scaling by buffers, a gate, and chunks of a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 0.0, 2.0]))
        self.register_buffer("scale", torch.tensor([2.0, 0.5, 1.0, 4.0]))
        self.value, self.gate = nn.Linear(4, 6), nn.Linear(4, 6)
        self.last = nn.Linear(3, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean) / self.scale
        hidden = self.value(x) * torch.sigmoid(self.gate(x))
        a, b = hidden.chunk(2, dim=-1)
        return self.last(torch.tanh(a) * b + a)


class Policy(nn.Module):
    """A Gaussian policy: means that are squashed, and standard deviations, from one trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(5, 8), nn.ELU(inplace=True), nn.Linear(8, 8), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 4)
        self.low, self.high = -5.0, 2.0

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = self.head(self.trunk(x)).split(2, dim=1)
        return torch.tanh(mean) * 1.5, log_std.clamp(self.low, self.high).exp()


class Dynamics(nn.Module):
    """`x + dt f(x, u)`, of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * self.net(torch.cat([x, u], dim=1))


class Normalized(nn.Module):
    """Features of a vector, such as sines and its norm, and an output of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(9, 8), nn.Softplus(), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = x.pow(2).sum(dim=-1, keepdim=True).sqrt()
        features = torch.cat([torch.sin(x), torch.cos(x), norm], dim=-1)
        return functional.normalize(self.net(features), dim=-1)


class Classifier(nn.Module):
    """An image that is flattened, batch normalization, dropout and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(),
            nn.Linear(12, 8),
            nn.BatchNorm1d(8),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.5),
            nn.Linear(8, 4),
            nn.Softmax(dim=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Convolutional(nn.Module):
    """Two convolutions, one of which covers the image that is left, and a pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.first(x)), 2)
        return torch.flatten(self.second(x), 1)


class Choosing(nn.Module):
    """Ways that options choose, a loop, a list, a dict, and a shape that is asked for."""

    def __init__(self, kind: str = "swish") -> None:
        super().__init__()
        self.kind, self.steps = kind, 2
        self.net = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, shift: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        found: list[torch.Tensor] = []
        for i in range(self.steps):
            x = self.net(x)
            if self.kind == "relu":
                x = torch.relu(x)
            elif self.kind == "swish":
                x = x * torch.sigmoid(x)
            else:
                raise ValueError(f"no {self.kind}")
            found.append(x * (i + 1))
        if shift is not None:
            x = x + shift
        return {"last": x.view(x.shape[0], -1), "all": torch.stack(found, 1).reshape(x.shape[0], 8)}


class Ordered(nn.Module):
    """Units in another order, by index lists, slices with steps, a transposition and a flip."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.net(x)[:, [5, 0, 3, 1, 2, 4]]
        turned = x.reshape(-1, 2, 3).transpose(1, 2).flatten(1)
        return torch.cat([turned[:, ::2], x[..., -1:], x.flip(1)[:, 1:3], torch.select(x, 1, 2).unsqueeze(-1)], 1)


class Attention(nn.Module):
    """A softmax over entries that multiplies the input: a soft choice of them."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(5, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.softmax(self.score(x), dim=-1) * x)


class Clipped(nn.Module):
    """Bounds, choices by comparisons, the largest entry, and the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(4, 5)
        self.slopes = nn.PReLU(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.slopes(self.net(x))
        chosen = torch.where(h > 0.25, h * 2.0, h - 1.0)
        largest = h.max(dim=1, keepdim=True)[0]
        return torch.cat([torch.maximum(chosen, h * h), torch.clamp(h, min=-0.5), largest, h.mean(1, keepdim=True)], dim=1)


TORCH_WARNS = ("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:.*LeafSpec:FutureWarning")
"""Of its own functions, as it traces and exports."""
CHAIN = [nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 7), nn.GELU(), nn.Linear(7, 2)]
MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "chain": (lambda: nn.Sequential(*CHAIN), ((3,),)),
    "residual": (Residual, ((4,),)),
    "gated": (Gated, ((4,),)),
    "policy": (Policy, ((5,),)),
    "dynamics": (Dynamics, ((3,), (1,))),
    "normalized": (Normalized, ((4,),)),
    "classifier": (Classifier, ((3, 4),)),
    "convolutional": (Convolutional, ((1, 4, 4),)),
    "choosing": (Choosing, ((4,),)),
    "ordered": (Ordered, ((6,),)),
    "attention": (Attention, ((5,),)),
    "clipped": (Clipped, ((4,),)),
}
"""Modules, and the shapes of one sample of each of their inputs."""


def unsized(name: str, writer: str) -> bool:
    """Whether a program does not show how many entries its inputs have, as one that is compiled without examples may not."""
    return writer == "scripted" and name in ("dynamics", "classifier", "convolutional")


def build(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A module in evaluation mode, all of whose numbers are random, and a batch of inputs."""
    make, shapes = MODELS[name]
    torch.manual_seed(len(name))
    module = make().to(dtype).eval()
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 if "var" in key or "scale" in key else torch.randn_like(value) * 0.7)
    return module, tuple(torch.randn(5, *shape, dtype=dtype) for shape in shapes)


def save_scripted(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The module as torch.jit.script compiles it."""
    torch.jit.script(module).save(path)


def save_traced(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The module as torch.jit.trace records it."""
    torch.jit.trace(module, inputs, strict=False).save(path)


def save_frozen(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The module as it is compiled with its weights as constants of the program."""
    torch.jit.freeze(torch.jit.script(module)).save(path)


def save_exported(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The module as torch.export records it, with an open batch."""
    batch = torch.export.Dim("batch")
    torch.export.save(torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)), path)


def save_decomposed(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """The same in fewer operators, none of which changes a tensor in place."""
    batch = torch.export.Dim("batch")
    exported = torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    torch.export.save(exported.run_decompositions(), path)


WRITERS: dict[str, Callable[[nn.Module, tuple[torch.Tensor, ...], Path], None]] = {
    "scripted": save_scripted,
    "traced": save_traced,
    "frozen": save_frozen,
    "exported": save_exported,
    "decomposed": save_decomposed,
}


def tensors(returned: Any) -> list[torch.Tensor]:
    """The outputs of a module one after another."""
    if isinstance(returned, dict):
        return [tensor for value in returned.values() for tensor in tensors(value)]
    return [tensor for value in returned for tensor in tensors(value)] if isinstance(returned, (list, tuple)) else [returned]


def assert_agrees(net: Network, module: Callable[..., Any], inputs: tuple[torch.Tensor, ...], tolerance: float = 1e-11) -> None:
    """Values and Jacobians of a network equal those of a module, by torch.func, at each sample of a batch."""
    samples = len(inputs[0])
    flat = torch.cat([x.reshape(samples, -1) for x in inputs], dim=1)
    sizes = [x[0].numel() for x in inputs]

    def outputs(sample: torch.Tensor) -> torch.Tensor:
        parts = [part.reshape(1, *x.shape[1:]) for part, x in zip(sample.split(sizes), inputs, strict=True)]
        return torch.cat([tensor.reshape(-1) for tensor in tensors(module(*parts))])

    expected = torch.stack([outputs(sample).detach() for sample in flat]).numpy()
    jacobians = torch.stack([torch.func.jacrev(outputs)(sample) for sample in flat]).detach().numpy()
    given = tuple(x.reshape(samples, -1).numpy() for x in inputs)
    y, jac = net.value_and_jacobian(given if len(given) > 1 else given[0])
    rows = [jac] if len(net.outputs) == 1 else jac
    blocks = [np.concatenate(row, axis=-1) if len(net.inputs) > 1 else row for row in rows]
    joined = y if len(net.outputs) == 1 else np.concatenate(y, axis=-1)
    np.testing.assert_allclose(joined, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.concatenate(blocks, axis=-2), jacobians, rtol=tolerance, atol=tolerance)
