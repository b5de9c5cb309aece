"""What Keras's recurrent layers become: all steps, one after another, since a sequence has a fixed length.

Every function takes a layer and the tensor (batch, steps, features) that it is called on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ...errors import UnsupportedLayerError
from ..ir import elementwise as el
from ..ir import joining as jn
from ..ir import recurrence as rc
from ..ir.account import shared
from ..ir.functions import apply
from ..ir.recurrence import Weights
from ..ir.values import Flow, Value, constant
from ..located import located
from .activations import ACTIVATIONS, MIXING
from .arrays import Expected, arrays
from .config import Entry, entry_of

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
"""How many gates each recurrent layer has, by class."""


def recurrent(entry: Entry, value: Value) -> Value:
    """The state behind each step (batch, steps, units), or the last one (batch, units)."""
    states = _states(entry, value)
    return jn.stack(states, 1) if entry.config["return_sequences"] else states[-1]


def bidirectional(entry: Entry, value: Value) -> Value:
    """A recurrent layer forwards, another backwards, and both results joined."""
    config = entry.config
    given = {"forward_layer": config["layer"], "backward_layer": config.get("backward_layer") or config["layer"]}
    results = []
    for name, inner in given.items():
        part = shared((id(entry), name), partial(entry_of, inner, f"{entry.name}/{name}", entry.weights.inner(name)))
        with located(f"its {name.replace('_', ' ')} {part.class_name}"):
            if part.class_name not in GATES:
                raise UnsupportedLayerError(f"fastjac has it in both directions for {', '.join(GATES)}")
            is_backward = name == "backward_layer"
            states = _states(part, value, is_backward)
            in_order = states[::-1] if is_backward else states
            results.append(jn.stack(in_order, 1) if part.config["return_sequences"] else states[-1])
    if config["merge_mode"] not in MERGES:
        raise UnsupportedLayerError(
            f"merge_mode={config['merge_mode']!r:.40} gives both results apart; fastjac takes {', '.join(MERGES)}"
        )
    return MERGES[config["merge_mode"]](results)


MERGES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "concat": lambda values: jn.concatenate(values, -1),
    "sum": el.total,
    "mul": lambda values: el.total(values, el.multiply),
    "ave": lambda values: el.multiply(el.total(values), constant(np.float64(0.5))),
}
"""What joins the results of both directions, by name."""


def _states(entry: Entry, value: Value, backward: bool | None = None) -> list[Value]:
    """The states in the order in which the steps are taken."""
    config = entry.config
    for option in ("return_state", "stateful"):
        if config.get(option):
            raise UnsupportedLayerError(f"{option}=True is not supported; fastjac takes what a sequence gives from a state of 0")
    if not isinstance(value, Flow) or len(value.shape) != 3:
        raise UnsupportedLayerError(f"it runs along steps of features, and samples of shape {value.shape[1:]} are none")
    steps = rc.steps_along(value, 1)
    is_backward = bool(config.get("go_backwards")) if backward is None else backward
    weights = shared((id(entry), "weights"), lambda: _weights(entry, value.shape[2]))
    return _run(entry, [step for step in steps if isinstance(step, Flow)][:: -1 if is_backward else 1], weights)


def _run(entry: Entry, steps: Sequence[Flow], weights: Weights) -> list[Value]:
    state = _function(entry, "activation")
    if entry.class_name == "SimpleRNN":
        return rc.rnn(steps, weights, function=state)
    gate = _function(entry, "recurrent_activation")
    if entry.class_name == "LSTM":
        return rc.lstm(steps, weights, functions=(gate, state, state))[0]
    return rc.gru(steps, weights, functions=(gate, state), reset_after=bool(entry.config.get("reset_after")))


def _weights(entry: Entry, n_in: int) -> Weights:
    """The layer's weights in torch's layout; Keras 3 files them under the cell inside the layer."""
    config, gates = entry.config, GATES[entry.class_name]
    units = config["units"]
    wide = gates * units
    both = entry.class_name == "GRU" and config.get("reset_after")
    expected: list[Expected] = [(n_in, wide), (units, wide)]
    if config["use_bias"]:
        expected.append((2, wide) if both else (wide,))
    held = entry if entry.weights.shapes() else replace(entry, weights=entry.weights.inner("cell"))
    kernel, state, *bias = arrays(held, *expected)
    order = (1, 0, 2) if entry.class_name == "GRU" else range(gates)

    def turned(array: np.ndarray) -> np.ndarray:
        """The gates along the first axis, in torch's order."""
        return rc.in_order(array, order)

    of_input, of_state = (turned(array.T) for array in (kernel, state))
    if not bias:
        return Weights(of_input, of_state)
    if both:
        return Weights(of_input, of_state, turned(bias[0][0]), turned(bias[0][1]))
    return Weights(of_input, of_state, turned(bias[0]))


def _function(entry: Entry, option: str) -> rc.Function:
    name = entry.config[option]
    if not isinstance(name, str) or name not in ACTIVATIONS or name in MIXING:
        raise UnsupportedLayerError(f"{option}={name!r:.80} is not among those that fastjac has there: {', '.join(ACTIVATIONS)}")
    return lambda value: apply(value, ACTIVATIONS[name])
