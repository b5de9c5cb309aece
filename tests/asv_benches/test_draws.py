"""Drawn networks are the same everywhere, keep within their bounds, and may be measured."""

import numpy as np

from asv_benches import common, draws
from asv_benches.recipe import ACTIVATIONS

FIRST = ((278, 4, 26), "gelu", False, (713,), 837114768)
SECOND = ((4, 4, 29, 2, 2, 2, 61, 306), "silu", False, (3175,), 1033596397)


def many():
    return draws.random_networks(300, 7)


def test_same_number_and_seed_give_the_same_networks():
    """Written down once: whatever changes them makes reports of different machines incomparable."""
    first, second = draws.random_networks(2, 0).values()
    assert (first.widths, first.activation, first.softmax, first.batches, first.seed) == FIRST
    assert (second.widths, second.activation, second.softmax, second.batches, second.seed) == SECOND


def test_more_networks_begin_with_the_same_ones():
    assert list(draws.random_networks(3, 5).items()) == list(draws.random_networks(9, 5).items())[:3]
    assert draws.random_network(5, 1) != draws.random_network(6, 1)


def test_networks_keep_within_bounds_and_reach_them():
    recipes = many().values()
    assert {recipe.n_affine for recipe in recipes} == set(range(1, draws.LAYERS + 1))
    assert {recipe.activation for recipe in recipes} == set(ACTIVATIONS)
    assert {recipe.softmax for recipe in recipes} == {True, False}
    widths = [width for recipe in recipes for width in recipe.widths]
    assert min(widths) == 1
    assert 1_000 < max(widths) <= draws.WIDTH
    batches = [batch for recipe in recipes for batch in recipe.batches]
    assert min(batches) == 1
    assert 2_000 < max(batches) <= draws.BATCH
    results = [8 * recipe.batches[0] * recipe.widths[0] * recipe.widths[-1] for recipe in recipes]
    assert max(results) <= draws.RESULT_BYTES
    assert not any(recipe.softmax and recipe.widths[-1] == 1 for recipe in recipes)


def test_widths_are_uniform_in_their_logarithm():
    widths = np.array([width for recipe in many().values() for width in recipe.widths])
    shares = np.histogram(np.log(widths), np.log([1, 1500**0.5, 1500]))[0] / len(widths)
    np.testing.assert_allclose(shares, 0.5, atol=0.1)


def test_cells_of_drawn_networks_have_names_of_their_own():
    names = [str(cell) for cell in common.cells(many())]
    assert names[0].startswith("random-7-1-")
    assert len(set(names)) == 300
