"""scikit-learn's estimators, live ones and those in pickles and joblib files, as networks. scikit-learn is never imported.

    live.py         a live estimator as a network; evaluation.py gives what the estimator itself computes
    pickled.py      a file as a network
    fitted.py       the form that both give an estimator: its class and attributes
    walk.py         an estimator's steps become nodes
    survey.py       what an estimator takes: how many columns, their names and categories
    composites.py   estimators that hold others
    columns.py      columns on their way through the steps, some of them encoded
    features.py     transformers that join columns
    steps.py        estimators that become layers in a row, with linear.py, scalers.py and functions.py
    refusals.py     what is said about other estimators

Nothing that a file names is imported, made or called.
"""

from .live import from_sklearn
from .pickled import load, recognise

__all__ = ["from_sklearn", "load", "recognise"]
