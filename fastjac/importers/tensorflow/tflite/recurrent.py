"""Recurrent layers of TensorFlow Lite over a fixed number of steps, which start from a state of 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....errors import FormatError, UnsupportedLayerError
from ...ir import elementwise as el
from ...ir import functions as fn
from ...ir import joining as jn
from ...ir import recurrence as rc
from ...ir.recurrence import Function, Weights
from ...ir.values import Flow, Value, constant
from ..calls import Call

LSTM, RNN = "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"
STATES = {LSTM: (18, 19), RNN: (4,)}
"""The positions of a node's operands that are its state. The file has no numbers for them."""
GATES = range(4)
REFUSED = {
    "peepholes": range(9, 12),
    "a projection": range(16, 18),
    "a layer normalization within": range(20, 24),
}
"""Operands that only some LSTMs have, and fastjac's does not."""
FUNCTIONS: Mapping[int, Function] = {0: lambda value: value, 1: fn.relu, 4: fn.tanh}
"""The functions that a state is passed through, by the number in the option `fused`."""


def lstm(call: Call) -> Value:
    """The states behind all steps. Each gate's weights are an operand of their own, in the order i, f, g, o."""
    for what, positions in REFUSED.items():
        if any(call.optional(position) is not None for position in positions):
            raise UnsupportedLayerError(f"it has {what}, which fastjac does not have; fastjac takes the LSTM that Keras has")
    if call.real("proj_clip", 0.0):
        raise UnsupportedLayerError("it clips its states, which fastjac does not have; fastjac takes the LSTM that Keras has")
    function, steps = _function(call), _steps(call)
    weights = Weights(*(_joined(call, first) for first in (1, 5, 12)))
    bound = _bound(call, function, len(steps))
    states, _ = rc.lstm(steps, weights, functions=(fn.sigmoid, function, function), bound=bound)
    return jn.stack(states, _time_axis(call))


def _bound(call: Call, function: Function, steps: int) -> Function | None:
    """The function that clips the cells; None where they cannot become so large: with tanh, each step adds less than 1."""
    most = call.real("cell_clip", 0.0)
    if most <= 0.0 or (function is fn.tanh and steps <= most):
        return None
    low, high = constant(np.float32(-most)), constant(np.float32(most))
    return lambda cell: el.clip(cell, low, high)


def rnn(call: Call) -> Value:
    """The states behind all steps; each state is a function of the input and of the last state."""
    weights = Weights(call.array(1), call.array(2), call.array(3))
    return jn.stack(rc.rnn(_steps(call), weights, function=_function(call)), _time_axis(call))


def _joined(call: Call, first: int) -> np.ndarray:
    """The arrays of all gates, one after another."""
    arrays = [call.array(first + gate) for gate in GATES]
    if len({array.shape for array in arrays}) > 1 or not arrays[0].ndim:
        raise FormatError(f"its gates have weights of shapes {', '.join(str(array.shape) for array in arrays)}")
    return np.concatenate(arrays)


def _function(call: Call) -> Function:
    number = call.integer("fused")
    if number not in FUNCTIONS:
        raise UnsupportedLayerError(f"its activation {number} is not supported; fastjac takes {list(FUNCTIONS)}")
    return FUNCTIONS[number]


def _time_axis(call: Call) -> int:
    return 0 if call.flag("time_major") else 1


def _steps(call: Call) -> Sequence[Flow]:
    """The inputs of all steps, each (batch, features)."""
    value, axis = call.value(0), _time_axis(call)
    if not isinstance(value, Flow) or len(value.shape) != 3:
        raise UnsupportedLayerError(f"it takes sequences (batch, steps, features) of the input, got shape {value.shape}")
    return rc.steps_along(value, axis)  # type: ignore[return-value]  # steps of a Flow are such
