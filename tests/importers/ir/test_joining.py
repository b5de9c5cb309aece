"""Tensors of several vectors, and constants beside them, are one tensor as NumPy joins arrays."""

from functools import partial

import numpy as np
import pytest

from fastjac.importers.ir import functions as fn
from fastjac.importers.ir import joining as jn
from fastjac.importers.ir import movement as mv
from fastjac.importers.ir.values import MixedSamplesError, Single, computed, constant

from .tensors import assert_computed, flow_of


def test_constants_beside_a_network_are_units_of_it():
    extra = np.array([[[5.0, 6.0, 7.0]]])

    def joined(value):
        beside = mv.expand(constant(extra), jn.concatenate([mv.shape_of(value, 0, 1), constant(np.array([1, 3]))], 0))
        return jn.concatenate([value, beside], 1)

    assert_computed(joined, lambda a: np.concatenate([a, np.broadcast_to(extra, (len(a), 1, 3))], 1), (1, 2, 3))
    filled = partial(jn.pad, before=[0, 1, 0], behind=[0, 0, 2], filling=constant(0.5))
    assert_computed(filled, lambda a: np.pad(a, [(0, 0), (1, 0), (0, 2)], constant_values=0.5), (1, 2, 3))


def test_tensors_of_several_vectors_are_joined():
    assert_computed(
        lambda a, b: jn.concatenate([b, mv.transpose(a, [0, 2, 1]), b], 1),
        lambda a, b: np.concatenate([b, a.transpose(0, 2, 1), b], 1),
        (1, 2, 3),
        (1, 4, 2),
    )


@pytest.mark.parametrize("filled", ["nothing", "a constant", "the value"])
def test_entries_are_written_to_places(filled):
    """Places are counted row by row; what is written and what it is written to may each be a constant."""

    def columns(a):
        return np.arange(a.size).reshape(a.shape)[:, [2, 0]]

    def written(value):
        places = computed(columns, value)
        base = value if filled != "nothing" else computed(np.zeros_like, value)
        entries = (
            computed(lambda a: np.full((len(a), 2), 0.5), value) if filled == "a constant" else mv.part(fn.tanh(value), 1, 0, 2)
        )
        return jn.written(base, places, entries)

    def twin(a):
        result = np.zeros_like(a) if filled == "nothing" else a.copy()
        result[:, [2, 0]] = 0.5 if filled == "a constant" else np.tanh(a[:, :2])
        return result

    assert_computed(written, twin, (1, 3))


def test_a_tensor_that_samples_share_takes_nothing_of_one():
    with pytest.raises(MixedSamplesError, match="into a tensor that all samples share; make one with an axis for the samples"):
        jn.written(constant(np.zeros((1, 3))), constant(np.array([[0, 1]])), flow_of((1, 2)))


def test_a_tensor_that_is_cut_and_joined_over_and_over_stays_small():
    sizes = []

    def joined(value):
        for _ in range(10):
            value = jn.concatenate([fn.tanh(mv.part(value, 1, 0, 1)), mv.part(value, 1, 2, 3), mv.part(value, 1, 1, 2)], 1)
            sizes.append(value.node.size)
        return value

    def twin(array):
        for _ in range(10):
            array = np.concatenate([np.tanh(array[:, :1]), array[:, 2:], array[:, 1:2]], 1)
        return array

    assert_computed(joined, twin, (1, 3))
    assert max(sizes) <= 9


def test_a_constant_for_one_sample_is_read_for_one():
    beside = jn.concatenate([flow_of((1, 2)), constant(np.ones((1, 2)))], 1)
    assert isinstance(beside.batch, Single)
    assert beside.batch.reason == "a constant of shape (1, 2) does not fit beside a value of shape (N, 2)"


def test_a_constant_along_the_axis_of_the_samples_is_refused():
    with pytest.raises(MixedSamplesError, match=r"puts a constant beside a value of shape .N, 2. along the axis of the samples"):
        jn.concatenate([flow_of((1, 2)), constant(np.ones((3, 2)))], 0)
