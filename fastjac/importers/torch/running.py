"""Run a live module's forward on samples, and record what it does; the module stays as it is."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import FastjacError, UnsupportedLayerError
from ..located import located
from .calls import Call, Given, leaves
from .places import Places
from .recording import Recorder
from .untouched import Before

DIFFERENTIATES = (
    "; a forward that differentiates is no network: import the module that it differentiates, and compute the gradient from "
    "net.jacobian"
)
LOOKS_UP = (
    "; a forward whose input is a dictionary, or another object of tensors, must be wrapped: import a module whose forward takes "
    "these tensors one by one, and hands them to yours as a dictionary"
)
NO_GRADIENT = "does not require grad"
BY_NAME = re.compile(r"\w\[[\"']|\.(items|keys|values|get)\(")
"""What a line of Python that looks up a key in a dictionary contains."""


class FailedError(UnsupportedLayerError):
    """The module's own code fails on samples of these shapes; callers try other shapes, or raise UnsupportedLayerError."""


@dataclass(frozen=True)
class Recording:
    """What a forward did in one run.

    calls : its calls of torch's operators, in order.
    outputs : the numbers of the variables that it returned.  shapes : the shapes of these variables.
    is_double : whether any variable holds numbers of double precision.
    """

    calls: Sequence[Call]
    outputs: Sequence[int]
    shapes: Sequence[tuple[int, ...]]
    is_double: bool


def recorded(module: Any, samples: Sequence[Any], before: Before, copies: dict[int, Given]) -> Recording:
    """Record what the forward does to a batch of samples: one tensor for each input, and these are the first variables.

    before : the module's state, to which it is put back afterwards.  copies : those of Recorder.

    Raises FormatError in training mode where that matters; UnsupportedLayerError where the forward changes the module or does
    what cannot be recorded, and FailedError where the module's own code fails.
    """
    places = Places(module, run.__code__)
    recorder = Recorder(places, samples, copies)
    try:
        with recorder:
            returned = _run(module, samples, places)
        before.check(lambda tensor: recorder.number(tensor) is not None)
    finally:
        before.restore()
    with located("the output"):
        tensors = list(_outputs(returned, recorder))
    numbers = [recorder.number(tensor) or 0 for tensor in tensors]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    return Recording(recorder.variables.calls, numbers, shapes, recorder.is_double)


def _run(module: Any, samples: Sequence[Any], places: Places) -> Any:
    """What the module gives; FailedError, with the line of the user's code, where it raises an error that is not fastjac's."""
    try:
        return run(module, samples)
    except FastjacError:
        raise
    except Exception as error:  # the user's own code runs here, and may raise anything
        shapes = ", ".join(str(tuple(sample.shape)) for sample in samples)
        raise FailedError(
            f"{places.of_error(error)}: its forward fails on a batch of {len(samples[0])} samples, of shape {shapes}: "
            f"{type(error).__name__}: {error!s:.500}{_advice(error)}"
        ) from error


def _advice(error: Exception) -> str:
    """What to do about an error that a forward raises; empty where the error does not show it."""
    if NO_GRADIENT in str(error):
        return DIFFERENTIATES
    line = traceback.extract_tb(error.__traceback__)[-1].line or ""
    return LOOKS_UP if BY_NAME.search(line) else ""


def run(module: Any, samples: Sequence[Any]) -> Any:
    """What the module gives. In a stack of calls, this function marks where the user's code begins."""
    return module(*samples)


def _outputs(returned: Any, recorder: Recorder) -> Iterator[Any]:
    """The tensors in what a forward returns: tuples, lists or dictionaries inside one another."""
    found = list(leaves(returned))
    if not any(isinstance(one, torch.Tensor) and recorder.number(one) is not None for one in found):
        raise UnsupportedLayerError(
            f"it returns something that does not depend on its input, of type {type(returned).__name__}; fastjac takes a forward "
            "that returns tensors computed from its inputs"
        )
    for position, one in enumerate(found):
        if not isinstance(one, torch.Tensor) or recorder.number(one) is None:
            kind = "a tensor that is constant" if isinstance(one, torch.Tensor) else f"of type {type(one).__name__}"
            raise UnsupportedLayerError(
                f"it returns several things, and number {position} is {kind} instead of a tensor computed from the inputs; "
                "fastjac takes a tensor, or a tuple, list or dictionary of tensors"
            )
        yield one
