"""From a Keras config and its weights to a network; what a live model and every file have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import FastjacError, FormatError, LayerError
from ..parts import Imported, assemble
from .config import Config, Weights, check_model, flatten, input_shape
from .layers import convert


def build(model: Config, weights: Weights, n_in: int | None = None) -> Imported:
    """The network of a model's config and weights; n_in is needed only where the model does not tell its inputs."""
    check_model(model)
    shape = input_shape(model)
    size = None if shape is None or None in shape else math.prod(size for size in shape if size is not None)
    if None not in (n_in, size) and n_in != size:
        raise LayerError(f"n_in={n_in!r} was given, but the model's input has {size} entries; leave n_in out")
    parts = convert(list(flatten(model, weights)), shape)
    return assemble(parts, n_in if size is None else size, "fastjac.from_keras(model, n_in=...), with the model live in Keras")


@contextmanager
def malformed_told(what: str) -> Iterator[None]:
    """Turn what reading a config that lacks or mistypes something raises into a FormatError; `what` names the config."""
    try:
        yield
    except FastjacError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{what} does not describe a model as Keras does: {error!r:.200}") from error
