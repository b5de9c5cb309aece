"""Where J is left as a product: the boundary of fewest multiply-adds, and only one that is narrower than J."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.quantities.gram import gram_algebra
from fastjac.quantities.spectral import determinant_cost, spectral_cost
from fastjac.quantities.waist import cheapest_form


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
    assert cheapest_form(chain(*widths), widths[-1], widths[0], spectral_cost).waist == waist


def test_a_boundary_that_is_hardly_narrower_is_a_waist_of_a_determinant_alone():
    """A product through 29 of 30 units is singular, but takes longer to decompose than its result."""
    found = chain(30, 29, 30)
    assert cheapest_form(found, 30, 30, spectral_cost).waist is None
    assert cheapest_form(found, 30, 30, gram_algebra("inputs", None)).waist is None
    assert cheapest_form(found, 30, 30, determinant_cost).waist == 1


def test_few_rows_or_columns_have_no_waist():
    found = chain(100, 10, 100)
    assert cheapest_form(found, 10, 100, spectral_cost).waist is None
    assert cheapest_form(found, 100, 8, spectral_cost).waist is None
    assert cheapest_form(found, 50, 100, spectral_cost).waist == 1


def test_blocks_between():
    layers = [fj.Affine(np.ones((9, 60))), fj.Residual([fj.Affine(np.ones((200, 9))), fj.ReLU(), fj.Affine(np.ones((9, 200)))])]
    found = fj.Network([*layers, fj.Affine(np.ones((60, 9)))])._runners.chain
    form = cheapest_form(found, 60, 60, spectral_cost)
    # On whichever side of the waist the block lies, nine rows pass it, and then the weight behind it or before it.
    assert form.cost == 9 * (2 * 9 * 200 + 9 * 60) + spectral_cost(60, 60, 9)


def test_layers_without_weights():
    assert cheapest_form(fj.Network([fj.Tanh()], n_in=4)._runners.chain, 4, 4, spectral_cost).waist is None
