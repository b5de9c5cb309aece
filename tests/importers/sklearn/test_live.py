"""Perceptrons with the steps around them compute what scikit-learn computes, to the last digits, and the rest is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import SkewedChi2Sampler
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError

from ..agreement import TOLERANCE, assert_agrees

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(loc=3.0, scale=2.0, size=(40, 4))
TARGETS = np.tanh(X @ RANDOM.normal(size=(4, 3))) * 5.0 + 20.0
CLASSES = np.argmax(TARGETS, axis=1)
NEW_X = RANDOM.normal(loc=3.0, scale=2.0, size=(10, 4))

Classifier = partial(MLPClassifier, hidden_layer_sizes=(6, 5), max_iter=5, random_state=0)
Regressor = partial(MLPRegressor, hidden_layer_sizes=(6, 5), max_iter=5, random_state=0)
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda x: torch.softmax(x, -1),
    "exp": torch.exp,
}


def twin(perceptron, before=None, behind=None):
    """The perceptron in torch, with affine scikit-learn steps before it and the inverse of one behind it."""

    def model(x):
        x = x if before is None else affine(before.transform, X.shape[1])(x)
        last = len(perceptron.coefs_) - 1
        for i, (weight, bias) in enumerate(zip(perceptron.coefs_, perceptron.intercepts_, strict=True)):
            x = x @ torch.from_numpy(weight) + torch.from_numpy(bias)
            x = ACTIVATIONS[perceptron.out_activation_ if i == last else perceptron.activation](x)
        return x if behind is None else affine(behind.inverse_transform, perceptron.n_outputs_)(x)

    return model


def affine(function, n_in):
    """In torch, the affine map that `function` computes on batches (count, n_in)."""
    origin = function(np.zeros((1, n_in)))
    return lambda x: x @ torch.from_numpy(function(np.eye(n_in)) - origin) + torch.from_numpy(origin)


def assert_outputs(net, expected, x=NEW_X):
    """The network's outputs at `x` are those that scikit-learn gives."""
    np.testing.assert_allclose(net(x), expected.reshape(len(x), -1), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_regressors(activation):
    estimator = Regressor(activation=activation).fit(X, TARGETS)
    net = fastjac.from_sklearn(estimator)
    assert_outputs(net, estimator.predict(NEW_X))
    assert_agrees(net, twin(estimator), (4,))


def test_a_regressor_of_one_output_keeps_its_axis():
    estimator = Regressor().fit(X, TARGETS[:, 0])
    net = fastjac.from_sklearn(estimator)
    assert estimator.predict(NEW_X).shape == (10,)
    assert net(NEW_X).shape == (10, 1)
    assert_outputs(net, estimator.predict(NEW_X))


@pytest.mark.skipif("loss" not in MLPRegressor().get_params(), reason="this scikit-learn has no Poisson loss")
def test_poisson_regressors_have_positive_outputs():
    estimator = Regressor(loss="poisson").fit(X / 10.0, TARGETS[:, 0])
    net = fastjac.from_sklearn(estimator)
    assert repr(net[-1]) == "Exp()"
    assert_outputs(net, estimator.predict(NEW_X / 10.0), NEW_X / 10.0)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_classifiers_of_several_classes(activation):
    estimator = Classifier(activation=activation).fit(X, CLASSES)
    net = fastjac.from_sklearn(estimator)
    assert estimator.out_activation_ == "softmax"
    assert_outputs(net, estimator.predict_proba(NEW_X))
    assert_agrees(net, twin(estimator), (4,))


def test_classifiers_of_several_labels():
    estimator = Classifier().fit(X, TARGETS > 20.0)
    net = fastjac.from_sklearn(estimator)
    assert estimator.out_activation_ == "logistic"
    assert_outputs(net, estimator.predict_proba(NEW_X))
    assert_agrees(net, twin(estimator), (4,))


def test_a_binary_classifier_gives_the_probability_of_its_second_class():
    estimator = Classifier().fit(X, np.where(CLASSES == 1, "yes", "no"))
    net = fastjac.from_sklearn(estimator)
    assert list(estimator.classes_) == ["no", "yes"]
    assert_outputs(net, estimator.predict_proba(NEW_X)[:, 1])
    assert_agrees(net, twin(estimator), (4,))


def test_a_binary_classifier_gives_both_columns_on_request():
    estimator = make_pipeline(StandardScaler(), Classifier()).fit(X, CLASSES == 1)
    net = fastjac.from_sklearn(estimator, two_columns=True)
    model = twin(estimator[-1], before=estimator[0])
    assert_outputs(net, estimator.predict_proba(NEW_X))
    assert_agrees(net, lambda x: torch.cat([1.0 - model(x), model(x)], -1), (4,))


@pytest.mark.parametrize("targets", [CLASSES, TARGETS > 20.0], ids=["classes", "labels"])
def test_two_columns_are_those_of_a_binary_classifier(targets):
    with pytest.raises(OptionError, match=r"two_columns is for a binary classifier.* this is a MLPClassifier"):
        fastjac.from_sklearn(Classifier().fit(X, targets), two_columns=True)
    with pytest.raises(OptionError, match="this is a MLPRegressor that gives all its outputs anyway"):
        fastjac.from_sklearn(Regressor().fit(X, TARGETS[:, 0]), two_columns=True)


TRANSFORMERS = {
    "standard": StandardScaler(),
    "standard without mean": StandardScaler(with_mean=False),
    "standard without std": StandardScaler(with_std=False),
    "min-max": MinMaxScaler(),
    "min-max to a range": MinMaxScaler(feature_range=(-2.0, 5.0)),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "robust without centering": RobustScaler(with_centering=False),
    "robust without scaling": RobustScaler(with_scaling=False, quantile_range=(10.0, 60.0)),
    "robust to unit variance": RobustScaler(unit_variance=True),
}
PROJECTIONS = {
    "PCA": PCA(),
    "PCA to fewer": PCA(2),
    "PCA that whitens": PCA(3, whiten=True),
}


@pytest.mark.parametrize("transformer", [*TRANSFORMERS.values(), *PROJECTIONS.values()], ids=[*TRANSFORMERS, *PROJECTIONS])
def test_steps_before(transformer):
    estimator = make_pipeline(transformer, Regressor(activation="tanh")).fit(X, TARGETS)
    net = fastjac.from_sklearn(estimator)
    assert_outputs(net, estimator.predict(NEW_X))
    assert_agrees(net, twin(estimator[-1], before=estimator[0]), (4,))


@pytest.mark.parametrize("scaler", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_scalers_behind(scaler):
    estimator = TransformedTargetRegressor(Regressor(activation="tanh"), transformer=scaler).fit(X, TARGETS)
    net = fastjac.from_sklearn(estimator)
    assert_outputs(net, estimator.predict(NEW_X))
    assert_agrees(net, twin(estimator.regressor_, behind=estimator.transformer_), (4,))


def test_a_target_that_is_not_transformed():
    estimator = TransformedTargetRegressor(Regressor()).fit(X, TARGETS)
    assert_outputs(fastjac.from_sklearn(estimator), estimator.predict(NEW_X))


CLIPPING = {"min-max": MinMaxScaler(feature_range=(-2.0, 5.0), clip=True)}
if "clip" in MaxAbsScaler().get_params():  # which older scikit-learns do not have
    CLIPPING["max-abs"] = MaxAbsScaler(clip=True)


@pytest.mark.parametrize("scaler", CLIPPING.values(), ids=CLIPPING)
def test_scalers_that_clip(scaler):
    scaler = scaler.fit(X)
    net = fastjac.from_sklearn(scaler)
    far = NEW_X * 3.0
    expected = scaler.transform(far)
    low, high = scaler.get_params().get("feature_range", (-1.0, 1.0))
    is_inside = (low < expected) & (expected < high)
    assert 0 < is_inside.sum() < is_inside.size
    assert_outputs(net, expected, far)
    slope = scaler.scale_ if isinstance(scaler, MinMaxScaler) else 1.0 / scaler.scale_
    np.testing.assert_allclose(net.jacobian(far), is_inside[:, :, None] * np.diag(slope), rtol=TOLERANCE)


def test_a_scaler_that_clips_targets_does_not_clip_predictions():
    estimator = TransformedTargetRegressor(Regressor(), transformer=MinMaxScaler(clip=True)).fit(X, TARGETS)
    far = NEW_X * 30.0
    outside = estimator.predict(far)
    assert np.any(outside > TARGETS.max(axis=0))
    assert_outputs(fastjac.from_sklearn(estimator), outside, far)


def test_pipelines_within_pipelines_and_steps_that_pass():
    inner = make_pipeline(StandardScaler(), "passthrough", make_pipeline(PCA(3), None))
    estimator = TransformedTargetRegressor(make_pipeline(inner, MinMaxScaler(), Regressor()), transformer=StandardScaler())
    estimator.fit(X, TARGETS)
    assert_outputs(fastjac.from_sklearn(estimator), estimator.predict(NEW_X))


def test_steps_alone_give_what_they_transform():
    estimator = make_pipeline(StandardScaler(), PCA(2), "passthrough").fit(X)
    assert_outputs(fastjac.from_sklearn(estimator), estimator.transform(NEW_X))


@pytest.mark.parametrize(("scaler", "expected"), [(MinMaxScaler, "float32"), (PCA, "float32"), (RobustScaler, "float64")])
def test_the_precision_is_that_of_the_widest_part(scaler, expected):
    x = X.astype(np.float32)
    estimator = make_pipeline(scaler(), Regressor()).fit(x, TARGETS.astype(np.float32))
    net = fastjac.from_sklearn(estimator)
    assert estimator[-1].coefs_[0].dtype == np.float32
    assert net.dtype == expected
    np.testing.assert_allclose(net(x), estimator.predict(x), rtol=1e-5, atol=1e-6)


def wide_inputs(regressor):
    """A scaler in float64, fitted far from 0, in front of a perceptron that was fitted in float32."""
    return Pipeline([("scale", StandardScaler().fit(1e6 + X)), ("regress", regressor)])


def wide_targets(regressor):
    outer = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    outer.regressor_, outer.transformer_ = regressor, StandardScaler().fit(1e6 + TARGETS)
    outer._training_dim = 2
    return outer


def wide_components(regressor):
    return make_pipeline(MinMaxScaler().fit((1e6 + X).astype(np.float32)), PCA().fit(X), regressor)


def wide_within(regressor):
    return make_pipeline("passthrough", make_pipeline(wide_inputs(regressor)))


@pytest.mark.parametrize("around", [wide_inputs, wide_targets, wide_components, wide_within])
def test_no_part_is_rounded_to_the_precision_of_another(around):
    regressor = Regressor().fit(X.astype(np.float32), TARGETS.astype(np.float32))
    assert regressor.coefs_[0].dtype == np.float32
    estimator, x = around(regressor), NEW_X if around is wide_targets else 1e6 + NEW_X
    net = fastjac.from_sklearn(estimator)
    assert net.dtype == np.float64
    np.testing.assert_allclose(net(x), estimator.predict(x), rtol=1e-8, atol=1e-8)


def test_a_mean_far_above_the_deviation_costs_no_digits():
    year = np.linspace(2000.0, 2001.0, 40)[:, None].astype(np.float32)
    estimator = make_pipeline(StandardScaler(), Regressor()).fit(year, TARGETS[:, 0].astype(np.float32))
    net = fastjac.from_sklearn(estimator).astype(np.float32)
    scale = estimator[0]
    exact = twin(estimator[-1])(torch.from_numpy(((year - scale.mean_) / scale.scale_).astype(np.float32)))
    np.testing.assert_allclose(net(year), exact, rtol=1e-5)


def test_weights_are_copied():
    estimator = Regressor().fit(X, TARGETS)
    net = fastjac.from_sklearn(estimator)
    before = net(NEW_X)
    estimator.coefs_[0][:] = 0.0
    np.testing.assert_array_equal(net(NEW_X), before)


class Louder(MLPRegressor):
    """A subclass may compute anything."""

    def predict(self, X):  # noqa: N803 - scikit-learn's name
        return 2.0 * super().predict(X)


def patched():
    scaler = StandardScaler().fit(X)
    scaler.transform = lambda X: X  # noqa: N803
    return scaler


def sparse_weights():
    estimator = Regressor().fit(X, TARGETS)
    estimator.coefs_[1] = sparse.csr_matrix(estimator.coefs_[1])
    return estimator


def twice(x):
    return 2.0 * np.asarray(x)


def half(x):
    return 0.5 * np.asarray(x)


def doubled_target():
    return TransformedTargetRegressor(Regressor(), func=twice, inverse_func=half).fit(X, TARGETS)


def projected_target():
    return TransformedTargetRegressor(Regressor(), transformer=PCA()).fit(X, TARGETS)


REFUSED = {
    "not fitted": (Regressor, FormatError, r"^MLPRegressor: it is not fitted, so it has no weights; call fit first"),
    "a step not fitted": (
        lambda: make_pipeline(StandardScaler(), Regressor()),
        FormatError,
        r"^standardscaler \(StandardScaler\): it is not fitted",
    ),
    "a target not fitted": (lambda: TransformedTargetRegressor(Regressor()), FormatError, "it is not fitted"),
    "an inner step": (
        lambda: make_pipeline(make_pipeline(None, FunctionTransformer(twice)), Regressor()),
        UnsupportedLayerError,
        r"^pipeline__functiontransformer \(FunctionTransformer\): its func is twice, which may compute anything; fastjac",
    ),
    "columns not fitted": (
        lambda: make_pipeline(ColumnTransformer([("a", StandardScaler(), [0])]), Regressor()),
        FormatError,
        r"columntransformer \(ColumnTransformer\): it is not fitted",
    ),
    "a search": (lambda: GridSearchCV(Regressor(), {}), FormatError, "^GridSearchCV: it is not fitted"),
    "any other": (
        lambda: make_pipeline(SkewedChi2Sampler(n_components=2), Regressor()),
        UnsupportedLayerError,
        r"^skewedchi2sampler \(SkewedChi2Sampler\): fastjac does not have it; it has ARDRegression, .*, StandardScaler",
    ),
    "a subclass": (
        lambda: Louder(max_iter=5).fit(X, TARGETS),
        UnsupportedLayerError,
        r"^Louder: it is a class of tests.importers.sklearn.test_live, which may compute anything; fastjac takes sci",
    ),
    "a patched step": (patched, UnsupportedLayerError, "it has a transform of its own"),
    "sparse weights": (sparse_weights, DtypeError, "one of its coefs_ is a csr_matrix; put its .toarray"),
    "functions of the target": (
        doubled_target,
        UnsupportedLayerError,
        "its inverse_func is half, which may compute any",
    ),
    "an unknown transformer": (
        projected_target,
        UnsupportedLayerError,
        r"^transformer \(PCA\): fastjac does not invert it; it inverts StandardScaler, ",
    ),
    "nothing": (lambda: make_pipeline("passthrough"), LayerError, "no layer is left"),
    "no estimator": (lambda: "MLPRegressor", DtypeError, "takes a fitted scikit-learn estimator, got builtins.str"),
    "a class": (lambda: MLPRegressor, DtypeError, "takes a fitted scikit-learn estimator, got abc.ABCMeta"),
}


@pytest.mark.parametrize(("make", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_fastjac_does_not_have_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        fastjac.from_sklearn(make())
