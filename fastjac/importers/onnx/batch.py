"""Whether a graph whose batch is open does to each sample of a batch what it does to one alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from .calls import Flow
from .graph import Graph
from .operators import samples_of_result
from .samples import BatchCall, Samples
from .shapes import MisfitError
from .tensor import TensorReader
from .trace import Trace, trace_batch


def check_batch(graph: Graph, reader: TensorReader, alone: Trace) -> str:
    """Refuse a graph whose nodes mix the samples of a batch; `alone` is the graph traced for one sample.

    Returns why the model takes one sample only, if its own shapes leave no other number; else "".
    Raises UnsupportedLayerError that names the first node that mixes samples, and says what can be done.
    """
    if alone.source.batch_axis is None:
        return ""
    samples = _number_of_samples(alone)
    try:
        batch = trace_batch(graph, reader, alone, samples)
    except (MisfitError, UnsupportedLayerError) as error:
        # Sizes that fit one sample may fit some other number of samples too, by chance.
        raise _refusal(alone, error) from error
    except FormatError as error:
        # A size that depends on the number of samples must be the one that it is for one sample.
        return str(error)
    try:
        _check_nodes(alone, batch, samples, graph.outputs[0])
    except FormatError as error:
        raise _refusal(alone, error) from error
    return ""


def _refusal(alone: Trace, error: FormatError) -> UnsupportedLayerError:
    return UnsupportedLayerError(f"for a batch of samples, {error}; {alone.source.way_to_one_sample}")


def _number_of_samples(alone: Trace) -> int:
    """A prime that divides no size in the graph, so that axes which count samples are told from all others."""
    flows = [value for value in alone.values.values() if isinstance(value, Flow)]
    sizes = np.unique([size for flow in flows for size in flow.shape])
    return next(prime for prime in _primes_from(3) if np.all(sizes % prime))


def _primes_from(start: int) -> Iterator[int]:
    return (number for number in count(start) if all(number % divisor for divisor in range(2, int(number**0.5) + 1)))


def _check_nodes(alone: Trace, batch: Trace, samples: int, output: str) -> None:
    """Follow the samples from the input to the output; UnsupportedLayerError at the node that mixes them."""
    source = batch.source
    axis: int = source.batch_axis  # type: ignore[assignment]  # it has one
    where = {source.name: Samples.along(axis, source.shape, samples)}
    for name, call in batch.calls.items():
        with located(str(call.node)):
            lying = tuple(where.get(operand) for operand in call.node.inputs)
            where[name] = samples_of_result(BatchCall(call, alone.calls[name], lying))
            if batch.values[name].size != alone.values[name].size:  # type: ignore[union-attr]  # both are flows
                raise UnsupportedLayerError("the number of units that it gives depends on the number of samples in a batch")
    shape = batch.values[output].shape  # type: ignore[union-attr]  # it is a flow
    with located(f"output {output!r:.80}"):
        axis, _ = where[output].axis(shape)
        one_after_another = math.prod(shape) == samples * where[output].inner
        if shape[axis] != samples and not one_after_another:
            raise UnsupportedLayerError(
                f"it is of shape {where[output].shown(shape)}, where the units of different samples of a batch take turns"
            )
