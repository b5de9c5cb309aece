"""Recurrent operators over a fixed number of steps: the table RECURRENT."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..ir import joining as jn
from ..ir import movement as mv
from ..ir import recurrence as rc
from ..ir.functions import apply
from ..ir.recurrence import Weights
from ..ir.values import Flow, Value
from .calls import Call

FUNCTIONS: dict[str, fl.Layer] = {
    "Relu": fl.ReLU(),
    "Tanh": fl.Tanh(),
    "Sigmoid": fl.Sigmoid(),
    "Softsign": fl.Softsign(),
    "Softplus": fl.Softplus(),
}
"""The functions of gates and states, by ONNX's names, as far as they have no options."""
TORCH_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where the gates of `ir.recurrence` stand in ONNX's weights, whose orders are i, o, f, c and z, r, h."""
Run = Callable[[Call, Sequence[Flow], Weights, "Value | None", "Value | None", list[rc.Function]], tuple[list[Value], Value]]


def _lstm(
    call: Call, steps: Sequence[Flow], weights: Weights, state: Value | None, cell: Value | None, functions: list[rc.Function]
) -> tuple[list[Value], Value]:
    if call.node.integer("input_forget", 0):
        raise UnsupportedLayerError("it couples its gates (input_forget), which fastjac does not have")
    return rc.lstm(steps, weights, state, cell, (functions[0], functions[1], functions[2]))


def _gru(
    call: Call, steps: Sequence[Flow], weights: Weights, state: Value | None, cell: Value | None, functions: list[rc.Function]
) -> tuple[list[Value], Value]:
    after = bool(call.node.integer("linear_before_reset", 0))
    states = rc.gru(steps, weights, state, (functions[0], functions[1]), after)
    return states, states[-1]


def _rnn(
    call: Call, steps: Sequence[Flow], weights: Weights, state: Value | None, cell: Value | None, functions: list[rc.Function]
) -> tuple[list[Value], Value]:
    states = rc.rnn(steps, weights, state, functions[0])
    return states, states[-1]


def _recurrent(run: Run, defaults: Sequence[str]) -> Callable[[Call], list[Value]]:
    """A recurrent operator; the functions `defaults` are used where the node names none."""

    def convert(call: Call) -> list[Value]:
        _check(call)
        value, direction = call.value(0), call.node.text("direction", "forward")
        batch_first = bool(call.node.integer("layout", 0))
        along = 1 if batch_first else 0
        if not isinstance(value, Flow) or len(value.shape) != 3:
            raise FormatError(f"it runs along a sequence (steps, batch, features), got a value of shape {value.shape}")
        steps = rc.steps_along(value, along)
        names = call.node.texts("activations") or [*defaults, *(defaults if direction == "bidirectional" else [])]
        results = []
        for number, backwards in enumerate(_directions(direction)):
            functions = [_function(name) for name in names[number * len(defaults) : (number + 1) * len(defaults)]]
            if len(functions) != len(defaults):
                raise FormatError(f"it names {len(names)} activations, and takes {len(defaults)} for each direction")
            order = steps[::-1] if backwards else steps
            state, cell = (_start(call, position, number, batch_first) for position in (5, 6))
            states, last = run(call, order, _weights(call, number), state, cell, functions)  # type: ignore[arg-type]
            results.append((states[::-1] if backwards else states, states[-1], last))
        return _outputs(results, batch_first, run is _lstm)

    return convert


def _outputs(results: Sequence[tuple[list[Value], Value, Value]], batch_first: bool, has_cell: bool) -> list[Value]:
    """All states (steps, directions, batch, units), the last state, and the last cell; with the batch in front on request."""
    axis = 2 if batch_first else 1
    every = jn.concatenate([mv.unsqueeze(jn.stack(states, 1 if batch_first else 0), [axis]) for states, _, _ in results], axis)
    axis = 1 if batch_first else 0
    state, cell = jn.stack([state for _, state, _ in results], axis), jn.stack([cell for _, _, cell in results], axis)
    return [every, state, *([cell] if has_cell else [])]


def _weights(call: Call, number: int) -> Weights:
    """The weights of one direction, with the gates in torch's order."""
    order = TORCH_ORDER[call.node.operator]
    of_input, of_state, bias = (call.array(position) for position in (1, 2, 3))
    if (
        of_input is None
        or of_state is None
        or of_input.ndim != 3
        or of_state.ndim != 3
        or number >= min(len(of_input), len(of_state))
    ):
        raise FormatError("its weights W and R must be of shape (directions, gates * units, ...); the file is damaged")

    def turned(array: np.ndarray) -> np.ndarray:
        if len(array) % len(order):
            raise FormatError(f"an array of {len(array)} rows does not fall into {len(order)} gates; the file is damaged")
        return rc.in_order(array, order)

    products = turned(of_input[number]), turned(of_state[number])
    peepholes = _peepholes(call, number)
    if bias is None:
        return Weights(*products, peepholes=peepholes)
    if bias.ndim != 2 or bias.shape[1] != 2 * of_input.shape[1] or number >= len(bias):
        raise FormatError(f"its bias of shape {bias.shape} does not fit weights of shape {of_input.shape}; the file is damaged")
    half = bias.shape[1] // 2
    return Weights(*products, turned(bias[number, :half]), turned(bias[number, half:]), peepholes)


def _peepholes(call: Call, number: int) -> np.ndarray | None:
    """The peepholes of one direction, which ONNX has in the order i, o, f; None where they are left out."""
    array = call.array(7)
    if array is None:
        return None
    if array.ndim != 2 or array.shape[1] % 3 or number >= len(array):
        raise FormatError(f"its peepholes P must be of shape (directions, 3 * units), got {array.shape}; the file is damaged")
    return rc.in_order(array[number], (0, 2, 1))


def _start(call: Call, position: int, number: int, batch_first: bool) -> Value | None:
    """The first state or cell of one direction; None where it is 0."""
    value = rc.first_state(call.optional(position))
    return None if value is None else mv.entry(value, 1 if batch_first else 0, number)


def _check(call: Call) -> None:
    lengths = call.array(4)
    along = 1 if call.node.integer("layout", 0) else 0
    if lengths is not None and np.any(lengths != call.value(0).shape[along]):
        raise UnsupportedLayerError("its sequence_lens stop before the last step; fastjac takes sequences of one length")
    if call.node.real("clip", 0.0):
        raise UnsupportedLayerError("it clips inside of its gates, which fastjac does not have")


def _directions(direction: str) -> Sequence[bool]:
    """Whether each direction runs backwards."""
    known = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    if direction not in known:
        raise FormatError(f"direction={direction!r:.40} is none that ONNX knows")
    return known[direction]


def _function(name: str) -> rc.Function:
    if name not in FUNCTIONS:
        raise UnsupportedLayerError(f"its activation {name!r:.40} is not supported there; fastjac takes {', '.join(FUNCTIONS)}")
    return lambda value: apply(value, [FUNCTIONS[name]])


RECURRENT: dict[str, Callable[[Call], list[Value]]] = {
    "LSTM": _recurrent(_lstm, ("Sigmoid", "Tanh", "Tanh")),
    "GRU": _recurrent(_gru, ("Sigmoid", "Tanh")),
    "RNN": _recurrent(_rnn, ("Tanh",)),
}
"""Every recurrent operator, by name."""
