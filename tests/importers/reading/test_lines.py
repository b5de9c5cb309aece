"""Lines of numbers are read one at a time, and never more than is bounded."""

import io

import numpy as np
import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading import lines
from fastjac.importers.reading.lines import Lines


def opened(content):
    return Lines(io.BytesIO(content), comment=b"#")


def test_lines_are_read_in_order_past_comments_and_empty_ones():
    found = opened(b"# first\n\n  flag\n1, 2\r\n # more\n-1.5e3,nan,\n")
    found.skip("a flag")
    assert found.counts((2,), "sizes") == [1, 2]
    assert str(found.floats((2,), "numbers")) == "[-1500.0, nan]"
    found.check_end("the numbers")


def test_a_line_that_is_too_long_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    file = io.BytesIO(b"1,2\n" + b"1" * 100)
    found = Lines(file, b"#")
    found.floats((2,), "numbers")
    with pytest.raises(FormatError, match="line 2 is longer than 10 bytes"):
        found.floats((1,), "numbers")
    assert file.tell() == 14


def test_fields_are_counted_before_they_are_split():
    with pytest.raises(FormatError, match="line 1 must hold the bias, 1 separated by commas; it holds 5001"):
        opened(b"," * 5001).floats((1,), "the bias")


def test_what_a_message_repeats_of_the_file_is_short():
    with pytest.raises(FormatError, match="line 1 must hold the bias, as numbers; could not convert") as caught:
        opened(b"x" * 5000).floats((1,), "the bias")
    assert len(str(caught.value)) < 200


def test_no_file_has_numbers_behind_its_end():
    with pytest.raises(FormatError, match="the file ends after line 1, where the bias should follow; it is truncated"):
        opened(b"# nothing\n").floats((1,), "the bias")


@pytest.mark.parametrize("empty", [b"\n", b"# a\n", b"   \n"])
def test_lines_that_hold_nothing_are_counted(empty, monkeypatch):
    monkeypatch.setattr(lines, "MOST_EMPTY", 5)
    between = opened((empty + b"1\n") * 20 + empty)
    assert [between.floats((1,), "a number") for _ in range(20)] == [[1.0]] * 20
    file = io.BytesIO(b"1\n" + empty * 100_000)
    found = Lines(file, b"#")
    found.floats((1,), "a number")
    with pytest.raises(FormatError, match="its first 8 lines are empty or comments for the most part"):
        found.check_end("the number")
    assert file.tell() < 100


def test_a_matrix_says_which_row_is_damaged():
    np.testing.assert_array_equal(opened(b"1,2\n3,4\n").matrix(2, 2, "row {}"), [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(FormatError, match="line 2 must hold row 2 of the weight, as numbers; could not convert"):
        opened(b"1\na\n").matrix(2, 1, "row {} of the weight")


def test_entries_are_separated_by_commas_or_by_blanks():
    found = opened(b"1 2\t 3\n1, 2 ,3,\n1,2 3\n")
    assert found.floats((3,), "numbers") == found.floats((2, 3), "numbers") == [1.0, 2.0, 3.0]
    with pytest.raises(FormatError, match="line 3 must hold numbers, as numbers; could not convert string to float: b'2 3'"):
        found.floats((2,), "numbers")


def test_the_entries_of_lines_are_counted():
    assert list(opened(b"#\n1, 2,\n\na flag\n3\n").entry_counts()) == [2, 2, 1]


def test_one_of_several_counts_is_asked_for():
    with pytest.raises(FormatError, match="line 1 must hold numbers, 4 or 1 separated by commas; it holds 2"):
        opened(b"1,2\n").floats((4, 1), "numbers")
