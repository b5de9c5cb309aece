"""What the steps of a plan do, and what each costs: for many steps at once, as arrays."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from .cost import (
    PACK_ELEMENTS,
    PACK_ROWS,
    STACKED,
    STACKED_ROWS,
    UNION_DEPTH,
    UNION_ROWS,
    block_cycles,
    contraction_cycles,
    moving_cycles,
    packing_cycles,
    reading_cycles,
    scaling_cycles,
)
from .steps import BlockShape, ChainShape, Split, Step

BOTH_WAYS = np.array([[False], [True]])
"""The two ways to compute a product, along the first axis: as it is, and transposed."""


class Contractions:
    """Contractions of the spans from `start` to `middle` and from `middle` to `stop`, each computed one way round.

    The boundaries, and `transposed`, are arrays that broadcast. Every field is an array of the `Step` field of its name.

    cycles : infinite where a product cannot be computed this way round. They include what the step does to its operands besides
        the product, but not what it takes to turn an operand or the result round.
    """

    def __init__(
        self, shape: ChainShape, start: np.ndarray, middle: np.ndarray, stop: np.ndarray, transposed: np.ndarray
    ) -> None:
        self._shape, self._start, self._middle, self._stop = shape, start, middle, stop
        self._sizes, self._live, self._binary = np.array(shape.sizes), np.array(shape.live), np.array(shape.binary)
        # A block's Jacobian differs from sample to sample, so a step must make it before it can be an operand.
        is_there = np.array([shape.block(layer) is None for layer in range(shape.n_layers)])
        self._right_is_leaf = (middle == start + 1) & is_there[start]
        self._left_is_leaf = (stop == middle + 1) & is_there[middle]
        self.drops = self._drops()
        self._measure(transposed)

    def _measure(self, transposed: np.ndarray) -> None:
        sizes, start, middle, stop, lanes = self._sizes, self._start, self._middle, self._stop, self._shape.lanes
        live, binary, ahead = self._live, self._binary[middle], start == 0
        rows, inner, columns = sizes[stop], sizes[middle], sizes[start]
        depth = live[middle] * inner
        cycles = np.where(self.drops, packing_cycles(depth, np.where(ahead, rows, columns), lanes), 0.0)
        rows = np.where(self.drops & ahead, np.rint(rows * live[stop]), rows).astype(int)
        columns = np.where(self.drops & ~ahead, np.rint(columns * live[start]), columns).astype(int)
        a_rows, b_columns = np.where(transposed, columns, rows), np.where(transposed, rows, columns)
        a_is_leaf = np.where(transposed, self._right_is_leaf, self._left_is_leaf)
        b_is_weight = np.where(transposed, self._left_is_leaf, self._right_is_leaf)
        # A factor to which no slopes are applied is read where it lies, and not as rows of each sample.
        a_is_made = ~a_is_leaf | ~binary
        self.stacked = b_is_weight & ~self.drops & _stacking_pays(live[middle], inner, a_rows, a_is_made)
        together, depth = np.where(self.stacked, STACKED, 1), np.where(self.stacked, inner, depth)
        cycles = cycles + contraction_cycles(np.maximum(1, a_rows) * together, depth, np.maximum(1, b_columns), lanes) / together
        # Samples share strips only of a right operand.
        cycles += np.where(a_is_leaf, reading_cycles(inner * a_rows, lanes), 0.0)
        cycles += np.where(self._right_is_leaf & self._left_is_leaf & ~binary, scaling_cycles(inner * a_rows, lanes), 0.0)
        self.cycles = np.where(self._reads_seed(transposed), np.inf, cycles)
        self.multiply_adds = rows * depth * columns

    def _reads_seed(self, transposed: np.ndarray) -> np.ndarray:
        """Whether the operand that the kernel reads in vectors is a seed, which is not padded."""
        seed = -1 if self._shape.seed is None else self._shape.seed
        right, left = self._right_is_leaf & (self._start == seed), self._left_is_leaf & (self._middle == seed)
        return np.where(transposed, left, right)

    def _drops(self) -> np.ndarray:
        """Whether it pays to copy a weight's live units side by side, so that dead units are not produced.

        Only a weight's side at the next boundary can be packed, and only where that boundary's slopes are 0 or 1, some of
        them 0. A block behind that boundary must not read the dead units anywhere. A copy much larger than the second-level cache
        costs more memory and time than it saves.
        """
        blocks, n = [self._shape.block(layer) for layer in range(self._shape.n_layers)], self._shape.n_layers
        pushed = np.array([*(block is None or block.weights_alone[0] for block in blocks), True])
        pulled = np.array([True, *(block is None or block.weights_alone[1] for block in blocks)])
        ahead = self._start == 0
        boundary, other = np.where(ahead, self._stop, self._start), np.where(ahead, self._start, self._stop)
        is_leaf = np.where(ahead, self._left_is_leaf, self._right_is_leaf)
        skips = np.where(ahead, pushed[boundary], pulled[boundary]) & self._binary[boundary] & (self._live[boundary] < 1)
        is_small = self._sizes[self._middle] * self._sizes[boundary] <= PACK_ELEMENTS
        # A span that reaches one end is contracted next at its other boundary.
        reaches_one_end = ahead != (self._stop == n)
        return reaches_one_end & is_leaf & skips & is_small & (self._sizes[other] >= PACK_ROWS)


def _stacking_pays(live: np.ndarray, inner: np.ndarray, rows: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Whether samples of so many rows are multiplied together; `made` : whether a step stores these rows for each sample."""
    united = (rows <= UNION_ROWS) & (inner >= UNION_DEPTH)
    return np.where(live < 1.0, united, made & (rows <= STACKED_ROWS))


class StepTable:
    """The steps that a chain's plan can have, and the cycles of those with a layer as operand.

    The first axis of every array says which way round a matrix is made: row-major or transposed.

    first, last : contractions with the first layer of a span, and with its last one, for each start and length.
    passing : steps that pass rows through a block, for each layer and boundary, with as many rows as the boundary has units;
        infinite for layers that are no block.
    own : steps that make the Jacobian of each layer that is a block; 0 for other layers.
    """

    def __init__(self, shape: ChainShape) -> None:
        self.shape, n = shape, shape.n_layers
        start, stop = np.triu_indices(n + 1, 2)
        self._places = np.zeros((2, n, n + 1), int)
        self._places[:, start, stop - start] = np.arange(2 * len(start)).reshape(2, -1)
        starts, middles, stops = np.tile(start, 2), np.concatenate([start + 1, stop - 1]), np.tile(stop, 2)
        self._found = Contractions(shape, starts, middles, stops, BOTH_WAYS)
        self.first, self.last = np.full((2, 2, n, n + 1), np.inf)
        self.first[:, start, stop - start] = self._found.cycles[:, : len(start)]
        self.last[:, start, stop - start] = self._found.cycles[:, len(start) :]
        self.passing, self.own = np.full((2, n, n + 1), np.inf), np.zeros((2, n))
        self._measure_blocks()

    def _measure_blocks(self) -> None:
        layers: defaultdict[BlockShape, list[int]] = defaultdict(list)
        for layer, block in enumerate(self.shape.blocks):
            if block is not None:
                layers[block].append(layer)
        sizes, lanes = np.array(self.shape.sizes), self.shape.lanes
        for block, alike in layers.items():
            for way, rows in ((False, sizes[1:]), (True, sizes[:-1])):
                self.passing[int(way), alike] = block_cycles(block, sizes, way, False, lanes)
                self.own[int(way), alike] = block_cycles(block, rows[alike], way, True, lanes)

    def step(self, split: Split) -> Step:
        """A step that is chosen; its cycles are infinite if it is a contraction that cannot be computed."""
        drops, stacked, multiply_adds, cycles = self._passage(split) if split.through else self._contraction(split)
        cycles += turning_cycles(self.shape, split)
        return Step(*split[:4], drops, stacked, multiply_adds, cycles, split.through)

    def _contraction(self, split: Split) -> tuple[bool, bool, float, float]:
        start, middle, stop, transposed, _ = split
        sizes, way = self.shape.sizes, int(transposed)
        if start + 1 < middle < stop - 1:
            depth, rows, columns = self.shape.live[middle] * sizes[middle], sizes[stop], sizes[start]
            ends = (columns, rows) if transposed else (rows, columns)
            return False, False, rows * depth * columns, float(contraction_cycles(ends[0], depth, ends[1], self.shape.lanes))
        at, found = self._places[int(middle > start + 1), start, stop - start], self._found
        multiply_adds, cycles = float(found.multiply_adds[way, at]), float(found.cycles[way, at])
        return bool(found.drops[at]), bool(found.stacked[way, at]), multiply_adds, cycles

    def _passage(self, split: Split) -> tuple[bool, bool, float, float]:
        """A push through a block (transposed) takes what lies right of the block, a pull what lies left of it.

        Where middle is start, the step makes the block's own Jacobian.
        """
        start, middle, stop, forward, _ = split
        layer, boundary = (stop - 1, start) if forward else (start, stop)
        block, rows, own = self.shape.block(layer), self.shape.sizes[boundary], middle == start
        assert block is not None  # what rows pass through
        counts = (math.prod(product.extent(forward)) for product in block.products if not (own and product.at_end[not forward]))
        cycles = self.own[int(forward), layer] if own else self.passing[int(forward), layer, boundary]
        return False, rows <= STACKED_ROWS, rows * sum(counts), float(cycles)


def turning_cycles(shape: ChainShape, split: Split) -> float:
    """The cycles to turn round a matrix that a step makes transposed, if it is the whole product, which must be row-major."""
    whole = split.stop - split.start == shape.n_layers
    return moving_cycles(shape.sizes[split.start] * shape.sizes[split.stop]) if split.transposed and whole else 0.0
