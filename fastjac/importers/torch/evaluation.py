"""Compare the network that was read off a live module with what the module itself gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...errors import FastjacError, UnsupportedLayerError
from ..agreement import Evaluated, check_agreement
from .calls import leaves
from .inputs import Shape
from .modes import as_written
from .places import is_raised
from .untouched import untouched

REPEATED = 5
"""How many samples a module computes a second time, in a batch of their own."""


@dataclass(frozen=True)
class Subject:
    """A module that is compared with its network.

    shapes : the shape of one sample of each input.  like : a tensor on the module's device and in its precision.
    batch_axes : for each output, the axis along which the samples of a batch lie.
    unused : for each input whether the network leaves it out, since no output depends on it; no entry stands for no such input.
    """

    module: Any
    shapes: Sequence[Shape]
    like: Any
    batch_axes: Sequence[int]
    unused: Sequence[bool] = ()

    def samples(self, x: np.ndarray) -> list[Any]:
        """A tensor for each input, in the shape of its samples: the columns of x that belong to it, or any numbers if unused."""
        rng, rest, found = np.random.default_rng(0), x, []
        for shape, is_unused in zip(self.shapes, self.unused or [False] * len(self.shapes), strict=True):
            size = math.prod(shape)
            part = rng.standard_normal((len(x), size)).astype(x.dtype) if is_unused else rest[:, :size]
            rest = rest if is_unused else rest[:, size:]
            found.append(torch.from_numpy(part).to(self.like).reshape(len(x), *shape).clone())
        return found

    def used(self, tensors: Sequence[Any]) -> list[Any]:
        """Those of the inputs' tensors that belong to the network's inputs."""
        return (
            [tensor for tensor, is_unused in zip(tensors, self.unused, strict=True) if not is_unused]
            if self.unused
            else [*tensors]
        )


class _PromiseError(FastjacError):
    """Random inputs do not meet the module's own demands on its inputs: it raises an exception of its own."""


def check_evaluation(subject: Subject, network: Evaluated) -> None:
    """Raise UnsupportedLayerError where the network and the module differ at random inputs, or two calls of the module differ."""
    evaluation = _Evaluation(subject)
    with suppress(_PromiseError):
        check_agreement(network, evaluation.values, "the module", evaluation.cotangents)


@dataclass(frozen=True)
class _Evaluation:
    """The module's values and derivatives at samples."""

    subject: Subject

    def values(self, x: np.ndarray) -> np.ndarray:
        """What the module gives, which must be the same in another batch and at a later call."""
        with untouched(self.subject.module), as_written(), torch.no_grad():
            once, again = self._flat(x), self._flat(x[:REPEATED])
        if not np.allclose(once[:REPEATED], again, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise UnsupportedLayerError(
                "the module gives something else when it is called a second time, so it is no one network; take out of its "
                "forward what draws random numbers or changes its state, or call .eval() on it"
            )
        return once

    def cotangents(self, x: np.ndarray, u: np.ndarray) -> np.ndarray | None:
        """`u J`; None where torch has no gradient, as under torch.no_grad, in inference mode, or after a change in place."""
        with untouched(self.subject.module), as_written(), torch.enable_grad():
            samples = [sample.requires_grad_() for sample in self.subject.samples(x)]
            try:
                y = self._outputs([sample.clone() for sample in samples])
                weights = np.split(u, np.cumsum([tensor.numel() // len(x) for tensor in y])[:-1])
                kept = [(tensor, weight) for tensor, weight in zip(y, weights, strict=True) if tensor.requires_grad]
                if not kept:
                    return None
                seeds = [torch.from_numpy(weight).to(of).expand(len(x), -1).reshape(of.shape) for of, weight in kept]
                found = torch.autograd.grad([of for of, _ in kept], samples, seeds, allow_unused=True)
            except FastjacError:
                raise
            except Exception:  # from torch, or the user's own code, which has just run without gradients
                return None
        gradients = [torch.zeros_like(sample) if one is None else one for sample, one in zip(samples, found, strict=True)]
        return _joined(self.subject.used(gradients))

    def _flat(self, x: np.ndarray) -> np.ndarray:
        """All that the module gives for each sample, in one row."""
        try:
            return _joined(self._outputs(self.subject.samples(x)))
        except Exception as error:  # from the user's own code, which has run on other inputs without an error
            if isinstance(error, AssertionError) or is_raised(error):
                raise _PromiseError from error
            raise

    def _outputs(self, samples: Sequence[Any]) -> list[Any]:
        """The tensors that the module gives, each as (samples, numbers)."""
        found = zip(leaves(self.subject.module(*samples)), self.subject.batch_axes, strict=True)
        return [tensor.movedim(axis, 0).reshape(len(samples[0]), -1) for tensor, axis in found]


def _joined(tensors: Sequence[Any]) -> np.ndarray:
    """The numbers of all tensors for each sample, in one row."""
    return np.concatenate([tensor.detach().cpu().numpy().reshape(len(tensor), -1) for tensor in tensors], axis=1)
