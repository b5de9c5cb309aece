"""Estimators in pickles and joblib files give the network of the live one, bit for bit, where scikit-learn cannot be imported."""

import io
import json
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, RandomForestRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC

import fastjac
from fastjac.errors import FormatError, OptionError, UnsupportedLayerError

from ..test_without_frameworks import SCRIPT
from .models import CLASSES, NEW_X, ONE, UNFITTED, X, fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"


def pickled(protocol):
    return lambda model: pickle.dumps(model, protocol)


def dumped(compress=0, protocol=None):
    def write(model):
        target = io.BytesIO()
        joblib.dump(model, target, compress, protocol)
        return target.getvalue()

    return write


WRITERS = {
    **{f"protocol {protocol}": pickled(protocol) for protocol in range(6)},
    "joblib": dumped(),
    "joblib, protocol 0": dumped(protocol=0),
    "joblib, protocol 5": dumped(protocol=5),
    **{method: dumped((method, 3)) for method in ("zlib", "gzip", "bz2", "lzma", "xz")},
}


@pytest.mark.parametrize("name", UNFITTED)
def test_a_file_gives_the_network_of_the_live_estimator(name, tmp_path):
    expected = fastjac.from_sklearn(fitted(name))(NEW_X)
    for write in (pickle.dumps, dumped()):
        path = tmp_path / "model"
        path.write_bytes(write(fitted(name)))
        np.testing.assert_array_equal(fastjac.load(path)(NEW_X), expected)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_way_to_write_a_file_is_read(write, tmp_path):
    path = tmp_path / "model"
    for name in ("columns", "VotingRegressor", "LogisticRegression"):
        path.write_bytes(write(fitted(name)))
        np.testing.assert_array_equal(fastjac.load(path)(NEW_X), fastjac.from_sklearn(fitted(name))(NEW_X))


def test_files_are_read_without_scikit_learn(tmp_path):
    expected, options = {}, {}
    for name in UNFITTED:
        path = tmp_path / name
        path.write_bytes(dumped()(fitted(name)))
        options[str(path)], expected[str(path)] = {}, str(fastjac.load(path))
    done = subprocess.run([sys.executable, "-c", SCRIPT, json.dumps(options)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_single_precision_stays(tmp_path):
    path = tmp_path / "model"
    model = make_pipeline(MinMaxScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=3))
    path.write_bytes(pickle.dumps(model.fit(X.astype(np.float32), ONE.astype(np.float32))))
    net = fastjac.load(path)
    assert net.dtype == np.float32
    np.testing.assert_allclose(net(NEW_X.astype(np.float32)), model.predict(NEW_X.astype(np.float32))[:, None], rtol=2e-5)


def renamed(model, *unwritten):
    """The pickle of a model as versions before 0.22 wrote it, without what they did not write down."""
    model = pickle.loads(pickle.dumps(model))
    for step in (model, *(model if hasattr(model, "steps") else ())):
        for name in unwritten:
            vars(step).pop(name, None)
    return pickle.dumps(model, 0).replace(b"neural_network._multilayer_perceptron", b"neural_network.multilayer_perceptron")


UNWRITTEN = ("scalers", "imputer", "Ridge", "LogisticRegression", "SGDClassifier", "Yeo-Johnson", "PCA", "LinearSVC", "products")


@pytest.mark.parametrize("name", UNWRITTEN)
def test_arrays_show_how_many_columns_there_are(name, tmp_path):
    content = renamed(fitted(name), *(() if name == "products" else ("n_features_in_",)))
    assert b"_multilayer" not in content
    path = tmp_path / "model"
    path.write_bytes(content.replace(b"n_features_in_", b"n_input_features_"))
    np.testing.assert_array_equal(fastjac.load(path)(NEW_X), fastjac.from_sklearn(fitted(name))(NEW_X))


def test_a_logistic_regression_of_older_versions_says_how_its_classes_share(tmp_path):
    path, model = tmp_path / "model", pickle.loads(pickle.dumps(fitted("LogisticRegression")))
    decisions = model.decision_function(NEW_X)
    sigmoids = 1.0 / (1.0 + np.exp(-decisions))
    softmax = np.exp(decisions) / np.exp(decisions).sum(axis=1, keepdims=True)
    each = sigmoids / sigmoids.sum(axis=1, keepdims=True)
    cases = (("ovr", "lbfgs", each), ("auto", "liblinear", each), ("auto", "lbfgs", softmax), ("multinomial", "lbfgs", softmax))
    for model.multi_class, model.solver, expected in cases:
        path.write_bytes(pickle.dumps(model))
        np.testing.assert_allclose(fastjac.load(path)(NEW_X), expected, rtol=1e-11)


def test_two_classes_that_were_fitted_as_several_share_a_softmax(tmp_path):
    path, model = tmp_path / "model", pickle.loads(pickle.dumps(fitted("LogisticRegression of two")))
    for model.multi_class, factor in (("multinomial", 2.0), ("auto", 1.0), ("ovr", 1.0)):
        path.write_bytes(pickle.dumps(model))
        expected = 1.0 / (1.0 + np.exp(-factor * model.decision_function(NEW_X)))
        np.testing.assert_allclose(fastjac.load(path)(NEW_X)[:, 0], expected, rtol=1e-11)


def written_by(version, model, path):
    """Write the model to a file as if by another version."""
    content = pickle.dumps(model, 0)
    own = content[content.index(b"V_sklearn_version\n") :].split(b"\n")[2]
    path.write_bytes(content.replace(own, b"V" + version.encode()))


def test_two_classes_share_no_softmax_before_version_0_20(tmp_path):
    path, model = tmp_path / "model", pickle.loads(pickle.dumps(fitted("LogisticRegression of two")))
    model.multi_class = "multinomial"
    for version, factor in (("0.19.2", 1.0), ("0.20.0", 2.0), ("1.7.1", 2.0)):
        written_by(version, model, path)
        expected = 1.0 / (1.0 + np.exp(-factor * model.decision_function(NEW_X)))
        np.testing.assert_allclose(fastjac.load(path)(NEW_X)[:, 0], expected, rtol=1e-11)


def test_partial_least_squares_of_older_versions_divide_by_the_deviation(tmp_path):
    path, model = tmp_path / "model", pickle.loads(pickle.dumps(fitted("PLSRegression")))
    expected, attributes = model.predict(NEW_X), vars(model)
    deviation, offset = attributes["_x_std"], model.intercept_
    coefficients = attributes.pop("coef_") * deviation
    attributes["_coef_"] = coefficients
    written_by("1.2.2", model, path)
    np.testing.assert_allclose(fastjac.load(path)(NEW_X), expected, rtol=1e-11)
    del attributes["_coef_"], attributes["intercept_"]
    attributes |= {"coef_": coefficients.T, "_y_mean": offset}
    written_by("1.0.2", model, path)
    np.testing.assert_allclose(fastjac.load(path)(NEW_X), expected, rtol=1e-11)
    attributes |= {name.strip("_") + "_": attributes.pop(name) for name in ("_x_mean", "_x_std", "_y_mean")}
    written_by("0.23.2", model, path)
    np.testing.assert_allclose(fastjac.load(path)(NEW_X), expected, rtol=1e-11)


def test_a_model_that_others_trained():
    path = DATA / "grass_growth_mlp.pkl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    arrays = [argument for _, argument, _ in pickletools.genops(path.read_bytes()) if isinstance(argument, bytes)]
    start = next(place for place, array in enumerate(arrays) if len(array) == 13 * 13 * 8)
    first, second, shift, offset = map(np.frombuffer, (array for array in arrays[start:] if len(array) >= 8), [np.float64] * 4)
    net, x = fastjac.load(path), np.random.default_rng(0).normal(size=(5, 13))
    hidden = x @ first.reshape(13, 13) + shift
    np.testing.assert_allclose(net(x), np.maximum(hidden, 0.0) @ second[:, None] + offset, rtol=1e-11)
    expected = (hidden > 0.0) * second @ first.reshape(13, 13).T
    np.testing.assert_allclose(net.jacobian(x)[:, 0], expected, rtol=1e-11, atol=1e-11)


REFUSED = {
    "QuantileTransformer": (
        QuantileTransformer(n_quantiles=5),
        ONE,
        "follows a table of quantiles; .* or fit a PowerTransformer",
    ),
    "KBinsDiscretizer": (KBinsDiscretizer(quantile_method="averaged_inverted_cdf"), ONE, "it is a step function"),
    "OrdinalEncoder": (OrdinalEncoder(), ONE, "the number of a category has no derivative"),
    "RandomForestRegressor": (RandomForestRegressor(2), ONE, "it is a step function.* fit an MLPRegressor or MLPClassifier"),
    "CalibratedClassifierCV": (
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        CLASSES,
        "it averages calibrated copies",
    ),
    "max": (Normalizer("max"), ONE, "its norm is 'max'; fastjac has l1 and l2"),
    "votes": (VotingClassifier([("a", LogisticRegression())]), CLASSES, "it counts votes, .* fit it with voting='soft'"),
    "votes in a bag": (BaggingClassifier(LinearSVC(), 2), CLASSES, "it gives no probabilities, so the ensemble counts votes"),
    "modified_huber": (SGDClassifier(loss="modified_huber"), CLASSES, "its loss modified_huber gives probabilities of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_fastjac_does_not_have_is_refused_by_name(name, tmp_path):
    model, target, message = REFUSED[name]
    model.fit(X, target)
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(model))
    with pytest.raises(UnsupportedLayerError, match=f"{type(model).__name__}: .*{message}|{message}"):
        fastjac.load(path)
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_sklearn(model)


def test_a_bag_whose_members_know_fewer_classes_is_refused(tmp_path):
    model = pickle.loads(pickle.dumps(fitted("BaggingClassifier")))
    model.estimators_[1] = fitted("LogisticRegression of two")
    (tmp_path / "model").write_bytes(pickle.dumps(model))
    with pytest.raises(UnsupportedLayerError, match=r"^.*1 \(LogisticRegression\): it was fitted without some of the classes"):
        fastjac.load(tmp_path / "model")


def test_a_file_takes_no_options(tmp_path):
    (tmp_path / "model").write_bytes(pickle.dumps(fitted("Ridge")))
    with pytest.raises(OptionError, match="this format states layers itself"):
        fastjac.load(tmp_path / "model", ["relu"])


def test_what_is_not_fitted_is_reported(tmp_path):
    (tmp_path / "model").write_bytes(pickle.dumps(make_pipeline(StandardScaler(), ColumnTransformer([]))))
    with pytest.raises(FormatError, match=r"standardscaler \(StandardScaler\): it is not fitted, so it has no weights; call fit"):
        fastjac.load(tmp_path / "model")
