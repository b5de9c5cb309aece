"""What each estimator becomes that holds no others, where this is layers in a row: the table CONVERTERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from .fitted import Fitted, is_word
from .functions import function_layers
from .linear import DECISIONS, LINEAR, PROBABILITIES, n_classes
from .scalers import SCALERS, float64, max_abs, min_max, scaled

Converted = Sequence[fl.Layer]

ACTIVATIONS: dict[str, Converted] = {
    "identity": (),
    "logistic": (fl.Sigmoid(),),
    "tanh": (fl.Tanh(),),
    "relu": (fl.ReLU(),),
    "softmax": (fl.Softmax(),),
    "exp": (fl.Exp(),),
}
"""scikit-learn's activations, those of the output included."""


def _perceptron(estimator: Fitted) -> Converted:
    """`x W + b` for each pair of `coefs_` and `intercepts_`, an activation behind each."""
    weights, biases = estimator.items("coefs_"), estimator.items("intercepts_")
    names = [*[estimator.text("activation")] * (len(weights) - 1), estimator.text("out_activation_")]
    unknown = next((name for name in names if name not in ACTIVATIONS), None)
    if unknown is not None:
        raise UnsupportedLayerError(f"its activation {unknown!r:.80} is not among {', '.join(ACTIVATIONS)}")
    if len(weights) != len(biases):
        raise FormatError(f"it has {len(weights)} coefs_, but {len(biases)} intercepts_")
    layers: list[fl.Layer] = []
    for weight, bias, name in zip(weights, biases, names, strict=True):
        matrix, shift = estimator.numbers(weight, "coefs_", 2), estimator.numbers(bias, "intercepts_", 1)
        layers += [fl.Affine(matrix.T, shift), *ACTIVATIONS[name]]
    return layers


def _pca(pca: Fitted) -> Converted:
    """`C (x - mean)`, each row divided by the deviation along it where PCA whitens."""
    weight, mean = float64(pca, "components_", 2), float64(pca, "mean_")
    if pca.flag("whiten"):
        variance = pca.array("explained_variance_", 1)
        deviation = np.sqrt(np.asarray(variance, np.float64))
        # The bound is scikit-learn's own; it keeps components without variance from a division by 0.
        least = np.finfo(variance.dtype if variance.dtype.kind == "f" else np.float64).eps
        weight = weight / np.maximum(deviation, least)[:, None]
    if weight.shape[1] != mean.size:
        raise FormatError(f"its components_ have {weight.shape[1]} columns, its mean_ {mean.size} entries")
    # One order in memory for all, since the last bits of a sum depend on it, and files may keep another order than live arrays.
    weight = np.ascontiguousarray(weight)
    return [fl.Affine(weight, -weight @ mean)]


def _truncated_svd(svd: Fitted) -> Converted:
    return [fl.Affine(svd.array("components_", 2))]


def _independent(ica: Fitted) -> Converted:
    """`W (x - mean)`, without the mean where FastICA does not whiten."""
    weight = np.ascontiguousarray(float64(ica, "components_", 2))
    return [fl.Affine(weight, -weight @ float64(ica, "mean_") if ica.has("mean_") else None)]


def _factors(analysis: Fitted) -> Converted:
    """The mean of the factors: `(I + W D W^T)^-1 W D (x - mean)`, W the components, D one over the noise."""
    components, mean, noise = (float64(analysis, name, axes) for name, axes in FACTORS)
    weighted = components / noise
    weight = np.linalg.solve(np.eye(len(components)) + weighted @ components.T, weighted)
    return [fl.Affine(weight, -weight @ mean)]


FACTORS = (("components_", 2), ("mean_", 1), ("noise_variance_", 1))


def _function(transformer: Fitted) -> Converted:
    if transformer.get("kw_args") not in (None, {}):
        raise UnsupportedLayerError("its function takes kw_args; take the step out and apply it yourself")
    return function_layers(transformer, "func")


CONVERTERS: dict[str, Callable[[Fitted], Converted]] = {
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "PCA": _pca,
    "IncrementalPCA": _pca,
    "TruncatedSVD": _truncated_svd,
    "GaussianRandomProjection": _truncated_svd,
    "FastICA": _independent,
    "FactorAnalysis": _factors,
    "FunctionTransformer": _function,
    **LINEAR,
    "StandardScaler": lambda scaler: scaled(SCALERS["StandardScaler"](scaler)),
    "RobustScaler": lambda scaler: scaled(SCALERS["RobustScaler"](scaler)),
    "MaxAbsScaler": max_abs,
    "MinMaxScaler": min_max,
}
"""What makes layers of an estimator, by class name."""

UNFITTED = ("FunctionTransformer", "Normalizer")
"""Estimators that learn nothing, and so have no attribute that shows whether they are fitted."""


def is_binary(estimator: Fitted) -> bool:
    """Whether an estimator gives one probability, that of `classes_[1]`."""
    if estimator.name == "MLPClassifier":
        n_outputs = estimator.numbers(estimator.get("n_outputs_"), "n_outputs_", 0)
        return is_word(estimator.get("out_activation_"), "logistic") and bool(n_outputs == 1)
    return gives_probabilities(estimator) and n_classes(estimator) == 2


def gives_probabilities(estimator: Fitted) -> bool:
    """Whether an estimator is a classifier that gives probabilities."""
    if estimator.name == "SGDClassifier":
        return estimator.text("loss") in ("log", "log_loss")
    return estimator.name == "MLPClassifier" or estimator.name in PROBABILITIES


def note(estimator: Fitted) -> str:
    """What a user should know about what the network gives for an estimator."""
    if estimator.name in DECISIONS or (estimator.name in PROBABILITIES and not gives_probabilities(estimator)):
        return "its decision_function, since it gives no probabilities"
    return "the probability of the second of its classes_" if is_binary(estimator) else ""
