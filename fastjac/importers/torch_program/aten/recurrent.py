"""Recurrent operators over a fixed number of steps: the table RECURRENT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ....errors import FormatError, UnsupportedLayerError
from ...ir import joining as jn
from ...ir import movement as mv
from ...ir import recurrence as rc
from ...ir.functions import relu, tanh
from ...ir.recurrence import Weights
from ...ir.values import Flow, Value, fixed
from .values import listed, tensor, tensors, whole

States = tuple[list[Value], Value | None]
"""The states behind each step, and the last cell where there is one."""
Run = Callable[[Sequence[Flow], Weights, "Value | None", "Value | None"], States]


def _rnn(steps: Sequence[Flow], weights: Weights, state: Value | None, cell: Value | None, function: rc.Function) -> States:
    return rc.rnn(steps, weights, state, function), None


def _layers(
    run: Run,
    input: Any,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> list[Value]:
    """Layers of one kind, one behind another: all states of the last layer, and the last states and last cells of all layers."""
    if train and dropout:
        raise FormatError("it drops units between its layers in training mode; call .eval() on the module before it is saved")
    value = tensor(input)
    if len(value.shape) != 3:
        raise UnsupportedLayerError(f"it runs along a value of shape {value.shape}; fastjac takes (batch, steps, features)")
    along, directions = 1 if batch_first else 0, 2 if bidirectional else 1
    starts = [tensor(one, "state") for one in listed(hx)]
    arrays = [fixed(one, "weights") for one in tensors(params)]
    each = 4 if has_biases else 2
    if len(arrays) != each * directions * whole(num_layers):
        raise FormatError(f"it has {len(arrays)} arrays of weights, which do not make {num_layers} layers without projections")
    steps = rc.steps_along(value, along)
    states, cells = [], []
    for layer in range(whole(num_layers)):
        found = []
        for direction in range(directions):
            number = layer * directions + direction
            weights = Weights(*arrays[number * each : (number + 1) * each])
            state, cell = (_start(starts, which, number) for which in (0, 1))
            order = steps[::-1] if direction else steps
            made, last = run([_flow(step) for step in order], weights, state, cell)
            found.append(made[::-1] if direction else made)
            states.append(made[-1])
            cells += [] if last is None else [last]
        steps = [jn.concatenate(list(parts), -1) for parts in zip(*found, strict=True)]
    return [jn.stack(steps, along), jn.stack(states, 0), *([jn.stack(cells, 0)] if cells else [])]


def _start(starts: Sequence[Value], which: int, number: int) -> Value | None:
    """The state or the cell that one direction of a layer starts from; None where it is 0."""
    if which >= len(starts):
        return None
    value = starts[which]
    return mv.entry(value, 0, number) if isinstance(value, Flow) else rc.first_state(value)


def _cell(run: Run, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step: the new state, and for an LSTM the new cell."""
    held = [fixed(tensor(one, "weights"), "weights") for one in (w_ih, w_hh, b_ih, b_hh) if one is not None]
    state, cell = (None if start is None else rc.first_state(tensor(start, "state")) for start in [*listed(hx), None][:2])
    made, last = run([_flow(tensor(input))], Weights(*held), state, cell)
    return made[0] if last is None else [made[0], last]


def _flow(value: Value) -> Flow:
    if not isinstance(value, Flow):
        raise UnsupportedLayerError("it runs along a constant; fastjac takes what depends on the network's input")
    return value


RUNS: dict[str, Run] = {
    "lstm": rc.lstm,
    "gru": lambda steps, weights, state, cell: (rc.gru(steps, weights, state), None),
    "rnn_tanh": partial(_rnn, function=tanh),
    "rnn_relu": partial(_rnn, function=relu),
}
RECURRENT: dict[str, Callable[..., Any]] = {
    **{name: partial(_layers, run) for name, run in RUNS.items()},
    **{f"{name}_cell": partial(_cell, run) for name, run in RUNS.items()},
}
"""Operators by torch's names."""
