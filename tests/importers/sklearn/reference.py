"""Fitted estimators in torch, written from scikit-learn's documentation, for values and derivatives to the last digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Function = Callable[[torch.Tensor], torch.Tensor]
"""Of samples `(n, n_in)` in float64."""
ACTIVATIONS: dict[str, Function] = {
    "identity": lambda x: x,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda x: torch.softmax(x, -1),
    "exp": torch.exp,
}


def reference(estimator: Any) -> Function:
    """What an estimator computes, of two classes the probability of the second."""
    name = type(estimator).__name__
    return (
        OTHERS[name](estimator) if name in OTHERS else _linear(estimator) if hasattr(estimator, "coef_") else _affine(estimator)
    )


def constant(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float64))


def _affine(transformer: Any) -> Function:
    """Any transformer that is an affine map."""
    origin = transformer.transform(np.zeros((1, transformer.n_features_in_)))
    matrix = constant(transformer.transform(np.eye(transformer.n_features_in_)) - origin)
    return lambda x: x @ matrix + constant(origin)


def _linear(model: Any) -> Function:
    """A linear model; classifiers with probabilities have those, by a sigmoid or softmax."""
    weight, bias = constant(np.atleast_2d(model.coef_)), constant(model.intercept_)

    def decide(x: torch.Tensor) -> torch.Tensor:
        return x @ weight.T + bias

    if not hasattr(model, "predict_proba"):
        return decide
    if len(model.classes_) == 2:
        return lambda x: torch.sigmoid(decide(x))
    if type(model).__name__ == "SGDClassifier":
        return lambda x: torch.sigmoid(decide(x)) / torch.sigmoid(decide(x)).sum(-1, keepdim=True)
    return lambda x: torch.softmax(decide(x), -1)


def _perceptron(perceptron: Any) -> Function:
    weights = [*zip(map(constant, perceptron.coefs_), map(constant, perceptron.intercepts_), strict=True)]
    names = [*[perceptron.activation] * (len(weights) - 1), perceptron.out_activation_]

    def forward(x: torch.Tensor) -> torch.Tensor:
        for (weight, bias), name in zip(weights, names, strict=True):
            x = ACTIVATIONS[name](x @ weight + bias)
        return x

    return forward


def _polynomial(transformer: Any) -> Function:
    def products(x: torch.Tensor) -> torch.Tensor:
        columns = []
        for powers in transformer.powers_:
            column = torch.ones_like(x[:, 0])
            for unit, power in enumerate(powers):
                for _ in range(power):
                    column = column * x[:, unit]
            columns.append(column)
        return torch.stack(columns, -1)

    return products


def _power(transformer: Any) -> Function:
    """Yeo and Johnson's two pieces, or Box and Cox's one."""
    exponents = constant(transformer.lambdas_)

    def box_cox(x: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        is_log = p.abs() < 1e-15
        safe = torch.where(is_log, torch.ones_like(p), p)
        return torch.where(is_log, torch.log(x), (x**safe - 1.0) / safe)

    def transform(x: torch.Tensor) -> torch.Tensor:
        if transformer.method == "box-cox":
            return box_cox(x, exponents)
        above, below = torch.where(x >= 0.0, x, 0.0 * x), torch.where(x < 0.0, -x, 0.0 * x)
        return torch.where(x >= 0.0, box_cox(above + 1.0, exponents), -box_cox(below + 1.0, 2.0 - exponents))

    behind = _affine(transformer._scaler) if transformer.standardize else ACTIVATIONS["identity"]
    return lambda x: behind(transform(x))


def _pipeline(pipeline: Any) -> Function:
    steps = [reference(step) for _, step in pipeline.steps if step not in (None, "passthrough")]

    def forward(x: torch.Tensor) -> torch.Tensor:
        for step in steps:
            x = step(x)
        return x

    return forward


def _columns(transformer: Any) -> Function:
    """Of columns that are all numbers."""
    weights = transformer.transformer_weights or {}
    steps = []
    for name, step, _ in transformer.transformers_:
        if step != "drop":
            indices = list(transformer._transformer_to_input_indices[name])
            steps.append((reference(step) if step != "passthrough" else ACTIVATIONS["identity"], indices, weights.get(name, 1.0)))
    return lambda x: torch.cat([step(x[:, indices]) * weight for step, indices, weight in steps], -1)


def _target(model: Any) -> Function:
    inner, behind = reference(model.regressor_), model.transformer_
    if behind.__class__.__name__ == "FunctionTransformer":
        return lambda x: getattr(torch, behind.inverse_func.__name__)(inner(x))
    origin = behind.inverse_transform(np.zeros((1, behind.n_features_in_)))
    matrix = constant(behind.inverse_transform(np.eye(behind.n_features_in_)) - origin)
    return lambda x: inner(x) @ matrix + constant(origin)


def _bagging(model: Any) -> Function:
    members = [
        (reference(member), list(chosen)) for member, chosen in zip(model.estimators_, model.estimators_features_, strict=True)
    ]
    return lambda x: sum(member(x[:, chosen]) for member, chosen in members) / len(members)


def _voting(model: Any) -> Function:
    members = [reference(member) for member in model.estimators_]
    weights = model._weights_not_none or [1.0] * len(members)
    return lambda x: sum(weight * member(x) for weight, member in zip(weights, members, strict=True)) / sum(weights)


def _least_squares(model: Any) -> Function:
    return lambda x: (x - constant(model._x_mean)) @ constant(model.coef_).T + constant(model.intercept_)


def _function(transformer: Any) -> Function:
    return getattr(torch, transformer.func.__name__) if transformer.func is not None else ACTIVATIONS["identity"]


def _side_by_side(model: Any) -> Function:
    members = [reference(member) for member in model.estimators_]
    return lambda x: torch.cat([member(x) for member in members], -1)


def _kernel(model: Any, vectors: Any, gamma: float, coef0: float) -> Function:
    """The kernel with each of some vectors, by differences."""
    stored = constant(vectors)
    return {
        "linear": lambda x: x @ stored.T,
        "poly": lambda x: (gamma * x @ stored.T + coef0) ** model.degree,
        "sigmoid": lambda x: torch.tanh(gamma * x @ stored.T + coef0),
        "rbf": lambda x: torch.exp(-gamma * ((x[:, None] - stored) ** 2).sum(-1)),
    }[model.kernel]


def _support_vectors(model: Any) -> Function:
    kernel = _kernel(model, model.support_vectors_, model._gamma, model.coef0)
    return lambda x: kernel(x) @ constant(model.dual_coef_).T + constant(model.intercept_)


def _kernel_ridge(model: Any) -> Function:
    kernel = _kernel(model, model.X_fit_, 0.25 if model.gamma is None else model.gamma, model.coef0)
    weights = constant(model.dual_coef_).reshape(len(model.X_fit_), -1)
    return lambda x: kernel(x) @ weights


def _nystroem(model: Any) -> Function:
    kernel = _kernel(model, model.components_, 0.25 if model.gamma is None else model.gamma, 1.0)
    return lambda x: kernel(x) @ constant(model.normalization_).T


def _random_features(model: Any) -> Function:
    scale = (2.0 / model.n_components) ** 0.5
    return lambda x: scale * torch.cos(x @ constant(model.random_weights_) + constant(model.random_offset_))


def _union(transformer: Any) -> Function:
    weights = transformer.transformer_weights or {}
    steps = [
        (ACTIVATIONS["identity"] if step == "passthrough" else reference(step), weights.get(name, 1.0))
        for name, step in transformer.transformer_list
        if step != "drop"
    ]
    return lambda x: torch.cat([step(x) * weight for step, weight in steps], -1)


def _stacking(model: Any) -> Function:
    members, last = [reference(member) for member in model.estimators_], reference(model.final_estimator_)
    return lambda x: last(torch.cat([*(member(x) for member in members), *([x] if model.passthrough else [])], -1))


OTHERS: dict[str, Callable[[Any], Function]] = {
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "FunctionTransformer": _function,
    "PolynomialFeatures": _polynomial,
    "PowerTransformer": _power,
    "Normalizer": lambda normalizer: lambda x: x / x.norm(int(normalizer.norm[1]), -1, keepdim=True),
    "Pipeline": _pipeline,
    "ColumnTransformer": _columns,
    "GridSearchCV": lambda search: reference(search.best_estimator_),
    "TransformedTargetRegressor": _target,
    "BaggingClassifier": _bagging,
    "BaggingRegressor": _bagging,
    "VotingClassifier": _voting,
    "VotingRegressor": _voting,
    "MultiOutputClassifier": _side_by_side,
    "MultiOutputRegressor": _side_by_side,
    "PLSRegression": _least_squares,
    "SVR": _support_vectors,
    "NuSVR": _support_vectors,
    "KernelRidge": _kernel_ridge,
    "Nystroem": _nystroem,
    "RBFSampler": _random_features,
    "FeatureUnion": _union,
    "StackingRegressor": _stacking,
    "PoissonRegressor": lambda model: lambda x: torch.exp(_linear(model)(x)),
    "GammaRegressor": lambda model: lambda x: torch.exp(_linear(model)(x)),
}
"""Every estimator that is neither an affine transformer nor a linear model."""
