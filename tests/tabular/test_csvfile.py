"""CSV files: what is read of them, and that what is wrong is named by line and column."""

import numpy as np
import pytest

from fastjac.errors import FormatError, MissingFileError, ShapeError
from fastjac.tabular.csvfile import read_csv, write_csv


@pytest.fixture
def read(tmp_path):
    """A function that reads a text as a file."""

    def read_text(text, columns=None):
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv(path, columns)

    return read_text


@pytest.mark.parametrize(
    ("text", "columns", "names", "values"),
    [
        ("a,b\n1,2\n3,4\n", None, ("a", "b"), [[1, 2], [3, 4]]),
        ("1,2\n3,4", None, (), [[1, 2], [3, 4]]),
        ('\ufeff"a, b", c \r\n\r\n1e3,-.5\r\n', None, ("a, b", "c"), [[1000, -0.5]]),
        ("a,b,c\n1,red,2\n3,blue,4\n", ["c", "a"], ("c", "a"), [[2, 1], [4, 3]]),
        ("1,2,3\n", ["2", "0"], (), [[3, 1]]),
        ("a,b\n,NA\nnan, Null\n", None, ("a", "b"), np.full((2, 2), np.nan)),
        ("a,b\n", None, ("a", "b"), np.empty((0, 2))),
    ],
)
def test_what_is_read(read, text, columns, names, values):
    found = read(text, columns)
    assert found.names == names
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize(
    ("text", "columns", "error", "message"),
    [
        ("", None, FormatError, r"t.csv is empty; a table has a line of names"),
        (
            "a,b\n1,2\n3,red\n",
            None,
            FormatError,
            r"t.csv, line 3, column 'b': 'red' is no number; encode it, or pick other columns",
        ),
        ("1,2\n3,red\n", None, FormatError, r"t.csv, line 2, column 1: 'red' is no number"),
        ("a,b\n1,2\n\n3\n", None, FormatError, r"t.csv, line 4: it has 1 cells, but the first line has 2"),
        ("a;b\n1;2\n", ["a"], FormatError, "t.csv: the first line has ';' and no ',': the columns must be separated by commas"),
        (
            "a;b\n1;2\n",
            None,
            FormatError,
            r"line 2, column 'a;b': '1;2' is no number.*; cells must be separated by commas, .* by ';'",
        ),
        ('a\n"1\n', None, FormatError, r"t.csv, line 2: unexpected end of data"),
        (b"\xff\xfe\x00", None, FormatError, r"t.csv is no text in UTF-8"),
        ("a,b\n1,2\n", ["a", "z"], ShapeError, "the table lacks the columns 'z'; it has 'a', 'b'"),
    ],
)
def test_what_is_refused(read, text, columns, error, message):
    with pytest.raises(error, match=message):
        read(text, columns)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match="there is no file"):
        read_csv(tmp_path / "none.csv")


def test_what_is_written_is_read_again(tmp_path):
    write_csv(tmp_path / "t.csv", ["a", "b, c"], [(0.1, 2), (1e-300, 4)])
    found = read_csv(tmp_path / "t.csv")
    assert found.names == ("a", "b, c")
    np.testing.assert_array_equal(found.values, [[0.1, 2.0], [1e-300, 4.0]])
