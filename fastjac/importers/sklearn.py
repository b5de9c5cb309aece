"""Import a fitted scikit-learn perceptron with the linear steps around it. scikit-learn itself is never imported here.

COMPOSITES is the table of estimators which hold others; sklearn_steps.py knows what all others become.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import DtypeError, FormatError, OptionError, UnsupportedLayerError
from ..network import Network
from .agreement import check_agreement
from .located import located
from .parts import Part, assemble
from .sklearn_steps import CONVERTERS, SCALERS, is_double, unscaled

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
        In the precision of the widest part: float64 if any array of a step is, such as the `mean_` of a StandardScaler, else
        float32. Arrays are copied: later training does not change it. Its values are compared with the estimator's own at a
        few random inputs.

    Raises
    ------
    DtypeError
        `estimator` is no scikit-learn estimator.
    UnsupportedLayerError
        It holds an estimator or option that fastjac does not have, where the message gives its path, such as "prepare__scale";
        or it computes something else than its steps and arrays say, since a class was changed.
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
    widest = np.dtype(np.float64 if any(map(is_double, _leaves(estimator))) else np.float32)
    net = assemble(parts, None, "a fitted estimator", widest).network
    check_agreement(net, lambda x: _evaluated(estimator, last, x, two_columns), f"the {type(estimator).__name__}")
    return net


def _evaluated(estimator: Any, last: Any, x: np.ndarray, two_columns: bool) -> np.ndarray:
    """What the estimator itself gives for what `from_sklearn` promises."""
    if hasattr(last, "predict_proba"):
        probabilities = np.asarray(estimator.predict_proba(x))
        return probabilities[:, 1:] if _is_binary(last) and not two_columns else probabilities
    return np.asarray(estimator.predict(x) if hasattr(last, "predict") else estimator.transform(x))


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


def _leaves(estimator: Any) -> Iterator[Any]:
    """The estimators that compute something, in all pipelines and on both sides of all transformations of the target."""
    if hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            yield from _leaves(step)
    elif hasattr(estimator, "regressor_"):
        yield from _leaves(estimator.regressor_)
        yield from _leaves(estimator.transformer_)
    else:
        yield estimator


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
        return [*inner, Part(source, tuple(unscaled(SCALERS[name](transformer))), "its inverse")]


COMPOSITES: dict[str, Callable[[Any, str], list[Part]]] = {
    "Pipeline": _pipeline,
    "TransformedTargetRegressor": _transformed_target,
}
"""Estimators that hold others, by class name."""


# Binary classifiers


def _is_binary(classifier: Any) -> bool:
    """Whether it has one probability, that of `classes_[1]`."""
    return getattr(classifier, "out_activation_", None) == "logistic" and classifier.n_outputs_ == 1


def _complement(classifier: Any) -> Part:
    """`(1 - p, p)` of the probability p that a binary classifier gives."""
    if not _is_binary(classifier):
        raise OptionError(
            f"two_columns is for a binary classifier, which gives one probability; this is a {type(classifier).__name__} that "
            "gives all its outputs anyway, so leave it out"
        )
    return Part("1 - p and p (two_columns)", (fl.Affine(np.array([[-1.0], [1.0]]), np.array([1.0, 0.0])),))
