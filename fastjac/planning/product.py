"""The matrices whose product is wanted of a chain: its Jacobian, some of its rows and columns, or its product with a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ..kernels.target import lanes
from ..layers import Affine
from .block import Block, Pair, Slopes
from .chain import Chain
from .cost import fits_lanes
from .operators import Link, is_finite
from .plan import SPARSE_LIVE_SHARE, plan
from .steps import BlockShape, ChainShape, Mode, Plan, ProductShape


@dataclass(frozen=True, eq=False)
class Product:
    """The matrices whose product is wanted: the chain's weights, and a seed at one end if there is one.

    `leaves[k]` leads from boundary k to k + 1: an affine layer, a block, or None for the seed. `links[k]` lies at boundary k.
    whole : whether its weights are those of the primal sweep, none of them cut to some rows or columns.
    """

    leaves: tuple[Affine | Block | None, ...]
    links: tuple[Link, ...]
    sizes: tuple[int, ...]
    whole: bool = True

    def shape(self, lanes: int) -> ChainShape:
        """What a plan for this product depends on."""
        live = tuple(SPARSE_LIVE_SHARE if len(link) == 1 and link[0].sparse else 1.0 for link in self.links)
        binary = tuple(all(op.binary for op in link) for link in self.links)
        seed = self.leaves.index(None) if None in self.leaves else None
        # Only for narrow products, because this may look at every weight.
        unitwise = self.whole and fits_lanes(self.sizes, 1, lanes) and self._is_unitwise()
        blocks = tuple(block_shape(leaf) if isinstance(leaf, Block) else None for leaf in self.leaves)
        return ChainShape(self.sizes, live, binary, lanes, seed, unitwise, blocks)

    def can_skip_closed(self, dtype: np.dtype) -> bool:
        """Whether units that another value closes can be left out: 0 times a weight is 0 where all of them are finite."""
        inside = (leaf.operators if isinstance(leaf, Block) else (leaf,) for leaf in self.leaves)
        operators = [op for part in inside for op in part]
        # Checked only where something can close units, because this looks at every weight.
        closes = any(isinstance(op, Pair) for op in operators)
        return closes and all(is_finite(op, dtype) for op in operators if isinstance(op, Affine))

    def _is_unitwise(self) -> bool:
        """Whether samples may lie along the vector lanes: at most one layer stands at a boundary, inside only elementwise ones.

        What stands behind the last factor must be applied to the whole Jacobian, not to a factor. Dead units are multiplied, so
        where there are any, every weight must be finite.
        """
        inner = [op for link in self.links[1:-1] for op in link]
        simple = all(len(link) <= 1 and all(op.n_layers == 1 for op in link) for link in self.links[1:])
        at_the_end = not self.links[-1] or self.sizes[0] < min(self.sizes[1:-1], default=0)
        if (
            not all(isinstance(leaf, Affine) for leaf in self.leaves)
            or self.links[0]
            or not simple
            or not at_the_end
            or any(op.rank for op in inner)
        ):
            return False
        alive = not any(op.sparse for op in inner)
        # A product has no dtype. What is finite in float32 is finite in float64 too.
        return alive or all(is_finite(factor, np.dtype(np.float32)) for factor in self.leaves if isinstance(factor, Affine))


Seed = Literal["tangents", "cotangents"]
Numbers = tuple[int, ...]
"""Numbers of inputs or outputs, in the order that is wanted."""


class Wanted(NamedTuple):
    """What is wanted of a Jacobian: columns and rows, or a product with a seed.

    wrt, of : numbers of the columns and of the rows; None for all.
    seed : None, "tangents" (a matrix (n_in, width) on the right) or "cotangents" ((width, n_out) on the left).
    """

    wrt: Numbers | None = None
    of: Numbers | None = None
    seed: Seed | None = None
    width: int = 0

    def shape(self, n_out: int, n_in: int) -> tuple[int, int]:
        """How many rows and columns of a Jacobian (n_out, n_in) are wanted."""
        return n_out if self.of is None else len(self.of), n_in if self.wrt is None else len(self.wrt)


ALL = Wanted()
"""The whole Jacobian."""


def product_of(chain: Chain, wanted: Wanted = ALL) -> Product:
    """The product that is the chain's Jacobian, some of its columns and rows, or its product with a seed."""
    leaves: list[Affine | Block | None] = list(chain.factors)
    links, sizes = list(chain.links), list(chain.sizes)
    if wanted.wrt is not None:
        _select_columns(leaves, links, sizes, wanted.wrt)
    if wanted.of is not None:
        _select_rows(leaves, links, sizes, wanted.of)
    if not leaves and wanted.seed is None:
        # Links alone have no matrix to act on, so they act on the identity.
        _select_columns(leaves, links, sizes, tuple(range(chain.n_in)))
    if wanted.seed == "tangents":
        return Product((None, *leaves), ((), *links), (wanted.width, *sizes))
    if wanted.seed == "cotangents":
        return Product((*leaves, None), (*links, ()), (*sizes, wanted.width))
    whole = wanted.wrt is None and wanted.of is None
    return Product(tuple(leaves), tuple(links), tuple(sizes), whole)


def planned(chain: Chain, wanted: Wanted, mode: Mode) -> tuple[Product, Plan]:
    """The product of a chain that is wanted, and the plan for it."""
    product = product_of(chain, wanted)
    return product, plan(product.shape(lanes(chain.dtype)), mode)


def _select_columns(leaves: list[Any], links: list[Link], sizes: list[int], columns: Numbers) -> None:
    """Let the product begin with these columns: those of its first weight, or of an identity matrix before it."""
    if leaves and isinstance(leaves[0], Affine) and not links[0]:
        leaves[0], sizes[0] = Affine(leaves[0].weight[:, columns]), len(columns)
        return
    leaves.insert(0, Affine(_unit_vectors(sizes[0], columns).T))
    links.insert(0, ())
    sizes.insert(0, len(columns))


def _select_rows(leaves: list[Any], links: list[Link], sizes: list[int], rows: Numbers) -> None:
    """Let the product end with these rows: those of its last weight, or of an identity matrix behind it."""
    if leaves and isinstance(leaves[-1], Affine) and not links[-1]:
        leaves[-1], sizes[-1] = Affine(leaves[-1].weight[rows, :]), len(rows)
        return
    leaves.append(Affine(_unit_vectors(sizes[-1], rows)))
    links.append(())
    sizes.append(len(rows))


def _unit_vectors(size: int, numbers: Numbers) -> np.ndarray:
    """These rows of the identity matrix, which itself would not fit into memory where a network is wide."""
    rows = np.zeros((len(numbers), size))
    rows[range(len(numbers)), numbers] = 1.0
    return rows


def block_shape(block: Block) -> BlockShape:
    """What the time that a block takes depends on."""
    edges = block.edges
    sparse = [edge for edge in edges if isinstance(edge.map, Slopes) and edge.map.sparse]
    # Units can be dead only at a value to which a single edge leads, or from which a single edge leads away.
    arriving, leaving = Counter(edge.target for edge in edges), Counter(edge.source for edge in edges)
    behind = {edge.target for edge in sparse if arriving[edge.target] == 1}
    before = {edge.source for edge in sparse if leaving[edge.source] == 1}
    last = len(block.steps)
    products = tuple(
        ProductShape(
            (edge.map.n_in, edge.map.n_out),
            (_live(edge.source in behind), _live(edge.target in before)),
            (edge.source == 0, edge.target == last),
        )
        for edge in edges
        if isinstance(edge.map, Affine)
    )
    sizes = block.sizes
    moved = sum(sizes[edge.target] for edge in edges if not isinstance(edge.map, Affine))
    begins = all(isinstance(edge.map, Affine) for edge in edges if edge.source == 0)
    ends = all(isinstance(edge.map, Affine) for edge in edges if edge.target == last)
    return BlockShape(products, moved, (begins, ends))


def _live(sparse: bool) -> float:
    return SPARSE_LIVE_SHARE if sparse else 1.0
