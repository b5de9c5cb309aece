"""Softmax by the meaning of its opset, and normalizations, agree with the ONNX project's own evaluator where it is right."""

import numpy as np
import pytest

import fastjac

from .graphs import assert_agrees, layers, one_node, random, samples

ROW = random(5)
POSITIVE = np.abs(ROW) + 0.5


BATCH_NORM = ["x", POSITIVE, ROW, -ROW, POSITIVE]


@pytest.mark.parametrize("opset", [14, 15])
@pytest.mark.parametrize("attributes", [{}, {"epsilon": 0.01, "momentum": 0.5}])
def test_batch_normalization(opset, attributes):
    assert_agrees(one_node("BatchNormalization", *BATCH_NORM, opset=opset, **attributes))


@pytest.mark.parametrize(("opset", "attributes"), [(7, {}), (8, {"spatial": 1}), (8, {"spatial": 0}), (9, {"momentum": 0.5})])
def test_an_old_batch_normalization_with_one_output_is_at_inference(opset, attributes):
    # The evaluator takes the statistics of the batch there, against the operator's description.
    old = fastjac.from_onnx(one_node("BatchNormalization", *BATCH_NORM, opset=opset, **attributes))
    new = fastjac.from_onnx(one_node("BatchNormalization", *BATCH_NORM, opset=15))
    np.testing.assert_array_equal(old(samples((5,))), new(samples((5,))))


def test_batch_normalization_by_channels():
    arrays = [POSITIVE[:3], ROW[:3], -ROW[:3], POSITIVE[1:4]]
    assert_agrees(one_node("BatchNormalization", "x", *arrays, dims=("N", 3, 2, 2), opset=15), (3, 2, 2))


@pytest.mark.parametrize("operands", [["x", ROW], ["x", ROW, POSITIVE], ["x", np.array([0.75]), POSITIVE]])
@pytest.mark.parametrize("attributes", [{}, {"axis": 1, "epsilon": 0.01}])
def test_layer_normalization(operands, attributes):
    assert layers(one_node("LayerNormalization", *operands, **attributes)) == ["LayerNorm"]
    assert_agrees(one_node("LayerNormalization", *operands, **attributes))


def test_layer_normalization_over_several_axes():
    proto = one_node("LayerNormalization", "x", random(2, 3), dims=("N", 2, 3), axis=1)
    assert_agrees(proto, (2, 3))


@pytest.mark.parametrize("attributes", [{}, {"axis": 1, "epsilon": 0.01}])
def test_rms_normalization(attributes):
    scale = random(3) if not attributes else random(2, 3)
    assert_agrees(one_node("RMSNormalization", "x", scale, dims=("N", 2, 3), opset=23, **attributes), (2, 3))


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("dims", [("N", 6), ("N", 6, 2), ("N", 6, 2, 2)])
def test_group_normalization(opset, dims):
    arrays = [random(3), random(3)] if opset < 21 else [random(6), random(6)]
    rounding = {} if opset < 21 else {"stash_type": 11}
    proto = one_node("GroupNormalization", "x", *arrays, dims=dims, opset=opset, num_groups=3, epsilon=0.5, **rounding)
    assert_agrees(proto, dims[1:])


def test_instance_normalization():
    proto = one_node("InstanceNormalization", "x", POSITIVE[:3], ROW[:3], dims=("N", 3, 2, 2), epsilon=0.01)
    assert_agrees(proto, (3, 2, 2))


@pytest.mark.parametrize("groups", [0, 4])
def test_groups_that_do_not_divide_the_channels_are_refused(groups):
    proto = one_node("GroupNormalization", "x", random(6), random(6), dims=("N", 6), opset=21, num_groups=groups)
    with pytest.raises(fastjac.errors.FormatError, match=f"it normalizes {groups} groups along axis 1 of a tensor of shape"):
        fastjac.from_onnx(proto)


@pytest.mark.parametrize("opset", [7, 11, 12])
@pytest.mark.parametrize(
    ("dims", "axis"), [((1, 2, 3), {}), ((1, 1, 6), {"axis": 2}), ((1, 6), {"axis": 0}), (("N", 2, 3), {"axis": 1})]
)
def test_an_old_softmax_acts_over_all_axes_from_its_own_on(opset, dims, axis):
    # The evaluator takes the one axis at every opset, against the operator's description.
    x = samples((6,))
    exponentials = np.exp(x)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    net = fastjac.from_onnx(one_node("Softmax", "x", dims=dims, opset=opset, **axis))
    np.testing.assert_allclose(net(x), expected, rtol=1e-12)
    log = fastjac.from_onnx(one_node("LogSoftmax", "x", dims=dims, opset=opset, **axis))
    np.testing.assert_allclose(log(x), np.log(expected), rtol=1e-12)
