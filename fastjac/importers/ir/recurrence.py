"""Recurrent layers over a fixed number of steps, unrolled: each step is the same layers on the input and on the last state.

Each takes the steps as tensors (batch, features), and weights in torch's layout: the rows of all gates, one gate after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..reading.limits import check_count
from .account import spend
from .contraction import affine
from .elementwise import add, multiply, subtract
from .functions import sigmoid, tanh
from .movement import split, unstack
from .values import Constant, Flow, Value, constant

MOST_STEPS = 1024
"""How many steps a sequence may have; every step adds the same number of layers."""
Function = Callable[[Value], Value]


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of one direction of a recurrent layer.

    input : (gates * units, features).  state : (gates * units, units).
    bias : (gates * units,), added to the product with `input`.  state_bias : the same for `state`, where the two are apart.
    peepholes : (3 * units,), the factors of the cell in gates i, f and o of a long short-term memory, if it has them.
    """

    input: np.ndarray
    state: np.ndarray
    bias: np.ndarray | None = None
    state_bias: np.ndarray | None = None
    peepholes: np.ndarray | None = None

    def peephole_parts(self) -> list[Value | None]:
        """The peepholes of gates i, f and o, None where there are none; FormatError where their shape does not fit."""
        units = self.state.shape[-1]
        if self.peepholes is None:
            return [None] * 3
        if self.peepholes.shape != (3 * units,):
            raise FormatError(f"its peepholes are of shape {self.peepholes.shape}, which does not fit 3 gates of {units} units")
        return [constant(part) for part in np.split(self.peepholes, 3)]

    def layers(self, gates: int) -> tuple[fl.Affine, fl.Affine]:
        """The layers of `input` and of `state`, which every step shares; FormatError where their shapes do not fit."""
        units = self.state.shape[-1]
        if self.state.shape != (gates * units, units) or self.input.shape[0] != gates * units:
            raise FormatError(
                f"its weights are of shapes {self.input.shape} and {self.state.shape}, which do not fit {gates} gates of {units} "
                "units"
            )
        spend(self.input.size + self.state.size)
        return fl.Affine(self.input, self.bias), fl.Affine(self.state, self.state_bias)


def steps_along(value: Value, axis: int) -> list[Value]:
    """The steps of a sequence that lie one after another along an axis."""
    check_count(value.shape[axis], MOST_STEPS, "steps of a sequence")
    return unstack(value, axis)


def first_state(value: Value | None) -> Value | None:
    """A state or cell that a sequence starts from; None where it is 0."""
    if isinstance(value, Constant) and np.any(value.alone):
        raise UnsupportedLayerError("it starts from a constant state other than 0; make that an input of the model")
    return value if isinstance(value, Flow) else None


def in_order(array: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """The rows of all gates; each gate comes from the place that `order` states."""
    gates = np.split(array, len(order))
    return np.concatenate([gates[gate] for gate in order])


def lstm(
    steps: Sequence[Flow],
    weights: Weights,
    state: Value | None = None,
    cell: Value | None = None,
    functions: tuple[Function, Function, Function] = (sigmoid, tanh, tanh),
    bound: Function | None = None,
) -> tuple[list[Value], Value]:
    """The states behind each step, and the last cell, of a long short-term memory with gates i, f, g, o.

    `c' = f c + i g`, `h' = o tanh(c')`; state and cell are 0 at first, unless given. Each new cell passes through `bound`.
    Gates with peepholes take the cell too: i and f the old one, and o the new one.
    """
    _check(steps)
    gate, candidate, output = functions
    of_i, of_f, of_o = (partial(_with_peephole, numbers) for numbers in weights.peephole_parts())
    of_input, of_state = weights.layers(4)
    units = weights.state.shape[1]
    states: list[Value] = []
    for step in steps:
        i, f, g, o = split(_sum(of_input, step, of_state, state), 1, [units] * 4)
        fresh = multiply(gate(of_i(i, cell)), candidate(g))
        cell = fresh if cell is None else add(multiply(gate(of_f(f, cell)), cell), fresh)
        cell = cell if bound is None else bound(cell)
        state = multiply(gate(of_o(o, cell)), output(cell))
        states.append(state)
    assert cell is not None
    return states, cell


def _with_peephole(numbers: Value | None, gate: Value, cell: Value | None) -> Value:
    return gate if numbers is None or cell is None else add(gate, multiply(numbers, cell))


def gru(
    steps: Sequence[Flow],
    weights: Weights,
    state: Value | None = None,
    functions: tuple[Function, Function] = (sigmoid, tanh),
    reset_after: bool = True,
) -> list[Value]:
    """The states behind each step of a gated recurrent unit with gates r, z, n: `h' = (1 - z) n + z h`.

    reset_after : whether r multiplies the state's product with its weights, or the state before that.
    """
    _check(steps)
    gate, candidate = functions
    units = weights.state.shape[1]
    of_input, of_state = weights.layers(3)
    of_gates = fl.Affine(weights.state[: 2 * units], _part(weights.state_bias, 0, 2 * units))
    of_candidate = fl.Affine(weights.state[2 * units :], _part(weights.state_bias, 2 * units, 3 * units))
    states: list[Value] = []
    for step in steps:
        r, z, n = split(affine(step, of_input), 1, [units] * 3)
        if state is None:
            states.append(state := _first_gru_state((r, z, n), weights.state_bias, functions, reset_after))
            continue
        assert isinstance(state, Flow)
        if reset_after:
            more_r, more_z, more_n = split(affine(state, of_state), 1, [units] * 3)
            new = candidate(add(n, multiply(gate(add(r, more_r)), more_n)))
        else:
            more_r, more_z = split(affine(state, of_gates), 1, [units] * 2)
            kept = multiply(gate(add(r, more_r)), state)
            assert isinstance(kept, Flow)
            new = candidate(add(n, affine(kept, of_candidate)))
        update = gate(add(z, more_z))
        states.append(state := add(new, multiply(update, subtract(state, new))))
    return states


def _first_gru_state(
    gates: Sequence[Value], bias: np.ndarray | None, functions: tuple[Function, Function], reset_after: bool
) -> Value:
    """The state behind the first step, where the state before it is 0."""
    gate, candidate = functions
    r, z, n = gates
    if bias is not None:
        of_r, of_z, of_n = (constant(part) for part in np.split(bias, 3))
        n = add(n, multiply(gate(add(r, of_r)), of_n) if reset_after else of_n)
        z = add(z, of_z)
    new = candidate(n)
    return subtract(new, multiply(gate(z), new))


def rnn(steps: Sequence[Flow], weights: Weights, state: Value | None = None, function: Function = tanh) -> list[Value]:
    """The states behind each step of a plain recurrent layer, `h' = tanh(W x + R h + b)`."""
    _check(steps)
    of_input, of_state = weights.layers(1)
    states: list[Value] = []
    for step in steps:
        state = function(_sum(of_input, step, of_state, state))
        states.append(state)
    return states


def _sum(of_input: fl.Affine, step: Flow, of_state: fl.Affine, state: Value | None) -> Value:
    """`W x + R h + b`; where h is 0, only the bias of `R h` remains of that term."""
    product = affine(step, of_input)
    if state is None:
        return product if of_state.bias is None else add(product, constant(of_state.bias))
    assert isinstance(state, Flow)
    return add(product, affine(state, of_state))


def _part(bias: np.ndarray | None, start: int, end: int) -> np.ndarray | None:
    return None if bias is None else bias[start:end]


def _check(steps: Sequence[Flow]) -> None:
    check_count(len(steps), MOST_STEPS, "steps of a sequence")
    if not steps:
        raise FormatError("it runs along a sequence of no steps")
