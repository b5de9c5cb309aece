"""Import a fitted scikit-learn perceptron with the linear steps around it. scikit-learn itself is never imported here.

CONVERTERS, at the end, is the table of what each estimator becomes, and COMPOSITES that of estimators which hold others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from ..network import Network
from .located import located
from .parts import Part, assemble
from .tensors import as_numpy, float_dtype

Converted = Sequence[fl.Layer]
Scaling = tuple[np.ndarray | None, np.ndarray | None]
"""Center and spread of `(x - center) / spread` in float64; None where nothing is taken off, or nothing divides."""

ACTIVATIONS: dict[str, Converted] = {
    "identity": (),
    "logistic": (fl.Sigmoid(),),
    "tanh": (fl.Tanh(),),
    "relu": (fl.ReLU(),),
    "softmax": (fl.Softmax(),),
    "exp": (fl.Exp(),),
}
"""scikit-learn's activations, those of the output included."""

REMEDIES = {
    "ColumnTransformer": "fit one scaler on all columns, or pass the steps behind it",
    "FunctionTransformer": "its func may compute anything; take it out and apply it yourself",
    "GridSearchCV": "pass its best_estimator_",
    "RandomizedSearchCV": "pass its best_estimator_",
}
"""What to do about estimators that people pass and fastjac does not have."""
METHODS = ("predict", "predict_proba", "transform", "inverse_transform")


def from_sklearn(estimator: Any, two_columns: bool = False) -> Network:
    """The network of a fitted scikit-learn estimator.

    Parameters
    ----------
    estimator : one of these, fitted.

        An MLPClassifier, whose output is that of `predict_proba`; of two classes only the probability of `classes_[1]`.

        An MLPRegressor, whose output is that of `predict`, with the targets along the last axis even where there is one.

        A Pipeline, nested at will, of StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler and PCA with either at its end.
        Without it, or for one of these steps alone, the output is that of `transform`.

        A TransformedTargetRegressor around any of them, whose transformer is one of the four scalers.
    two_columns : True gives both columns of a binary classifier's `predict_proba`, `1 - p` and `p`.

    Returns
    -------
    Network
        In the precision of the perceptron's `coefs_`, which are copied: later training does not change it.

    Raises
    ------
    DtypeError
        `estimator` is no scikit-learn estimator.
    UnsupportedLayerError
        It holds an estimator or option that fastjac does not have; the message gives its path, such as "prepare__scale".
    FormatError
        It is not fitted.
    OptionError
        `two_columns` is asked of something else than a binary classifier.
    """
    sklearn: Any = sys.modules.get("sklearn")
    if sklearn is None or not isinstance(estimator, sklearn.base.BaseEstimator):
        raise DtypeError(
            f"from_sklearn takes a fitted scikit-learn estimator, got {type(estimator).__module__}.{type(estimator).__name__}"
        )
    parts, last = _parts(estimator, ""), _last(estimator)
    if two_columns:
        parts.append(_complement(last))
    net = assemble(parts, None, "a fitted estimator").network
    return net.astype(float_dtype(*last.coefs_)) if hasattr(last, "coefs_") else net


def _parts(estimator: Any, path: str) -> list[Part]:
    """The parts of an estimator at a path such as "prepare__scale", which is what `set_params` calls it."""
    if estimator is None or isinstance(estimator, str):
        return [Part(f"{path} (passthrough)", ())]
    name, source = type(estimator).__name__, _source(estimator, path)
    with located(source):
        _check(estimator)
    if name in COMPOSITES:
        return COMPOSITES[name](estimator, path)
    with located(source):
        return [Part(source, tuple(CONVERTERS[name](estimator)))]


def _source(estimator: Any, path: str) -> str:
    name = type(estimator).__name__
    return f"{path} ({name})" if path else name


def _joined(path: str, step: str) -> str:
    return f"{path}__{step}" if path else step


def _check(estimator: Any) -> None:
    """Refuse what is not scikit-learn's own, not among the tables, not fitted, or patched."""
    name, module = type(estimator).__name__, type(estimator).__module__
    if not module.startswith("sklearn."):
        raise UnsupportedLayerError(f"it is a class of {module}, which may compute anything; fastjac takes scikit-learn's own")
    if name not in CONVERTERS and name not in COMPOSITES:
        known = ", ".join(sorted({*CONVERTERS, *COMPOSITES}))
        raise UnsupportedLayerError(REMEDIES.get(name, f"fastjac does not have it; it has {known}"))
    patched = next((method for method in METHODS if method in vars(estimator)), None)
    if patched:
        raise UnsupportedLayerError(f"it has a {patched} of its own, which may compute anything; pass one without it")
    if name != "Pipeline" and not any(attribute.endswith("_") for attribute in vars(estimator)):
        raise FormatError("it is not fitted, so it has no weights; call fit first")


def _last(estimator: Any) -> Any:
    """The estimator at the end of all pipelines, under all transformations of the target."""
    while type(estimator).__name__ in COMPOSITES:
        estimator = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator.regressor_
    return estimator


# Estimators that hold others


def _pipeline(estimator: Any, path: str) -> list[Part]:
    """Its steps in order."""
    return [part for name, step in estimator.steps for part in _parts(step, _joined(path, name))]


def _transformed_target(estimator: Any, path: str) -> list[Part]:
    """Its regressor, and behind it the inverse of its transformer."""
    if estimator.func is not None or estimator.inverse_func is not None:
        raise UnsupportedLayerError(
            f"{_source(estimator, path)}: its func and inverse_func may compute anything; fastjac takes a scaler as transformer, "
            "or pass its regressor_ and apply inverse_func yourself"
        )
    inner = _parts(estimator.regressor_, _joined(path, "regressor"))
    if estimator.transformer is None:
        return inner
    transformer = estimator.transformer_
    name, source = type(transformer).__name__, _source(transformer, _joined(path, "transformer"))
    with located(source):
        if name not in SCALERS:
            raise UnsupportedLayerError(f"fastjac does not invert it; it inverts {', '.join(SCALERS)}")
        _check(transformer)
        return [*inner, Part(source, tuple(_unscaled(SCALERS[name](transformer))), "its inverse")]


COMPOSITES: dict[str, Callable[[Any, str], list[Part]]] = {
    "Pipeline": _pipeline,
    "TransformedTargetRegressor": _transformed_target,
}
"""Estimators that hold others, by class name."""


# Perceptrons


def _perceptron(estimator: Any) -> Converted:
    """`x W + b` for each pair of `coefs_` and `intercepts_`, an activation behind each."""
    names = [*[estimator.activation] * (len(estimator.coefs_) - 1), estimator.out_activation_]
    unknown = next((name for name in names if name not in ACTIVATIONS), None)
    if unknown is not None:
        raise UnsupportedLayerError(f"its activation {unknown!r} is not among {', '.join(ACTIVATIONS)}")
    layers: list[fl.Layer] = []
    for weight, bias, name in zip(estimator.coefs_, estimator.intercepts_, names, strict=True):
        layers += [fl.Affine(_dense(weight).T, as_numpy(bias)), *ACTIVATIONS[name]]
    return layers


def _dense(weight: Any) -> np.ndarray:
    if hasattr(weight, "toarray"):
        raise DtypeError(f"one of its coefs_ is a {type(weight).__name__}; put its .toarray() in its place")
    return as_numpy(weight)


def _complement(classifier: Any) -> Part:
    """`(1 - p, p)` of the probability p that a binary classifier gives."""
    if getattr(classifier, "out_activation_", None) != "logistic" or classifier.n_outputs_ != 1:
        raise OptionError(
            f"two_columns is for a binary classifier, which gives one probability; this is a {type(classifier).__name__} that "
            "gives all its outputs anyway, so leave it out"
        )
    return Part("1 - p and p (two_columns)", (fl.Affine(np.array([[-1.0], [1.0]]), np.array([1.0, 0.0])),))


# Transformers


def _standard(scaler: Any) -> Scaling:
    return (
        _float64(scaler.mean_) if scaler.with_mean else None,
        _float64(scaler.scale_) if scaler.with_std else None,
    )


def _robust(scaler: Any) -> Scaling:
    return (
        _float64(scaler.center_) if scaler.with_centering else None,
        _float64(scaler.scale_) if scaler.with_scaling else None,
    )


def _max_abs(scaler: Any) -> Scaling:
    return None, _float64(scaler.scale_)


def _min_max(scaler: Any) -> Scaling:
    """It computes `x scale_ + min_`."""
    scale = _float64(scaler.scale_)
    return -_float64(scaler.min_) / scale, 1.0 / scale


SCALERS: dict[str, Callable[[Any], Scaling]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}
"""Scalers, which can also be inverted, by class name."""


def _scaled(scaling: Scaling) -> Converted:
    """`(x - center) / spread`."""
    center, spread = scaling
    # The center is taken off first and by itself: `x / s - m / s` loses digits where it is far above the spread.
    shift = [] if center is None else [fl.Scale(1.0, -center)]
    return [*shift, *([] if spread is None else [fl.Scale(1.0 / spread)])]


def _unscaled(scaling: Scaling) -> Converted:
    """`spread y + center`."""
    center, spread = scaling
    if center is None and spread is None:
        return []
    return [fl.Scale(1.0 if spread is None else spread, 0.0 if center is None else center)]


def _clipped(scaler: Any, bounds: tuple[float, float]) -> Converted:
    # MaxAbsScaler had no such option before.
    return [fl.HardTanh(*bounds)] if getattr(scaler, "clip", False) else []


def _pca(pca: Any) -> Converted:
    """`C (x - mean)`, each row divided by the deviation along it where PCA whitens."""
    weight, mean = _float64(pca.components_), _float64(pca.mean_)
    if pca.whiten:
        deviation = np.sqrt(_float64(pca.explained_variance_))
        # As scikit-learn does, so that components without variance are not divided by 0.
        weight = weight / np.maximum(deviation, np.finfo(pca.explained_variance_.dtype).eps)[:, None]
    return [fl.Affine(weight, -weight @ mean)]


def _float64(value: Any) -> np.ndarray:
    return np.asarray(as_numpy(value), np.float64)


CONVERTERS: dict[str, Callable[[Any], Converted]] = {
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "PCA": _pca,
    "StandardScaler": lambda scaler: _scaled(_standard(scaler)),
    "RobustScaler": lambda scaler: _scaled(_robust(scaler)),
    "MaxAbsScaler": lambda scaler: [*_scaled(_max_abs(scaler)), *_clipped(scaler, (-1.0, 1.0))],
    "MinMaxScaler": lambda scaler: [*_scaled(_min_max(scaler)), *_clipped(scaler, scaler.feature_range)],
}
"""Every estimator that fastjac reads but those that hold others, by class name, with what makes fastjac layers of it."""
