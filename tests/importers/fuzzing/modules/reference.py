"""What a module itself gives: its values, its Jacobians, and whether it gives them again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

SPECIAL = (0.0, 1.0, -1.0, 0.3, -0.3, 0.5, -0.5, 3.0, -3.0, 6.0, 1e4, -1e4)
"""Bounds and kinks of the activations, and what lies far from them."""
BATCHES = (slice(0, 1), slice(1, 8), slice(3, 8), slice(None), slice(1, 8))
"""Samples that are given to the module together."""


class NoFunctionError(Exception):
    """The module itself does not give numbers, one row of them for each input."""


class BrokenPromiseError(Exception):
    """The module asserts something that does not hold of these inputs."""


def points(n_in: int, seed: int, most: float) -> np.ndarray:
    """Inputs `(n, n_in)` of at most `most`: random ones, small and large, and special ones."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((8, n_in)) * rng.choice((0.3, 1.0, 3.0), (8, 1))
    special = rng.choice(SPECIAL, (8, n_in))
    return np.clip(np.concatenate([drawn, special, np.repeat(np.array(SPECIAL)[:, None], n_in, 1)]), -most, most)


@dataclass(frozen=True)
class Reference:
    """A module, and the dtype and the sizes of the inputs that it takes; here they are one array, and so are its outputs."""

    module: Any
    dtype: Any
    sizes: Sequence[int]

    def values(self, x: np.ndarray) -> np.ndarray:
        """`y (n, n_out)` in float64, also where the module gives values but records no gradients of them."""
        try:
            y = self._called(self._tensor(x))
        except NoFunctionError:
            with torch.no_grad():
                y = self._called(self._tensor(x))
        return _numbers(y)

    def jacobians(self, x: np.ndarray) -> np.ndarray:
        """`J (n, n_out * n_in)` in float64."""
        _, jacobians = self.recorded(self._tensor(x).requires_grad_())
        return _numbers(jacobians).reshape(len(x), -1)

    def recorded(self, x: Any) -> tuple[Any, Any]:
        """`y (n, n_out)` and `J (n, n_out, n_in)` at a tensor `x (n, n_in)`, both with their graph.

        Raises NoFunctionError where torch records no derivative, as under torch.no_grad, or cannot take it.
        """
        with torch.inference_mode(False), torch.enable_grad():
            y = self._called(x.clone())
            if y.grad_fn is None:
                raise NoFunctionError("the module records no derivative")
            try:
                rows = [
                    torch.autograd.grad(column.sum(), x, create_graph=True, materialize_grads=True)[0] for column in y.unbind(1)
                ]
            except Exception as error:
                raise NoFunctionError(f"the module has no Jacobian: {type(error).__name__}: {error}") from error
        return y, torch.stack(rows, 1)

    def in_batches(self, x: np.ndarray) -> list[tuple[slice, np.ndarray]]:
        """Values of a few samples at a time, and of all, under other random numbers each time, where the module gives any.

        Raises NoFunctionError where it gives none, or others at another call.
        """
        found: list[tuple[slice, np.ndarray]] = []
        failed: Exception | None = None
        for number, batch in enumerate(BATCHES):
            torch.manual_seed(number)
            np.random.seed(number)  # noqa: NPY002  those of the process
            random.seed(number)
            try:
                found.append((batch, self.values(x[batch])))
            except (NoFunctionError, BrokenPromiseError) as error:
                failed = error
        if failed is not None and not found:
            raise failed
        if any(at == then and not _equal(y, again) for (at, y), (then, again) in combinations(found, 2)):
            raise NoFunctionError("the module gives something else when it is called again")
        return found

    def _tensor(self, x: np.ndarray) -> Any:
        return torch.tensor(x, dtype=self.dtype, device="cpu")

    def _called(self, x: Any) -> Any:
        try:
            y = self.module(*(x.split(list(self.sizes), 1) if len(self.sizes) > 1 else [x]))
        except AssertionError as error:
            raise BrokenPromiseError from error
        except Exception as error:
            raise NoFunctionError(f"the module itself raises {type(error).__name__}: {error}") from error
        if isinstance(y, dict):
            y = tuple(y.values())
        return _checked(y, len(x)) if not isinstance(y, (tuple, list)) else torch.cat([_checked(part, len(x)) for part in y], 1)


def _checked(y: Any, n: int) -> Any:
    """An output for n samples, as (n, size)."""
    if not isinstance(y, torch.Tensor):
        raise NoFunctionError(f"the module gives a {type(y).__name__}")
    if y.ndim == 0 or y.numel() % n:
        raise NoFunctionError(f"the module gives {tuple(y.shape)} for {n} samples")
    along = next((axis for axis, size in enumerate(y.shape) if size == n), 0)  # of the samples
    return y.as_subclass(torch.Tensor).movedim(along, 0).reshape(n, -1)


def _equal(y: np.ndarray, again: np.ndarray) -> bool:
    """Whether two results are the same but for rounding; what is added in front of a softmax comes to no more than that."""
    return y.shape == again.shape and np.allclose(y, again, rtol=1e-4, atol=1e-6, equal_nan=True)


def _numbers(tensor: Any) -> np.ndarray:
    if tensor.is_complex() or tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        raise NoFunctionError(f"the module gives {tensor.dtype} on {tensor.device}, {tensor.layout}")
    return tensor.detach().to(torch.float64).resolve_neg().numpy()
