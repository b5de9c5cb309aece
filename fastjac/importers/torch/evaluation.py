"""Compare the network that was read off a live module with what the module itself gives."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...errors import FastjacError, UnsupportedLayerError
from ..agreement import N_SAMPLES, Evaluated, check_agreement
from .untouched import untouched

HALF_PRECISION = (torch.float16, torch.bfloat16)
REPEATED = 5
"""Samples that a module computes a second time, in a batch of their own."""


def check_evaluation(module: Any, network: Evaluated, constants: Iterable[Any] = ()) -> None:
    """Raise UnsupportedLayerError where the network parts from what the module gives at random inputs, or gives a second time.

    constants : the tensors that its forward computes with. Their shapes may give that of a sample, which fastjac takes flat.

    A module whose weights are in half precision rounds more coarsely than the network, so a widened copy of it is compared.
    """
    held = [tensor for tensor in itertools.chain(module.parameters(), module.buffers()) if tensor.is_floating_point()]
    if any(tensor.dtype in HALF_PRECISION for tensor in held):
        module, held = _widened(module), [tensor.float() for tensor in held]
    like = held[0] if held else torch.from_numpy(np.empty(0, network.dtype))
    failure: Exception | None = None
    for shape in [*dict.fromkeys(_sample_shapes(constants, network.n_in)), (network.n_in,)]:
        evaluation = _Evaluation(module, shape, like)
        try:
            evaluation.values(np.zeros((N_SAMPLES, network.n_in), network.dtype))
        except AssertionError:
            return  # samples have a shape that the module asserts and nothing here tells
        except FastjacError:
            raise
        except Exception as error:  # the user's own code runs here, and may raise anything
            failure = error
        else:
            check_agreement(network, evaluation.values, "the module", evaluation.cotangents)
            return
    raise UnsupportedLayerError(
        f"the module itself fails on a batch of flat samples (batch, {network.n_in}), where fastjac has read a network off it "
        f"({type(failure).__name__}: {failure}); pass a module that takes such samples"
    ) from failure


def _widened(module: Any) -> Any:
    try:
        return copy.deepcopy(module).float()
    except Exception as error:  # such as that of a weight that a hook computes, which torch does not copy
        raise UnsupportedLayerError(
            f"a copy of the module in single precision cannot be made to compare it with ({type(error).__name__}: {error}); call "
            ".float() on it first"
        ) from error


@dataclass(frozen=True)
class _Evaluation:
    """The module on samples of a shape, on the device and in the precision of the tensor `like`."""

    module: Any
    shape: tuple[int, ...]
    like: Any

    def values(self, x: np.ndarray) -> np.ndarray:
        """What the module gives, which must be the same in another batch and at a later call."""
        with untouched(self.module), _as_written(), torch.no_grad():
            once = _flat(self.module(self._samples(x)))
            again = _flat(self.module(self._samples(x[:REPEATED])))
        if not np.allclose(once[:REPEATED], again, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise UnsupportedLayerError(
                "the module gives something else when it is called a second time, so it is no one network; take out of its "
                "forward what draws random numbers or changes its state, or call .eval() on it"
            )
        return once

    def cotangents(self, x: np.ndarray, u: np.ndarray) -> np.ndarray | None:
        """`u J`; None where torch gives none, as under torch.no_grad, in inference mode, or behind a change in place."""
        with untouched(self.module), _as_written(), torch.enable_grad():
            samples = self._samples(x).requires_grad_()
            try:
                y = self.module(samples.clone())
                if not y.requires_grad:
                    return None
                cotangent = torch.from_numpy(u).to(y).expand(len(x), len(u)).reshape(y.shape)
                (found,) = torch.autograd.grad(y, samples, cotangent, allow_unused=True)
            except FastjacError:
                raise
            except Exception:  # the user's own code, which has just run without gradients, and torch's
                return None
        return np.zeros_like(x) if found is None else _flat(found)

    def _samples(self, x: np.ndarray) -> Any:
        return torch.from_numpy(x).to(self.like).reshape(len(x), *self.shape).clone()


def _flat(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array.reshape(len(array), -1)


def _sample_shapes(constants: Iterable[Any], n_in: int) -> Iterator[tuple[int, ...]]:
    """The shapes with several axes that a sample of n_in entries may have, to go by constants of that shape."""
    for constant in constants:
        shape = tuple(getattr(constant, "shape", ()))
        for sample in (shape[1:] if shape[:1] == (1,) else shape, shape):
            if len(sample) > 1 and np.prod(sample) == n_in and max(sample) < n_in:
                yield sample


@contextmanager
def _as_written() -> Iterator[None]:
    """Run code that torch.compile has wrapped as it was written, multiply in full precision, and keep warnings back."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
