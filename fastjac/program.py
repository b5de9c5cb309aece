"""A Program: a chain and a plan lowered to tables and one flat parameter array.

One set of compiled kernels serves every network, because a network is data to them. A Program is a NamedTuple of arrays,
so `@njit` code can take it as an argument too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .accumulation import Accumulation
from .chain import Chain, Diagonal, Normalization, Product
from .kernels import activations, normalizers
from .kernels.tables import ACTIVATE, AFFINE, LAYOUT, LIVE, NORMALIZE, PRIMAL, STEP
from .kernels.target import padded
from .layers import Affine
from .memory import Parameters, aligned_zeros
from .plan import Plan

BLOCK_BYTES = 128 * 1024
"""Room for the activations and Jacobian vectors of one block of samples, so that they stay in the second-level cache."""
MAX_BLOCK = 48
"""Samples in a block: enough rows to use every register of the tile, a multiple of its six rows."""


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
    row = padded(_widest(chain, product), chain.dtype)
    zeros, ones = parameters.add(np.zeros(row)), parameters.add(np.ones(row))
    state, state_row = _place_state(chain)
    primal = list(_primal_steps(chain, state, parameters))
    block = _block(2 * row + state_row, chain.dtype)
    state_start = 2 * block * row
    spare = state_start + block * state_row
    accumulation = Accumulation(parameters, state, work=spare + row, lists=row)
    if product is not None and plan is not None:
        accumulation.lower(product, plan)
    layout = {
        "n_in": chain.n_in,
        "n_out": chain.sizes[-1],
        "seed_size": _seed_size(product),
        "out_size": product.sizes[-1] * product.sizes[0] if product else 0,
        "block": block,
        "row": row,
        "state_row": state_row,
        "state": state_start,
        "buffer": block * row,
        "spare": spare,
        "zeros": zeros,
        "ones": ones,
        "work_size": padded(accumulation.arena.end, chain.dtype),
        "list_size": accumulation.list_size,
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
    lists[:, : layout["row"]] = np.arange(layout["row"])
    return work.reshape(threads, layout["work_size"]), lists


def _records(kind: np.dtype, rows: Iterable[dict[str, int]]) -> np.ndarray:
    rows = list(rows)
    records = np.zeros(len(rows), kind)
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records


def _block(elements: int, dtype: np.dtype) -> int:
    return int(min(MAX_BLOCK, max(6, BLOCK_BYTES // (elements * dtype.itemsize) // 6 * 6)))


def _place_state(chain: Chain) -> tuple[dict[Diagonal | Normalization, int], int]:
    """Where each Jacobian's vectors lie in a sample's state, and the state's size."""
    state, offset = {}, 0
    for link in chain.links:
        for op in link:
            state[op] = offset
            offset += padded((1 + 2 * op.rank) * op.size, chain.dtype)
    return state, offset


def _primal_steps(chain: Chain, state: dict[Diagonal | Normalization, int], parameters: Parameters) -> Iterable[dict[str, int]]:
    for position, link in enumerate(chain.links):
        for op in link:
            yield from _link_steps(op, state[op], parameters)
        if position < len(chain.factors):
            yield _affine_step(chain.factors[position], parameters)


def _affine_step(factor: Affine, parameters: Parameters) -> dict[str, int]:
    weight = parameters.add(factor.weight.T)
    bias = parameters.add(np.zeros(factor.n_out) if factor.bias is None else factor.bias)
    row = padded(factor.n_out, parameters.dtype)
    return {
        "operation": AFFINE, "n_in": factor.n_in, "n_out": factor.n_out, "weight": weight, "weight_row": row, "bias": bias,
    }  # fmt: skip


def _link_steps(op: Diagonal | Normalization, state: int, parameters: Parameters) -> Iterable[dict[str, int]]:
    step = {"n_in": op.size, "n_out": op.size, "state": state, "rank": op.rank}
    if isinstance(op, Normalization):
        epsilon = parameters.add(np.array([getattr(op.layer, "eps", 0.0)]))
        yield step | {"operation": NORMALIZE, "code": normalizers.CODES[op.layer.rule], "p": epsilon}
        return
    for position, layer in enumerate(op.layers):
        p, q = (parameters.add(np.broadcast_to(np.asarray(v, np.float64), op.size)) for v in layer.rule_parameters)
        code = activations.CODES[layer.rule]
        yield step | {"operation": ACTIVATE, "code": code, "p": p, "q": q, "compose": int(position > 0)}
