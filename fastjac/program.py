"""A Program: a chain and a plan lowered to tables and one flat parameter array.

One set of compiled kernels serves every network, because a network is data to them. A Program is a NamedTuple of arrays,
so `@njit` code can take it as an argument too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .accumulation import Accumulation, Record, StatePlaces
from .chain import Chain, Diagonal, Normalization, Product
from .kernels import activations, normalizers
from .kernels.tables import ACTIVATE, AFFINE, LAYOUT, LIVE, NORMALIZE, PRIMAL, STEP
from .kernels.target import padded
from .layers import Affine
from .memory import Parameters, aligned_zeros
from .plan import Plan

BLOCK_BYTES = 192 * 1024
"""Room for the activations and Jacobian vectors of one block of samples, so that they stay in the second-level cache."""
MAX_BLOCK = 48
"""Samples in a block: a multiple of the rows of every tile, 6, 8 or 12, so that no tile is left half empty."""


class Program(NamedTuple):
    """What the kernels run: see `fastjac.kernels.tables` for the records."""

    parameters: np.ndarray
    primal: np.ndarray
    live: np.ndarray
    steps: np.ndarray
    layout: np.ndarray


def lower(chain: Chain, product: Product | None = None, plan: Plan | None = None) -> Program:
    """The Program that evaluates `chain` and, given a product and the plan for it, accumulates that."""
    parameters = Parameters(chain.dtype)
    widest = padded(_widest(chain, product), chain.dtype)
    zeros, ones = parameters.add(np.zeros(widest)), parameters.add(np.ones(widest))
    block = _block(chain)
    buffer = block * padded(max(chain.sizes), chain.dtype)
    state, work = _place_state(chain, block, start=3 * buffer)
    primal = list(_primal_steps(chain, block, state, parameters))
    accumulation = Accumulation(parameters, state, work, lists=widest)
    if product is not None and plan is not None:
        accumulation.lower(product, plan)
    layout = {
        "n_in": chain.n_in,
        "n_out": chain.sizes[-1],
        "seed_size": _seed_size(product),
        "out_size": product.sizes[-1] * product.sizes[0] if product else 0,
        "block": block,
        "buffer": buffer,
        "spare": 2 * buffer,
        "zeros": zeros,
        "ones": ones,
        "work_size": padded(accumulation.arena.end, chain.dtype),
        "list_size": accumulation.list_size,
        "n_identity": widest,
    }
    return Program(
        parameters.array(),
        _records(PRIMAL, primal),
        _records(LIVE, accumulation.live),
        _records(STEP, accumulation.steps),
        _records(LAYOUT, [layout]),
    )


def _widest(chain: Chain, product: Product | None) -> int:
    return max(*chain.sizes, *(product.sizes if product else ()), 1)


def _seed_size(product: Product | None) -> int:
    if product is None or None not in product.leaves:
        return 0
    seed = product.leaves.index(None)
    return product.sizes[seed] * product.sizes[seed + 1]


def workspace(program: Program, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Scratch for `threads` threads: numbers (threads, work_size) and index lists (threads, list_size)."""
    layout = program.layout[0]
    work = aligned_zeros(threads * layout["work_size"], program.parameters.dtype)
    lists = np.zeros((threads, layout["list_size"]), np.int64)
    lists[:, : layout["n_identity"]] = np.arange(layout["n_identity"])
    return work.reshape(threads, layout["work_size"]), lists


def _records(kind: np.dtype, rows: Iterable[Record]) -> np.ndarray:
    rows = list(rows)
    records = np.zeros(len(rows), kind)
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records


def _block(chain: Chain) -> int:
    """Samples in a block."""
    elements = 3 * max(chain.sizes) + sum(_state_row(op, chain.dtype) for link in chain.links for op in link)
    return int(min(MAX_BLOCK, max(6, BLOCK_BYTES // (elements * chain.dtype.itemsize) // 6 * 6)))


def _place_state(chain: Chain, block: int, start: int) -> tuple[StatePlaces, int]:
    """Where the Jacobians' vectors lie in the workspace, a block's of one operator together, and where they end."""
    state: StatePlaces = {}
    for link in chain.links:
        for op in link:
            row = _state_row(op, chain.dtype)
            state[op] = {"state": start, "state_row": row}
            start += block * row
    return state, start


def _state_row(op: Diagonal | Normalization, dtype: np.dtype) -> int:
    return padded((1 + 2 * op.rank) * op.size, dtype)


def _primal_steps(chain: Chain, block: int, state: StatePlaces, parameters: Parameters) -> Iterable[Record]:
    for position, link in enumerate(chain.links):
        for op in link:
            steps = _normalize_steps(op, parameters) if isinstance(op, Normalization) else _activate_steps(op, block, parameters)
            yield from (step | state[op] for step in steps)
        if position < len(chain.factors):
            yield _affine_step(chain.factors[position], parameters)


def _affine_step(factor: Affine, parameters: Parameters) -> Record:
    weight = parameters.add(factor.weight.T)
    bias = parameters.add(np.zeros(factor.n_out) if factor.bias is None else factor.bias)
    row = padded(factor.n_out, parameters.dtype)
    return {"operation": AFFINE, "n_in": factor.n_in, "row": row, "weight": weight, "bias": bias}


def _activate_steps(op: Diagonal, block: int, parameters: Parameters) -> Iterable[Record]:
    for position, layer in enumerate(op.layers):
        p, q = (parameters.add_block(value, op.size, block) for value in layer.rule_parameters)
        step = {"operation": ACTIVATE, "n_in": op.size, "row": padded(op.size, parameters.dtype)}
        yield step | {"code": activations.CODES[layer.rule], "p": p, "q": q, "compose": int(position > 0)}


def _normalize_steps(op: Normalization, parameters: Parameters) -> Iterable[Record]:
    epsilon = parameters.add(np.array([getattr(op.layer, "eps", 0.0)]))
    step = {"operation": NORMALIZE, "n_in": op.size, "row": padded(op.size, parameters.dtype)}
    yield step | {"code": normalizers.CODES[op.layer.rule], "p": epsilon, "rank": op.rank}
