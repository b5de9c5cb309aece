"""The steps of a module that was saved as a whole, carried out by the operators that fastjac has for torch's programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...layers import Layer
from ..located import located
from ..torch_program.aten.evaluation import Evaluation


@dataclass(frozen=True)
class Step:
    """A call of one of torch's modules.

    args : what its operator takes after the tensor.
    """

    path: str
    kind: str
    operator: str
    args: Sequence[Any]

    def follow(self, evaluation: Evaluation, value: Any) -> Any:
        """The module's output for a tensor."""
        with located(f"{self.path} ({self.kind})".lstrip()):
            return evaluation.call(self.operator, [value, *self.args], {}, self.path, self.kind)


@dataclass(frozen=True)
class Given:
    """Layers that the user lists."""

    name: str
    layers: Sequence[Layer]

    def follow(self, evaluation: Evaluation, value: Any) -> Any:
        """The output of the layers for a tensor."""
        for layer in self.layers:
            value = evaluation.apply(layer, value, self.name)
        return value


@dataclass(frozen=True)
class Block:
    """A residual block `x + f(x)`; the steps are those of f."""

    steps: Sequence[Step | Given | Block]

    def follow(self, evaluation: Evaluation, value: Any) -> Any:
        """The sum of a tensor x and of f(x)."""
        return evaluation.call("add", [value, followed(self.steps, evaluation, value)], {}, "residual")


Steps = Sequence[Step | Given | Block]


def followed(steps: Steps, evaluation: Evaluation, value: Any) -> Any:
    """The output for a tensor of steps that are carried out one after another."""
    for step in steps:
        value = step.follow(evaluation, value)
    return value
