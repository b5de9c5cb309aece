"""Import a live, fitted scikit-learn estimator. scikit-learn itself is never imported here."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ... import layers as fl
from ...errors import DtypeError, OptionError
from ...graphs.nodes import Input
from ...network import Network
from ..agreement import check_agreement
from .evaluation import Encoded, evaluated, needs_positive, rows
from .fitted import Fitted
from .steps import is_binary
from .survey import Survey, last
from .walk import imported

COMPLEMENT = fl.Affine(np.array([[-1.0], [1.0]]), np.array([1.0, 0.0]))
"""`(1 - p, p)` of the probability p that a binary classifier gives."""


def from_sklearn(estimator: Any, two_columns: bool = False) -> Network:
    """The network of a fitted scikit-learn estimator.

    Parameters
    ----------
    estimator : one of these, fitted.

        An MLPClassifier, LogisticRegression or SGDClassifier with loss "log_loss", whose output is that of `predict_proba`; of
        two classes only the probability of `classes_[1]`. Classifiers without probabilities, such as a LinearSVC or
        RidgeClassifier, give their `decision_function`.

        An MLPRegressor, a linear model such as Ridge or Lasso, a PLSRegression, a KernelRidge, SVR or NuSVR, whose output is that
        of `predict`, with the targets along the last axis even where there is one.

        A Pipeline, nested at will, of StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PCA, TruncatedSVD, FastICA,
        FactorAnalysis, GaussianRandomProjection, Nystroem, RBFSampler, Normalizer, PolynomialFeatures, PowerTransformer,
        SimpleImputer, FunctionTransformer of one of NumPy's functions such as log1p, ColumnTransformer and FeatureUnion, with any
        of the estimators above at its end. Without that end, or for one of these steps alone, the output is that of `transform`.
        In place of a column that a OneHotEncoder encodes, the network takes the units that the encoder gives.

        A TransformedTargetRegressor around any of them, whose transformer is one of the four scalers or one of NumPy's functions.

        A StackingRegressor, a VotingRegressor, a VotingClassifier with voting "soft", a BaggingRegressor, BaggingClassifier,
        MultiOutputRegressor or MultiOutputClassifier of any of them; a GridSearchCV or RandomizedSearchCV, which stands for its
        `best_estimator_`.
    two_columns : True gives both columns of a binary classifier's `predict_proba`, `1 - p` and `p`.

    Returns
    -------
    Network
        `feature_names` are those of the columns, if the estimator was fitted with a DataFrame; a category's unit is "colour=red".
        In the precision of the widest step: float32 if all arrays of the steps are, else float64. Arrays are copied: later
        training does not change it. Its values are compared with the estimator's own at a few random inputs.

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
        `two_columns` is True for something that is no binary classifier.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> fj.from_sklearn(Ridge().fit(np.eye(3), np.arange(3)))
    Network(3-1, 1 layer, float64)
    """
    sklearn: Any = sys.modules.get("sklearn")
    if sklearn is None or not isinstance(estimator, sklearn.base.BaseEstimator):
        raise DtypeError(
            f"from_sklearn takes a fitted scikit-learn estimator, got {type(estimator).__module__}.{type(estimator).__name__}"
        )
    view = _view(estimator, Live(sklearn.base.BaseEstimator))
    network = imported(view).network
    if two_columns:
        network = _with_complement(network, view)
    survey = Survey()
    categories, names = survey.categories(view), survey.names(view)

    def evaluate(x: np.ndarray) -> np.ndarray:
        return evaluated(estimator, view, rows(x, categories, names), two_columns)

    positive = needs_positive(evaluate, network.n_in)
    check_agreement(
        Encoded(network, categories, positive),
        lambda x: evaluate(np.abs(x) if positive else x),
        f"the {type(estimator).__name__}",
    )
    return network


class Live:
    """Where live estimators come from: their attributes are values already."""

    def __init__(self, base: type) -> None:
        self._base = base
        self.version = str(sys.modules["sklearn"].__version__)
        self.has_double = self.has_single = False

    def plain(self, value: Any) -> Any:
        """The value itself."""
        return value

    def fitted(self, value: Any) -> Fitted | None:
        """A live estimator's class and attributes."""
        return _view(value, self) if isinstance(value, self._base) else None

    def function(self, value: Any) -> str | None:
        """The name of a function, if the module that offers it has that very function by this name."""
        name = getattr(value, "__name__", None)
        for module in ("numpy", "scipy.special"):
            if isinstance(name, str) and name and getattr(sys.modules.get(module), name, None) is value:
                return f"{module}.{name}"
        return None


def _view(estimator: Any, source: Live) -> Fitted:
    return Fitted(type(estimator).__name__, type(estimator).__module__, vars(estimator), source)


def _with_complement(network: Network, estimator: Fitted) -> Network:
    """The network with both columns of a binary classifier's probabilities."""
    end = last(estimator)
    if not is_binary(end):
        raise OptionError(
            f"two_columns is for a binary classifier, which gives one probability; this is a {end.name} that gives all its "
            "outputs anyway, so leave it out"
        )
    start = Input(network.n_in)
    both = Network(inputs=start, outputs=COMPLEMENT(network(start)), dtype=network.dtype)
    return both.with_feature_names(network.feature_names or None)
