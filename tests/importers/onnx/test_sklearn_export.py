"""What skl2onnx makes of scikit-learn's networks agrees with scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import fastjac

skl2onnx = pytest.importorskip("skl2onnx", reason="these models are written by skl2onnx")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(2)
X, Y, LABELS = RNG.normal(1.0, 3.0, size=(40, 4)), RNG.normal(size=(40, 2)), RNG.integers(0, 3, 40)


def regressor(activation="relu"):
    return MLPRegressor(hidden_layer_sizes=(6, 5), activation=activation, max_iter=3, random_state=0)


ESTIMATORS = {
    **{activation: regressor(activation) for activation in ("identity", "logistic", "tanh", "relu")},
    "StandardScaler": make_pipeline(StandardScaler(), regressor()),
    "MinMaxScaler": make_pipeline(MinMaxScaler(clip=True), regressor()),
    "MaxAbsScaler": make_pipeline(MaxAbsScaler(), regressor()),
    "RobustScaler and PCA": make_pipeline(RobustScaler(), PCA(3), regressor()),
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_regressor_in_double_precision(estimator):
    estimator.fit(X, Y)
    net = fastjac.from_onnx(skl2onnx.to_onnx(estimator, X[:1]))
    np.testing.assert_allclose(net(X), estimator.predict(X), rtol=1e-12, atol=1e-12)
    assert fastjac.check_jacobian(net, X[:4]).passed


def test_a_standard_scaler_in_single_precision_is_the_operator_scaler():
    estimator = make_pipeline(StandardScaler(), regressor()).fit(X, Y)
    proto = skl2onnx.to_onnx(estimator, X[:1].astype(np.float32))
    assert "Scaler" in [node.op_type for node in proto.graph.node]
    net = fastjac.from_onnx(proto)
    assert net.dtype == np.float32
    np.testing.assert_allclose(net(X), estimator.predict(X), rtol=1e-4, atol=1e-5)  # its weights are float32


CLASSIFIERS = {
    "three classes": (MLPClassifier((6,), max_iter=3, random_state=0), LABELS),
    "two classes": (MLPClassifier((6,), max_iter=3, random_state=0), LABELS > 0),
    "scaled": (make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=3, random_state=0)), LABELS),
    "several labels": (MLPClassifier((6,), max_iter=3, random_state=0), np.stack([LABELS > 0, LABELS > 1], axis=1)),
    "LogisticRegression": (LogisticRegression(), LABELS),
    "LogisticRegression of two": (LogisticRegression(), LABELS > 0),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("zipmap", [False, True])
def test_a_classifier_is_the_network_of_its_probabilities(name, zipmap):
    estimator, labels = CLASSIFIERS[name]
    estimator.fit(X, labels)
    proto = skl2onnx.to_onnx(estimator, X[:1], options={"zipmap": zipmap})
    net = fastjac.from_onnx(proto)
    tolerance = 1e-5 if name.startswith("Logistic") else 1e-12  # whose coefficients are float32 attributes
    expected = estimator.predict_proba(X)
    if name == "several labels":  # skl2onnx puts the probabilities that they do not hold in front
        expected = np.concatenate([1.0 - expected, expected], axis=1)
    np.testing.assert_allclose(net(X), expected, rtol=tolerance, atol=tolerance)
    assert fastjac.check_jacobian(net.astype(np.float64), X[:4]).passed
