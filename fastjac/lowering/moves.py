"""The moves that evaluate a network, as records of the primal sweep."""

from __future__ import annotations

from collections.abc import Iterator

from ..kernels import sweep
from ..kernels.jit import kernel_address
from ..kernels.normalizers import NORMALIZERS
from ..kernels.pairwise import PAIRWISE
from ..kernels.tables import ACTIVATE, ADD, AFFINE, DENSE, INPUTS, JOIN, NORMALIZE, TAKE, WORK
from ..layers import Affine
from ..planning.block import Pair, Selection, Sum, selected
from ..planning.operators import Diagonal, Normalization
from .matrix import Record
from .memory import Parameters
from .values import Move, StatePlaces, Values, Vector


class Sweep:
    """The primal table of a network for blocks of samples.

    block : samples in a block.  state : where the vectors of each operator's Jacobian lie.
    parameters : receives the numbers that steps read, or knows where they lie.
    """

    def __init__(self, block: int, state: StatePlaces, parameters: Parameters) -> None:
        self._block, self._state, self._parameters = block, state, parameters

    def steps(self, values: Values) -> list[Record]:
        """The records of a network's moves, in order."""
        return [step for move in values.moves for step in self._steps(move)]

    def place(self, vector: Vector) -> int:
        """Where the first sample's vector lies in the workspace, or among the inputs."""
        return vector.first + (0 if vector.slot is None else vector.slot * self._block)

    def _steps(self, move: Move) -> Iterator[Record]:
        operator, (first, *others) = move.operator, move.operands
        step = {"n_in": first.size, "n_out": move.target.size, "target": self.place(move.target), "row": move.target.row}
        step |= self._operand("source", first)
        if others:
            step |= self._operand("other", others[0])
        if isinstance(operator, Affine):
            # The row's padding is computed too, and an activation then works on it: a short row would leave most lanes idle.
            step |= self._taken_by(AFFINE, sweep.affine) | {"n_out": move.target.row}
            yield step | self._parameters.add_affine(operator, move.zeros)
        elif isinstance(operator, Diagonal):
            for position in range(len(operator.layers)):
                yield step | self._activate(operator, position)
        elif isinstance(operator, Normalization):
            yield step | self._normalize(operator)
        elif isinstance(operator, Sum):
            yield step | self._taken_by(ADD, sweep.add)
        elif isinstance(operator, Pair):
            rule = kernel_address(PAIRWISE[operator.join.rule], self._parameters.dtype)
            yield step | self._taken_by(JOIN, sweep.join) | self._state[operator] | {"rule": rule}
        else:
            assert isinstance(operator, Selection)  # a stack is moved part by part
            yield step | self._taken_by(TAKE, sweep.take) | {"p": self._units(operator)}

    def _operand(self, name: str, vector: Vector) -> Record:
        place = INPUTS if vector.slot is None else WORK
        return {f"{name}_place": place, name: self.place(vector), f"{name}_row": vector.row}

    def _taken_by(self, operation: int, kernel: object) -> Record:
        return {"operation": operation, "kernel": kernel_address(kernel, self._parameters.dtype)}

    def _activate(self, op: Diagonal, position: int) -> Record:
        layer = op.layers[position]
        rule = kernel_address(layer.rule.activation, self._parameters.dtype)
        step = self._taken_by(ACTIVATE, sweep.activate) | {"rule": rule, "compose": int(position > 0)}
        return step | self._state[op] | self._parameters.add_rule(layer, op.size, self._block)

    def _normalize(self, op: Normalization) -> Record:
        rule = kernel_address(NORMALIZERS[op.layer.rule], self._parameters.dtype)
        step = self._taken_by(NORMALIZE, sweep.normalize) | {"rule": rule, "rank": op.rank}
        return step | self._state[op] | self._parameters.add_rule(op.layer, op.size, self._block)

    def _units(self, selection: Selection) -> int:
        """Where the units that a selection copies are listed; DENSE where they follow one another from the operand's start."""
        run = selected(selection.index)
        return DENSE if run.index is None else self._parameters.add_units(run.index)
