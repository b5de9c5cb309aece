"""From a Keras config and its weights to a network; what a live model and every file have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ...errors import FastjacError, FormatError, LayerError
from ..parts import Imported, assemble
from .arrays import float_type
from .config import Config, Weights, check_model, flatten, input_shape
from .layers import convert


def build(model: Config, weights: Weights, n_in: int | None = None) -> Imported:
    """The network of a model's config and weights; n_in is needed only where the model does not tell its inputs."""
    check_model(model)
    shape = input_shape(model)
    size = None if shape is None or None in shape else math.prod(size for size in shape if size is not None)
    if None not in (n_in, size) and n_in != size:
        raise LayerError(f"n_in={n_in!r} was given, but the model's input has {size} entries; leave n_in out")
    entries = list(flatten(model, weights))
    # A layer in float64 may hold nothing but single numbers, whose type is lost.
    widest = np.dtype(np.float64) if any(float_type(entry.config) is np.float64 for entry in entries) else None
    call = "fastjac.from_keras(model, n_in=...), with the model live in Keras"
    return assemble(convert(entries, shape), n_in if size is None else size, call, widest)


@contextmanager
def malformed_told(what: str) -> Iterator[None]:
    """Turn what reading a config that lacks or mistypes something raises into a FormatError; `what` names the config."""
    try:
        yield
    except FastjacError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{what} does not describe a model as Keras does: {error!r:.200}") from error
