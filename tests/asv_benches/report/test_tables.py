"""Times, lists and tables as a reader sees them."""

import pytest

from asv_benches.report import tables


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.456e-7, "0.346 us"),
        (3.456e-6, "3.46 us"),
        (34.56e-6, "34.6 us"),
        (345.6e-6, "346 us"),
        (1.5e-3, "1.50 ms"),
        (1.2, "1200 ms"),
    ],
)
def test_times_have_three_digits(seconds, text):
    assert tables.format_seconds(seconds) == text


def test_first_columns_of_a_table_are_aligned_to_the_left():
    assert tables.table(["a", "b", "c"], [["1", "2", "3"]], left=2) == "| a | b | c |\n| --- | --- | ---: |\n| 1 | 2 | 3 |"


def test_sentences_are_listed():
    assert tables.bullets(["One.", "Two."]) == "- One.\n- Two."
