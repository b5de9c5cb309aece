"""A network and its Jacobian as CasADi's functions.

By these methods CasADi asks what a function takes and gives, and hands over the memory of arguments and results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import casadi
import numpy as np

from ..flat import flat
from ..network import Network
from ..pickling import refuse_pickling
from ..remembered import Remembered
from .stages import Buffer, Stages

DERIVED = ("jac_", "out_", "fwd_", "adj_")
"""How the names begin that CasADi makes for the arguments and results of derivatives."""


class Columns:
    """Values of a network, and its Jacobians by every input that CasADi has asked for.

    CasADi asks for the derivatives by each input in a call of its own, or never. The first call for an input adds it, so that
    from then on one sweep serves all calls at a point.
    """

    def __init__(self, net: Network, stages: Stages) -> None:
        self.net, self._stages = net, stages
        # The inputs asked for, and the network with their columns of J: replaced together, so that threads need no lock.
        self._state: tuple[tuple[int, ...], Remembered] = (), Remembered(net)

    def value(self, x: np.ndarray) -> np.ndarray:
        """y (count, n_out) at x (count, n_in)."""
        asked, remembered = self._state
        return remembered.value(x, alone=not asked)

    def jacobian(self, x: np.ndarray, sources: set[int]) -> dict[int, np.ndarray]:
        """J (count, n_out, size) by each of these inputs."""
        asked, remembered = self._state
        if not sources <= set(asked):
            asked = tuple(sorted(sources.union(asked)))
            remembered = Remembered(self.net, tuple(np.concatenate([self._numbers(source) for source in asked]).tolist()))
            self._state = asked, remembered
        stops = np.cumsum([self._stages.inputs[source] for source in asked])[:-1]
        return dict(zip(asked, np.split(remembered.jacobian(x), stops, axis=2), strict=True))

    def _numbers(self, source: int) -> np.ndarray:
        """The numbers of an input's entries among those of all inputs."""
        return np.arange(self.net.n_in)[self._stages.columns[source]]


class BufferCallback(casadi.Callback):
    """A function that gets the memory of its arguments and results, and belongs to this process."""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_pickling(self, "send the network, and make its callback there")

    def has_eval_buffer(self) -> bool:
        return True


class NetworkCallback(BufferCallback):
    """The function of `fastjac.casadi.callback`."""

    def __init__(self, net: Network, count: int) -> None:
        super().__init__()
        self._stages = Stages(net.inputs, net.outputs, count)
        self._columns = Columns(flat(net), self._stages)
        self._names = _names(net)
        self._jacobian: JacobianCallback | None = None
        self.construct("network", {})

    def get_n_in(self) -> int:
        return len(self._stages.inputs)

    def get_n_out(self) -> int:
        return len(self._stages.outputs)

    def get_name_in(self, number: int) -> str:
        return self._names[0][number]

    def get_name_out(self, number: int) -> str:
        return self._names[1][number]

    def get_sparsity_in(self, number: int) -> Any:
        return self._stages.matrix(self._stages.inputs[number])

    def get_sparsity_out(self, number: int) -> Any:
        return self._stages.matrix(self._stages.outputs[number])

    def eval_buffer(self, given: Sequence[Buffer], results: Sequence[Buffer]) -> int:
        x = self._stages.gathered(given, self._columns.net.dtype)
        self._stages.write_values(self._columns.value(x), results)
        return 0

    def has_jac_sparsity(self, output: int, source: int) -> bool:
        return True

    def get_jac_sparsity(self, output: int, source: int, symmetric: bool) -> Any:
        return self._stages.derivative(output, source)

    def has_jacobian(self) -> bool:
        return True

    def get_jacobian(self, name: str, given: Sequence[str], results: Sequence[str], options: Mapping[str, Any]) -> Any:
        # Kept alive here, because CasADi holds it by its address alone.
        self._jacobian = JacobianCallback(self._columns, self._stages, (list(given), list(results)))
        self._jacobian.construct(name, options)
        return self._jacobian


class JacobianCallback(BufferCallback):
    """The Jacobian of a NetworkCallback: from its inputs, and its outputs, which are not needed, a block for each pair of them.

    names : the names of its arguments and of its results.
    """

    def __init__(self, columns: Columns, stages: Stages, names: tuple[list[str], list[str]]) -> None:
        super().__init__()
        self._columns, self._stages, self._names = columns, stages, names

    def get_n_in(self) -> int:
        return len(self._names[0])

    def get_n_out(self) -> int:
        return len(self._names[1])

    def get_name_in(self, number: int) -> str:
        return self._names[0][number]

    def get_name_out(self, number: int) -> str:
        return self._names[1][number]

    def get_sparsity_in(self, number: int) -> Any:
        sizes = self._stages.inputs + self._stages.outputs
        is_output = number >= len(self._stages.inputs)
        return casadi.Sparsity(sizes[number], self._stages.count) if is_output else self._stages.matrix(sizes[number])

    def get_sparsity_out(self, number: int) -> Any:
        return self._stages.derivative(*divmod(number, len(self._stages.inputs)))

    def eval_buffer(self, given: Sequence[Buffer], results: Sequence[Buffer]) -> int:
        n_inputs = len(self._stages.inputs)
        wanted = [block for block, buffer in enumerate(results) if buffer is not None]
        x = self._stages.gathered(given[:n_inputs], self._columns.net.dtype)
        if wanted:
            jacobians = self._columns.jacobian(x, {block % n_inputs for block in wanted})
            for block in wanted:
                output, source = divmod(block, n_inputs)
                self._stages.write_block(jacobians[source][:, self._stages.rows[output]], results[block])
        return 0


def _names(net: Network) -> tuple[list[str], list[str]]:
    """The names of arguments and of results: the network's where CasADi takes them, else i0, i1, ... and o0, o1, ..."""
    ours = [_named(net._inputs.names, "i"), _named(net._outputs.names, "o")]
    if len(set(ours[0] + ours[1])) == len(ours[0] + ours[1]):
        return ours[0], ours[1]
    return _named((None,) * len(ours[0]), "i"), _named((None,) * len(ours[1]), "o")


def _named(names: Sequence[str | None], letter: str) -> list[str]:
    return [name if name is not None and _is_taken(name) else f"{letter}{number}" for number, name in enumerate(names)]


def _is_taken(name: str) -> bool:
    """Whether CasADi takes a name, and makes no such name itself for a derivative."""
    return not name.startswith(DERIVED) and bool(casadi.Function.check_name(name))
