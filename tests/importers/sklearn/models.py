"""Small fitted estimators of every kind that fastjac reads, on four columns of numbers."""

from __future__ import annotations

import functools
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVR, LinearSVC, LinearSVR, NuSVR

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(loc=1.0, scale=2.0, size=(40, 4))
TARGETS = np.tanh(X @ RANDOM.normal(size=(4, 3))) * 5.0 + 20.0
CLASSES = np.argmax(TARGETS, axis=1)
NEW_X = RANDOM.normal(loc=1.0, scale=2.0, size=(10, 4))

Classifier = partial(MLPClassifier, hidden_layer_sizes=(5,), activation="tanh", solver="lbfgs", max_iter=3, random_state=0)
Regressor = partial(MLPRegressor, hidden_layer_sizes=(5,), activation="tanh", solver="lbfgs", max_iter=3, random_state=0)

ONE, SEVERAL = TARGETS[:, 0], TARGETS
COLUMNS = [("scaled", StandardScaler(), [2, 0]), ("dropped", "drop", [1])]
UNFITTED: dict[str, tuple[Any, Any]] = {
    "MLPRegressor": (Regressor(), SEVERAL),
    "MLPClassifier": (Classifier(), CLASSES),
    "two classes": (Classifier(), CLASSES == 1),
    "scalers": (make_pipeline(MinMaxScaler(), MaxAbsScaler(), RobustScaler(), Regressor()), ONE),
    "PCA": (make_pipeline(PCA(3, whiten=True), Regressor()), ONE),
    "IncrementalPCA": (make_pipeline(IncrementalPCA(2), Regressor()), ONE),
    "TruncatedSVD": (make_pipeline(TruncatedSVD(2), Regressor()), ONE),
    "columns": (make_pipeline(ColumnTransformer(COLUMNS, remainder="passthrough"), Regressor()), ONE),
    "columns by a slice": (
        make_pipeline(
            ColumnTransformer([("a", make_pipeline(MinMaxScaler(), PCA(1)), slice(0, 2)), ("b", "passthrough", [-1])]),
            Regressor(),
        ),
        ONE,
    ),
    "columns by a mask, with weights": (
        make_pipeline(
            ColumnTransformer(
                [("a", RobustScaler(), [True, False, True, False])], remainder=StandardScaler(), transformer_weights={"a": 2.5}
            ),
            Regressor(),
        ),
        SEVERAL,
    ),
    "columns within columns": (
        make_pipeline(ColumnTransformer([("a", ColumnTransformer(COLUMNS), [3, 2, 1])]), Regressor()),
        ONE,
    ),
    "functions": (
        make_pipeline(FunctionTransformer(np.abs), FunctionTransformer(np.log1p), FunctionTransformer(), Regressor()),
        ONE,
    ),
    "imputer": (make_pipeline(SimpleImputer(), StandardScaler(), Regressor()), ONE),
    "products": (make_pipeline(PolynomialFeatures(3), Ridge()), SEVERAL),
    "products without powers": (make_pipeline(PolynomialFeatures((2, 3), interaction_only=True), Ridge()), ONE),
    "products without bias": (make_pipeline(PolynomialFeatures(2, include_bias=False), Ridge()), ONE),
    "more degrees than columns": (make_pipeline(PolynomialFeatures(9, interaction_only=True), Ridge()), ONE),
    "l2": (make_pipeline(Normalizer(), Regressor()), ONE),
    "l1": (make_pipeline(Normalizer("l1"), Regressor()), ONE),
    "Yeo-Johnson": (make_pipeline(PowerTransformer(), Regressor()), ONE),
    "Yeo-Johnson alone": (PowerTransformer(standardize=False), None),
    "LinearRegression": (LinearRegression(), SEVERAL),
    "without intercept": (LinearRegression(fit_intercept=False), ONE),
    "Ridge": (Ridge(), SEVERAL),
    "Lasso": (Lasso(0.01), ONE),
    "ElasticNet": (ElasticNet(0.01), SEVERAL),
    "SGDRegressor": (SGDRegressor(), ONE),
    "LinearSVR": (LinearSVR(), ONE),
    "PLSRegression": (PLSRegression(2), SEVERAL),
    "PoissonRegressor": (PoissonRegressor(), ONE),
    "GammaRegressor": (GammaRegressor(), ONE),
    "LogisticRegression": (LogisticRegression(max_iter=20), CLASSES),
    "LogisticRegression of two": (LogisticRegression(max_iter=20), CLASSES == 1),
    "SGDClassifier": (SGDClassifier(loss="log_loss"), CLASSES),
    "SGDClassifier of two": (SGDClassifier(loss="log_loss"), CLASSES == 1),
    "SGDClassifier, hinge": (SGDClassifier(), CLASSES),
    "RidgeClassifier": (RidgeClassifier(), CLASSES),
    "LinearSVC": (LinearSVC(), CLASSES == 1),
    "BaggingRegressor": (BaggingRegressor(Regressor(), 3, max_features=0.5, random_state=0), ONE),
    "BaggingClassifier": (BaggingClassifier(Classifier(), 3, random_state=0), CLASSES),
    "BaggingClassifier of two": (
        BaggingClassifier(make_pipeline(StandardScaler(), Classifier()), 2, random_state=0),
        CLASSES == 1,
    ),
    "VotingRegressor": (VotingRegressor([("a", Regressor()), ("b", Ridge()), ("c", "drop")], weights=[1, 2, 3]), ONE),
    "VotingClassifier": (VotingClassifier([("a", Classifier()), ("b", LogisticRegression(max_iter=20))], voting="soft"), CLASSES),
    "MultiOutputRegressor": (MultiOutputRegressor(Regressor()), SEVERAL),
    "MultiOutputClassifier": (MultiOutputClassifier(Classifier()), np.column_stack([CLASSES, CLASSES == 1])),
    "KernelRidge": (KernelRidge(kernel="rbf", gamma=0.2), SEVERAL),
    "KernelRidge, linear": (KernelRidge(), ONE),
    "KernelRidge of products": (KernelRidge(kernel="poly", degree=2), ONE),
    "SVR": (make_pipeline(StandardScaler(), SVR(C=10.0)), ONE),
    "SVR, linear": (SVR(kernel="linear"), ONE),
    "SVR of products": (SVR(kernel="poly", degree=2, coef0=1.0, gamma=0.1), ONE),
    "SVR, sigmoid": (SVR(kernel="sigmoid", gamma=0.05, coef0=0.1), ONE),
    "NuSVR": (NuSVR(), ONE),
    "Nystroem": (make_pipeline(Nystroem(n_components=7, random_state=0), Ridge()), ONE),
    "RBFSampler": (make_pipeline(RBFSampler(n_components=9, random_state=0), Ridge()), SEVERAL),
    "FastICA": (make_pipeline(FastICA(3, random_state=0), Ridge()), ONE),
    "FactorAnalysis": (make_pipeline(FactorAnalysis(2), Ridge()), ONE),
    "GaussianRandomProjection": (make_pipeline(GaussianRandomProjection(3, random_state=0), Ridge()), ONE),
    "FeatureUnion": (
        make_pipeline(
            FeatureUnion(
                [("a", StandardScaler()), ("b", PCA(2)), ("c", "drop"), ("d", "passthrough")], transformer_weights={"b": 2}
            ),
            Ridge(),
        ),
        ONE,
    ),
    "StackingRegressor": (StackingRegressor([("a", Regressor()), ("b", SVR())], final_estimator=Ridge(), cv=2), ONE),
    "StackingRegressor with all columns": (
        StackingRegressor([("a", Ridge()), ("b", "drop"), ("c", SVR())], final_estimator=Ridge(), cv=2, passthrough=True),
        ONE,
    ),
    "GridSearchCV": (GridSearchCV(make_pipeline(StandardScaler(), Regressor()), {"mlpregressor__alpha": [0.1]}, cv=2), ONE),
    "a target by functions": (TransformedTargetRegressor(Regressor(), func=np.log1p, inverse_func=np.expm1), ONE),
    "a scaled target": (TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), SEVERAL),
}


@functools.cache
def fitted(name: str) -> Any:
    """The estimator of that name."""
    estimator, target = UNFITTED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return estimator.fit(X) if target is None else estimator.fit(X, target)
