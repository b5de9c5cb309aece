"""Where J is left as a product: the boundary of fewest multiply-adds, and only one that is narrower than J."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.quantities.gram import gram_algebra
from fastjac.quantities.spectral import NORM_COSTS, determinant_cost, spectral_cost
from fastjac.quantities.waist import waist_of


def chain(*widths):
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [fj.Affine(np.ones((n_out, n_in))), fj.Tanh()]
    return fj.Network(layers)._runners.chain


@pytest.mark.parametrize(
    ("widths", "waist"),
    [
        ((784, 256, 32, 256, 784), 2),
        ((100, 10, 100), 1),
        ((100, 12, 10, 100), 2),
        ((30, 50, 30), None),
        ((30, 30, 30), None),
        ((3, 50, 40), None),
        ((40, 3), None),
    ],
    ids=str,
)
def test_the_waist(widths, waist):
    assert waist_of(chain(*widths), widths[-1], widths[0], spectral_cost) == waist


def test_a_boundary_that_is_hardly_narrower_is_a_waist_of_a_determinant_alone():
    """A product through 29 of 30 units is singular, but takes longer to decompose than its result."""
    found = chain(30, 29, 30)
    assert waist_of(found, 30, 30, spectral_cost) is None
    assert waist_of(found, 30, 30, gram_algebra("inputs", None)) is None
    assert waist_of(found, 30, 30, determinant_cost) == 1


def test_a_waist_where_j_is_multiplied_is_none_where_its_parts_would_be_decomposed():
    """The Frobenius norm of J is the root of a sum of squares, of the factors that of their R's product."""
    found = chain(784, 1000, 300, 1000, 784)
    assert waist_of(found, 784, 784, NORM_COSTS["fro"]) is None
    assert waist_of(found, 784, 784, NORM_COSTS["nuc"]) == 2


def test_few_rows_or_columns_have_no_waist():
    found = chain(100, 10, 100)
    assert waist_of(found, 10, 100, spectral_cost) is None
    assert waist_of(found, 100, 8, spectral_cost) is None
    assert waist_of(found, 50, 100, spectral_cost) == 1


@pytest.mark.parametrize("hidden", [3, 200])
def test_blocks_have_waists_beside_them(hidden):
    block = fj.Residual([fj.Affine(np.ones((hidden, 9))), fj.ReLU(), fj.Affine(np.ones((9, hidden)))])
    found = fj.Network([fj.Affine(np.ones((60, 60))), fj.Affine(np.ones((9, 60))), fj.ReLU(), block, fj.Affine(np.ones((60, 9)))])
    # Before the block or behind it, but nowhere in it.
    assert waist_of(found._runners.chain, 60, 60, spectral_cost) in (1, 2)


def test_layers_without_weights():
    assert waist_of(fj.Network([fj.Tanh()], n_in=4)._runners.chain, 4, 4, spectral_cost) is None
