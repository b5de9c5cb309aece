"""Normalizations and gates agree with their formulas in NumPy, along any axis and for any number of samples."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import FormatError
from fastjac.importers.ir import normalization as nm
from fastjac.importers.ir.values import constant

from .tensors import assert_computed, flow_of

WEIGHT, BIAS = np.array([0.5, -1.0, 2.0, 0.25, 1.5, 3.0]), np.linspace(-1.0, 1.0, 6)


def normalized(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.5)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 6), (1, 6, 4), (1, 4, 6), (1, 2, 6, 3)])
def test_groups_are_normalized_over_all_entries_of_a_sample(shape, groups):
    axis = shape.index(6)

    def twin(x):
        first = np.moveaxis(x, axis, 1)
        grouped = normalized(first.reshape(len(x), groups, -1), 2).reshape(first.shape)
        arrays = (array.reshape(-1, *[1] * (x.ndim - 2)) for array in (WEIGHT, BIAS))
        return np.moveaxis(grouped * next(arrays) + next(arrays), 1, axis)

    assert_computed(lambda x: nm.group_norm(x, axis, groups, constant(WEIGHT), constant(BIAS), 0.5), twin, shape)


def test_one_group_of_a_vector_is_a_layer_normalization():
    net = assert_computed(lambda x: nm.group_norm(x, 1, 1, None, None, 0.5), lambda x: normalized(x, 1), (1, 6))
    assert [type(layer) for layer in net] == [fj.LayerNorm]


@pytest.mark.parametrize(("axis", "groups"), [(1, 4), (1, 0), (0, 1), (2, 1)])
def test_groups_that_there_cannot_be_are_refused(axis, groups):
    with pytest.raises(FormatError, match=rf"it normalizes {groups} groups along axis {axis} of a tensor of shape \(1, 6\)"):
        nm.group_norm(flow_of((1, 6)), axis, groups, None, None, 0.5)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_root_mean_squares(axes):
    twin = lambda x: x / np.sqrt((x * x).mean(axes, keepdims=True) + 0.5)  # noqa: E731
    assert_computed(lambda x: nm.rms_norm(x, axes, None, 0.5), twin, (1, 4, 3))
    weight = WEIGHT[:3]
    assert_computed(lambda x: nm.rms_norm(x, axes, constant(weight), 0.5), lambda x: twin(x) * weight, (1, 4, 3))


@pytest.mark.parametrize("axis", [1, -1])
def test_the_first_half_is_gated_by_the_second(axis):
    def twin(x):
        first, second = np.split(x, 2, axis)
        return first / (1.0 + np.exp(-second))

    assert_computed(lambda x: nm.glu(x, axis), twin, (1, 4, 6))


def test_an_odd_number_of_entries_has_no_halves():
    with pytest.raises(FormatError, match="it takes the halves of 3 entries along axis 2, which are an odd number"):
        nm.glu(flow_of((1, 4, 3)), -1)
