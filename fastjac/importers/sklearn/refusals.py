"""What is said about estimators that people pass and fastjac does not have."""

from __future__ import annotations

TREES = "it is a step function, whose derivative is 0 wherever there is one"
STEPS = "take it out, and pass the steps behind it"
REMEDIES = {
    "CalibratedClassifierCV": "it averages calibrated copies; pass one of the estimators in its calibrated_classifiers_",
    "OrdinalEncoder": f"the number of a category has no derivative; {STEPS}, which take numbers",
    "KBinsDiscretizer": f"{TREES}; {STEPS}",
    "Binarizer": f"{TREES}; {STEPS}",
    "QuantileTransformer": f"it follows a table of quantiles; {STEPS}, or fit a PowerTransformer instead",
    "SplineTransformer": f"fastjac has no splines; {STEPS}, or fit PolynomialFeatures instead",
    "KNNImputer": f"it looks for neighbours of what is missing; {STEPS}, or fit a SimpleImputer",
    "IterativeImputer": f"it models what is missing; {STEPS}, or fit a SimpleImputer",
    **dict.fromkeys(
        (
            *("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"),
            *("GradientBoostingClassifier", "GradientBoostingRegressor", "HistGradientBoostingClassifier"),
            *("HistGradientBoostingRegressor", "RandomForestClassifier", "RandomForestRegressor"),
            *("AdaBoostClassifier", "AdaBoostRegressor", "KNeighborsClassifier", "KNeighborsRegressor"),
        ),
        f"{TREES}; fit an MLPRegressor or MLPClassifier to its predictions instead",
    ),
}
"""What to do about each estimator, by class name."""
METHODS = ("predict", "predict_proba", "decision_function", "transform", "inverse_transform")
"""Methods that an estimator must have from its class alone; one in its own attributes is a patch."""
