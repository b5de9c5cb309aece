"""Comparisons and choices by them equal NumPy's, at ties and at nan too, and their number is bounded."""

import numpy as np
import pytest

from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.ir import choice as ch
from fastjac.importers.ir.choice import Condition
from fastjac.importers.ir.values import constant

from .tensors import assert_computed, flow_of, imported

COMPARISONS = {
    "greater": (ch.greater, np.greater),
    "less": (ch.less, np.less),
    "at least": (ch.at_least, np.greater_equal),
    "at most": (ch.at_most, np.less_equal),
}
ZERO, HALF = constant(np.float64(0.0)), constant(np.float64(0.5))
SPECIAL = np.array([[0.0, -0.0, 1.0, -1.0, 0.5, np.nan]])


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_a_choice_by_a_comparison_with_a_constant(name, turned):
    function, twin = COMPARISONS[name]
    limit = np.array([0.5, 0.0, -0.5, 0.25, 1.0, 0.0])

    def chosen(x):
        compared = function(constant(limit), x) if turned else function(x, constant(limit))
        return ch.where(compared, x, HALF)

    def expected(x):
        return np.where(twin(limit, x) if turned else twin(x, limit), x, 0.5)

    net = assert_computed(chosen, expected, (1, 6))
    np.testing.assert_array_equal(net(SPECIAL), expected(SPECIAL))


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_choice_by_a_comparison_of_two_tensors(name):
    function, twin = COMPARISONS[name]
    assert_computed(lambda a, b: ch.where(function(a, b), a, b), lambda a, b: np.where(twin(a, b), a, b), (1, 3), (1, 3))


COMBINED = {
    "and": (ch.both, np.logical_and),
    "or": (ch.either, np.logical_or),
}


@pytest.mark.parametrize("name", COMBINED)
@pytest.mark.parametrize("turned", [False, True], ids=["", "not"])
def test_combinations(name, turned):
    function, twin = COMBINED[name]

    def chosen(a, b):
        condition = function(ch.greater(a, ZERO), ch.at_most(b, HALF))
        return ch.where(ch.opposite(condition) if turned else condition, a, b)

    def expected(a, b):
        condition = twin(a > 0, b <= 0.5)
        return np.where(~condition if turned else condition, a, b)

    assert_computed(chosen, expected, (1, 4), (1, 4))


def test_numbers_of_comparisons_and_signs():
    assert_computed(lambda x: ch.as_number(ch.greater(x, ZERO)), lambda x: (x > 0) * 1.0, (1, 4))
    net = assert_computed(ch.sign, np.sign, (1, 6))
    np.testing.assert_array_equal(net(SPECIAL[:, :5].repeat(2, axis=1)[:, :6]), np.sign(SPECIAL[:, :5].repeat(2, axis=1)[:, :6]))


def test_a_choice_that_is_the_same_for_every_input_only_moves_units():
    mask = np.array([True, False, True])
    net = assert_computed(lambda a, b: ch.where(constant(mask), a, b), lambda a, b: np.where(mask, a, b), (1, 3), (1, 3))
    assert {type(operation).__name__ for operation in net._graph.layers} == {"Concatenate", "Take"}
    assert_computed(lambda a: ch.where(constant(mask), a, HALF), lambda a: np.where(mask, a, 0.5), (1, 3))


def test_what_is_chosen_by_is_spread():
    assert_computed(
        lambda a, b: ch.where(ch.greater(a, ZERO), b, ZERO), lambda a, b: np.where(a > 0, b, 0.0), (1, 1, 3), (1, 2, 1)
    )


def test_not_of_not_is_nothing():
    condition = ch.greater(flow_of((1, 2)), ZERO)
    assert ch.opposite(ch.opposite(condition)) is condition


def test_comparisons_of_constants_are_computed():
    assert ch.greater(constant(np.array([1.0, -1.0])), ZERO).alone.tolist() == [True, False]
    assert ch.equal(constant(np.array([1, 2])), constant(np.array([1, 3]))).alone.tolist() == [True, False]
    assert ch.where(constant(np.array([True, False])), HALF, ZERO).alone.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("function", [ch.both, ch.either])
def test_conditions_that_double_are_refused(function):
    condition = ch.greater(flow_of((1, 2)), ZERO)
    for _ in range(6):
        condition = function(condition, condition)
    assert isinstance(condition, Condition)
    assert condition.size == 64
    with pytest.raises(FormatError, match="it has 128 comparisons in one condition; fastjac reads files of up to 100"):
        function(condition, condition)


def test_equality_with_the_networks_values_is_refused():
    with pytest.raises(UnsupportedLayerError, match="by which no derivative goes"):
        ch.equal(flow_of((1, 2)), ZERO)


def test_the_derivative_of_a_choice_is_that_of_what_is_chosen():
    flow = flow_of((1, 3))
    net = imported([flow], [ch.where(ch.greater(flow, HALF), flow, ZERO)]).network
    np.testing.assert_array_equal(net.jacobian(np.array([0.0, 0.5, 1.0])), np.diag([0.0, 0.0, 1.0]))
