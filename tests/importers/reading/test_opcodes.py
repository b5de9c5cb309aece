"""Pickles of every protocol are read as Python reads them, and nothing in them grows beyond its bytes."""

import pickle
import time

import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading.opcodes import interpret

from ..torch_files import number

VALUES = [
    None,
    True,
    False,
    [0, 1, -1, 255, 65536, -(2**31), 2**63, -(2**100)],
    [0.0, -1.5, 1e-300, 1e300, 0.1, float("inf"), float("-inf")],
    ["", "a", "ünï", "two\nlines", "back\\slash", "\\u0041", "x" * 300, "x" * 70_000],
    [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    {"a": {}, 1: [], None: (), 2.5: {"b": [{}]}},
]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_read_as_they_were_written(protocol):
    assert interpret(pickle.dumps(VALUES, protocol)).value == VALUES


WRITTEN_BY_HAND = {
    "text of Python 2": (b"S'a\\x00\\'\\n\\\\\\101'\n.", "a\0'\n\\A"),
    "text in double quotes": (b'S"a\'b"\n.', "a'b"),
    "long text of Python 2": (b"T\x03\0\0\0a\xffb.", "a\xffb"),
    "a list from a mark": (b"(I1\nI2\nl.", [1, 2]),
    "a dict from a mark": (b"(S'a'\nI01\nd.", {"a": True}),
    "a value twice": (b"(I1\n2l.", [1, 1]),
    "a value taken away": (b"(I1\nI2\n0l.", [1]),
    "a mark taken away": (b"I1\n(0.", 1),
    "values taken away to a mark": (b"I1\n(I2\nI3\n1.", 1),
    "the memo by lines": (b"I7\np12\n0g12\n.", 7),
    "long numbers": (b"(L12345678901234567890L\n\x8b\x02\0\0\0\x00\x01l.", [12345678901234567890, 256]),
}


@pytest.mark.parametrize("name", WRITTEN_BY_HAND)
def test_what_older_pickles_write_is_read(name):
    written, value = WRITTEN_BY_HAND[name]
    assert pickle.loads(written, encoding="latin1") == value
    found = interpret(written).value
    assert (found, type(found)) == (value, type(value))


DAMAGED = {
    "an integer that is none": (b"I0x10\n.", "b'0x10' in place of a whole number"),
    "an integer of a thousand digits": (b"I" + b"9" * 1000 + b"\n.", "in place of a whole number"),
    "a number that is none": (b"F1_0\n.", "b'1_0' in place of a number"),
    "a long number that is none": (b"LL\n.", "in place of a whole number"),
    "text without quotes": (b"Sa\n.", "b'a' in place of quoted text"),
    "text with one quote": (b"S'\n.", "in place of quoted text"),
    "an escape that is none": (b"S'\\q'\n.", "in place of an escape of quoted text"),
    "an escape beyond a byte": (b"S'\\777'\n.", "escape of quoted text"),
    "letters that are none": (b"V\\uzzzz\n.", "the pickle is damaged before byte"),
    "a line without an end": (b"V" + b"a" * 100, "the line at byte 1 of the pickle has no end"),
    "a long number of 2 GB": (b"\x8b\xff\xff\xff\x7f", "a number of 2147483647 bytes; fastjac reads those of up to 255"),
    "a list without a mark": (b"I1\nl.", "misses a mark"),
    "an odd dict": (b"(I1\nd.", "a key without a value"),
    "nothing to repeat": (b"2.", "takes a value that is not there"),
    "nothing to take away": (b"0.", "takes a value that is not there"),
    "a mark that no value follows": (b"(.", "takes a value that is not there"),
    "a number too large for the memo": (b"Np" + b"9" * 100 + b"\n.", "stores a value under number 9999"),
    "a memo that is empty": (b"g7\n.", "recalls value 7, which it has not stored"),
    "an object of Python 2": (b"(ia\nb\n.", "INST, which makes an object of any class"),
    "a reference": (b"P/etc/passwd\n.", "PERSID, which refers to something outside the file"),
    "a buffer": (b"\x97\x98.", "NEXT_BUFFER, whose data stand outside the file"),
    "no opcode": (b"\xff.", r"b'\\xff', which no pickle has"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_reported(name):
    written, message = DAMAGED[name]
    with pytest.raises(FormatError, match=message):
        interpret(written)


def test_numbers_of_one_hash_do_not_fill_a_dict():
    keys = b"".join(number(k * (2**61 - 1)) + b"N" for k in range(1, 50_000))
    start = time.process_time()
    value = interpret(b"}(" + keys + b"u.").value
    assert time.process_time() - start < 5.0  # were the numbers its keys, it would take 15 s
    assert len(value) == 49_999
    assert not any(isinstance(key, int) for key in value)
