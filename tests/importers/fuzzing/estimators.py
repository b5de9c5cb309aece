"""Valid files of scikit-learn's estimators, pickled and by joblib, which together hold all that fastjac reads of them."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .original import Original


def estimators() -> Iterator[Original]:
    """A small one pickled by each kind of protocol, and larger ones by joblib, plain and compressed."""
    import joblib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that none has converged
        small, table, ensemble = _small(), _table(), _ensemble()
    yield Original("small.0.pkl", pickle.dumps(small, 0))
    yield Original("table.4.pkl", pickle.dumps(table, 4))
    yield Original("ensemble.5.pkl", pickle.dumps(ensemble, 5))
    for name, compress in (("table.joblib", 0), ("table.zlib.joblib", ("zlib", 6))):
        target = io.BytesIO()
        joblib.dump(table, target, compress)
        yield Original(name, target.getvalue())


def _perceptron() -> Any:
    from sklearn.neural_network import MLPRegressor

    # Without the optimizer's state, most damage would hit nothing else.
    return MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=2, random_state=0)


def _small() -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    x, y = _data()
    return TransformedTargetRegressor(_perceptron(), transformer=StandardScaler()).fit(x, y)


def _table() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, PowerTransformer

    x, y = _data()
    rows = np.column_stack([x, np.resize(["red", "green", "blue"], len(x))]).astype(object)
    numbers = make_pipeline(SimpleImputer(), FunctionTransformer(np.square), PolynomialFeatures(2))
    steps = [("numbers", numbers, [0, 1]), ("power", PowerTransformer(), slice(2, 3)), ("colour", OneHotEncoder(), [4])]
    columns = ColumnTransformer(steps, remainder="passthrough")
    model = make_pipeline(columns, _perceptron()).fit(rows, y)
    model[0].feature_names_in_ = np.array(["a", "b", "c", "d", "colour"], object)
    return model


def _ensemble() -> Any:
    from sklearn.ensemble import BaggingRegressor, VotingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    x, y = _data()
    bagging = BaggingRegressor(_perceptron(), 2, max_features=0.5, random_state=0)
    return VotingRegressor([("a", bagging), ("b", make_pipeline(Normalizer(), Ridge()))], weights=[1, 2]).fit(x, y)


def _data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(2.0, 1.0, (30, 4))
    return x, np.tanh(x.sum(axis=1))
