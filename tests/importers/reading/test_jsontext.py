"""JSON that is damaged, or built to exhaust its reader, is refused by name."""

import json

import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading import jsontext
from fastjac.importers.reading.limits import MOST_NESTING, MOST_VALUES


def nested(depth):
    return "{" + '"a":{' * (depth - 2) + '"a":[]' + "}" * (depth - 2) + "}"


def test_an_object_is_read():
    assert jsontext.read_object(b'{"a": [1, {"b": null}]}', "config.json") == {"a": [1, {"b": None}]}
    assert jsontext.read_object(nested(MOST_NESTING), "config.json") == json.loads(nested(MOST_NESTING))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config.json is not valid JSON"),
        (b"\xff\xfe{", "config.json is not valid JSON"),
        ("[1]", "config.json must hold a JSON object, it holds a list"),
        ('{"a": ' + "9" * 5000 + "}", "config.json is not valid JSON"),
        (nested(MOST_NESTING + 1), "config.json is nested more than 100 levels deep"),
        ("[" * 100_000 + "]" * 100_000, "config.json is not valid JSON"),
    ],
)
def test_what_is_no_fair_json_is_refused(text, message):
    with pytest.raises(FormatError, match=message):
        jsontext.read_object(text, "config.json")


@pytest.mark.parametrize("convert", [str, str.encode])
def test_a_text_that_parses_to_a_hundred_times_its_size_is_refused(convert):
    text = convert('{"a":[' + "[]," * MOST_VALUES + "[]]}")
    with pytest.raises(FormatError, match=r"it has 1000003 values in config.json; fastjac reads files of up to 500000"):
        jsontext.read_object(text, "config.json")


def test_a_text_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(jsontext, "MOST_TEXT", 10)
    with pytest.raises(FormatError, match=r"it has 11 bytes in config.json; fastjac reads files of up to 10"):
        jsontext.read_object(b'{"a": "bc"}', "config.json")
