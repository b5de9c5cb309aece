"""Where everything lies that all requests for a network's gradients share: parameters, values, rows, sums, features."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from ..kernels.gradient_tables import FEATURE, PARAMETER
from ..kernels.jit import kernel_address
from ..kernels.tables import DENSE, PARAMETERS, WORK, records
from ..kernels.target import padded, round_up
from ..layers import Affine, Layer
from ..lowering.matrix import Matrix, Record
from ..lowering.memory import LINE, MOST_SAMPLES
from ..lowering.moves import Sweep
from ..lowering.traversal import Traversal
from ..lowering.values import Values, place_state
from ..planning.block import Slopes, Units, jacobian_size
from .operations import Operation, ParameterName, Unfolded, numbers_of
from .places import Flat, Place, Placed, Places

BLOCK_BYTES = 2048 * 1024
"""Bytes kept for a block of samples: larger blocks would no longer be near in the cache, smaller ones make thin products."""
RIGHT_ROWS = 64
"""Rows of the samples on the right of a tangent kernel that are multiplied together."""
SCRATCH_ROWS = 4
"""Matrices as wide as the widest value that a block is taken to need in the scratch."""


class Layout:
    """Where everything lies, from the operations of a network, the wanted gradients and the value where derivatives start.

    before, after : the operations before the seeds, and behind them.
    kept : the values whose rows are kept.  identity : the rows at the seeds, a matrix that lies at `eye`.
    numbers : for each layer where its numbers lie in the flat array of parameters, by the kernel's names for them.
    gradients : for each layer that has parameters where their wanted gradients lie in the flat array of sums, by the same names.
    owners : one operation for each set of numbers.
    trained : for each parameter an operation that has it, and the kernel's name for it.
    lists, zeros, ones, eye : where lists of units, such rows, and the identity lie in the flat array of parameters.
    values_size, sums_size : the numbers of the flat arrays of parameters and of sums.
    features : for each operation with parameters where its features start among those of a sample.
    block : how many samples are worked on together.
    rows_start : where rows begin in the workspace, in elements of one sample: behind values and state.
    """

    def __init__(self, unfolded: Unfolded, dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int) -> None:
        self.unfolded, self.dtype, self.seeds_at, self.sizes = unfolded, dtype, seeds_at, unfolded.sizes
        self.n_in, self.n_out, self.seeds = self.sizes[0], self.sizes[-1], self.sizes[seeds_at]
        self.before = tuple(op for op in unfolded.operations if op.target <= seeds_at)
        self.after = tuple(op for op in unfolded.operations if op.source >= seeds_at)
        self.kept = {value for value in range(len(self.sizes)) if self._is_kept(value)}
        self.block = self._samples_in_block()
        self._values, self._sums = Flat(dtype), Flat(dtype)
        self.zeros, self.ones = (self._values.take(1, max(*self.sizes, RIGHT_ROWS)) for _ in range(2))
        self.eye = self._values.take(self.seeds, self.seeds)
        self.identity = self.eye.matrix(PARAMETERS)
        self.numbers: dict[Layer | None, dict[str, Place]] = {}
        self.gradients: dict[Layer | None, dict[str, Place]] = {}
        self.owners = self._place_numbers(wanted)
        self.trained = {(op.position, field): (op, key) for op in self.owners for key, field in op.fields.items()}
        self.lists = {units: self._values.take(1, len(units)) for op in unfolded.operations if (units := _listed(op))}
        self.values_size, self.sums_size = self._values.size, self._sums.size
        self._place_values()
        self._place_features()

    def way(self, operations: Sequence[Operation], forward: bool, rows: int | None = None) -> Traversal:
        """These operations as rows go along them: as many rows as there are seeds, unless `rows` states how many."""
        return Traversal(operations, self.sizes, forward, self.seeds if rows is None else rows, leaves_dead=False)

    def inputs(self, op: Operation) -> Matrix:
        """The numbers of an operation's source."""
        vector = self.vectors.values[op.source]
        assert vector.slot is not None  # all values are kept
        return Matrix(1, vector.size, WORK, vector.slot, vector.row, 1, first=vector.first)

    def same(self, place: Place, size: int) -> Matrix:
        """A row that is the same for all samples: at `zeros` or at `ones`."""
        return Matrix(1, size, PARAMETERS, place.offset, 0, 1)

    def positions(self, op: Operation) -> Places:
        """Where an operation's parameters start in the flat vector of all, by the kernel's names for them."""
        return {key: self.unfolded.positions[op.position, field] for key, field in op.fields.items()}

    def parameter_records(self) -> np.ndarray:
        """A PARAMETER record for each parameter, in the order of `trained`."""
        return records(PARAMETER, [self._parameter_record(name) for name in self.trained])

    def feature_records(self) -> np.ndarray:
        """A FEATURE record for each operation that has parameters."""
        rows: list[Record] = []
        latest: dict[Layer | None, Record] = {}
        for position, op in enumerate(self.features):
            row = self._feature_record(op) | {"twin": position}
            if before := latest.get(op.layer):
                # The latest twin leads back to the first.
                row["twin"], before["twin"] = before["twin"], position
            latest[op.layer] = row
            rows.append(row)
        return records(FEATURE, rows)

    def _is_kept(self, value: int) -> bool:
        """Whether the rows at a value are kept.

        Rows at the seeds are those of the identity. Rows at an end are kept if the Jacobian is the product of those at both ends.
        Rows are not kept between slopes and an affine map, since one pass over the rows before the slopes makes them again.
        """
        makers, readers, last = self.unfolded.makers[value], self.unfolded.readers[value], len(self.sizes) - 1
        if value == self.seeds_at or not (makers or readers):
            return False
        if value in (0, last):
            return 0 < self.seeds_at < last
        if len(makers) > 1 or len(readers) > 1:
            return True
        near, far = (readers[0], makers[0]) if value < self.seeds_at else (makers[0], readers[0])
        return not (isinstance(near.map, Slopes) and isinstance(far.map, Affine))

    def _samples_in_block(self) -> int:
        # The loss's derivative by rows at the input is read where it is given, if its rows fill vectors.
        in_place = not self.after and padded(self.n_in, self.dtype) == self.n_in
        widest = max(self.sizes[1:] if in_place else self.sizes)
        rows = self.seeds * (sum(self.sizes[value] for value in self.kept) + SCRATCH_ROWS * widest)
        vectors = sum(self.sizes) + sum(jacobian_size(op.map) + op.n_in for op in self.unfolded.operations)
        return max(1, min(MOST_SAMPLES, BLOCK_BYTES // ((rows + vectors) * self.dtype.itemsize)))

    def _place_numbers(self, wanted: Collection[ParameterName]) -> tuple[Operation, ...]:
        """Give room to the numbers of all layers and to the wanted gradients; returns the owners.

        Layers with the same numbers share room.
        """
        owners: dict[Hashable, Operation] = {}
        for op in self.unfolded.operations:
            owner = owners.setdefault(_key_of(op), op)
            if owner is op:
                self.numbers[op.layer] = {name: self._values.take(*shape) for name, shape in self._shapes(op).items()}
            if owner is op and op.fields:
                names = [name for name, field in op.fields.items() if (op.position, field) in wanted]
                shapes = {name: (_rows(op, name), self.numbers[op.layer][name].columns) for name in names}
                self.gradients[op.layer] = {name: self._sums.take(*shape) for name, shape in shapes.items()}
            self.numbers[op.layer] = self.numbers[owner.layer]
        return tuple(owners.values())

    def _shapes(self, op: Operation) -> dict[str, tuple[int, int]]:
        """Rows and columns of an operation's numbers."""
        if isinstance(op.map, Affine):
            return {"weight": (op.n_out, op.n_in), "transposed": (op.n_in, op.n_out), "bias": (1, op.n_out)}
        # All parameters of a rule have one shape, a row for each sample of a block, so that those behind q lie as far apart.
        # Parameters that are the same for all units serve operations of any size.
        columns = op.n_in if _is_per_unit(op) else padded(max(self.sizes), self.dtype)
        return dict.fromkeys(numbers_of(op.layer), (self.block, columns))

    def _place_values(self) -> None:
        steps = self.unfolded.steps
        self.vectors = Values(steps, self.n_in, self.dtype, keeps=True)
        self.states, state_size = place_state([step.operator for step in steps], self.dtype)
        self.rows_start = round_up(self.vectors.size + state_size, LINE)
        self.parameters = Placed(self.dtype, self.block, self.numbers, self.lists)
        self.sweep = Sweep(self.block, self.states, self.parameters)

    def _place_features(self) -> None:
        """Give the inputs of each operation with parameters, and the rows behind it, their place among a sample's features."""
        self.features: dict[Operation, int] = {}
        self.features_size = 0
        for op in self.unfolded.operations:
            if op.fields:
                self.features[op] = self.features_size
                self.features_size += padded(op.n_in, self.dtype) + self.seeds * padded(op.n_out, self.dtype)

    def _parameter_record(self, name: ParameterName) -> Record:
        op, key = self.trained[name]
        places, gradient, rows = self.numbers[op.layer], self.gradients[op.layer].get(key), _rows(op, key)
        place, turned = places[key], places.get("transposed") if key == "weight" else None
        record = {"rows": rows, "columns": place.columns, "row": place.row, "copies": place.rows // rows, "place": place.offset}
        record["fills"] = int(key in "pq")
        record |= {"turned": turned.offset, "turned_row": turned.row} if turned else {"turned": DENSE}
        return record | {"gradient": gradient.offset if gradient else DENSE, "position": self.unfolded.positions[name]}

    def _feature_record(self, op: Operation) -> Record:
        record = {"n_in": op.n_in, "n_out": op.n_out, "features": self.features[op]}
        record |= {"in_row": padded(op.n_in, self.dtype), "out_row": padded(op.n_out, self.dtype)}
        if isinstance(op.map, Affine):
            return record | {"bias": int("bias" in op.fields)}
        record |= {"parameter_pull": kernel_address(op.activation.rule.parameter_pull, self.dtype)}
        record |= {f"trains_{name}": int(name in op.fields) for name in "pq"}
        return record | {name: self.numbers[op.layer][name].offset for name in "pq"}


def _is_per_unit(op: Operation) -> bool:
    """Whether an operation's layer has arrays, trained or fixed, and not only numbers for all units."""
    return bool(op.fields) or any(isinstance(value, np.ndarray) for value in numbers_of(op.layer).values())


def _key_of(op: Operation) -> Hashable:
    """What an operation has in common with those that share its numbers: its layer, or the numbers themselves."""
    if _is_per_unit(op):
        return op.layer
    # By their bytes, because -0.0 equals 0.0.
    return tuple(np.float64(value).tobytes() for value in numbers_of(op.layer).values())


def _listed(op: Operation) -> tuple[int, ...] | None:
    """The numbers of the units that an operation brings, where they do not follow one another."""
    return op.map.index if isinstance(op.map, Units) else None


def _rows(op: Operation, name: str) -> int:
    """Rows of a parameter; a vector is one row."""
    return op.n_out if name == "weight" else 1
