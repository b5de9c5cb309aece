"""What `sensitivity` gives: its table, its frame, and the inputs that matter most."""

import pickle
import sys

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import MissingDependencyError, OptionError
from fastjac.tabular.result import COLUMNS


def result(mean, **changes):
    mean = np.asarray(mean, np.float64)
    n_out, n_in = mean.shape
    inputs, outputs = tuple("abcdefghijklmnop"[:n_in]), tuple(f"y{i}" for i in range(n_out))
    fields = {"mean": mean, "mean_abs": np.abs(mean), "std": 0.5 * np.abs(mean), "count": np.full(mean.shape, 1234)}
    return fj.Sensitivity(**(fields | {"input_names": inputs, "output_names": outputs, "units": "raw", "rows": 1234} | changes))


FOUND = result([[1.0, -4.0, 2.0], [600.0, 100.0, 100.0]])


def test_print_shows_the_inputs_that_matter_most_first():
    assert str(FOUND).splitlines() == [
        "Sensitivity over 1,234 rows, raw units: d y / d x",
        "",
        "output  input  mean  mean |.|  std   rows",
        "-----------------------------------------",
        "y0      b        -4         4    2  1,234",
        "y0      c         2         2    1  1,234",
        "y0      a         1         1  0.5  1,234",
        "y1      a       600       600  300  1,234",
        "y1      b       100       100   50  1,234",
        "y1      c       100       100   50  1,234",
    ]


def test_a_large_table_says_what_it_leaves_out():
    lines = str(result(np.ones((6, 11)))).splitlines()
    assert len(lines) == 4 + 5 * 10 + 1
    assert lines[-1] == "and 1 input and 1 output more"


def test_names_from_files_are_printed_in_a_line_each():
    assert r"'bad\nname'" in str(result([[1.0]], input_names=("bad\nname",)))


def test_top_ranks_inputs_by_their_largest_share_in_an_output():
    assert FOUND.top(2).input_names == ("a", "b")  # 6 of 8 in y1, 4 of 7 in y0
    best = FOUND.top(2, "y0")
    assert (best.input_names, best.output_names) == (("b", "c"), ("y0",))
    np.testing.assert_array_equal(best.mean, [[-4.0, 2.0]])
    assert FOUND.top(10, -1).input_names == ("a", "b", "c")
    assert result([[np.nan, 0.0, 1.0]]).top(1).input_names == ("c",)


@pytest.mark.parametrize(
    ("k", "output", "message"),
    [
        (0, None, "k must be a positive integer, got 0"),
        (1, "price", "output must be a number or one of the outputs' names, such as 'y0', 'y1'; got 'price'"),
        (1, 2, "output must lie between -2 and 1"),
    ],
)
def test_what_top_refuses(k, output, message):
    with pytest.raises(OptionError, match=message):
        FOUND.top(k, output)


def test_frame(monkeypatch):
    frame = FOUND.to_frame()
    assert tuple(frame.columns) == COLUMNS
    assert frame.pivot(index="output", columns="input", values="mean").loc["y0", "b"] == -4.0
    np.testing.assert_allclose(frame.rms, np.hypot(frame["mean"], frame["std"]))
    assert frame["count"].dtype == np.int64
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r"'\.\[pandas\]'"):
        FOUND.to_frame()


def test_it_cannot_be_changed_and_may_be_pickled():
    with pytest.raises(ValueError, match="read-only"):
        FOUND.mean[0, 0] = 1.0
    with pytest.raises(AttributeError):
        FOUND.rows = 3
    assert str(pickle.loads(pickle.dumps(FOUND))) == str(FOUND)
