"""Values that protocol 0 of pickle, and Python 2, write as lines of text."""

from __future__ import annotations

import re

from ...errors import FormatError

INTEGER = re.compile(rb"[+-]?\d{1,600}")
FLOAT = re.compile(rb"[+-]?(\d{1,40}\.?\d{0,40}(e[+-]?\d{1,4})?|inf|nan)")
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
LETTERS = {b"\\": 92, b"'": 39, b'"': 34, b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}
"""The codes of the letters that may follow a backslash in Python's quoted text."""


def integer(line: bytes) -> int:
    """A line of INT, where 00 and 01 stand for False and True."""
    if line in (b"00", b"01"):
        return line == b"01"
    if INTEGER.fullmatch(line) is None:
        raise _no("a whole number", line)
    return int(line)


def long(line: bytes) -> int:
    """A line of LONG, a number that ends in L."""
    return integer(line.removesuffix(b"L"))


def floating(line: bytes) -> float:
    """A line of FLOAT."""
    if FLOAT.fullmatch(line) is None:
        raise _no("a number", line)
    return float(line)


def quoted(line: bytes) -> str:
    """A line of STRING: bytes in quotes with escapes. Each byte becomes the letter of its number."""
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise _no("quoted text", line)
    return ESCAPE.sub(_unescaped, line[1:-1]).decode("latin-1")


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    if escape in LETTERS:
        return bytes([LETTERS[escape]])
    if escape[:1] == b"x" and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    if escape.isdigit() and int(escape, 8) < 256:
        return bytes([int(escape, 8)])
    raise _no("an escape of quoted text", match[0])


def _no(what: str, line: bytes) -> FormatError:
    return FormatError(f"the pickle has {line[:40]!r} in place of {what}; the file is damaged")
