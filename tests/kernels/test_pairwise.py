"""Functions of two vectors: values and slopes, at ties and where numbers are not finite, as torch has them."""

from typing import get_args

import numpy as np
import pytest
import torch

from fastjac.kernels.pairwise import PAIRWISE
from fastjac.layers import joins
from tests.kernels.from_python import call

TORCH = {
    "multiply": torch.mul,
    "divide": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "gate a > 0": lambda a, b: torch.where(a > 0, b, 0.0),
    "gate a >= 0": lambda a, b: torch.where(a >= 0, b, 0.0),
    "gate not a > 0": lambda a, b: torch.where(a > 0, 0.0, b),
    "gate not a >= 0": lambda a, b: torch.where(a >= 0, 0.0, b),
}
NUMBERS = np.array([0.0, -0.0, 1.0, -2.5, 3.0, np.inf, -np.inf, np.nan])
PAIRS = np.array(np.meshgrid(NUMBERS, NUMBERS)).reshape(2, -1)
GUARD = 7.0


def taken(rule, a, b):
    """Value and both slopes by the kernel, and what lies behind them."""
    n, zero = a.size, a.dtype.type(0)
    found = np.full((3, n + 1), GUARD, a.dtype)
    call(PAIRWISE[rule], zero, a, b, found[0], found[1], found[2], n)
    return found[:, :n], found[:, n:]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", PAIRWISE)
def test_values_and_slopes_are_those_of_torch(rule, dtype):
    a, b = PAIRS.astype(dtype)
    found, behind = taken(rule, a, b)
    x, y = (torch.from_numpy(part.copy()).requires_grad_() for part in (a, b))
    value = TORCH[rule](x, y)
    by_a, by_b = torch.autograd.grad(value.sum(), [x, y], allow_unused=True)
    by_a = torch.zeros_like(x) if by_a is None else by_a  # which only decides
    np.testing.assert_array_equal(found[0], value.detach().numpy())
    np.testing.assert_array_equal(found[1], by_a.numpy())
    np.testing.assert_array_equal(found[2], by_b.numpy())
    assert (behind == GUARD).all()


@pytest.mark.parametrize("rule", PAIRWISE)
def test_the_value_may_be_written_over_an_operand(rule):
    a, b = np.random.default_rng(0).standard_normal((2, 37))
    expected, _ = taken(rule, a, b)
    for which in (0, 1):
        operands, slopes = [a.copy(), b.copy()], np.empty((2, a.size))
        call(PAIRWISE[rule], 0.0, *operands, operands[which], *slopes, a.size)
        np.testing.assert_array_equal([operands[which], *slopes], expected)


def test_every_join_of_two_vectors_has_a_rule():
    plain = [join() for join in joins.JOINS.values() if issubclass(join, joins.Pairwise) and join is not joins.Gate]
    rules = {join.rule for join in [*plain, *map(joins.Gate, get_args(joins.Condition))]}
    assert rules == PAIRWISE.keys()
