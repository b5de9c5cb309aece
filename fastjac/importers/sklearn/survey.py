"""What an estimator takes, found before its steps are followed: how many columns, their names, and which are categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..reading.limits import MOST_JOINED, MOST_LAYERS, MOST_NAME, MOST_NESTING, MOST_UNITS, MOST_VALUES, check_count
from .columns import Categories, encoded, picked
from .fitted import Fitted, is_word, shown
from .linear import PROBABILITIES
from .steps import CONVERTERS, UNFITTED

BEST = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
"""Searches; each holds the best estimator that it has found."""
SUBSETS = ("BaggingClassifier", "BaggingRegressor")
ENSEMBLES = (
    *SUBSETS,
    *("MultiOutputClassifier", "MultiOutputRegressor", "StackingRegressor", "VotingClassifier", "VotingRegressor"),
)
"""Estimators that ask several others. Each of the others gets all columns; in SUBSETS, each may get only some."""


class Survey:
    """Looks at the estimators that see the columns first. Every look counts, since a file may hold one estimator many times."""

    def __init__(self) -> None:
        self._visits = 0
        self._picks = 0
        self._categories = 0

    def n_columns(self, estimator: Fitted) -> int | None:
        """How many columns an estimator takes, None where it does not state it."""
        for first in self._first(estimator):
            count = _count(first)
            if count is not None:
                check_count(count, MOST_UNITS, "units in a layer")
                return count
        return None

    def names(self, estimator: Fitted) -> tuple[str, ...]:
        """The names of the columns, if the estimator was fitted with them."""
        for first in self._first(estimator):
            found = first.get("feature_names_in_", first.get("_feature_names_in"))
            if isinstance(found, np.ndarray) and found.ndim == 1:
                check_count(found.size, MOST_VALUES, "names of columns")
                check_count(max(map(len, map(str, found.tolist())), default=0), MOST_NAME, "letters in the name of a column")
                return tuple(str(name) if isinstance(name, str) else shown(name) for name in found.tolist())
        return ()

    def categories(self, estimator: Fitted, depth: int = 0) -> Categories:
        """The categories of the columns that the estimator takes as such."""
        self._visit(depth)
        if estimator.name == "OneHotEncoder":
            return self.encoded(estimator)
        if estimator.name == "ColumnTransformer":
            return self._of_columns(estimator, depth + 1)
        if estimator.name in ENSEMBLES:
            return self._of_all(estimator, depth + 1)
        # An imputer leaves categories as they are.
        steps = _steps(estimator) if estimator.name == "Pipeline" else []
        inner = next((step for step in steps if step.name != "SimpleImputer"), None) or _inner(estimator)
        return self.categories(inner, depth + 1) if inner is not None else {}

    def encoded(self, encoder: Fitted) -> Categories:
        """The categories of all columns of a OneHotEncoder."""
        found = encoded(encoder)
        self._categories += sum(map(len, found.values()))
        check_count(self._categories, MOST_VALUES, "categories in all steps")
        return found

    def transformers(self, estimator: Fitted) -> Iterator[tuple[str, Any, list[int]]]:
        """The name of each step of a ColumnTransformer that is not dropped, the step, and the numbers of its columns."""
        count, names = self.n_columns(estimator), self.names(estimator)
        if count is None:
            raise FormatError("it has no n_features_in_, so it is not fitted; call fit first")
        for entry in estimator.items("transformers_"):
            if not isinstance(entry, tuple) or len(entry) != 3 or not isinstance(entry[0], str):
                raise FormatError("its transformers_ must hold a name, a step and columns each")
            name, step, selection = entry
            if is_word(step, "drop"):
                continue
            check_count(count, MOST_JOINED, "columns of a ColumnTransformer")
            indices = picked(estimator, name, estimator.source.plain(selection), names, count)
            self._picks += len(indices) + 1
            check_count(self._picks, MOST_JOINED, "columns in all steps")
            if indices:
                yield name, step, indices

    def _of_columns(self, estimator: Fitted, depth: int) -> Categories:
        found: dict[int, tuple[Any, ...]] = {}
        for name, step, indices in self.transformers(estimator):
            inner = estimator.step(step, "transformers_")
            with located(shown(name)):
                given = self.categories(inner, depth) if inner is not None else {}
            for place, kept in given.items():
                if place >= len(indices):
                    raise FormatError(f"its step {shown(name)} encodes more columns than it is given")
                if found.setdefault(indices[place], kept) != kept:
                    raise UnsupportedLayerError(f"two of its steps encode column {indices[place]} differently; fit them alike")
        return found

    def _of_all(self, estimator: Fitted, depth: int) -> Categories:
        held = [estimator.as_estimator(item, "estimators_") for item in estimator.items("estimators_")]
        found = [self.categories(inner, depth) for inner in held]
        if any(other != found[0] for other in found[1:]):
            raise UnsupportedLayerError("its estimators encode columns differently; encode them once before it")
        return found[0] if found else {}

    def _first(self, estimator: Fitted, depth: int = 0) -> Iterator[Fitted]:
        """The estimator, and those within it that see the same columns, or as many."""
        self._visit(depth)
        yield estimator
        if estimator.name == "Pipeline":
            for step in _steps(estimator):
                yield from self._first(step, depth + 1)
                if step.name not in UNFITTED:
                    return
        inner = _inner(estimator)
        if inner is not None:
            yield from self._first(inner, depth + 1)

    def _visit(self, depth: int) -> None:
        self._visits += 1
        check_count(self._visits, MOST_LAYERS, "estimators")
        check_count(depth, MOST_NESTING, "levels of estimators within estimators")


def _steps(pipeline: Fitted) -> list[Fitted]:
    """The steps of a pipeline that do something."""
    steps = [pipeline.step(step, "steps") for _, step in pairs(pipeline, "steps")]
    return [step for step in steps if step is not None]


def _inner(estimator: Fitted) -> Fitted | None:
    """The estimator within another that gets all of that one's columns; the first where there are several."""
    for kinds, name in ((BEST, "best_estimator_"), (("TransformedTargetRegressor",), "regressor_")):
        if estimator.name in kinds and estimator.has(name):
            return estimator.estimator(name)
    if estimator.name == "FeatureUnion":
        steps = [step for _, step in pairs(estimator, "transformer_list") if not is_word(step, "drop", "passthrough")]
        return estimator.as_estimator(steps[0], "transformer_list") if steps else None
    if estimator.name in ENSEMBLES and estimator.name not in SUBSETS and estimator.has("estimators_"):
        estimators = estimator.items("estimators_")
        return estimator.as_estimator(estimators[0], "estimators_") if estimators else None
    return None


def last(estimator: Fitted) -> Fitted:
    """The estimator at the end of all pipelines and searches, under all transformations of the target."""
    for _ in range(MOST_NESTING):
        steps = _steps(estimator) if estimator.name == "Pipeline" else []
        inner = steps[-1] if steps else None if estimator.name in ENSEMBLES else _inner(estimator)
        if inner is None:
            break
        estimator = inner
    return estimator


def pairs(estimator: Fitted, name: str) -> Sequence[tuple[str, Any]]:
    """An attribute that is a list of names, each with what it names."""
    found = estimator.items(name)
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str) for pair in found):
        raise FormatError(f"its {name} must hold pairs of a name and an estimator")
    return [(name, step) for name, step in found]


WRITTEN = ("n_features_in_", "_n_features", "n_input_features_", "n_features_")
"""The attributes that hold how many columns an estimator takes, in various versions; before 0.24 many estimators had none."""
SHOWING = {"OneHotEncoder": "categories_", "PowerTransformer": "lambdas_", "SimpleImputer": "statistics_"}
"""Attributes with an entry for each column, by class name."""


def _count(estimator: Fitted) -> int | None:
    """How many columns an estimator itself takes, as an attribute states or its arrays show; None where neither does."""
    written = next((name for name in WRITTEN if estimator.has(name)), None)
    if written is not None:
        count = estimator.get(written)
        if not isinstance(count, (int, np.integer)) or count < 1:
            raise FormatError(f"it takes {shown(count)} columns; an estimator takes one or more")
        return int(count)
    if estimator.name in SHOWING and estimator.has(SHOWING[estimator.name]):
        return len(estimator.get(SHOWING[estimator.name]))
    if estimator.name in PROBABILITIES and estimator.has("coef_"):
        return estimator.array("coef_", 2).shape[1]
    if estimator.name not in CONVERTERS or not any(name.endswith("_") for name in estimator.attributes):
        return None
    return next((layer.n_in for layer in CONVERTERS[estimator.name](estimator) if layer.n_in is not None), None)
