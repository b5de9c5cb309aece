"""Linear models, with the functions behind them: the table LINEAR."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node
from ..reading.limits import MOST_JOINED, check_count
from .fitted import Fitted, is_word

Layers = Sequence[fl.Layer]
SOFTMAX_SINCE = (0, 20)
"""The first version of scikit-learn in which two classes may share a softmax."""


def affine(model: Fitted) -> fl.Affine:
    """`coef_ x + intercept_`, with a row for each output."""
    weight = np.atleast_2d(model.array("coef_", 1, 2))
    bias = np.ravel(model.numbers(model.get("intercept_", 0.0), "intercept_", 0, 1))
    if bias.size == 1:
        bias = np.repeat(bias, len(weight))
    return fl.Affine(weight, bias.astype(np.result_type(bias, np.float32), copy=False))


def n_classes(classifier: Fitted) -> int:
    """How many classes a classifier knows."""
    classes = classifier.required("classes_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise FormatError("its classes_ must be an array of labels")
    return len(classes)


def _regression(model: Fitted) -> Layers:
    return [affine(model)]


def _log_link(model: Fitted) -> Layers:
    return [affine(model), fl.Exp()]


def _partial_least_squares(model: Fitted) -> Layers:
    """`coef_ (x - mean) + intercept_`, where older versions also divide by the deviation."""
    old = model.version < (1, 3)
    scaled = [fl.Scale(1.0 / np.asarray(_first(model, "_x_std", "x_std_"), np.float64))] if old else []
    if model.version < (1, 1):
        weight, bias = model.array("coef_", 2).T, _first(model, "_y_mean", "y_mean_")
    else:
        weight, bias = _first(model, "_coef_" if old else "coef_", ndim=2), model.array("intercept_", 1)
    return [fl.Scale(1.0, -_first(model, "_x_mean", "x_mean_")), *scaled, fl.Affine(weight, bias)]


def _first(model: Fitted, *names: str, ndim: int = 1) -> np.ndarray:
    """An array by the first of its names that the model has; versions differ in them."""
    return model.array(next((name for name in names if model.has(name)), names[0]), ndim)


def logistic(model: Fitted) -> tuple[Layers, bool]:
    """The layers of a LogisticRegression, and whether its probabilities are to be divided by their sum."""
    linear, kind = affine(model), model.get("multi_class")
    if n_classes(model) == 2:
        is_softmax = is_word(kind, "multinomial") and model.version >= SOFTMAX_SINCE
        return [linear, *([fl.Scale(2.0)] if is_softmax else []), fl.Sigmoid()], False
    if is_word(kind, "ovr", "warn") or (is_word(kind, "auto", "deprecated") and is_word(model.get("solver"), "liblinear")):
        return [linear, fl.Sigmoid()], True
    return [linear, fl.Softmax()], False


def descent(model: Fitted) -> tuple[Layers, bool]:
    """The layers of an SGDClassifier, and whether its probabilities are to be divided by their sum."""
    loss = model.text("loss")
    if loss == "modified_huber":
        raise UnsupportedLayerError("its loss modified_huber gives probabilities of its own; fit it with loss='log_loss'")
    if loss not in ("log", "log_loss"):
        return [affine(model)], False
    return [affine(model), fl.Sigmoid()], n_classes(model) > 2


def divided_by_sum(node: Node) -> Node:
    """Units divided by their sum."""
    check_count(node.size, MOST_JOINED, "classes")
    total = fl.Affine(np.ones((1, node.size)))(node)
    return fl.Divide()(node, total[np.zeros(node.size, int)])


REGRESSORS = (
    *("ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso", "LassoCV"),
    *("LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
    *(
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "PassiveAggressiveRegressor",
    ),
    *("QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor"),
)
DECISIONS = ("LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV")
"""Classifiers without probabilities; the network gives their decision function."""
LINEAR: dict[str, Callable[[Fitted], Layers]] = {
    **dict.fromkeys((*REGRESSORS, *DECISIONS), _regression),
    **dict.fromkeys(("GammaRegressor", "PoissonRegressor"), _log_link),
    "PLSRegression": _partial_least_squares,
}
PROBABILITIES: dict[str, Callable[[Fitted], tuple[Layers, bool]]] = {
    "LogisticRegression": logistic,
    "LogisticRegressionCV": logistic,
    "SGDClassifier": descent,
}
"""Classifiers whose probabilities may have to be divided by their sum."""
