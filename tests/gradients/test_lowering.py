"""Tables of the gradient kernel: what is given a place, and that no two places overlap."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.lowering import Lowered, Place, lower
from fastjac.kernels.tables import DENSE
from tests.gradients import seeded
from tests.random_networks import random_network

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def lowered(net: fj.Network, wanted: list | None = None, seeds_at: int | None = None) -> Lowered:
    return lower(seeded.operations(net), net.dtype, seeded.names(net) if wanted is None else wanted, seeds_at)


def assert_apart(places: list[Place], size: int) -> None:
    """No two places share an element, and all lie in an array of this size."""
    spans = sorted((place.offset, place.offset + place.rows * place.row) for place in places)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert not spans or (spans[0][0] >= 0 and spans[-1][1] <= size)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_places_do_not_overlap(seed: int, dtype: np.dtype) -> None:
    net = fj.Network(random_network(seed).layers, dtype=dtype)
    found = lowered(net)
    assert_apart([place for places in found.values for place in places.values()], found.values_size)
    assert_apart([place for places in found.gradients for place in places.values()], found.gradients_size)


def test_a_place_is_a_part_of_the_flat_array() -> None:
    flat = np.arange(40.0)
    part = Place(offset=8, rows=3, columns=5, row=8).of(flat)
    np.testing.assert_array_equal(part, [[8, 9, 10, 11, 12], [16, 17, 18, 19, 20], [24, 25, 26, 27, 28]])
    assert np.shares_memory(part, flat)


NET = fj.Network(
    [
        *seeded.alternating(np.random.default_rng(0), (4, 6, 5), fj.PReLU(np.full(6, 0.2))),
        fj.LayerNorm(np.ones(5), np.zeros(5)),
        fj.Scale(np.ones(5)),
    ]
)


def test_only_what_is_wanted_has_a_place_for_its_gradient() -> None:
    for wanted in ([], [(0, "bias")], [(1, "weight"), (3, "bias")], seeded.names(NET)):
        found = lowered(NET, wanted)
        given = [(op.position, op.fields[key]) for op, places in zip(found.ops, found.gradients, strict=True) for key in places]
        assert sorted(given) == sorted(wanted)
        for op, record in zip(found.ops, found.operations[:-1], strict=True):
            told = {key for key in op.fields if record[f"{key}_gradient"] != DENSE}
            assert told == {key for key, field in op.fields.items() if (op.position, field) in wanted}
    assert lowered(NET, []).gradients_size == 0


def test_the_lowest_operation_of_which_anything_is_wanted() -> None:
    numbers = {"first": [(0, "weight")], "third": [(2, "bias")], "scale of the normalization": [(3, "weight")], "none": []}
    assert [int(lowered(NET, wanted).layout[0]["lowest"]) for wanted in numbers.values()] == [0, 2, 4, 6]


def test_seeds_lie_where_they_are_wanted() -> None:
    for boundary in seeded.boundaries(NET):
        layout = lowered(NET, seeds_at=boundary).layout[0]
        assert layout["seeds_at"] == boundary
        assert layout["seeds"] == (4 if boundary == 0 else 6 if boundary < 3 else 5)


def test_wide_networks_take_few_samples_at_a_time() -> None:
    """So that what is kept of a block stays in the cache."""
    blocks = [int(lowered(fj.Network([fj.Tanh()] * 3, n_in=n_in)).layout[0]["block"]) for n_in in (1, 8, 60, 1000)]
    assert blocks == sorted(blocks, reverse=True)
    assert blocks[-1] == 1 < blocks[0]
