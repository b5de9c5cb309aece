"""A training step with the Jacobian in its loss, and the Jacobian by the parameters, beside torch's own ways.

One way in torch is published: a module that carries its Jacobian along with its values, layer by layer, `J = W J` and
`J = f'(z) J`, for torch's autograd to go back through. The other way is `torch.func.vmap(jacrev)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .timing import Effort, interleaved

Step = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """A perceptron to train: sizes from input to output, its activation, and the inputs in a batch."""

    widths: tuple[int, ...]
    activation: str
    batch: int


TASKS = {
    "3-20x6-2": Task((3, *(20,) * 6, 2), "tanh", 256),
    "dynamics": Task((12, 64, 64, 8), "tanh", 256),
    "64-128x4-10": Task((64, *(128,) * 4, 10), "tanh", 256),
    "mnist": Task((784, 256, 256, 10), "relu", 64),
}
FASTJAC, IN_PLACE, EXPLICIT, FUNC = "fastjac", "fastjac, out=", "explicit torch", "torch.func"


def steps(name: str, dtype: str) -> dict[str, Step]:
    """One training step in each way: zero the gradients, compute y and J, take half their sum of squares, go backward."""
    import torch

    import fastjac.torch

    task, module, x = _drawn(name, dtype)
    parameters = dict(module.named_parameters())
    with_values = torch.func.jacrev(
        lambda p, v: (lambda y: (y, y))(torch.func.functional_call(module, p, (v,))), argnums=1, has_aux=True
    )
    batched = torch.func.vmap(with_values, in_dims=(None, 0))

    def step(values_and_jacobians: Callable[[], tuple[Any, Any]]) -> Step:
        def run() -> None:
            module.zero_grad()
            y, jacobians = values_and_jacobians()
            ((y * y).sum() + (jacobians * jacobians).sum()).div(2).backward()

        return run

    return {
        FASTJAC: step(lambda: fastjac.torch.value_and_jacobian(module, x)),
        EXPLICIT: step(lambda: _explicit(module, task.activation, x)),
        FUNC: step(lambda: batched(parameters, x)[::-1]),
    }


def parameter_jacobians(name: str, dtype: str) -> dict[str, Step]:
    """The Jacobian by the parameters: by fastjac in a new array, by fastjac in one that is used again, and by `vmap(jacrev)`."""
    import torch

    import fastjac

    _, module, x = _drawn(name, dtype)
    network = fastjac.from_torch(module)
    points = x.numpy()
    out = network.parameter_jacobian(points)
    parameters = {key: value.detach() for key, value in module.named_parameters()}
    reverse = torch.func.jacrev(lambda p, v: torch.func.functional_call(module, p, (v,)))
    batched = torch.func.vmap(reverse, in_dims=(None, 0))
    return {
        FASTJAC: lambda: network.parameter_jacobian(points),
        IN_PLACE: lambda: network.parameter_jacobian(points, out=out),
        FUNC: lambda: batched(parameters, x),
    }


def step_speed(name: str, dtype: str, effort: Effort) -> float:
    """The time of a training step in the faster of torch's ways, over fastjac's time."""
    seconds = interleaved(steps(name, dtype), effort)
    return min(seconds[EXPLICIT], seconds[FUNC]) / seconds[FASTJAC]


def parameter_jacobian_speeds(name: str, dtype: str, effort: Effort) -> tuple[float, float]:
    """torch.func's time for the Jacobian by the parameters over fastjac's, in a new array and in one that is used again."""
    seconds = interleaved(parameter_jacobians(name, dtype), effort)
    return seconds[FUNC] / seconds[FASTJAC], seconds[FUNC] / seconds[IN_PLACE]


def _drawn(name: str, dtype: str) -> tuple[Task, Any, Any]:
    """A task, its module with torch's own initial weights, and a batch of normal inputs."""
    import torch

    task = TASKS[name]
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    layers: list[Any] = []
    for n_in, n_out in pairwise(task.widths):
        layers += [torch.nn.Linear(n_in, n_out, dtype=kind), torch.nn.Tanh() if task.activation == "tanh" else torch.nn.ReLU()]
    x = np.random.default_rng(0).standard_normal((task.batch, task.widths[0])).astype(dtype)
    return task, torch.nn.Sequential(*layers[:-1]), torch.from_numpy(x)


def _explicit(module: Any, activation: str, x: Any) -> tuple[Any, Any]:
    """Values and Jacobians carried along together, layer by layer."""
    import torch

    affines = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    values, jacobians = x, None
    for number, affine in enumerate(affines):
        weight = affine.weight
        values = affine(values)
        jacobians = weight.expand(len(x), *weight.shape) if jacobians is None else weight @ jacobians
        if number < len(affines) - 1:
            values = torch.tanh(values) if activation == "tanh" else torch.relu(values)
            slopes = 1 - values * values if activation == "tanh" else (values > 0).to(values.dtype)
            jacobians = slopes[:, :, None] * jacobians
    return values, jacobians


class Training:
    """A training step in each way."""

    timeout = 300.0
    param_names = ("way", "task", "dtype")
    params = ((FASTJAC, EXPLICIT, FUNC), tuple(TASKS), ("float32", "float64"))

    def setup(self, way: str, task: str, dtype: str) -> None:
        require_torch()
        self.step = steps(task, dtype)[way]
        self.step()

    def time_training_step(self, way: str, task: str, dtype: str) -> None:
        self.step()


class ParameterJacobian:
    """The Jacobian by the parameters in each way."""

    timeout = 300.0
    param_names = ("way", "task", "dtype")
    params = ((FASTJAC, IN_PLACE, FUNC), tuple(TASKS), ("float32", "float64"))

    def setup(self, way: str, task: str, dtype: str) -> None:
        require_torch()
        self.compute = parameter_jacobians(task, dtype)[way]
        self.compute()

    def time_parameter_jacobian(self, way: str, task: str, dtype: str) -> None:
        self.compute()


def require_torch() -> None:
    """Raise a NotImplementedError, on which asv skips, where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise NotImplementedError("needs torch") from error
