"""Flatbuffers, read field by field, of which nothing reaches beyond the file."""

import numpy as np
import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading.flatbuffer import Table, root

from ..tensorflow import lite

CONTENT = lite.buffer({0: ("I", 7), 1: "name", 2: np.array([1, 2, 3], np.int32), 3: {1: ("f", 0.5)}, 5: [{0: "a"}, {0: "b"}]})


def test_fields_are_read_by_their_numbers():
    table = root(CONTENT)
    assert table.integer(0, "I") == 7
    assert table.text(1) == "name"
    assert table.array(2, "<i4").tolist() == [1, 2, 3]
    assert table.table(3).number(1, "f") == 0.5
    assert [one.text(0) for one in table.tables(5, 2, "things")] == ["a", "b"]


def test_what_is_absent_has_a_default():
    table = root(CONTENT)
    assert table.integer(4, "i", 5) == 5
    assert table.number(90, "f", 0.25) == 0.25
    assert (table.text(4), table.array(4, "<i4"), table.table(4), table.tables(4, 1, "things")) == (None, None, None, [])


def test_too_many_tables_are_refused():
    with pytest.raises(FormatError, match="it has 2 things; fastjac reads files of up to 1"):
        root(CONTENT).tables(5, 1, "things")


def test_a_text_that_is_none_is_reported():
    with pytest.raises(FormatError, match="is not valid UTF-8"):
        root(CONTENT.replace(b"name", b"n\xffme")).text(1)


def everything(data: bytes) -> None:
    table = root(data)
    for read in (
        lambda: table.integer(0, "I"),
        lambda: table.text(1),
        lambda: table.array(2, "<i4"),
        lambda: table.table(3),
        lambda: [one.text(0) for one in table.tables(5, 10, "things")],
    ):
        read()


@pytest.mark.parametrize("size", [0, 3, 8, 20])
def test_a_truncated_file_is_reported(size):
    with pytest.raises(FormatError, match="the file is truncated or damaged"):
        everything(CONTENT[:size])


def test_no_damage_of_one_byte_leads_outside_the_file():
    reported = 0
    for place in range(len(CONTENT)):
        for byte in (0, 1, 127, 128, 255):
            try:
                everything(CONTENT[:place] + bytes([byte]) + CONTENT[place + 1 :])
            except FormatError as error:
                reported += bool(str(error))
    assert reported > 50


def test_a_table_before_the_file_is_reported():
    with pytest.raises(FormatError, match="bytes -104 to -102 are asked for"):
        Table((104).to_bytes(4, "little"), 0)


def test_a_reference_to_itself_is_reported():
    with pytest.raises(FormatError, match="the reference at byte 0 leads nowhere"):
        root(bytes(20))
