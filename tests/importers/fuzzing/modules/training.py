"""fastjac.torch on a module: values, Jacobians and gradients equal torch's own at each call, whatever was changed in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import fastjac.torch
from fastjac.errors import FastjacError

from .building import built
from .drawing import Drawn
from .grammar import CHANGES
from .judge import ACCEPTED, PRECISIONS, REFUSED, Verdict, as_it_was, coarsest, difference, input_dtype
from .reference import BrokenPromiseError, NoFunctionError, Reference
from .traces import changes, outside, state_of

N_SAMPLES = 5

Evaluate = Callable[[Any], tuple[Any, Any]]
"""From x (n, n_in) the values (n, n_out) and Jacobians (n, n_out, n_in), which depend on x and the parameters."""


def judge_training(drawn: Drawn, change: str) -> Verdict:
    """Call the module with fastjac.torch twice, change it, and call it again. Raises CannotBuildError."""
    verdict = Verdict(REFUSED)
    with as_it_was(), built(drawn.source, drawn.name) as (module, names):
        for lines in ("", "", CHANGES[change]):
            names["module"] = module
            try:
                exec(lines, names)
            except Exception:
                break  # This module cannot be changed so.
            module = names["module"]
            verdict = _one_call(module, names, drawn)
            if verdict.fault:
                return replace(verdict, detail=f"after {change!r}: {verdict.detail}" if lines else verdict.detail)
            if verdict.end == REFUSED:
                break
    return verdict


def _one_call(module: Any, names: dict[str, Any], drawn: Drawn) -> Verdict:
    dtype = input_dtype(module, torch.float64)
    x = torch.tensor(np.random.default_rng(len(drawn.source)).standard_normal((N_SAMPLES, drawn.n_in)), dtype=dtype)
    before = state_of(module, names)
    try:
        ours = _numbers(lambda x: fastjac.torch.value_and_jacobian(module, x), module, x)
    except FastjacError as error:
        return Verdict(REFUSED, "" if str(error) else "an error without a message")
    except Exception as error:
        return Verdict(REFUSED, "a foreign error", f"{type(error).__name__}: {error}"[:300])
    left = changes(before, state_of(module, names))
    if left - outside(left):
        return Verdict(ACCEPTED, "a trace left", ", ".join(sorted(left)))
    own = Reference(module, dtype, drawn.sizes)
    try:
        own.values(x.numpy())
    except BrokenPromiseError:
        return Verdict(ACCEPTED)
    except NoFunctionError as error:
        return Verdict(ACCEPTED, "no function", str(error))
    try:
        theirs = _numbers(own.recorded, module, x)
    except (NoFunctionError, RuntimeError):
        return Verdict(ACCEPTED)  # Torch has no first or second derivative of it.
    precision = PRECISIONS[coarsest(dtype, module, drawn)]
    for kind, one, other in zip(("values", "derivatives", "gradients"), ours, theirs, strict=True):
        known = np.isfinite(other)  # Where numbers overflow, there is no right one.
        found = difference(np.where(known, one, other), other, x.numpy(), precision.derivatives)
        if found:
            return Verdict(ACCEPTED, f"other {kind}", found)
    return Verdict(ACCEPTED)


def _numbers(evaluate: Evaluate, module: Any, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values and Jacobians, one row a sample, and the gradients by x and the parameters of a random loss of both, in one row."""
    leaf = x.clone().requires_grad_()
    y, jacobians = evaluate(leaf)
    generator = torch.Generator().manual_seed(7)
    by_y, by_jacobians = (
        torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor) for tensor in (y, jacobians)
    )
    loss = (by_y * y).sum() + (by_jacobians * jacobians).sum()
    leaves = [leaf, *(parameter for parameter in module.parameters() if parameter.requires_grad)]
    gradients = torch.autograd.grad(loss, leaves, materialize_grads=True, allow_unused=True)
    row = torch.cat([gradient.reshape(-1) for gradient in gradients])
    return tuple(tensor.detach().double().numpy() for tensor in (y.reshape(len(x), -1), jacobians.reshape(len(x), -1), row[None]))
