"""Lowering: a chain, and plans for its products, to the tables and the one flat parameter array of a Program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..caches import caches
from ..kernels import run
from ..kernels.cache import fingerprint
from ..kernels.contract import contract, contract_far
from ..kernels.jit import kernel_address
from ..kernels.operators import copy
from ..kernels.tables import LAYOUT, LIVE, PRIMAL, STEP, Program, record, records
from ..kernels.target import lanes, padded
from ..planning.chain import Chain
from ..planning.cost import lane_samples
from ..planning.product import Product
from ..planning.steps import Plan
from .accumulation import Accumulation
from .emitter import kernel_of
from .lanes import Lanes, lanes_for
from .matrix import Record
from .memory import LARGE_WEIGHT, LINE, LIST_ROOM, MOST_SAMPLES, Parameters, scratch
from .moves import Sweep
from .pieces import cut_move, cut_step, division_of
from .values import StatePlaces, Values, place_state, steps_of

BLOCK_BYTES = caches().second // 4
"""Room for the activations and Jacobian vectors of one block of samples, so that they stay in the second-level cache."""
SHARING_BLOCK_BYTES = caches().second // 2
"""The least room where samples share the strips of a large weight: each strip is read from beyond that cache once a block. An
eighth of all weights is the room where that is more, since a block's own vectors are then little beside them."""
GROUP_BYTES = caches().first * 2 // 3
"""Room for the matrices of the samples that take each step together: most of the first-level cache."""
SHARING_GROUP_BYTES = caches().second // 2
"""Room for a group's matrices where samples share the strips of a large weight: some of the second-level cache."""

FAR_WEIGHTS = caches().second * 16
"""Bytes of weights that count as too many for the caches. How much of a third-level cache a process has is nowhere to be read, so
this is a multiple of the second level, which weights outgrow on all machines measured."""


def lower(chain: Chain, tasks: Sequence[tuple[Product, Plan]] = ()) -> Program:
    """The Program that evaluates `chain`, and accumulates products of it by their plans, each product as a task of its own.

    Without products it has one task, which accumulates nothing.
    """
    # First of all, because it announces that kernels compile.
    address = run.compiled_address(chain.dtype)
    parameters = Parameters(chain.dtype)
    # One more for a bias in front of a weight, and enough zeros and ones for a row of samples along the lanes.
    widest = padded(1 + _widest(chain, [product for product, _ in tasks]), chain.dtype)
    widest = max(widest, lane_samples(lanes(chain.dtype)))
    values = Values(list(steps_of(chain)), chain.n_in, chain.dtype)
    places, state_size = place_state(chain.operators, chain.dtype)
    room = _room(chain, max(3 * max(chain.sizes), values.size) + state_size, [plan for _, plan in tasks])
    block = room.block
    spare = block * values.size
    state = spare + block * padded(max(chain.value_sizes), chain.dtype)
    shared = {
        "n_in": chain.n_in,
        "n_out": chain.sizes[-1],
        "block": block,
        "values_row": values.result.row,
        "spare": spare,
        "state": state,
        "state_size": state_size,
        "own": state + block * state_size,
        "chain": chain.number,
        "zeros": parameters.add(np.zeros(widest)),
        "ones": parameters.add(np.ones(widest)),
        "n_identity": widest,
        "own_lists": widest + LIST_ROOM,
    }
    shared |= {name: kernel_address(kernel, chain.dtype) for name, kernel in (("contract", _multiplying(chain)), ("copy", copy))}
    shared["piecewise_linear"] = int(chain.piecewise_linear)
    sweep = Sweep(block, places, parameters)
    primal = [move | cut_move(move) for move in sweep.steps(values)]
    shared["values"] = sweep.place(values.result)
    shared["n_primal"] = len(primal)
    shared["state_primal"] = max([0, *(number for number, move in enumerate(primal, 1) if "state" in move)])
    accumulations = [_accumulate(product, plan, parameters, places) for product, plan in tasks]
    in_lanes = [
        lanes_for(chain, *task, accumulation, parameters) for task, accumulation in zip(tasks, accumulations, strict=True)
    ]
    live = [record for accumulation in accumulations for record in accumulation.live]
    steps = [
        [step | {"kernel": kernel_address(kernel_of(step), chain.dtype)} | cut_step(step, chain.dtype) for step in found.steps]
        for found in accumulations
    ]
    layouts = _layouts(shared, tasks, accumulations, room)
    for layout, its_steps in zip(layouts, steps or [[]], strict=True):
        layout |= division_of(primal, its_steps)._asdict()
    name = f"run_{fingerprint()}"
    return Program(
        parameters.array(),
        records(PRIMAL, primal + [step for found in in_lanes if found for step in found.primal]),
        records(LIVE, live),
        records(STEP, [step for its_steps in steps for step in its_steps]),
        records(LAYOUT, _with_lanes(layouts, in_lanes)),
        records(record(name), [{name: address}]),
    )


class Room(NamedTuple):
    """How many samples there is room for, by the machine's caches.

    block : samples in a block.  group_size : elements for the matrices of a group.  least : the fewest samples of a group.
    """

    block: int
    group_size: int
    least: int


def _room(chain: Chain, elements: int, plans: Iterable[Plan]) -> Room:
    """The room for samples of a chain whose products are accumulated by these plans.

    elements : what the values and the state of one sample take.
    """
    weights = [weight.size * chain.dtype.itemsize for weight in chain.weights]
    # As many samples as lie along the lanes, if any do: behind the last factor they lie in rows again.
    least = lane_samples(lanes(chain.dtype)) if any(plan.in_lanes for plan in plans) else 1
    block_bytes, group_bytes = BLOCK_BYTES, GROUP_BYTES
    if any(size > LARGE_WEIGHT for size in weights):
        block_bytes, group_bytes = max(SHARING_BLOCK_BYTES, sum(weights) // 8), SHARING_GROUP_BYTES
    return Room(max(least, _block(elements * chain.dtype.itemsize, block_bytes)), group_bytes // chain.dtype.itemsize, least)


def _multiplying(chain: Chain) -> Any:
    """The kernel of products, by the bytes of all weights, most of which lie in both orientations."""
    size = 2 * sum(weight.size for weight in chain.weights) * chain.dtype.itemsize
    return contract_far if size > FAR_WEIGHTS else contract


def _with_lanes(layouts: list[Record], in_lanes: list[Lanes | None]) -> list[Record]:
    """The layouts, each with what its task needs if it takes samples along the lanes; every layout has the room for that."""
    start, first = layouts[0]["work_size"], layouts[0]["n_primal"]
    for layout, found in zip(layouts, in_lanes, strict=False):
        if found is not None:
            layout |= found.layout | {"lane_work": start, "lane_primal": layout["n_primal"] - found.left, "first_lane": first}
            layout |= {"last_lane": first + len(found.primal), "lane_step": layout["first_step"] + found.steps}
        first += len(found.primal) if found else 0
    room = max([0, *(found.size for found in in_lanes if found)])
    return [layout | {"work_size": start + room} for layout in layouts]


def _accumulate(product: Product, plan: Plan, parameters: Parameters, state: StatePlaces) -> Accumulation:
    accumulation = Accumulation(parameters, state)
    accumulation.write(product, plan)
    return accumulation


def _widest(chain: Chain, products: Iterable[Product]) -> int:
    return max(1, *chain.value_sizes, *(size for product in products for size in product.sizes))


def _layouts(
    shared: Record, tasks: Sequence[tuple[Product, Plan]], accumulations: Sequence[Accumulation], room: Room
) -> list[Record]:
    """A record for each task; memory that tasks share is as large as the largest task needs."""
    own_lists_size = max([shared["n_identity"], *(accumulation.list_size for accumulation in accumulations)]) + LIST_ROOM
    own_size = max([0, *(accumulation.arena.end for accumulation in accumulations)])
    first_step = first_live = 0
    layouts = []
    for (product, _), accumulation in zip(tasks, accumulations, strict=True):
        layouts.append(
            {"seed_size": _seed_size(product), "out_size": product.sizes[-1] * product.sizes[0]}
            | {"out_columns": product.sizes[0]}
            | {"first_step": first_step, "last_step": first_step + len(accumulation.steps)}
            | {"first_live": first_live, "last_live": first_live + len(accumulation.live)}
        )
        first_step, first_live = layouts[-1]["last_step"], layouts[-1]["last_live"]
    group = max(room.least, min(room.block, room.group_size // max(1, own_size)))
    memory = {
        "group": group,
        "own_lists_size": own_lists_size,
        # A whole vector may be read where a part of a row starts, and end behind it.
        "work_size": shared["own"] + group * own_size + LINE,
        "list_size": shared["own_lists"] + group * own_lists_size,
    }
    return [shared | memory | layout for layout in layouts or [{}]]


def _seed_size(product: Product) -> int:
    if None not in product.leaves:
        return 0
    seed = product.leaves.index(None)
    return product.sizes[seed] * product.sizes[seed + 1]


def workspace(program: Program, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Scratch for `threads` threads: numbers (threads, work_size) and index lists (threads, list_size)."""
    return scratch(program.layout[0], program.parameters.dtype, threads)


def _block(sample: int, room: int) -> int:
    """How many samples of `sample` bytes make a block in `room` bytes."""
    return min(MOST_SAMPLES, max(6, room // sample // 6 * 6))
