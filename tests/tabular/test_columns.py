"""Tables of all kinds: which columns are taken, in what order, and what is refused."""

import numpy as np
import pandas
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.tabular.columns import default_names, rows_for

NET = fj.Network([fj.Affine(np.ones((1, 2)))])
NAMED = NET.with_feature_names(["a", "b"])
FRAME = pandas.DataFrame({"b": [1, 2, 3], "a": [True, False, True]})


class Frame:
    """A data frame of another library: columns by name, of anything that NumPy takes."""

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __len__(self):
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name):
        return self._columns[name]


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.astype(np.float32),
        FRAME.astype({"a": "boolean", "b": "Int64"}),
        Frame({"b": [1, 2, 3], "a": np.array([1.0, 0.0, 1.0])}),
    ],
)
def test_frames_of_numbers(frame):
    values, names = rows_for(NAMED, frame, None)
    np.testing.assert_array_equal(values, [[1.0, 1.0], [0.0, 2.0], [1.0, 3.0]])
    assert names == ("a", "b")


def test_what_is_missing_in_a_nullable_column_is_nan():
    values, _ = rows_for(NAMED, FRAME.astype("Int64").where(FRAME.b != 2), None)
    np.testing.assert_array_equal(values, [[1.0, 1.0], [np.nan, np.nan], [1.0, 3.0]])


def test_a_frame_without_names_counts_as_an_array():
    values, names = rows_for(NAMED, pandas.DataFrame([[1.0, 2.0]]), None)
    np.testing.assert_array_equal(values, [[1.0, 2.0]])
    assert names == ("a", "b")


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (FRAME[["a"]], ShapeError, "the table lacks the columns 'b'; it has 'a'$"),
        (
            FRAME.assign(c=1.0, d="x"),
            ShapeError,
            "the table has the columns 'c', 'd', which the network does not take; leave them out",
        ),
        (FRAME.assign(a="red"), DtypeError, "the column 'a' of the table must hold numbers, its dtype is .*first entry is 'red'"),
        (FRAME.assign(a=pandas.Timestamp("2026-01-01")), DtypeError, "the column 'a' of the table must hold numbers"),
        (FRAME.iloc[:0], ShapeError, "the table has no rows"),
        (np.empty((0, 2)), ShapeError, "the table has no rows"),
        (pandas.concat([FRAME, FRAME], axis=1), OptionError, "the table has two columns called 'b'; rename or drop one"),
        (
            np.ones((4, 3)),
            ShapeError,
            r"table must have shape \(..., 2\), one feature for each input of the network, got \(4, 3\)",
        ),
        ([["x", "y"]], DtypeError, "table must hold real numbers"),
    ],
)
def test_tables_that_do_not_fit(table, error, message):
    with pytest.raises(error, match=message):
        rows_for(NAMED, table, None)


def test_the_wrong_number_of_columns_without_names_in_the_network():
    with pytest.raises(ShapeError, match="the table must have 2 columns, one for each input of the network, got 1: 'a'; pick"):
        rows_for(NET, FRAME[["a"]], None)


def test_categories_that_are_not_encoded_are_named_with_the_way_out():
    net = NET.with_feature_names(["colour=blue", "colour=red"])
    table = pandas.DataFrame({"colour": ["red", "green", "red"]})
    with pytest.raises(ShapeError, match="lacks the columns 'colour=blue', 'colour=red'; it has 'colour'; encode the") as caught:
        rows_for(net, table, None)
    encoded = eval(str(caught.value).partition(" first: ")[2], {"pandas": pandas, "table": table, "net": net})
    np.testing.assert_array_equal(rows_for(net, encoded, None).values, [[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])


def test_default_names():
    x, u = fj.Input(2, "state"), fj.Input(1, "push")
    joined = fj.concatenate([x, u])
    net = fj.Network(inputs=(x, u), outputs=(fj.Tanh()(joined), fj.Tanh()(u)))
    assert default_names(net._inputs, "x") == ("state[0]", "state[1]", "push")
    assert default_names(net._outputs, "y") == ("y0[0]", "y0[1]", "y0[2]", "y1")
    twins = fj.Input(1, "x"), fj.Input(1, "x")
    assert default_names(fj.Network(inputs=twins, outputs=twins[0] + twins[1])._inputs, "x") == ("x0", "x1")
    assert default_names(NET._inputs, "x") == ("x0", "x1")
