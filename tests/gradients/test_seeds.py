"""Where derivatives start: at the boundary from which fewest multiply-adds lead to both ends."""

from itertools import pairwise

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.seeds import cheapest_seeds, multiply_adds
from tests.gradients import seeded


def net_of(*widths: int) -> fj.Network:
    """Affine maps alone, so that boundary k has the k-th width."""
    return fj.Network([fj.Affine(np.ones((n_out, n_in))) for n_in, n_out in pairwise(widths)])


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        pytest.param((2, 9, 9, 7), 0, id="narrow input: all forward"),
        pytest.param((9, 9, 9, 2), 3, id="narrow output: all in reverse"),
        pytest.param((30, 20, 3, 20, 30), 2, id="a waist"),
        pytest.param((30, 20, 29, 3, 20, 30), 3, id="a waist on the right"),
        pytest.param((5, 4, 5), 0, id="a waist too wide to pay for the product of what arrives"),
        pytest.param((4, 4, 4), 0, id="no difference: the first"),
    ],
)
def test_the_cheapest_boundary(widths: tuple[int, ...], expected: int) -> None:
    assert cheapest_seeds(seeded.unfolded(net_of(*widths))) == expected


def test_multiply_adds_by_hand() -> None:
    ops = seeded.unfolded(net_of(3, 5, 2))
    # At either end each row meets both weights; between, five rows meet one each, and their product is 2 x 3 of five terms.
    assert [multiply_adds(ops, boundary) for boundary in range(3)] == [3 * (15 + 10), 5 * (15 + 10) + 30, 2 * (15 + 10)]
    with_activations = seeded.unfolded(fj.Network([*net_of(3, 5), fj.Tanh(), fj.Softmax()]))
    assert multiply_adds(with_activations, 0) == 3 * (15 + 5 + 5)


def test_a_waist_between_activations_is_taken_where_its_rows_are_fewest() -> None:
    net = fj.Network(seeded.alternating(np.random.default_rng(0), (40, 30, 3, 30, 40), fj.Tanh()))
    at = cheapest_seeds(seeded.unfolded(net))
    assert net.widths[at] == 3
