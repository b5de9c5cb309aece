"""Operations lowered to the gradient kernel's tables: where parameters, gradients and all that is kept of a block lie."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.bends import BENDS
from ..kernels.gradient_tables import LAYOUT, OPERATION
from ..kernels.jit import kernel_address
from ..kernels.normalizers import NORMALIZERS
from ..kernels.operators import normalize_columns
from ..kernels.pack import SOURCES
from ..kernels.second_order import PARAMETER_ROWS, PIECE_ELEMENTS
from ..kernels.tables import ACTIVATE, AFFINE, DENSE, NORMALIZE, records
from ..kernels.target import padded, round_up
from ..layers import Activation, Normalizer
from ..matrix import Record
from ..memory import LINE, LIST_ROOM
from .operations import Operation, ParameterName, activation_rule, n_parameters, parameter_keys, positions_of
from .seeds import cheapest_seeds, multiply_adds

BLOCK_BYTES = 2048 * 1024
"""What is kept of a block of samples: larger blocks would no longer be near in the cache, smaller ones make thin products."""
RIGHT_ROWS = 64
"""Rows of the samples on the right of a tangent kernel that are multiplied together."""
MOST_SAMPLES = 48
"""Samples in a block: a multiple of the rows of every tile."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a parameter, or its gradient, lies in a flat array: so many rows of `columns` numbers, `row` from one to the next."""

    offset: int
    rows: int
    columns: int
    row: int

    def of(self, flat: np.ndarray) -> np.ndarray:
        """The parameter's part of the flat array, (rows, columns)."""
        return flat[self.offset : self.offset + self.rows * self.row].reshape(self.rows, self.row)[:, : self.columns]


@dataclass(frozen=True, eq=False)
class Lowered:
    """Tables of the gradient kernel for one network, whose parameters may change.

    operations, layout : OPERATION records, and one LAYOUT record.
    ones : where ones lie in the flat array of parameters.
    values : for each operation where its numbers lie in the flat array of parameters, by what the kernel calls them.
    gradients : the same for those whose gradient is wanted, in the flat array of sums.
    """

    dtype: np.dtype
    ops: tuple[Operation, ...]
    operations: np.ndarray
    layout: np.ndarray
    ones: Place
    values: tuple[dict[str, Place], ...]
    gradients: tuple[dict[str, Place], ...]
    values_size: int
    gradients_size: int
    cost: int


def lower(ops: Sequence[Operation], dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int | None = None) -> Lowered:
    """Tables for a network's operations.

    wanted : the parameters of which a gradient is wanted.
    seeds_at : the boundary where derivatives start; by default the cheapest.
    """
    return _Lowering(ops, dtype, wanted, cheapest_seeds(ops) if seeds_at is None else seeds_at).result()


class _Flat:
    """A flat array while places in it are given out, each on a cache line of its own."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, rows: int, columns: int, dtype: np.dtype) -> Place:
        row = padded(columns, dtype)
        place = Place(self.size, rows, columns, row)
        self.size += round_up(rows * row, LINE)
        return place


class _Lowering:
    def __init__(self, ops: Sequence[Operation], dtype: np.dtype, wanted: Collection[ParameterName], seeds_at: int) -> None:
        self._ops, self._dtype, self._seeds_at = tuple(ops), dtype, seeds_at
        self._positions = positions_of(ops)
        self._widths = [*(op.n_in for op in ops), ops[-1].n_out]
        self._seeds = self._widths[self._seeds_at]
        self._widest = max(self._widths)
        self._values, self._sums = _Flat(), _Flat()
        self._zeros, self._ones = (self._values.take(1, max(self._widest, RIGHT_ROWS), dtype) for _ in range(2))
        self._places = tuple(self._place_values(op) for op in ops)
        self._wanted = tuple(
            {
                key: self._sums.take(places[key].rows, places[key].columns, dtype)
                for key, field in op.fields.items()
                if (op.position, field) in wanted
            }
            for op, places in zip(ops, self._places, strict=True)
        )
        self._block = self._samples_in_block()
        self._features = 0

    def result(self) -> Lowered:
        work, buffers, lists = _Flat(), _Flat(), round_up(max(self._block * self._seeds, self._widest) + LIST_ROOM, LINE)
        list_row = round_up(1 + self._widest + LIST_ROOM, LINE)
        rows: list[Record] = []
        for number, op in enumerate(self._ops):
            record = {"features": self._features} | self._describe(number) | self._place_work(number, work)
            if op.kind == ACTIVATE and _is_sparse(op):
                record["live"] = lists
                lists += self._block * list_row
            rows.append(record)
            self._features += record["in_row"] + self._seeds * record["out_row"]
        last = self._widths[-1]
        rows.append({"n_in": last, "in_row": padded(last, self._dtype)} | self._place_boundary(len(self._ops), work))
        for number, record in enumerate(rows[:-1]):
            record["live_in"] = rows[number - 1].get("live", DENSE) if number else DENSE
            record["live_out"] = rows[number + 1].get("live", DENSE)
        first_wanted = (number for number, gradients in enumerate(self._wanted) if gradients)
        size = self._block * max(self._seeds * self._widest_rows(), padded(self._widest, self._dtype))
        first, second, spare = (buffers.take(1, size, self._dtype).offset for _ in range(3))
        right = max(1, min(self._block, RIGHT_ROWS // self._seeds))
        products = buffers.take(self._seeds, right * self._seeds, self._dtype)
        layout = {
            "n_in": self._widths[0],
            "n_out": last,
            "n_operations": len(self._ops),
            "lowest": next(first_wanted, len(self._ops)),
            "seeds_at": self._seeds_at,
            "seeds": self._seeds,
            "block": self._block,
            "first_buffer": first,
            "second_buffer": second,
            "spare_buffer": spare,
            "piece": buffers.take(1, self._piece_size(), self._dtype).offset,
            "zeros": self._zeros.offset,
            "ones": self._ones.offset,
            "n_identity": max(self._block * self._seeds, self._widest),
            "list_row": list_row,
            "gradient_size": self._sums.size,
            "features_size": self._features,
            "right_block": right,
            "right_row": products.row,
            "turned": buffers.take(self._widest, right * self._seeds, self._dtype).offset,
            "by_rows": products.offset,
            "by_inputs": buffers.take(self._block, right * self._seeds, self._dtype).offset,
            "n_parameters": n_parameters(self._ops),
            "work_size": work.size,
            "list_size": lists,
            "buffers_size": buffers.size,
        }
        return Lowered(
            self._dtype,
            self._ops,
            records(OPERATION, rows),
            records(LAYOUT, [layout]),
            self._ones,
            self._places,
            self._wanted,
            self._values.size,
            self._sums.size,
            multiply_adds(self._ops, self._seeds_at),
        )

    def _place_values(self, op: Operation) -> dict[str, Place]:
        if op.kind == AFFINE:
            shapes = {"weight": (op.n_out, op.n_in), "transposed": (op.n_in, op.n_out), "bias": (1, op.n_out)}
        else:
            # Of one size each, so that they lie as far apart as p and q.
            shapes = dict.fromkeys(parameter_keys(op), (1, op.n_in))
        return {key: self._values.take(*shape, self._dtype) for key, shape in shapes.items()}

    def _describe(self, number: int) -> Record:
        """What an operation's record says apart from its places in the workspace."""
        op, gradients = self._ops[number], self._wanted[number]
        record = {
            "operation": op.kind,
            "n_in": op.n_in,
            "n_out": op.n_out,
            "in_row": padded(op.n_in, self._dtype),
            "out_row": padded(op.n_out, self._dtype),
            "live": DENSE,
        }
        record |= {key: place.offset for key, place in self._places[number].items() if key in (OPERATION.names or ())}
        record |= {f"{key}_gradient": gradients[key].offset if key in gradients else DENSE for key in SOURCES}
        positions = {key: self._positions[op.position, field] for key, field in op.fields.items()}
        record |= {f"{key}_position": positions.get(key, DENSE) for key in SOURCES}
        if op.kind != AFFINE:
            record |= {name: kernel_address(kernel, self._dtype) for name, kernel in _kernels_of(op).items()}
            record |= {"rank": _rank_of(op)} if op.kind == NORMALIZE else {}
        return record

    def _place_work(self, number: int, work: _Flat) -> Record:
        op, record = self._ops[number], self._place_boundary(number, work)
        if op.kind != AFFINE:
            slopes = work.take(self._block, _slopes_of(op), self._dtype)
            record |= {"slopes": slopes.offset, "slopes_row": slopes.row}
            bent = "bend" in _kernels_of(op)
            record["bends"] = work.take(self._block, op.n_in, self._dtype).offset if bent else DENSE
        return record

    def _place_boundary(self, boundary: int, work: _Flat) -> Record:
        width = self._widths[boundary]
        rows = work.take(self._block * self._seeds, width, self._dtype).offset if self._keeps_rows(boundary) else DENSE
        return {"inputs": work.take(self._block, width, self._dtype).offset, "rows": rows}

    def _keeps_rows(self, boundary: int) -> bool:
        """Whether the rows at a boundary are kept.

        Not those at an end that serves the Jacobian alone, and not those that come out of an activation into an affine map, since
        one pass over those that go into it makes them again.
        """
        last, at = len(self._ops), self._seeds_at
        if (boundary, at) in ((0, last), (last, 0)):
            return False
        if boundary in (0, at, last):
            return True
        before, after = self._ops[boundary - 1].kind, self._ops[boundary].kind
        return (before, after) != ((AFFINE, ACTIVATE) if boundary < at else (ACTIVATE, AFFINE))

    def _widest_rows(self) -> int:
        """Room for a row at any boundary where the loss's derivative by rows is not read in place."""
        widths = [padded(width, self._dtype) for width in self._widths]
        in_place = self._seeds_at == len(self._ops) and widths[0] == self._widths[0]
        return max(widths[1:] if in_place else widths)

    def _piece_size(self) -> int:
        """Room for a piece of a weight's gradient, for rows of parameters, and for one sample's derivative by the Jacobian."""
        first, last = (padded(width, self._dtype) for width in (self._widths[0], self._widths[-1]))
        return max(
            PIECE_ELEMENTS, PARAMETER_ROWS * padded(self._widest, self._dtype), self._widths[-1] * first, self._widths[0] * last
        )

    def _samples_in_block(self) -> int:
        kept = sum(width for boundary, width in enumerate(self._widths) if self._keeps_rows(boundary))
        rows = self._seeds * (kept + 3 * self._widest_rows())
        vectors = sum(self._widths) + sum(_slopes_of(op) + op.n_in for op in self._ops if op.kind != AFFINE)
        return max(1, min(MOST_SAMPLES, BLOCK_BYTES // ((rows + vectors) * self._dtype.itemsize)))


def _kernels_of(op: Operation) -> dict[str, Any]:
    """The kernels of an activation or a normalizer, by the fields of its record that hold their addresses.

    There is one of bends where the slopes, or the normalizer's Jacobian, change smoothly with the inputs.
    """
    if isinstance(op.layer, Normalizer) and op.kind == NORMALIZE:
        name = op.layer.rule
        kernels = {"rule": NORMALIZERS[name], "normalize_columns": normalize_columns}
        return kernels | ({"bend": BENDS[name]} if name in BENDS else {})
    rule = activation_rule(op)
    kernels = {"rule": rule.activation} | ({"parameter_pull": rule.parameter_pull} if op.fields else {})
    has_bend = isinstance(op.layer, Activation) and op.layer.has_bend
    return kernels | ({"bend": rule.bend} if has_bend else {})


def _slopes_of(op: Operation) -> int:
    """Numbers that describe the operation's Jacobian at one sample."""
    return op.n_in if op.kind == ACTIVATE else (1 + 2 * _rank_of(op)) * op.n_in


def _rank_of(op: Operation) -> int:
    """Terms of a normalizer's Jacobian."""
    assert isinstance(op.layer, Normalizer)
    return op.layer.rank


def _is_sparse(op: Operation) -> bool:
    return isinstance(op.layer, Activation) and op.layer.sparse
