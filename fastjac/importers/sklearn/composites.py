"""Estimators that hold others: the table COMPOSITES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ...graphs.nodes import Node, add, concatenate
from ..located import located
from ..reading.limits import MOST_LAYERS, MOST_VALUES, check_count
from .columns import Columns
from .fitted import Fitted, is_word, kind, shown
from .functions import function_layers
from .linear import n_classes
from .scalers import SCALERS, unscaled
from .steps import gives_probabilities
from .survey import BEST, last, pairs

if TYPE_CHECKING:
    from .walk import Walk


def joined(path: str, step: str) -> str:
    """The path of a step, as `set_params` writes it."""
    return f"{path}__{shown(step)}" if path else shown(step)


def _pipeline(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """A Pipeline: its steps in order."""
    for name, step in pairs(estimator, "steps"):
        columns = walk.follow(estimator.step(step, "steps"), columns, joined(path, name))
    return columns


def _search(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    return walk.follow(estimator.estimator("best_estimator_"), columns, joined(path, "best_estimator_"))


def _transformed_target(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """A TransformedTargetRegressor: its regressor, and behind it the inverse of its transformer."""
    made = walk.follow(estimator.estimator("regressor_"), columns, joined(path, "regressor"))
    if not estimator.has("transformer_"):
        return made
    transformer = estimator.estimator("transformer_")
    source = walk.source(transformer, joined(path, "transformer"))
    with located(source):
        walk.check(transformer)
        return Columns.of(walk.record(source, _inverted(transformer), made.numbers(), "its inverse"))


def _inverted(transformer: Fitted) -> Sequence[fl.Layer]:
    if transformer.name == "FunctionTransformer":
        if transformer.get("inv_kw_args") not in (None, {}):
            raise UnsupportedLayerError("its inverse function takes inv_kw_args; take it out and apply it yourself")
        return function_layers(transformer, "inverse_func")
    if transformer.name not in SCALERS:
        raise UnsupportedLayerError(f"fastjac does not invert it; it inverts {', '.join(SCALERS)} and FunctionTransformer")
    return unscaled(SCALERS[transformer.name](transformer))


def _columns(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """A ColumnTransformer: what each of its steps makes of that step's columns, side by side."""
    source = walk.source(estimator, path)
    with located(source):
        steps, weights = list(walk.survey.transformers(estimator)), estimator.get("transformer_weights", {})
        names = walk.survey.names(estimator)
        weights = {} if weights is None else weights
        if not isinstance(weights, dict):
            raise FormatError(f"its transformer_weights must be a dict, got {kind(weights)}")
        if not steps:
            raise FormatError("it gives no column, since all are dropped")
        if any(index >= columns.count for _, _, indices in steps for index in indices):
            raise FormatError(f"it takes more columns than the {columns.count} that there are")
    made, listed = [], []
    for name, step, indices in steps:
        chosen = walk.choose(columns, indices)
        node = walk.follow(estimator.step(step, "transformers_"), chosen, joined(path, name)).numbers()
        if name in weights:
            node = node.follow(fl.Scale(float(estimator.numbers(weights[name], "transformer_weights", 0))))
        made.append(node)
        listed.append(f"{shown(name)}: {', '.join(shown(names[i]) if i < len(names) else str(i) for i in indices[:20])}")
    return Columns.of(walk.record(source, [], concatenate(made), "columns of " + "; ".join(listed[:20])))


def _one_hot(walk: Walk, encoder: Fitted, columns: Columns, path: str) -> Columns:
    """A OneHotEncoder: its units as they are, since the network takes them in place of the column."""
    source = walk.source(encoder, path)
    with located(source):
        if dict(columns.categories) != walk.survey.encoded(encoder):
            raise UnsupportedLayerError("it encodes what another step computes, and an encoding has no derivative; take it out")
        note = f"{columns.node.size} indicator units, which the network takes as inputs in place of the columns"
        return Columns.of(walk.record(source, [], columns.node, note))


def _imputer(walk: Walk, imputer: Fitted, columns: Columns, path: str) -> Columns:
    """A SimpleImputer: numbers pass, and columns without any known value are left out."""
    source = walk.source(imputer, path)
    with located(source):
        if imputer.flag("add_indicator"):
            raise UnsupportedLayerError("it adds an indicator of what is missing; fit it without add_indicator")
        known = np.atleast_1d(np.asarray(imputer.required("statistics_")))
        if len(known) != columns.count:
            raise FormatError(f"it has {len(known)} statistics_ for {columns.count} columns")
        missing = np.isnan(known) if known.dtype.kind == "f" else np.zeros(len(known), bool)
        if missing.any() and not imputer.flag("keep_empty_features") and not is_word(imputer.get("strategy"), "constant"):
            columns = walk.choose(columns, np.flatnonzero(~missing).tolist())
        walk.record(source, [], columns.node, "numbers pass; what is missing (nan) is not filled in but stays nan")
        return columns


# Ensembles


def _bagging(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """Bagging: the mean over its estimators, each with its own choice of columns."""
    estimators, chosen = estimator.items("estimators_"), estimator.items("estimators_features_")
    with located(walk.source(estimator, path)):
        if len(estimators) != len(chosen):
            raise FormatError(f"it has {len(estimators)} estimators_, but {len(chosen)} estimators_features_")
        arrays = [estimator.numbers(indices, "estimators_features_", 1) for indices in chosen]
        check_count(sum(array.size for array in arrays), MOST_VALUES, "columns of all estimators")
    picks = [array.tolist() for array in arrays]
    if any(not isinstance(index, int) or not 0 <= index < columns.count for indices in picks for index in indices):
        raise FormatError(f"{walk.source(estimator, path)}: its estimators_features_ are not among {columns.count} columns")
    return _mean(walk, estimator, [walk.choose(columns, indices) for indices in picks], None, path)


def _voting(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """Voting: the mean over its estimators, weighted if it has weights."""
    if estimator.name == "VotingClassifier" and not is_word(estimator.get("voting"), "soft"):
        source = walk.source(estimator, path)
        raise UnsupportedLayerError(f"{source}: it counts votes, which has no derivative; fit it with voting='soft'")
    weights = None
    if estimator.has("weights"):
        given = estimator.numbers(estimator.get("weights"), "weights", 1)[:MOST_LAYERS].tolist()
        kept = [not is_word(step, "drop") and step is not None for _, step in pairs(estimator, "estimators")]
        weights = [weight for weight, is_kept in zip(given, kept, strict=False) if is_kept]
    return _mean(walk, estimator, [columns] * len(estimator.items("estimators_")), weights, path)


def _mean(walk: Walk, estimator: Fitted, columns: Sequence[Columns], weights: Any, path: str) -> Columns:
    nodes = _followed(walk, estimator, columns, path)
    source = walk.source(estimator, path)
    with located(source):
        if weights is not None:
            if len(weights) != len(nodes) or not sum(weights):
                raise FormatError(f"it has {len(weights)} weights for {len(nodes)} estimators")
            nodes = [node.follow(fl.Scale(float(weight))) for node, weight in zip(nodes, weights, strict=True)]
        total = len(nodes) if weights is None else sum(weights)
        return Columns.of(walk.record(source, [fl.Scale(1.0 / total)], add(nodes), f"the mean of {len(nodes)}"))


def _union(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """A FeatureUnion: what each of its transformers makes of all columns, side by side."""
    source = walk.source(estimator, path)
    weights = estimator.get("transformer_weights") or {}
    nodes = []
    for name, step in pairs(estimator, "transformer_list"):
        if is_word(step, "drop"):
            continue
        node = walk.follow(estimator.step(step, "transformer_list"), columns, joined(path, name)).numbers()
        weight = weights.get(name) if isinstance(weights, dict) else None
        nodes.append(node if weight is None else node.follow(fl.Scale(float(weight))))
    with located(source):
        if not nodes:
            raise FormatError("it gives no column, since all are dropped")
        return Columns.of(walk.record(source, [], concatenate(nodes), f"the columns of {len(nodes)}"))


def _stacking(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """A StackingRegressor: a last estimator of what the others predict, and with passthrough of all columns too."""
    nodes = _followed(walk, estimator, [columns] * len(estimator.items("estimators_")), path)
    given = [*nodes, columns.numbers()] if estimator.flag("passthrough") else nodes
    source = walk.source(estimator, path)
    with located(source):
        made = Columns.of(walk.record(source, [], concatenate(given), f"the predictions of {len(nodes)}"))
    return walk.follow(estimator.estimator("final_estimator_"), made, joined(path, "final_estimator"))


def _side_by_side(walk: Walk, estimator: Fitted, columns: Columns, path: str) -> Columns:
    """The outputs of all estimators, one after another."""
    nodes = _followed(walk, estimator, [columns] * len(estimator.items("estimators_")), path)
    return Columns.of(walk.record(walk.source(estimator, path), [], concatenate(nodes), f"the outputs of {len(nodes)}"))


def _followed(walk: Walk, estimator: Fitted, columns: Sequence[Columns], path: str) -> list[Node]:
    """What each estimator makes of its columns; classifiers must know the same classes."""
    nodes = []
    for position, (item, given) in enumerate(zip(estimator.items("estimators_"), columns, strict=True)):
        inner = estimator.as_estimator(item, "estimators_")
        nodes.append(walk.follow(inner, given, joined(path, str(position))).numbers())
        if estimator.name in ("BaggingClassifier", "VotingClassifier"):
            with located(walk.source(inner, joined(path, str(position)))):
                _check_member(last(inner), n_classes(estimator))
    if not nodes:
        raise FormatError(f"{walk.source(estimator, path)}: it has no estimators_")
    return nodes


def _check_member(classifier: Fitted, count: int) -> None:
    """Raise UnsupportedLayerError unless a classifier's probabilities can count in the mean over an ensemble."""
    if not gives_probabilities(classifier):
        raise UnsupportedLayerError("it gives no probabilities, so the ensemble counts votes, which has no derivative")
    if n_classes(classifier) != count:
        raise UnsupportedLayerError("it was fitted without some of the classes; fit the ensemble on more samples")


COMPOSITES: dict[str, Callable[[Walk, Fitted, Columns, str], Columns]] = {
    "Pipeline": _pipeline,
    **dict.fromkeys(BEST, _search),
    "TransformedTargetRegressor": _transformed_target,
    "ColumnTransformer": _columns,
    "OneHotEncoder": _one_hot,
    "SimpleImputer": _imputer,
    "BaggingClassifier": _bagging,
    "BaggingRegressor": _bagging,
    "VotingClassifier": _voting,
    "VotingRegressor": _voting,
    "FeatureUnion": _union,
    "StackingRegressor": _stacking,
    "MultiOutputClassifier": _side_by_side,
    "MultiOutputRegressor": _side_by_side,
}
"""What makes columns of an estimator and the columns before it, by class name."""
