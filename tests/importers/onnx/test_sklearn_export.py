"""What skl2onnx makes of scikit-learn's networks agrees with scikit-learn."""

import numpy as np
import onnx
import pytest
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import fastjac
from fastjac.errors import UnsupportedLayerError

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


def test_a_classifier_has_two_outputs_of_which_one_can_be_cut_out():
    estimator = MLPClassifier(hidden_layer_sizes=(6,), max_iter=3, random_state=0).fit(X, LABELS)
    proto = skl2onnx.to_onnx(estimator, X[:1], options={"zipmap": False})
    with pytest.raises(UnsupportedLayerError, match=r"has 2 outputs \('label', 'probabilities'\).*extract_model"):
        fastjac.from_onnx(proto)
    cut = onnx.utils.Extractor(proto).extract_model(["X"], ["probabilities"])
    np.testing.assert_allclose(fastjac.from_onnx(cut)(X), estimator.predict_proba(X), rtol=1e-12, atol=1e-12)
