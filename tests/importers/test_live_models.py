"""A live model that computes something else than its layers and arrays say is refused, and the comparison leaves no trace."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import fastjac
from fastjac.errors import UnsupportedLayerError

RANDOM = np.random.default_rng(4)
X, TARGETS = RANDOM.normal(size=(40, 4)), RANDOM.normal(size=(40, 2))
PATCHES = {
    "a step": (StandardScaler, "transform", lambda self, samples, copy=None: np.asarray(samples)),
    "the forward pass": (MLPRegressor, "_forward_pass_fast", lambda self, samples, check_input=True: np.zeros((len(samples), 2))),
    "the size of the output": (MLPRegressor, "predict", lambda self, samples: np.zeros((len(samples), 3))),
    "the pipeline": (Pipeline, "predict", lambda self, samples, **params: self[-1].predict(samples)),
    "one that fails": (MLPRegressor, "predict", lambda self, samples: samples.no_such_attribute),
}


def fitted(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return estimator.fit(*data)


@pytest.mark.parametrize(("owner", "method", "function"), PATCHES.values(), ids=PATCHES)
def test_a_changed_class_of_scikit_learn_is_refused(owner, method, function, monkeypatch):
    estimator = fitted(make_pipeline(StandardScaler(), MLPRegressor(max_iter=3)), 5.0 + X, TARGETS)
    fastjac.from_sklearn(estimator)
    monkeypatch.setattr(owner, method, function)
    with pytest.raises(UnsupportedLayerError, match=r"^the Pipeline (computes something else|gives outputs|cannot be evaluated)"):
        fastjac.from_sklearn(estimator)


def test_a_changed_private_attribute_of_scikit_learn_is_refused():
    estimator = fitted(MLPClassifier(max_iter=3, hidden_layer_sizes=(4,)), X, np.arange(len(X)) % 2)
    fastjac.from_sklearn(estimator)
    estimator.n_layers_ -= 1
    with pytest.raises(UnsupportedLayerError, match=r"^the MLPClassifier (computes something else|gives outputs)"):
        fastjac.from_sklearn(estimator)


def test_scikit_learn_is_left_as_it_was(recwarn, capsys):
    regressor = MLPRegressor(max_iter=3, random_state=np.random.RandomState(3))
    estimator = fitted(make_pipeline(StandardScaler(copy=False), regressor), X, TARGETS)
    estimator[0].feature_names_in_ = np.array(list("abcd"), object)  # as of a DataFrame; arrays bring a warning then
    before, state = pickle.dumps(estimator), pickle.dumps(np.random.get_state())  # noqa: NPY002 - what scikit-learn draws from
    fastjac.from_sklearn(estimator)
    assert (pickle.dumps(estimator), pickle.dumps(np.random.get_state())) == (before, state)  # noqa: NPY002
    assert not recwarn.list
    assert capsys.readouterr() == ("", "")
