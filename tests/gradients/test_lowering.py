"""Tables of the gradient kernel: what is given a place, that no two places overlap, and that rows made again are right."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.lowering import Lowered, lower
from fastjac.gradients.places import Place
from fastjac.gradients.runner import addresses_of
from fastjac.kernels.tables import DENSE
from fastjac.layers import Layer
from fastjac.lowering.memory import MOST_SAMPLES
from tests import naive
from tests.bits import assert_same_bits
from tests.gradients import seeded, torch_gradients
from tests.gradients.test_pullback_against_torch import FLOAT64_TOLERANCE, assert_gradient
from tests.random_networks import random_network

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def lowered(net: fj.Network, wanted: list | None = None, seeds_at: int | None = None) -> Lowered:
    return lower(seeded.unfolded(net), net.dtype, seeded.names(net) if wanted is None else wanted, seeds_at)


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
    # Numbers that are the same for several operations have one place.
    assert_apart(list({place: None for places in found.values for place in places.values()}), found.values_size)
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
        given = [
            (op.position, op.fields[key])
            for op, places in zip(found.unfolded.operations, found.gradients, strict=True)
            for key in places
        ]
        assert sorted(given) == sorted(wanted)
        for op, record in zip(found.unfolded.operations, found.operations, strict=True):
            placed = {key for key in op.fields if record[f"{key}_gradient"] != DENSE}
            assert placed == {key for key, field in op.fields.items() if (op.position, field) in wanted}
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


LETTERS = {"T": fj.Tanh, "R": fj.ReLU, "S": fj.Softmax, "N": fj.LayerNorm}
WIDTHS = 9, 14, 6, 11
WORDS = ["A", "T", "R", "S", "N", "AT", "TA", "SA", "AAA", "TRT", "ATA", "TAT", "ATTA", "TAAR", "ANTA", "ATSA", "ARARA", "RAARAT"]


def spelled(word: str, n_in: int = 5) -> fj.Network:
    """One operation for each letter: A for an affine map, and those of LETTERS."""
    rng, width, widths = np.random.default_rng(0), n_in, iter(WIDTHS)
    layers: list[Layer] = []
    for letter in word:
        layers.append(LETTERS[letter]() if letter in LETTERS else seeded.affine(rng, width, next(widths)))
        width = layers[-1].n_out or width
    return fj.Network(layers, n_in=n_in)


@pytest.mark.parametrize(
    ("word", "seeds_at", "expected"),
    [
        ("ATATA", 0, {0, 1, 3}), ("ATATA", 5, {2, 4, 5}), ("ATATA", 2, {0, 2, 3, 5}), ("ATATA", 3, {0, 2, 3, 5}),
        ("ATTA", 0, {0, 1, 2}), ("ATTA", 4, {2, 3, 4}), ("ATTA", 1, {0, 1, 2, 4}), ("ATTA", 2, {0, 2, 4}),
        ("TAT", 0, {0, 2}), ("TAT", 3, {1, 3}), ("TAT", 1, {0, 1, 2, 3}), ("TAT", 2, {0, 1, 2, 3}),
        ("AAA", 0, {0, 1, 2}), ("AAA", 3, {1, 2, 3}), ("AAA", 1, {0, 1, 2, 3}),
        ("ASA", 0, {0, 1, 2}), ("ASA", 3, {1, 2, 3}), ("ASA", 1, {0, 1, 2, 3}), ("ASA", 2, {0, 1, 2, 3}),
        ("ANTA", 0, {0, 1, 2}), ("ANTA", 4, {1, 2, 3, 4}), ("ANTA", 2, {0, 1, 2, 4}), ("ANTA", 3, {0, 1, 2, 3, 4}),
        ("A", 0, {0}), ("A", 1, {1}), ("T", 0, {0}), ("T", 1, {1}), ("S", 0, {0}), ("S", 1, {1}),
    ],
)  # fmt: skip
def test_boundaries_that_keep_their_rows(word: str, seeds_at: int, expected: set[int]) -> None:
    """Not those behind an activation, on the way from the seeds, that an affine map follows, nor what is the Jacobian itself."""
    rows = lowered(spelled(word), seeds_at=seeds_at).value_table["rows"]
    assert {boundary for boundary, offset in enumerate(rows) if offset != DENSE} == expected


def shifted(array: np.ndarray) -> np.ndarray:
    """A copy that begins between two vectors."""
    copy = np.empty(array.size + 1)[1:].reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("n_in", [5, 16, 37])
@pytest.mark.parametrize("word", WORDS)
def test_jacobians_and_gradients_from_every_boundary(word: str, n_in: int) -> None:
    """Jacobians are written in place, and derivatives by them read there where n_in fills vectors, as 16 does."""
    net, rng = spelled(word, n_in), np.random.default_rng(1)
    x, by_y, by_jacobian = (rng.standard_normal((MOST_SAMPLES + 1, *core)) for core in ((n_in,), (net.n_out,), (net.n_out, n_in)))
    expected, gradient = naive.jacobian(net.layers, x), torch_gradients.pullback(net.layers, x, by_y, by_jacobian)
    for boundary in seeded.boundaries(net):
        found, given = shifted(np.full_like(by_jacobian, np.nan)), shifted(by_jacobian)
        seeded.runner(net, boundary).run(len(x), addresses_of(x=x, jacobian=found), threads=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        assert_gradient(seeded.pullback(net, x, boundary)(by_y, given), *gradient, FLOAT64_TOLERANCE)
        assert_same_bits([given], [by_jacobian])
