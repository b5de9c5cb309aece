"""Tables with names and categories: which columns a network takes, in what order, and what its inputs are called."""

import io
import pickle
import warnings

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer, StandardScaler

import fastjac
from fastjac.cli import main
from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers import Options, read

from .models import Regressor, fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.default_rng(1)
TABLE = pandas.DataFrame(
    {
        "age": RANDOM.normal(40.0, 9.0, 60),
        "colour": RANDOM.choice(["red", "green", "blue"], 60),
        "height": RANDOM.normal(1.7, 0.1, 60),
        "size": RANDOM.choice([1, 2, 3], 60),
    }
)
TARGET = TABLE.age.to_numpy() / 50.0 + (TABLE.colour == "red") + TABLE.height * TABLE["size"]
UNITS = ("age", "colour=blue", "colour=green", "colour=red", "height", "size=1", "size=2", "size=3")
KNOWN = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
SCALED = ("scaled", StandardScaler(), ["height", "age"])


def fit(*steps, table=TABLE, last=None, **options):
    return make_pipeline(ColumnTransformer(list(steps), **options), last or Regressor()).fit(table, TARGET)


def saved(model, tmp_path):
    """The network of the model's file, with the names of its inputs."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    imported = read(path, Options())[1]
    return imported.network, imported.network.feature_names


def units(table, names):
    """The rows of a table as the network takes them."""
    columns = []
    for name in names:
        column, _, category = name.partition("=")
        columns.append(table[column].astype(str) == category if category else table[column])
    return np.column_stack(columns).astype(np.float64)


MODELS = {
    "one-hot": (lambda: fit(SCALED, ("c", OneHotEncoder(), ["size", "colour"])), UNITS),
    "one-hot without the first": (
        lambda: fit(SCALED, ("c", OneHotEncoder(drop="first"), ["size", "colour"])),
        ("age", "colour=green", "colour=red", "height", "size=2", "size=3"),
    ),
    "one-hot of what is known": (
        lambda: fit(("c", KNOWN, ["colour"]), remainder="passthrough"),
        ("age", "colour=blue", "colour=green", "colour=red", "height", "size"),
    ),
    "scaled categories": (
        lambda: fit(("c", make_pipeline(OneHotEncoder(sparse_output=False), StandardScaler()), ["colour", "size"]), SCALED),
        UNITS,
    ),
    "one step for the first": (
        lambda: make_pipeline(OneHotEncoder(), Ridge()).fit(TABLE[["colour", "size"]], TARGET),
        ("colour=blue", "colour=green", "colour=red", "size=1", "size=2", "size=3"),
    ),
    "alike in an ensemble": (
        lambda: VotingRegressor(
            [("a", fit(SCALED, ("c", OneHotEncoder(), ["colour"]))), ("b", fit(("c", OneHotEncoder(), ["colour"]), last=Ridge()))]
        ).fit(TABLE, TARGET),
        ("age", "colour=blue", "colour=green", "colour=red", "height", "size"),
    ),
    "names alone": (
        lambda: make_pipeline(StandardScaler(), Regressor()).fit(TABLE[["height", "age"]], TARGET),
        ("height", "age"),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_the_table_gives_what_scikit_learn_gives(name, tmp_path):
    make, names = MODELS[name]
    model = make()
    net, features = saved(model, tmp_path)
    assert features == names
    columns = list(dict.fromkeys(name.partition("=")[0] for name in names))
    new = TABLE[columns].iloc[::3]
    np.testing.assert_allclose(net(units(new, names)), model.predict(new)[:, None], rtol=1e-11)
    x = RANDOM.normal(size=(5, net.n_in))
    np.testing.assert_array_equal(fastjac.from_sklearn(model)(x), net(x))


def test_the_derivative_by_a_category_is_that_by_its_unit(tmp_path):
    model = fit(SCALED, ("c", OneHotEncoder(), ["size", "colour"]), last=Ridge())
    net, features = saved(model, tmp_path)
    gradient = dict(zip(features, net.jacobian(np.zeros(net.n_in))[0], strict=True))
    names = ("height", "age", "size=1", "size=2", "size=3", "colour=blue", "colour=green", "colour=red")
    scale = np.concatenate([model[0].transformers_[0][1].scale_, np.ones(6)])
    np.testing.assert_allclose([gradient[name] for name in names], model[1].coef_ / scale, rtol=1e-11)


@pytest.mark.parametrize("labels", [np.array(["a", np.nan, "b"], object), np.array([1.0, np.nan, 2.0])])
def test_what_is_missing_may_be_a_category(labels, tmp_path):
    column = np.resize(labels, 60)[:, None]
    model = make_pipeline(OneHotEncoder(), Ridge()).fit(column, TARGET)
    net, features = saved(model, tmp_path)
    assert [name.partition("=")[2] for name in features] == [str(value) for value in model[0].categories_[0]]
    np.testing.assert_allclose(net(np.eye(3)[[0, 2, 1]]), model.predict(column[[0, 1, 2]])[:, None], rtol=1e-11)
    np.testing.assert_array_equal(fastjac.from_sklearn(model)(np.eye(3)), net(np.eye(3)))


def test_columns_by_position_are_named_by_their_numbers(tmp_path):
    model = fit(("s", StandardScaler(), [0, 2]), ("c", OneHotEncoder(), [1]), table=TABLE.to_numpy(object))
    assert saved(model, tmp_path)[1] == ("0", "1=blue", "1=green", "1=red", "2", "3")
    fastjac.from_sklearn(model)


def test_files_of_versions_that_do_not_write_down_which_columns(tmp_path):
    by_name = fit(SCALED, ("c", OneHotEncoder(), ["size", "colour"]))
    by_slice = fit(("s", StandardScaler(), slice("age", "age")), ("t", StandardScaler(), ["height"]), ("c", "drop", ["size"]))
    for model in (by_name, by_slice):
        expected = saved(model, tmp_path)[0]
        del model[0]._transformer_to_input_indices
        model[0].transformers_ = [(name, step, columns) for name, step, columns in model[0].transformers_]
        x = RANDOM.normal(size=(3, expected.n_in))
        np.testing.assert_array_equal(saved(model, tmp_path)[0](x), expected(x))


def test_info_names_inputs_and_steps(tmp_path, capsys):
    model = fit(SCALED, ("c", OneHotEncoder(), ["colour"]))
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    assert main(["info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "Inputs: 0 age, 1 colour=blue, 2 colour=green, 3 colour=red, 4 height, 5 size\n" in printed
    assert "columns of scaled: height, age; c: colour" in printed
    assert "3 indicator units, which the network takes as inputs in place of the columns" in printed
    assert "scikit-learn 1." in printed


def test_long_names_are_kept_whole_and_printed_short(tmp_path, capsys):
    names = ["a" * 50 + "1", "a" * 50 + "2"]
    table = TABLE[["age", "height"]].set_axis(names, axis=1)
    model = make_pipeline(StandardScaler(), Ridge()).fit(table, TARGET)
    assert fastjac.from_sklearn(model).feature_names == saved(model, tmp_path)[0].feature_names == tuple(names)
    assert main(["info", str(tmp_path / "model.pkl")]) == 0
    assert f"Inputs: 0 {'a' * 40}, 1 {'a' * 40}\n" in capsys.readouterr().out


def test_units_that_would_be_called_the_same_have_no_names(tmp_path):
    table = pandas.DataFrame({"c": np.resize(["x" * 50 + "1", "x" * 50 + "2"], 60)})
    model = make_pipeline(OneHotEncoder(), Ridge()).fit(table, TARGET)
    assert saved(model, tmp_path)[0].feature_names == ()


def test_positive_columns_are_compared_at_positive_numbers():
    table = TABLE[["age", "height"]]
    for step in (FunctionTransformer(np.log), PowerTransformer("box-cox"), PowerTransformer("box-cox", standardize=False)):
        model = make_pipeline(step, Ridge()).fit(table, TARGET)
        np.testing.assert_allclose(fastjac.from_sklearn(model)(table), model.predict(table)[:, None], rtol=1e-11)


def test_box_cox_has_the_derivative_of_its_formula():
    transformer = PowerTransformer("box-cox", standardize=False).fit(TABLE[["age", "height"]])
    transformer.lambdas_[1] = 0.0
    net, x = fastjac.from_sklearn(transformer), np.array([30.0, 2.0])
    np.testing.assert_allclose(net(x), transformer.transform(pandas.DataFrame([x], columns=["age", "height"]))[0], rtol=1e-11)
    np.testing.assert_allclose(net.jacobian(x), np.diag([30.0 ** (transformer.lambdas_[0] - 1.0), 0.5]), rtol=1e-11)


def test_the_pieces_of_yeo_johnson_meet_at_zero_with_a_slope():
    transformer = fitted("Yeo-Johnson alone")
    np.testing.assert_allclose(fastjac.from_sklearn(transformer).jacobian(np.zeros(4)), np.eye(4), atol=1e-15)
    flat = pickle.loads(pickle.dumps(transformer))
    flat.lambdas_[:2] = 0.0, 2.0
    net, x = fastjac.from_sklearn(flat), np.array([[0.5, -0.5, 0.5, -0.5], [-3.0, 3.0, 0.0, 1.0]])
    np.testing.assert_allclose(net(x), flat.transform(x), rtol=1e-11, atol=1e-15)


def test_a_vector_of_zeros_keeps_its_length():
    normalizer = fitted("l2")[0]
    np.testing.assert_array_equal(fastjac.from_sklearn(normalizer)(np.zeros(4)), np.zeros(4))


def test_an_imputer_leaves_out_columns_of_which_nothing_is_known(tmp_path):
    x = np.array([[1.0, np.nan, 2.0], [2.0, np.nan, 4.0], [4.0, np.nan, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a column is skipped
        model = make_pipeline(SimpleImputer(), Ridge()).fit(x, x[:, 0])
        expected = model.predict(x[:, ::-1])
    net, _ = saved(model, tmp_path)
    assert net.n_in == 3
    np.testing.assert_allclose(net(np.nan_to_num(x)), model[1].predict(x[:, [0, 2]])[:, None], rtol=1e-11)
    assert np.isnan(net(np.array([1.0, 0.0, np.nan])))
    assert np.isfinite(expected).all()


def test_two_columns_of_an_ensemble_are_not_asked_for():
    net = fastjac.from_sklearn(fitted("LogisticRegression of two"), two_columns=True)
    x = RANDOM.normal(size=(5, 4))
    np.testing.assert_allclose(net(x), fitted("LogisticRegression of two").predict_proba(x), rtol=1e-11)


def later_encoder():
    return make_pipeline(StandardScaler(), OneHotEncoder(handle_unknown="ignore"), Ridge()).fit(TABLE[["size"]], TARGET)


def both_ways():
    return fit(SCALED, ("c", OneHotEncoder(), ["size"]), ("n", "passthrough", ["size"]))


def two_encodings():
    return fit(SCALED, ("c", OneHotEncoder(), ["size"]), ("d", OneHotEncoder(drop="first"), ["size"]))


def infrequent():
    return fit(SCALED, ("c", OneHotEncoder(min_frequency=0.4), ["size"]))


def indicator():
    return make_pipeline(SimpleImputer(add_indicator=True), Ridge()).fit(TABLE[["age"]], TARGET)


def unlike_in_an_ensemble():
    one, two = OneHotEncoder(), OneHotEncoder(drop="first")
    members = [("a", fit(("c", one, ["colour"]), last=Ridge())), ("b", fit(("c", two, ["colour"]), last=Ridge()))]
    return VotingRegressor(members).fit(TABLE, TARGET)


REFUSED = {
    "an encoder of what a step gives": (later_encoder, "onehotencoder .*: it encodes what another step computes"),
    "a column both ways": (both_ways, r"it takes column \d as a number, but another step as a category"),
    "two encodings": (two_encodings, "two of its steps encode column 3 differently; fit them alike"),
    "infrequent categories": (infrequent, "c: it puts infrequent categories together; fit it without min_frequency"),
    "an indicator": (indicator, r"simpleimputer .*: it adds an indicator of what is missing; fit it without add_indicator"),
    "unlike encoders": (unlike_in_an_ensemble, "its estimators encode columns differently; encode them once before it"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_derivative_is_refused(make, message, tmp_path):
    model = make()
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_sklearn(model)
    with pytest.raises(UnsupportedLayerError, match=message):
        saved(model, tmp_path)


def test_a_table_of_which_all_is_dropped_is_refused():
    model = ColumnTransformer([("a", "drop", ["age"])]).fit(TABLE)
    with pytest.raises(FormatError, match="it gives no column, since all are dropped"):
        fastjac.from_sklearn(model)


def test_a_dict_of_models_is_described_by_its_keys(tmp_path):
    target = io.BytesIO()
    pickle.dump({"model": fitted("Ridge"), "about": 1}, target)
    (tmp_path / "model.pkl").write_bytes(target.getvalue())
    with pytest.raises(FormatError, match="it holds a dict with the keys model, about; save the estimator itself"):
        fastjac.load(tmp_path / "model.pkl")
