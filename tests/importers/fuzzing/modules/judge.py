"""from_torch on a module: equal to the module's own output, or an error of fastjac's own, and no trace left."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import fastjac
from fastjac.errors import FastjacError

from .building import built
from .drawing import NO_WRAPPER, Drawn
from .reference import BrokenPromiseError, NoFunctionError, Reference, points
from .traces import changes, outside, state_of

ACCEPTED, REFUSED = "accepted", "refused"
ROUNDING = ("float32", ".float()", "To(")
"""Text in modules of float64 that round to float32, which a network does not."""

DIRECTION = (1.0, -0.7, 0.4, -0.9)
"""In which an input is nudged: not one in which equal entries stay equal."""

Evaluate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Verdict:
    """What became of a module: accepted or refused, and what is wrong with that; "" where nothing is."""

    end: str
    fault: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Precision:
    """How far two right evaluations of a module may differ, relative to the largest number of a sample.

    nudge : within so small a part of an input, rounding decides on which side of a jump it lies.
    most : beyond such inputs, differences of large numbers have no right digits.
    """

    values: float
    derivatives: float
    nudge: float
    most: float


PRECISIONS = {
    torch.float64: Precision(1e-9, 1e-6, 1e-7, 1e4),  # Some of torch's own slopes are float32 numbers in float64 too.
    torch.float32: Precision(1e-4, 1e-3, 1e-3, 10.0),
    torch.float16: Precision(5e-2, 1e-1, 1e-2, 3.0),
    torch.bfloat16: Precision(2e-1, 3e-1, 5e-2, 3.0),
}


def judge(drawn: Drawn) -> Verdict:
    """Import the module and compare. Raises CannotBuildError where torch itself refuses to make it."""
    with as_it_was(), built(drawn.source, drawn.name) as (module, names):
        before = state_of(module, names)
        network, refusal = _imported(module, drawn.input_shape)
        if refusal is not None and refusal.fault:
            return refusal
        left = changes(before, state_of(module, names))
    end = REFUSED if network is None else ACCEPTED
    if left and left - outside(left & _left_by_a_call(drawn)):
        return Verdict(end, "a trace left", ", ".join(sorted(left)))
    if network is None:
        return Verdict(end)
    # The module that was imported may remember it, so another of the same text is compared.
    with as_it_was(), built(drawn.source, drawn.name) as (twin, _):
        return Verdict(end, *compare(network, twin, drawn))


def _left_by_a_call(drawn: Drawn) -> set[str]:
    """What a call of the module itself changes."""
    with as_it_was(), built(drawn.source, drawn.name) as (module, names):
        before = state_of(module, names)
        with suppress(Exception):
            module(*(torch.zeros(5, size, dtype=input_dtype(module, torch.float64)) for size in drawn.sizes))
        return changes(before, state_of(module, names))


def compare(network: Any, module: Any, drawn: Drawn) -> tuple[str, str]:
    """What differs between a network and a module, and where; empty where nothing does."""
    own = Reference(module, input_dtype(module, getattr(torch, str(network.dtype))), drawn.sizes)
    precision = PRECISIONS[coarsest(own.dtype, module, drawn)]
    # In front of a kink or jump of a single step there is no rounding.
    is_exact = len(drawn.steps) == 1 and drawn.wrapper == NO_WRAPPER and drawn.dtype == "float64"
    x = points(drawn.n_in, len(drawn.source), precision.most)
    with np.errstate(all="ignore"):
        y, jacobians = flat(network.value_and_jacobian, x, drawn.sizes)
    try:
        for batch, expected in own.in_batches(x):
            found = difference(y[batch], expected, x[batch], precision.values, None if is_exact else own.values, precision.nudge)
            if found:
                return "other values", found
    except BrokenPromiseError:
        return "", ""
    except NoFunctionError as error:
        return "no function", str(error)
    try:
        expected = own.jacobians(x)
    except NoFunctionError:
        return "", ""
    # Where y overflows or is no number, the derivative has none that is right.
    known = np.isfinite(expected).all(-1) & np.isfinite(y).all(-1)
    ours = np.where(known[:, None], jacobians.reshape(len(x), -1), expected)
    found = difference(ours, expected, x, precision.derivatives, None if is_exact else own.jacobians, precision.nudge)
    return ("other derivatives", found) if found else ("", "")


def input_dtype(module: Any, default: Any) -> Any:
    """That of the module's first parameter or buffer; `default` where it has none."""
    tensors = (*module.parameters(), *module.buffers())
    return next((tensor.dtype for tensor in tensors if tensor.dtype in PRECISIONS), default)


def coarsest(dtype: Any, module: Any, drawn: Drawn) -> Any:
    """The precision in which torch computes some of the module, or in which fastjac may hold what has no weights."""
    has_weights = any(tensor.is_floating_point() for tensor in module.state_dict().values())
    is_rough = not has_weights or any(text in drawn.body for text in ROUNDING)
    return torch.float32 if dtype == torch.float64 and is_rough else dtype


def flat(evaluate: Callable[[Any], Any], x: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """What a network gives for inputs of these sizes in one array: `y (n, n_out)` and `J (n, n_out, n_in)`."""
    several = len(sizes) > 1
    y, rows = evaluate(tuple(np.split(x, np.cumsum(sizes)[:-1], axis=1)) if several else x)
    if not isinstance(y, tuple):
        y, rows = (y,), (rows,)
    blocks = [np.concatenate(row, axis=-1) if several else row for row in rows]
    return np.concatenate(y, axis=-1), np.concatenate(blocks, axis=-2)


def _imported(module: Any, input_shape: Any) -> tuple[Any, Verdict | None]:
    try:
        return fastjac.from_torch(module, input_shape), None
    except FastjacError as error:
        return None, Verdict(REFUSED, "" if str(error) else "an error without a message")
    except BaseException as error:  # the rule is about every other one
        return None, Verdict(REFUSED, "a foreign error", f"{type(error).__name__}: {error}"[:300])


def difference(
    ours: np.ndarray, theirs: np.ndarray, x: np.ndarray, tolerance: float, evaluate: Evaluate | None = None, nudge: float = 0.0
) -> str:
    """Where two arrays of numbers for each sample differ beyond rounding, as text.

    evaluate : what gave `theirs`; with it, a sample is let off where it jumps within a nudge of the input.
    """
    if ours.shape != theirs.shape:
        return f"{ours.shape[1]} instead of {theirs.shape[1]} numbers"
    wrong = _far(ours, theirs, tolerance)
    if evaluate is not None and wrong.any():
        for step in (nudge, -nudge):
            near = evaluate(x + step * np.resize(DIRECTION, x.shape[1]) * (1 + np.abs(x)))
            wrong &= ~_far(near, theirs, 10 * nudge)
    if not wrong.any():
        return ""
    sample = int(np.argmax(wrong))
    ours, theirs, x = (np.array2string(array[sample][:6], precision=6) for array in (ours, theirs, x))
    return f"{ours} instead of {theirs} at {x}"


def _far(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    """For each sample whether any number differs; nan equals nan, and an infinity itself."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(theirs) & np.isfinite(ours)
        scale = 1.0 + np.max(np.abs(theirs), axis=-1, where=finite, initial=0.0, keepdims=True)
        near = np.abs(ours - theirs) <= tolerance * scale
    return ~np.where(finite, near, (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(-1)


@contextmanager
def as_it_was() -> Iterator[None]:
    """Random numbers, modes and defaults of the process are put back afterwards; warnings are not shown."""
    states = torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002  those of the process
    modes = torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
    with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.random.set_rng_state(states[0])
            np.random.set_state(states[1])  # noqa: NPY002  those of the process
            random.setstate(states[2])
            torch.set_default_dtype(modes[0])
            torch.set_grad_enabled(modes[1])
            torch.set_autocast_enabled("cpu", modes[2])
