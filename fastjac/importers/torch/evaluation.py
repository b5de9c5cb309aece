"""Compare the network that was read off a live module with what the module itself gives."""

from __future__ import annotations

import copy
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...errors import FastjacError, UnsupportedLayerError
from ..agreement import N_SAMPLES, Evaluated, check_agreement
from .inputs import Shape
from .untouched import untouched

HALF_PRECISION = (torch.float16, torch.bfloat16)
REPEATED = 5
"""Samples that a module computes a second time, in a batch of their own."""


def check_evaluation(module: Any, network: Evaluated, stated: Sequence[Shape | None], constants: Iterable[Any] = ()) -> None:
    """Raise UnsupportedLayerError where the network parts from what the module gives at random inputs, or gives a second time.

    stated : the shape of one sample of each input, None where its user states none.
    constants : the tensors that its forward computes with. Their shapes may give that of a sample, which fastjac takes flat.

    A module whose weights are in half precision rounds more coarsely than the network, so a widened copy of it is compared.
    """
    held = [tensor for tensor in itertools.chain(module.parameters(), module.buffers()) if tensor.is_floating_point()]
    if any(tensor.dtype in HALF_PRECISION for tensor in held):
        module, held = _widened(module), [tensor.float() for tensor in held]
    like = held[0] if held else torch.from_numpy(np.empty(0, network.dtype))
    failure: Exception | None = None
    for shapes in _sample_shapes(network.inputs, stated, constants):
        evaluation = _Evaluation(module, shapes, like)
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
    flat = ", ".join(f"(batch, {size})" for size in network.inputs)
    raise UnsupportedLayerError(
        f"the module itself fails on a batch of flat samples {flat}, where fastjac has read a network off it "
        f"({type(failure).__name__}: {failure}); pass a module that takes such samples, or state their shape as input_shape"
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
    """The module on samples of these shapes, one for each input, on the device and in the precision of the tensor `like`."""

    module: Any
    shapes: Sequence[Shape]
    like: Any

    def values(self, x: np.ndarray) -> np.ndarray:
        """What the module gives, which must be the same in another batch and at a later call."""
        with untouched(self.module), _as_written(), torch.no_grad():
            once = _flat(_tensors(self.module(*self._samples(x))))
            again = _flat(_tensors(self.module(*self._samples(x[:REPEATED]))))
        if not np.allclose(once[:REPEATED], again, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise UnsupportedLayerError(
                "the module gives something else when it is called a second time, so it is no one network; take out of its "
                "forward what draws random numbers or changes its state, or call .eval() on it"
            )
        return once

    def cotangents(self, x: np.ndarray, u: np.ndarray) -> np.ndarray | None:
        """`u J`; None where torch gives none, as under torch.no_grad, in inference mode, or behind a change in place."""
        with untouched(self.module), _as_written(), torch.enable_grad():
            samples = [sample.requires_grad_() for sample in self._samples(x)]
            try:
                y = _tensors(self.module(*(sample.clone() for sample in samples)))
                weights = np.split(u, np.cumsum([tensor.numel() // len(x) for tensor in y])[:-1])
                kept = [(tensor, weight) for tensor, weight in zip(y, weights, strict=True) if tensor.requires_grad]
                if not kept:
                    return None
                seeds = [torch.from_numpy(weight).to(of).expand(len(x), -1).reshape(of.shape) for of, weight in kept]
                found = torch.autograd.grad([of for of, _ in kept], samples, seeds, allow_unused=True)
            except FastjacError:
                raise
            except Exception:  # the user's own code, which has just run without gradients, and torch's
                return None
        return _flat([torch.zeros_like(x) if one is None else one for x, one in zip(samples, found, strict=True)])

    def _samples(self, x: np.ndarray) -> list[Any]:
        """The columns of x that are each input's, in its shape."""
        parts = np.split(x, np.cumsum([math.prod(shape) for shape in self.shapes])[:-1], axis=1)
        pairs = zip(parts, self.shapes, strict=True)
        return [torch.from_numpy(part).to(self.like).reshape(len(x), *shape).clone() for part, shape in pairs]


def _tensors(returned: Any) -> list[Any]:
    """What a forward returns, as a list of tensors."""
    if isinstance(returned, Mapping):
        return list(returned.values())
    return list(returned) if isinstance(returned, (tuple, list)) else [returned]


def _flat(tensors: Sequence[Any]) -> np.ndarray:
    """The numbers of all tensors for each sample, in one row."""
    arrays = [tensor.detach().cpu().numpy() for tensor in tensors]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def _sample_shapes(sizes: Sequence[int], stated: Sequence[Shape | None], constants: Iterable[Any]) -> Iterator[tuple[Shape, ...]]:
    """The shapes that samples of these sizes may have: as stated, as a constant with several axes, or flat."""
    flat = tuple((size,) for size in sizes)
    given = tuple(shape or own for shape, own in zip(stated, flat, strict=True))
    if len(sizes) == 1 and given == flat:
        yield from dict.fromkeys((shape,) for shape in _constant_shapes(constants, sizes[0]))
    yield given


def _constant_shapes(constants: Iterable[Any], n_in: int) -> Iterator[Shape]:
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
