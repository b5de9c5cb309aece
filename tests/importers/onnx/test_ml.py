"""Operators of the domain ai.onnx.ml, as scikit-learn's exporters write them, agree with the evaluator or with NumPy."""

import numpy as np
import pytest
from onnx import helper

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .graphs import assert_graph_agrees, layers, model, one_node, random, samples

X = samples((3,))
WEIGHT, BIAS = random(4, 3, dtype=np.float32), random(4, dtype=np.float32)
ML = {"domain": "ai.onnx.ml", "dims": ("N", 3)}


def test_a_normalizer_divides_by_the_norm():
    for norm, order in (("L1", 1), ("L2", 2)):
        net = fastjac.from_onnx(one_node("Normalizer", "x", norm=norm, **ML))
        np.testing.assert_allclose(net(X), X / np.linalg.norm(X, order, axis=1, keepdims=True), rtol=1e-12)
        assert fastjac.check_jacobian(net.astype(np.float64), X).passed


TRANSFORMS = {
    "NONE": lambda y: y,
    "LOGISTIC": lambda y: 1.0 / (1.0 + np.exp(-y)),
    "SOFTMAX": lambda y: np.exp(y) / np.exp(y).sum(axis=1, keepdims=True),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("operator", ["LinearRegressor", "LinearClassifier"])
def test_a_linear_model(operator, name):
    coefficients = {"coefficients": WEIGHT.ravel().tolist(), "intercepts": BIAS.tolist(), "post_transform": name}
    if operator == "LinearRegressor":
        node = helper.make_node(operator, ["x"], ["y"], domain="ai.onnx.ml", targets=4, **coefficients)
    else:
        node = helper.make_node(operator, ["x"], ["label", "y"], domain="ai.onnx.ml", classlabels_ints=range(4), **coefficients)
    net = fastjac.from_onnx(model([node], ("N", 3)))
    np.testing.assert_allclose(net(X), TRANSFORMS[name](X @ WEIGHT.T + BIAS), rtol=1e-5)
    assert fastjac.check_jacobian(net.astype(np.float64), X).passed


REFUSED = {
    "its post_transform 'PROBIT' is not supported": one_node(
        "LinearRegressor", "x", coefficients=[1.0] * 3, post_transform="PROBIT", **ML
    ),
    "it divides by the norm 'MAX'": one_node("Normalizer", "x", norm="MAX", **ML),
}
DAMAGED = {
    "its coefficients do not fit a value of shape": one_node("LinearRegressor", "x", coefficients=[1.0] * 4, **ML),
    "coefficients for 2 results, and states 1": one_node("LinearRegressor", "x", coefficients=[1.0] * 6, **ML),
    "it has no offset or no scale": one_node("Scaler", "x", **ML),
}


@pytest.mark.parametrize(
    ("kind", "message", "proto"),
    [
        *((UnsupportedLayerError, *item) for item in REFUSED.items()),
        *((FormatError, *item) for item in DAMAGED.items()),
    ],
)
def test_what_does_not_fit_is_refused(kind, message, proto):
    with pytest.raises(kind, match=f"node 0 'y' .*{message}"):
        fastjac.from_onnx(proto)


def test_a_classifier_of_two_classes_by_one_row():
    """scikit-learn's own has both rows; others write one, whose second class has the scores."""
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", classlabels_ints=[0, 1], coefficients=[1.0, 2.0, 3.0]
    )
    with pytest.raises(UnsupportedLayerError, match="two classes by one row of coefficients; fastjac takes one row a class"):
        fastjac.from_onnx(model([node], ("N", 3)))


def test_features_of_several_inputs_are_joined_and_some_are_taken():
    nodes = [
        helper.make_node("FeatureVectorizer", ["x", "z"], ["a"], domain="ai.onnx.ml", inputdimensions=[3, 2]),
        helper.make_node("ArrayFeatureExtractor", ["a", "i"], ["b"], domain="ai.onnx.ml"),
        helper.make_node("Tanh", ["b"], ["y"]),
    ]
    proto = model(nodes, {"x": ("N", 3), "z": ("N", 2)}, i=np.array([4, 0, 1, 0]))
    assert_graph_agrees(proto, {"x": (3,), "z": (2,)})


def test_a_zip_map_leaves_the_numbers():
    zip_map = helper.make_node("ZipMap", ["h"], ["y"], domain="ai.onnx.ml", classlabels_ints=[0, 1, 2])
    assert layers(model([helper.make_node("Softmax", ["x"], ["h"]), zip_map], ("N", 3))) == ["Softmax"]
