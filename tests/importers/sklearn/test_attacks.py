"""Hostile pickles of estimators: nothing is run, and little work or memory comes of a small file."""

import io
import os
import pickle
import time
import tracemalloc
import zlib

import joblib
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, PolynomialFeatures, StandardScaler

import fastjac
from fastjac.errors import FastjacError, FormatError, UnsupportedLayerError

from ..test_hostile_files import work_of
from ..torch_files import PROTO, call, dictionary, number, text
from .models import fitted


class Payload:
    """An object that the pickle makes by running a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def dumped(value):
    target = io.BytesIO()
    joblib.dump(value, target)
    return target.getvalue()


def refuse(tmp_path, content, message):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(FormatError, match=message) as caught:
        fastjac.load(path)
    assert str(caught.value).startswith(str(path))
    assert time.process_time() - start < 10.0  # the longest takes a third of a second


def changed(name, **attributes):
    """A fitted estimator with other attributes."""
    model = pickle.loads(pickle.dumps(fitted(name)))
    vars(model).update(attributes)
    return model


@pytest.mark.parametrize("write", [*(lambda value, p=p: pickle.dumps(value, p) for p in range(6)), dumped])
@pytest.mark.parametrize("place", ["an attribute", "an array", "a step"])
def test_a_command_is_not_run(place, write, tmp_path):
    payload = Payload(tmp_path / "pwned")
    model = {
        "an attribute": changed("Ridge", more=payload),
        "an array": changed("Ridge", coef_=np.array([payload, 1], object)),
        "a step": Pipeline([("a", payload), ("b", fitted("Ridge"))]),
    }[place]
    refuse(tmp_path, write(model), "asks for (posix|nt).system, which can run code")
    assert not (tmp_path / "pwned").exists()


def estimator(name, **attributes):
    """The opcodes of an object of this class; `attributes` push its attributes."""
    return call(name, b")") + dictionary(**attributes) + b"b"


OBJECTS = {
    "another class": (
        estimator("xgboost.sklearn.XGBRegressor", coef_=b"N"),
        r"XGBRegressor: it is a class of xgboost\.sklearn, which",
    ),
    "a class beside": (estimator("sklearnx.a.Ridge", coef_=b"N", m=text("sklearn.")), "it is a class of sklearnx.a"),
    "no class of theirs": (estimator("sklearn.a.Attack", a_=b"N"), "Attack: fastjac does not have it; it has ARDRegression"),
    "no state": (call("sklearn.linear_model.Ridge", b")"), "it holds a sklearn.linear_model.Ridge; save the estimator itself"),
    "a list for a state": (call("sklearn.linear_model.Ridge", b")") + b"]b", "it holds a sklearn.linear_model.Ridge"),
    "an array": (call("numpy.core.multiarray._reconstruct", b")") + text("sklearn.") + b"b", "it holds a numpy.core.multiarray"),
    "no weights": (estimator("sklearn.a.Ridge", coef_=b"N"), "Ridge: it has no coef_, which scikit-learn gives a fitted Ridge"),
    "text for weights": (estimator("sklearn.a.Ridge", coef_=text("a")), "Ridge: its coef_ must hold real numbers"),
    "an object for weights": (
        estimator("sklearn.a.Ridge", coef_=call("scipy.sparse._csr.csr_matrix", b")")),
        "one of its coef_ is a scipy.sparse._csr.csr_matrix; put its .toarray",
    ),
    "a number of columns that is none": (estimator("sklearn.a.Ridge", n_features_in_=text("a")), "it takes a columns"),
    "less than no columns": (estimator("sklearn.a.Ridge", n_features_in_=number(-1)), "it takes -1 columns"),
    "a trillion columns": (estimator("sklearn.a.Ridge", n_features_in_=number(10**12)), "has 1000000000000 units in a layer"),
    "no steps": (estimator("sklearn.pipeline.Pipeline", steps=b"N"), "it has no steps"),
    "steps without names": (estimator("sklearn.pipeline.Pipeline", steps=b"](NNe"), "must hold pairs of a name and an estimator"),
    "a number for a step": (
        estimator("sklearn.pipeline.Pipeline", steps=b"](" + text("a") + number(3) + b"\x86e"),
        "its steps must hold estimators, got int",
    ),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_estimator_of_scikit_learn_is_refused(name, tmp_path):
    opcodes, message = OBJECTS[name]
    path = tmp_path / "model.pkl"
    path.write_bytes(PROTO + opcodes + b".")
    with pytest.raises(FastjacError, match=message):
        fastjac.load(path)


def test_a_pipeline_that_holds_itself_is_refused(tmp_path):
    steps = b"](" + text("a") + b"h\x00\x86e"
    opcodes = call("sklearn.pipeline.Pipeline", b")") + b"q\x00" + dictionary(steps=steps) + b"b"
    refuse(tmp_path, PROTO + opcodes + b".", "levels of estimators within estimators")


SETTINGS = {
    "Ridge": {"coef_": np.ones((2, 2, 2)), "intercept_": np.ones(5), "n_features_in_": 3},
    "two classes": {"coefs_": [], "intercepts_": [np.ones(1)], "out_activation_": np.ones(3), "activation": 3},
    "MLPClassifier": {"n_outputs_": "a"},
    "columns": {"steps": [("a",)]},
    "LogisticRegression": {"classes_": None, "multi_class": np.ones(2), "coef_": np.ones(3)},
    "SGDClassifier": {"loss": np.ones(2), "classes_": np.ones((2, 2))},
    "VotingRegressor": {"weights": [0, 0, 0], "estimators_": [], "estimators": [1, 2]},
    "BaggingRegressor": {"estimators_features_": [np.array([9])] * 3, "estimators_": [None] * 3},
    "MultiOutputRegressor": {"estimators_": {"a": 1}},
    "GridSearchCV": {"best_estimator_": 3},
    "a scaled target": {"transformer_": Ridge(), "regressor_": None},
    "PLSRegression": {"_x_mean": np.ones(2), "_sklearn_version": "x"},
    "Yeo-Johnson alone": {"lambdas_": np.ones(2), "method": "other"},
}


@pytest.mark.parametrize(("name", "attribute"), [(name, attribute) for name in SETTINGS for attribute in SETTINGS[name]])
def test_attributes_of_another_kind_are_reported(name, attribute, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(changed(name, **{attribute: SETTINGS[name][attribute]})))
    if attribute in ("multi_class", "_sklearn_version"):
        assert fastjac.load(path).n_in == 4
        return
    with pytest.raises(FastjacError, match=r"model\.pkl: ."):
        fastjac.load(path)


def nested(levels, leaf=None):
    """Pipelines within pipelines, each of which holds the next one twice."""
    step = leaf or FunctionTransformer()
    for _ in range(levels):
        step = Pipeline([("a", step), ("b", step)])
    return step


def wide(step, count=16_000_000):
    step.n_features_in_ = count
    return step


def many_encoders():
    encoder = OneHotEncoder().fit(np.arange(50_000)[:, None])
    columns = ColumnTransformer([(str(i), encoder, [0]) for i in range(500)])
    columns.transformers_, columns.n_features_in_ = columns.transformers, 1
    return columns


def many_columns():
    columns = ColumnTransformer([(str(i), "passthrough", slice(0, None)) for i in range(1000)])
    columns.transformers_, columns.n_features_in_ = columns.transformers, 400_000
    return columns


LARGE = {
    "pipelines that double": (lambda: nested(60), "it has 10001 estimators|letters in the paths of its steps"),
    "pipelines of nothing that double": (
        lambda: nested(60, Pipeline([("a", None)])),
        "it has 10001 estimators|letters in the paths",
    ),
    "pipelines in pipelines": (lambda: Pipeline([("a", deep(150))]), "levels of estimators within estimators"),
    "long names": (
        lambda: Pipeline([("x" * 100_000, nested(9, Pipeline([("y" * 100_000, FunctionTransformer())])))]),
        "no layer is left",
    ),
    "products of many columns": (lambda: wide(PolynomialFeatures(2).fit(np.ones((2, 2)))), "products of columns; fastjac"),
    "a million degrees": (lambda: PolynomialFeatures(10**6).fit(np.ones((2, 1))), "it has 1000000 degrees"),
    "the norm of many columns": (lambda: wide(Normalizer()), "columns whose norm is taken"),
    "many encoders": (many_encoders, "categories in all steps"),
    "many slices": (many_columns, "columns of a ColumnTransformer"),
}


def deep(levels):
    step = StandardScaler().fit(np.ones((2, 2)))
    for _ in range(levels):
        step = Pipeline([("a", step)])
    return step


@pytest.mark.parametrize("name", LARGE)
def test_a_small_file_makes_little_work(name, tmp_path):
    make, message = LARGE[name]
    path = tmp_path / "model.pkl"
    path.write_bytes(zlib.compress(pickle.dumps(make())))
    with pytest.raises(FastjacError, match=message):
        fastjac.load(path)
    assert work_of(lambda: fastjac.load(path)) < 2_000_000


def test_one_array_in_many_members_counts_as_often(tmp_path):
    model = changed("MultiOutputRegressor")
    member = fitted("Ridge")
    member = changed("Ridge", coef_=np.ones((1000, 1000)), intercept_=np.ones(1000), n_features_in_=1000)
    model.estimators_, model.n_features_in_ = [member] * 50, 1000
    path = tmp_path / "model.pkl"
    path.write_bytes(zlib.compress(pickle.dumps(model)))
    tracemalloc.start()
    with pytest.raises(FastjacError, match="the file's arrays claims to unpack to 7"):
        fastjac.load(path)
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()


def test_small_integers_count_as_what_they_become(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(zlib.compress(pickle.dumps(changed("Ridge", coef_=np.ones((4, 5_000_000), np.int8)))))
    with pytest.raises(FastjacError, match="the file's arrays claims to unpack to 160000000 bytes"):
        fastjac.load(path)


def test_functions_are_known_by_their_full_names(tmp_path):
    step = FunctionTransformer(np.exp)
    content = pickle.dumps(make_pipeline(step.fit(np.ones((2, 2))), Ridge().fit(np.ones((2, 2)), np.ones(2))), 0)
    assert b"cnumpy\nexp\n" in content
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    assert repr(fastjac.load(path)[0]) == "Exp()"
    path.write_bytes(content.replace(b"cnumpy\nexp\n", b"cnumpyx\nexp\n"))
    with pytest.raises(UnsupportedLayerError, match=r"its func is numpyx\.exp, which may compute anything"):
        fastjac.load(path)
