"""Messages of protobuf, read field by field."""

import numpy as np
import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading import protobuf
from fastjac.importers.reading.protobuf import Message

from ..tensorflow.graphs import message, varint

INNER = message((1, "key"), (2, message((3, 5))))


def test_fields_are_read_by_their_numbers():
    found = Message(message((1, 7), (2, "text"), (3, 0.5), (4, b"\xff"), (5, INNER), (6, -1)))
    assert (found.integer(1), found.integer(6), found.text(2), found.real(3)) == (7, -1, "text", 0.5)
    assert bytes(found.content(4)) == b"\xff"
    assert found.message(5).text(1) == "key"
    assert found.entries(5)["key"].integer(3) == 5
    assert sorted(found.numbers) == [1, 2, 3, 4, 5, 6]
    assert 4 in found
    assert 7 not in found


def test_what_is_absent_is_empty():
    found = Message(b"")
    assert (found.integer(1), found.text(1), found.real(1), bytes(found.content(1)), found.texts(1)) == (0, "", 0.0, b"", [])
    assert found.message(1).message(1).integer(1) == 0


def test_of_several_the_last_counts_and_lists_have_all():
    found = Message(message((1, 1), (1, 2), (2, "a"), (2, "b")))
    assert (found.integer(1), found.integers(1), found.text(2), found.texts(2)) == (2, [1, 2], "b", ["a", "b"])


def test_lists_are_packed_or_not():
    numbers = np.array([0.5, 1.5], np.float32)
    assert Message(message((1, varint(3) + varint(-4)), (1, 5))).integers(1) == [3, -4, 5]
    assert Message(message((1, 0.25), (1, numbers.tobytes()))).reals(1, "<f4").tolist() == [0.25, 0.5, 1.5]


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (lambda found: found.integer(3), "field 3 of a message does not hold a whole number"),
        (lambda found: found.text(1), "field 1 of a message does not hold bytes"),
        (lambda found: found.reals(1, "<f4"), "field 1 of a message does not hold numbers of 4 bytes"),
        (lambda found: found.reals(2, "<f8"), "field 2 of a message does not hold numbers of 8 bytes"),
        (lambda found: found.text(4), "is not valid UTF-8"),
    ],
)
def test_a_field_of_another_kind_is_reported(read, fault):
    with pytest.raises(FormatError, match=fault):
        read(Message(message((1, 7), (2, "abc"), (3, 0.5), (4, b"\xff"))))


def test_fields_of_all_messages_are_counted_together(monkeypatch):
    monkeypatch.setattr(protobuf, "MOST_FIELDS", 10)
    data = message(*((1, INNER) for _ in range(5)))
    assert len(Message(data).contents(1)) == 5
    with pytest.raises(FormatError, match="it has more than 10 protobuf fields"):
        Message(data).messages(1)


def test_a_long_name_is_refused():
    with pytest.raises(FormatError, match="10001 letters in a name"):
        Message(message((1, "a" * 20_000))).text(1)
