"""What a live module computes: its forward is recorded as it runs, and fastjac's operators carry out the record."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...errors import LayerError, UnsupportedLayerError
from ...graphs.conversion import in_order
from ...graphs.nodes import Input, Node
from ...layers import Layer
from ..ir.assembly import followed as with_samples
from ..ir.assembly import input_flow, output_node
from ..ir.build import end_flow
from ..ir.values import MixedSamplesError
from ..located import located
from ..reading.limits import MOST_UNITS, check_count
from ..torch_program.aten.evaluation import Evaluation
from ..torch_program.aten.values import tensor
from .calls import Call, Given
from .evaluation import Subject
from .inputs import Inputs, Shape, inputs_of
from .modes import as_written, whole_operators
from .modified import check_global_hooks, check_ready
from .places import Place
from .recording import HALF_PRECISION, check_modes
from .replay import Replay
from .running import FailedError, Recording, recorded
from .sizes import shapes_met
from .untouched import Before, untouched


@dataclass(frozen=True)
class Followed:
    """What the forward of a module was found to do.

    subject : the module with the shapes of its inputs.
    inputs, outputs : nodes of a network. The inputs are those of forward, whether an output depends on them or not.
    is_sized : whether the module itself shows the shapes of its inputs.
    places : for each layer, where the forward calls the operator that became it.  calls : all operators that it calls, in order.
    is_double : whether torch computes in double precision.
    """

    subject: Subject
    inputs: Sequence[Input]
    outputs: Sequence[Node]
    is_sized: bool
    places: Mapping[Layer, Place]
    calls: Sequence[Call]
    is_double: bool

    @property
    def unused(self) -> Sequence[Input]:
        """The inputs that no output depends on."""
        needed = set(in_order(self.outputs))
        return [node for node in self.inputs if node not in needed]

    @property
    def dtype(self) -> np.dtype:
        """The widest precision in which torch computes."""
        return np.dtype(np.float64 if self.is_double else np.float32)


def followed(module: Any, input_shape: Any = None, otherwise: Sequence[int] | None = None) -> Followed:
    """Run a module's forward, and find what it does.

    otherwise : the sizes of inputs whose shapes neither the user nor the module shows.

    Raises LayerError where the shape of an input is not known, FormatError in training mode where that matters,
    UnsupportedLayerError where the forward is no one network.
    """
    check_global_hooks()
    check_modes()
    check_ready(module)
    inputs = inputs_of(module, input_shape)
    module = _widened(module)
    *others, last = _likes(module)
    try:
        for like in others:
            with suppress(FailedError):
                return _followed(module, inputs, otherwise, like)
        return _followed(module, inputs, otherwise, last)
    except FailedError as error:
        advice = f"; if samples are of another shape, {_advice(inputs.names)}" if None in inputs.shapes else ""
        raise UnsupportedLayerError(f"{error}{advice}") from error
    except MixedSamplesError as error:
        raise UnsupportedLayerError(
            f"{error}; fastjac takes a forward that is given a batch, samples along axis 0, and does the same to each"
        ) from error


def _followed(module: Any, inputs: Inputs, otherwise: Sequence[int] | None, like: Any) -> Followed:
    with untouched(module) as before, as_written(), whole_operators(), np.errstate(all="ignore"):
        copies: dict[int, Given] = {}

        def run_on(shapes: Mapping[str, Shape]) -> None:
            recorded(module, _samples(shapes.values(), 2, like), before, copies)

        shapes: Mapping[str, Shape] = {}
        with nullcontext() if otherwise is None else suppress(FailedError):
            shapes = shapes_met(module, run_on, dict(zip(inputs.names, inputs.shapes, strict=True)))
        is_sized = len(shapes) == len(inputs.names)
        if otherwise is not None:
            shapes = {name: (size,) for name, size in zip(inputs.names, otherwise, strict=True)} | dict(shapes)
        _check_known(inputs.names, shapes)
        ordered = [shapes[name] for name in inputs.names]
        forward = _Forward(module, inputs.names, ordered, like, before, copies)
        made = with_samples(forward.carried_out, _sizes(module, ordered))
    axes = [_batch_axis(*pair) for pair in zip(made.batch.shapes, made.alone.shapes, strict=True)]
    subject = Subject(module, ordered, like, axes)
    return Followed(subject, made.inputs, made.outputs(), is_sized, made.replay.places, made.batch.calls, made.batch.is_double)


@dataclass(frozen=True)
class _Forward:
    """A forward that runs on inputs of known shapes."""

    module: Any
    names: Sequence[str]
    shapes: Sequence[Shape]
    like: Any
    before: Before
    copies: dict[int, Given]

    def carried_out(self, samples: int) -> _Made:
        """What the forward does to a batch of so many samples, and to its first sample alone."""
        given = _samples(self.shapes, samples, self.like)
        batch = recorded(self.module, given, self.before, self.copies)
        alone = recorded(self.module, [tensor[:1].clone() for tensor in given], self.before, self.copies)
        inputs = [Input(math.prod(shape), name) for shape, name in zip(self.shapes, self.names, strict=True)]
        flows = [input_flow(node, (1, *shape), 0, samples) for node, shape in zip(inputs, self.shapes, strict=True)]
        evaluation = Evaluation()
        evaluation.is_double = batch.is_double
        return _Made(batch, alone, inputs, Replay(batch, alone, flows, evaluation), evaluation.sizes)


@dataclass(eq=False)
class _Made:
    """A forward that was recorded for a batch and for one sample, and carried out; `sizes` are those of its tensors."""

    batch: Recording
    alone: Recording
    inputs: Sequence[Input]
    replay: Replay
    sizes: set[int]

    def outputs(self) -> list[Node]:
        """The nodes of what the forward gives for one sample."""
        names = [f"number {position}" for position in range(len(self.batch.outputs))]
        found = [self.replay.value(number) for number in self.batch.outputs]
        with located("the output"):
            values = [tensor(value) for value in found]
        return self.replay.shared([output_node(end_flow(value, name), name) for value, name in zip(values, names, strict=True)])


def _samples(shapes: Iterable[Shape], count: int, like: Any) -> list[Any]:
    """A batch of samples for each input, whose numbers do not matter."""
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.standard_normal((count, *shape))).to(like).clone() for shape in shapes]


def _sizes(module: Any, shapes: Sequence[Shape]) -> set[int]:
    """Sizes of the module's tensors and inputs, which the number of samples must differ from."""
    held = itertools.chain(module.parameters(), module.buffers())
    return {size for shape in (*shapes, *(tensor.shape for tensor in held)) for size in shape}


def _check_known(names: Sequence[str], shapes: Mapping[str, Shape]) -> None:
    unknown = [name for name in names if name not in shapes]
    if unknown:
        raise LayerError(f"no layer states the size of {' and '.join(unknown)}; {_advice(names)}")
    check_count(max(math.prod(shape) for shape in shapes.values()), MOST_UNITS, "units in an input")


def _advice(names: Sequence[str]) -> str:
    each = f", one for each of {', '.join(names)}" if len(names) > 1 else ""
    return f"pass it: fastjac.from_torch(module, input_shape=...){each}"


def _batch_axis(batch: Shape, alone: Shape) -> int:
    """The axis of an output along which the samples lie."""
    return next((axis for axis, (many, one) in enumerate(zip(batch, alone, strict=False)) if many != one), 0)


def _likes(module: Any) -> Sequence[Any]:
    """Tensors whose device and precision inputs may have: the module's first one, or where it has none, one of each precision."""
    held = [tensor for tensor in itertools.chain(module.parameters(), module.buffers()) if tensor.is_floating_point()]
    return held[:1] or [torch.empty(0, dtype=dtype) for dtype in (torch.float64, torch.float32)]


def _widened(module: Any) -> Any:
    """The module; a copy of it in single precision where its weights are in half precision."""
    if not any(tensor.dtype in HALF_PRECISION for tensor in itertools.chain(module.parameters(), module.buffers())):
        return module
    try:
        return copy.deepcopy(module).float()
    except Exception as error:  # such as torch's own for a weight that a hook computes, which torch does not copy
        raise UnsupportedLayerError(
            f"a copy of the module in single precision cannot be made, in which fastjac computes ({type(error).__name__}: "
            f"{error}); call .float() on it first"
        ) from error
