"""From an estimator to a network: its steps are followed, and each becomes nodes and a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ... import layers as fl
from ...errors import FormatError, LayerError, UnsupportedLayerError
from ...graphs.nodes import Input, Node
from ..ir.account import Account, accounting
from ..ir.assembly import assemble
from ..ir.record import Record
from ..located import located
from ..parts import Imported, Part
from ..reading.limits import MOST_LAYERS, MOST_LETTERS, MOST_NESTING, MOST_UNITS, MOST_VALUES, check_count
from .columns import Columns, n_units, names_of
from .composites import COMPOSITES
from .features import FEATURES
from .fitted import Fitted
from .refusals import METHODS, REMEDIES
from .steps import CONVERTERS, UNFITTED, note
from .survey import Survey

KNOWN = {*CONVERTERS, *FEATURES, *COMPOSITES}
"""The names of all estimators that become a network or a part of one."""


class Walk:
    """Follows estimators from an input on and writes down what each becomes."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.operations = Record()
        self._visits = 0
        self._letters = 0
        self._depth = 0
        self._chosen = 0

    def follow(self, step: Fitted | None, columns: Columns, path: str) -> Columns:
        """The columns behind a step at a path such as "prepare__scale"; a step of None lets all columns pass."""
        self._visits += 1
        self._depth += 1
        self._letters += len(path)
        check_count(self._visits, MOST_LAYERS, "estimators")
        check_count(self._depth, MOST_NESTING, "levels of estimators within estimators")
        check_count(self._letters, MOST_LETTERS, "letters in the paths of its steps")
        made = self._behind(step, columns, path)
        self._depth -= 1
        return made

    def choose(self, columns: Columns, indices: Sequence[int]) -> Columns:
        """Some of the columns, in this order; the units that all steps choose are counted and bounded."""
        chosen = columns.chosen(indices)
        self._chosen += chosen.node.size
        check_count(self._chosen, MOST_VALUES, "units chosen by all steps")
        return chosen

    def record(self, source: str, layers: Sequence[fl.Layer], node: Node, note: str = "") -> Node:
        """The node behind layers in a row, noted as one operation."""
        made = self.operations.row(node, [Part(source, tuple(layers), note)])
        check_count(made.size, MOST_UNITS, "units in a layer")
        return made

    def source(self, step: Fitted, path: str) -> str:
        """The name of a step, with its class."""
        return f"{path} ({step.name:.80})" if path else f"{step.name:.80}"

    def check(self, step: Fitted) -> None:
        """Refuse what is not scikit-learn's own, not among the tables, not fitted, or patched."""
        if not step.module.startswith("sklearn."):
            raise UnsupportedLayerError(
                f"it is a class of {step.module:.80}, which may compute anything; fastjac takes scikit-learn's own"
            )
        if step.name not in KNOWN:
            known = ", ".join(sorted(KNOWN))
            raise UnsupportedLayerError(REMEDIES.get(step.name, f"fastjac does not have it; it has {known}"))
        patched = next((method for method in METHODS if method in step.attributes), None)
        if patched:
            raise UnsupportedLayerError(f"it has a {patched} of its own, which may compute anything; pass one without it")
        is_fitted = any(isinstance(name, str) and name.endswith("_") for name in step.attributes)
        if step.name not in ("Pipeline", "FeatureUnion", *UNFITTED) and not is_fitted:
            raise FormatError("it is not fitted, so it has no weights; call fit first")

    def _behind(self, step: Fitted | None, columns: Columns, path: str) -> Columns:
        if step is None:
            self.operations.add(f"{path} (passthrough)", "", [columns.node])
            return columns
        source = self.source(step, path)
        with located(source):
            self.check(step)
        if step.name in COMPOSITES:
            return COMPOSITES[step.name](self, step, columns, path)
        with located(source):
            node = columns.numbers()
            if step.name in FEATURES:
                made = FEATURES[step.name](step, node)
                self.operations.add(source, "", [made], note(step))
                return Columns.of(made)
            return Columns.of(self.record(source, CONVERTERS[step.name](step), node, note(step)))


def imported(estimator: Fitted) -> Imported:
    """The network of an estimator, with the names of its inputs."""
    with accounting(Account()), np.errstate(all="ignore"):  # A scale of 0 gives inf, as it does in scikit-learn.
        return _imported(estimator)


def _imported(estimator: Fitted) -> Imported:
    survey = Survey()
    walk = Walk(survey)
    with located(walk.source(estimator, "")):
        walk.check(estimator)
        count, names = survey.n_columns(estimator), survey.names(estimator)
        categories = survey.categories(estimator) if count is not None else {}
    start = Input(n_units(count or 1, categories))
    check_count(start.size, MOST_UNITS, "units in a layer")
    # Follow the steps even where none states how many columns it takes: most likely one is not fitted, and an error names it.
    end = walk.follow(estimator, Columns(start, count or 1, categories), "").node
    if count is None:
        raise LayerError("no layer is left that states how many inputs the network has: what lets all pass falls away")
    source = estimator.source
    widest = np.dtype(np.float32 if source.has_single and not source.has_double else np.float64)
    made = assemble([start], [end], walk.operations, widest)
    network = made.network.with_feature_names(names_of(names, count, categories) or None)
    return replace(made, network=network)
