"""JSON out of a file that may come from anywhere."""

from __future__ import annotations

import json
from typing import Any

from ...errors import FormatError
from .limits import MOST_NESTING, MOST_TEXT, MOST_VALUES, check_count


def read_object(text: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object that `text` holds; `what` names it in errors.

    Raises FormatError where it is too long, holds too many values, is too deeply nested, no JSON, or no object.
    """
    check_count(len(text), MOST_TEXT, f"bytes in {what}")
    check_count(_most_values(text), MOST_VALUES, f"values in {what}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not valid JSON ({error}); the file is damaged") from error
    if not isinstance(value, dict):
        raise FormatError(f"{what} must hold a JSON object, it holds a {type(value).__name__}")
    _check_nesting(value, what)
    return value


def _most_values(text: str | bytes) -> int:
    """How many values a text can hold at most: each value stands behind a comma or a bracket."""
    if isinstance(text, str):
        return sum(map(text.count, (",", "[", "{")))
    return sum(map(text.count, (b",", b"[", b"{")))


def _check_nesting(value: Any, what: str) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MOST_NESTING:
            raise FormatError(f"{what} is nested more than {MOST_NESTING} levels deep; no model is")
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for items in inner for item in items if isinstance(item, (dict, list))]
