"""Operations lowered to the gradient kernel's tables: where parameters, gradients and everything kept for a block lie."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import numpy as np

from ..kernels.contract import contract
from ..kernels.gradient_tables import LAYOUT, OPERATION, VALUE, WRITES
from ..kernels.jit import kernel_address
from ..kernels.operators import copy
from ..kernels.pack import SOURCES
from ..kernels.second_order import PARAMETER_ROWS, PIECE_ELEMENTS
from ..kernels.tables import ACTIVATE, AFFINE, DENSE, NORMALIZE, PRIMAL, records
from ..kernels.target import padded, round_up
from ..layers import Activation, Layer
from ..lowering.matrix import Record
from ..lowering.memory import LINE, LIST_ROOM, MOST_SAMPLES
from ..lowering.moves import Sweep
from ..lowering.values import Values, place_state
from ..planning.block import jacobian_size
from .operations import Operation, ParameterName, Unfolded, numbers_of
from .places import Flat, Place, Placed
from .rules import rules_of
from .seeds import cheapest_seeds, multiply_adds
from .sums import modes, slots

BLOCK_BYTES = 2048 * 1024
"""Bytes kept for a block of samples: larger blocks would no longer be near in the cache, smaller ones make thin products."""
RIGHT_ROWS = 64
"""Rows of the samples on the right of a tangent kernel that are multiplied together."""
KEPT = DENSE
"""Stands in place of the operation that makes rows again, where rows are kept."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """Tables of the gradient kernel for one network, whose parameters may change.

    unfolded : the network.
    primal, value_table, operations, layout : PRIMAL, VALUE and OPERATION records, and one LAYOUT record.
    lists : where lists of units lie in the flat array of parameters.
    ones : where ones lie in the flat array of parameters.
    values : for each operation where its numbers lie in the flat array of parameters, by the kernel's names for them.
    gradients : for each operation where its wanted gradients lie in the flat array of sums, by the same names.
    unused : the parts of the flat vector of parameters whose gradient is wanted, but that no operation uses.
    """

    dtype: np.dtype
    unfolded: Unfolded
    primal: np.ndarray
    value_table: np.ndarray
    operations: np.ndarray
    layout: np.ndarray
    lists: dict[tuple[int, ...], Place]
    ones: Place
    values: tuple[dict[str, Place], ...]
    gradients: tuple[dict[str, Place], ...]
    unused: tuple[slice, ...]
    values_size: int
    gradients_size: int
    cost: int

    @property
    def has_joins(self) -> bool:
        """Whether some value is made by several operations, or read by several."""
        kinds, push, pull = (self.operations[name] for name in ("operation", "push", "pull"))
        return bool((kinds > NORMALIZE).any() or (push != WRITES).any() or (pull != WRITES).any())


def lower(unfolded: Unfolded, dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int | None = None) -> Lowered:
    """Tables for a network.

    wanted : the parameters whose gradient is wanted.
    seeds_at : the value where derivatives start; by default the cheapest.
    """
    return _Lowering(unfolded, dtype, wanted, cheapest_seeds(unfolded) if seeds_at is None else seeds_at).result()


class _Lowering:
    def __init__(self, unfolded: Unfolded, dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int) -> None:
        self._unfolded, self._dtype, self._seeds_at = unfolded, dtype, seeds_at
        self._ops, self._sizes = unfolded.operations, unfolded.sizes
        self._last, self._seeds = len(self._sizes) - 1, self._sizes[seeds_at]
        self._widest, self._slots = max(self._sizes), slots(unfolded)
        self._made_again = [self._remaker(value) for value in range(len(self._sizes))]
        self._values, self._sums, self._work, self._buffers = (Flat(dtype) for _ in range(4))
        self._zeros, self._ones = (self._values.take(1, max(self._widest, RIGHT_ROWS)) for _ in range(2))
        self._block = self._samples_in_block()
        self._placed: dict[Hashable, tuple[dict[str, Place], dict[str, Place]]] = {}
        self._places, self._wanted = zip(*(self._place(op, wanted) for op in self._ops), strict=True)
        self._lists = {index: self._values.take(1, len(index)) for op in self._ops if (index := op.units.index)}
        self._vectors = Values(unfolded.steps, self._sizes[0], dtype, keeps=True)
        self._states, state_size = place_state([step.operator for step in unfolded.steps], dtype)
        self._work.take(self._block, self._vectors.size + state_size)
        self._state = self._block * self._vectors.size
        by_layer = {op.layer: places for op, places in zip(self._ops, self._places, strict=True)}
        self._sweep = Sweep(self._block, self._states, Placed(dtype, by_layer, self._lists))
        used = {(op.position, name) for op in self._ops for name in op.fields.values()}
        starts = {name: unfolded.positions[name] for name in sorted(set(wanted) - used)}
        self._unused = tuple(
            slice(start, start + unfolded.layers[layer].arrays[name].size) for (layer, name), start in starts.items()
        )
        self._list_row = round_up(1 + self._widest + LIST_ROOM, LINE)
        self._list_size = round_up(max(self._block * self._seeds, self._widest) + LIST_ROOM, LINE)

    def result(self) -> Lowered:
        row = self._block * max(self._seeds * self._widest_rows(), padded(self._widest, self._dtype))
        self._slot_places = [self._buffers.take(1, row).offset for _ in range(max(self._slots) + 1)]
        spare = self._buffers.take(1, row).offset
        primal = self._sweep.steps(self._vectors)
        values, rows = self._records()
        self._add_features(rows)
        return Lowered(
            self._dtype,
            self._unfolded,
            records(PRIMAL, primal),
            records(VALUE, values),
            records(OPERATION, rows),
            records(LAYOUT, [self._layout(spare) | self._sweep_layout(len(primal))]),
            self._lists,
            self._ones,
            self._places,
            self._wanted,
            self._unused,
            self._values.size,
            self._sums.size,
            multiply_adds(self._unfolded, self._seeds_at),
        )

    def _records(self) -> tuple[list[Record], list[Record]]:
        """The records of values and operations, each with what it states of the others."""
        values = [self._value(value) for value in range(len(self._sizes))]
        rows = [self._operation(number) for number in range(len(self._ops))]
        for op, record, push, pull in zip(self._ops, rows, *modes(self._unfolded), strict=True):
            record |= {"inputs": self._sweep.place(self._vectors.values[op.source]), "push": push, "pull": pull}
            makers, readers = self._unfolded.makers[op.source], self._unfolded.readers[op.target]
            record["live_in"] = rows[makers[0]]["live"] if len(makers) == 1 else DENSE
            record["live_out"] = rows[readers[0]]["live"] if len(readers) == 1 else DENSE
        return values, rows

    def _sweep_layout(self, steps: int) -> Record:
        """What a primal sweep of so many steps reads."""
        result = self._vectors.result
        layout = {"n_in": self._sizes[0], "n_out": self._sizes[-1], "n_primal": steps, "block": self._block}
        layout |= {"values": self._sweep.place(result), "values_row": result.row, "state": self._state}
        layout |= {name: kernel_address(kernel, self._dtype) for name, kernel in (("contract", contract), ("copy", copy))}
        return layout | {"zeros": self._zeros.offset, "ones": self._ones.offset}

    def _layout(self, spare: int) -> Record:
        seeds, block = self._seeds, self._block
        right = max(1, min(block, RIGHT_ROWS // seeds))
        products = self._buffers.take(seeds, right * seeds)
        layout = {
            "n_operations": len(self._ops),
            "n_values": len(self._sizes),
            "lowest": next((number for number, gradients in enumerate(self._wanted) if gradients), len(self._ops)),
            "seeds_at": self._seeds_at,
            "turn": sum(op.target <= self._seeds_at for op in self._ops),
            "seeds": seeds,
            "again": spare,
            "piece": self._buffers.take(1, self._piece_size()).offset,
            "n_identity": max(block * seeds, self._widest),
            "list_row": self._list_row,
            "gradient_size": self._sums.size,
            "features_size": self._features,
            "right_block": right,
            "right_row": products.row,
            "turned": self._buffers.take(self._widest, right * seeds).offset,
            "by_rows": products.offset,
            "by_inputs": self._buffers.take(block, right * seeds).offset,
            "n_parameters": self._unfolded.n_parameters,
            "work_size": self._work.size,
            "list_size": self._list_size,
        }
        return layout | {"buffers_size": self._buffers.size}

    def _value(self, value: int) -> Record:
        """The record of a value, with room for everything that is kept of it."""
        size, again = self._sizes[value], self._made_again[value]
        rows = self._work.take(self._block * self._seeds, size).offset if again == KEPT else DENSE
        return {
            "size": size,
            "row": padded(size, self._dtype),
            "rows": rows,
            "made_again": again,
            "derivative": self._slot_places[self._slots[value]],
        }

    def _operation(self, number: int) -> Record:
        """The record of an operation, with room for what is kept of it."""
        op, gradients, positions = self._ops[number], self._wanted[number], self._unfolded.positions
        record = {"operation": op.kind, "source": op.source, "target": op.target, "n_in": op.n_in, "n_out": op.n_out}
        record |= {"in_row": padded(op.n_in, self._dtype), "out_row": padded(op.n_out, self._dtype)}
        record |= {"source_made": max(self._unfolded.makers[op.source], default=DENSE)}
        record |= {"first": op.units.source, "place": op.units.target, "count": op.units.count}
        record["units"] = self._lists[op.units.index].offset if op.units.index else DENSE
        record |= {"partner": number + 1 - 2 * op.operand}
        record |= {key: place.offset for key, place in self._places[number].items() if key in (OPERATION.names or ())}
        record |= {f"{key}_gradient": gradients[key].offset if key in gradients else DENSE for key in SOURCES}
        places = {key: positions[op.position, field] for key, field in op.fields.items()}
        record |= {f"{key}_position": places.get(key, DENSE) for key in SOURCES}
        record |= rules_of(op, self._dtype) | {"live": DENSE, "bends": DENSE}
        if state := self._states.get(self._unfolded.steps[op.target - 1].operator):
            record["slopes"] = self._state + self._block * (state["state"] + op.operand * state["state_row"])
            record["slopes_row"] = state["state_row"]
        if "bend" in record:
            record["bends"] = self._work.take(self._block, op.n_in).offset
        if isinstance(op.layer, Activation) and op.layer.sparse:
            record["live"] = self._list_size
            self._list_size += self._block * self._list_row
        return record

    def _add_features(self, rows: list[Record]) -> None:
        """Enter where the features of operations with parameters lie, and which operations have the same parameters."""
        self._features = 0
        latest: dict[Layer | None, Record] = {}
        for number, (op, record) in enumerate(zip(self._ops, rows, strict=True)):
            record |= {"twin": number, "repeats": 0, "features": DENSE}
            if not op.fields:
                continue
            record["features"] = self._features
            self._features += record["in_row"] + self._seeds * record["out_row"]
            if before := latest.get(op.layer):
                # The latest twin leads back to the first.
                record |= {"twin": before["twin"], "repeats": 1}
                before["twin"] = number
            latest[op.layer] = record

    def _place(self, op: Operation, wanted: Collection[ParameterName]) -> tuple[dict[str, Place], dict[str, Place]]:
        """Room for an operation's numbers, and for their wanted gradients; operations with the same numbers share it."""
        key = op.layer if op.fields else tuple(map(float, numbers_of(op.layer).values()))
        if key not in self._placed:
            values = {name: self._values.take(*shape) for name, shape in self._shapes(op).items()}
            names = [name for name, field in op.fields.items() if (op.position, field) in wanted]
            gradients = {name: self._sums.take(op.n_out if name == "weight" else 1, values[name].columns) for name in names}
            self._placed[key] = values, gradients
        return self._placed[key]

    def _shapes(self, op: Operation) -> dict[str, tuple[int, int]]:
        """Rows and columns of an operation's numbers."""
        if op.kind == AFFINE:
            return {"weight": (op.n_out, op.n_in), "transposed": (op.n_in, op.n_out), "bias": (1, op.n_out)}
        # A rule's have one size, so that those that follow lie as far apart as p and q, and as many rows as a block has samples.
        # An untrained one is one number for all units, and so serves operations of any size.
        columns = op.n_in if op.fields else padded(self._widest, self._dtype)
        return dict.fromkeys(numbers_of(op.layer), (self._block, columns))

    def _remaker(self, value: int) -> int:
        """The operation that makes the rows at a value again, which are not kept; or KEPT.

        Rows are not kept at an end that serves the Jacobian alone, if a single operation leads there. Nor are rows kept between
        an activation and an affine map, since one pass over the rows before the activation makes them again.
        """
        at, (makers, readers) = self._seeds_at, (ends[value] for ends in (self._unfolded.makers, self._unfolded.readers))
        if (value, at) in ((0, self._last), (self._last, 0)):
            return (makers or readers)[0] if len(makers or readers) == 1 else KEPT
        if value in (0, at, self._last) or len(makers) > 1 or len(readers) > 1:
            return KEPT
        kinds = self._ops[makers[0]].kind, self._ops[readers[0]].kind
        if value < at:
            return readers[0] if kinds == (AFFINE, ACTIVATE) else KEPT
        return makers[0] if kinds == (ACTIVATE, AFFINE) else KEPT

    def _widest_rows(self) -> int:
        """Room for a row at any value where the loss's derivative by rows is not read in place."""
        widths = [padded(size, self._dtype) for size in self._sizes]
        in_place = self._seeds_at == self._last and widths[0] == self._sizes[0]
        return max(widths[1:] if in_place else widths)

    def _piece_size(self) -> int:
        """Room for a piece of a weight's gradient, for rows of parameters, and for one sample's derivative by the Jacobian."""
        first, last = (padded(size, self._dtype) for size in (self._sizes[0], self._sizes[-1]))
        parameters = PARAMETER_ROWS * padded(self._widest, self._dtype)
        return max(PIECE_ELEMENTS, parameters, self._sizes[-1] * first, self._sizes[0] * last)

    def _samples_in_block(self) -> int:
        kept = sum(size for size, again in zip(self._sizes, self._made_again, strict=True) if again == KEPT)
        rows = self._seeds * (kept + (max(self._slots) + 2) * self._widest_rows())
        vectors = sum(self._sizes) + sum(size + op.n_in for op in self._ops if (size := jacobian_size(op.map)))
        return max(1, min(MOST_SAMPLES, BLOCK_BYTES // ((rows + vectors) * self._dtype.itemsize)))
