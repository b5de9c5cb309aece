"""What each scikit-learn estimator that holds no others becomes: the table CONVERTERS, and that of scalers, SCALERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, UnsupportedLayerError
from .tensors import as_numpy

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


def unscaled(scaling: Scaling) -> Converted:
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

FITTED = ("mean_", "center_", "min_", "scale_", "components_", "explained_variance_", "coefs_", "intercepts_")
"""Where estimators keep the arrays that they compute with; the last two hold lists of them."""


def is_double(estimator: Any) -> bool:
    """Whether a fitted estimator computes with an array of float64."""
    held = [getattr(estimator, name, None) for name in FITTED]
    arrays = [array for value in held for array in (value if isinstance(value, list) else [value])]
    return any(getattr(array, "dtype", None) == np.float64 for array in arrays)
