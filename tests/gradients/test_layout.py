"""Where everything of a network lies for the gradient kernel: what is given a place, that no two overlap, which rows are kept."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.layout import Layout
from fastjac.gradients.lowering import lower
from fastjac.gradients.places import Place
from tests.gradients import seeded
from tests.gradients.test_lowering import spelled
from tests.random_networks import random_network

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def layout_of(net: fj.Network, wanted: list | None = None, seeds_at: int | None = None) -> Layout:
    return lower(seeded.unfolded(net), net.dtype, seeded.names(net) if wanted is None else wanted, seeds_at).layout


def assert_apart(places: list[Place], size: int) -> None:
    """No two places share an element, and all lie in an array of this size."""
    spans = sorted((place.offset, place.offset + place.rows * place.row) for place in places)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert not spans or (spans[0][0] >= 0 and spans[-1][1] <= size)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_places_do_not_overlap(seed: int, dtype: np.dtype) -> None:
    found = layout_of(fj.Network(random_network(seed).layers, dtype=dtype))
    fixed = [found.zeros, found.ones, found.eye, *found.lists.values()]
    assert_apart([*fixed, *(place for op in found.owners for place in found.numbers[op.layer].values())], found.values_size)
    assert_apart([place for places in found.gradients.values() for place in places.values()], found.sums_size)


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
        found = layout_of(NET, wanted)
        given = [name for name, (op, key) in found.trained.items() if key in found.gradients[op.layer]]
        assert sorted(given) == sorted(wanted)
    assert layout_of(NET, []).sums_size == 0


def test_seeds_lie_where_they_are_wanted() -> None:
    for boundary in seeded.boundaries(NET):
        found = layout_of(NET, seeds_at=boundary)
        assert found.seeds == (4 if boundary == 0 else 6 if boundary < 3 else 5)
        assert {op.target for op in found.before} == set(range(1, boundary + 1))
        assert {op.source for op in found.after} == set(range(boundary, len(found.sizes) - 1))


def test_wide_networks_take_few_samples_at_a_time() -> None:
    """So that what is kept of a block stays in the cache."""
    blocks = [layout_of(fj.Network([fj.Tanh()] * 3, n_in=n_in)).block for n_in in (1, 8, 60, 1000)]
    assert blocks == sorted(blocks, reverse=True)
    assert blocks[-1] == 1 < blocks[0]


@pytest.mark.parametrize(
    ("word", "seeds_at", "expected"),
    [
        ("ATATA", 0, {1, 3}), ("ATATA", 5, {2, 4}), ("ATATA", 2, {0, 3, 5}), ("ATATA", 3, {0, 2, 5}),
        ("ATTA", 0, {1, 2}), ("ATTA", 4, {2, 3}), ("ATTA", 1, {0, 2, 4}), ("ATTA", 2, {0, 4}),
        ("TAT", 0, {2}), ("TAT", 3, {1}), ("TAT", 1, {0, 2, 3}), ("TAT", 2, {0, 1, 3}),
        ("AAA", 0, {1, 2}), ("AAA", 3, {1, 2}), ("AAA", 1, {0, 2, 3}),
        ("ASA", 0, {1, 2}), ("ASA", 3, {1, 2}), ("ASA", 1, {0, 2, 3}), ("ASA", 2, {0, 1, 3}),
        ("ANTA", 0, {1, 2}), ("ANTA", 4, {1, 2, 3}), ("ANTA", 2, {0, 1, 4}), ("ANTA", 3, {0, 1, 2, 4}),
        ("A", 0, set()), ("A", 1, set()), ("T", 0, set()), ("S", 1, set()),
    ],
)  # fmt: skip
def test_boundaries_that_keep_their_rows(word: str, seeds_at: int, expected: set[int]) -> None:
    """Not the seeds, nor those between slopes and an affine map on the way from the seeds, nor an end that is the Jacobian."""
    assert layout_of(spelled(word), seeds_at=seeds_at).kept == expected
