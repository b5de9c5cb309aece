"""Every estimator computes what scikit-learn computes, with the derivatives of its formula in torch."""

import joblib
import numpy as np
import pytest

import fastjac

from ..agreement import assert_agrees
from .models import NEW_X, UNFITTED, fitted
from .reference import reference

TOLERANCE = 1e-11


def outputs(estimator, x):
    """What fastjac promises: probabilities, of two classes that of the second; else decisions, predictions or features."""
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(x)
        found = found if isinstance(found, list) else [found]
        return np.concatenate([table[:, 1:] if table.shape[1] == 2 else table for table in found], axis=1)
    names = ("decision_function", "predict", "transform")
    return next(getattr(estimator, name) for name in names if hasattr(estimator, name))(x).reshape(len(x), -1)


@pytest.mark.parametrize("name", UNFITTED)
def test_values_and_derivatives(name):
    estimator = fitted(name)
    net = fastjac.from_sklearn(estimator)
    np.testing.assert_allclose(net(NEW_X), outputs(estimator, NEW_X), rtol=TOLERANCE, atol=TOLERANCE)
    assert_agrees(net, reference(estimator), (4,), TOLERANCE)


@pytest.mark.parametrize("name", UNFITTED)
def test_every_layer_of_the_network_is_accounted_for(name, tmp_path):
    joblib.dump(fitted(name), tmp_path / "model.joblib")
    _, imported = fastjac.importers.read(tmp_path / "model.joblib", fastjac.importers.Options())
    assert {layer for part in imported.parts for layer in part.layers} == set(imported.network.layers)
