"""The text of a program in TorchScript as lines of tokens; the number of tokens is bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import FormatError
from ..reading.limits import check_count

MOST_TOKENS = 150_000
"""The most tokens in all files of a program together; a layer takes some fifty."""
MOST_DEPTH = 60
"""The most levels of expressions inside one another, or of blocks."""
TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"""|(?P<mark>->|[()\[\]{},.:=-])|(?P<space>[ \t]+|\#[^\n]*)|(?P<end>\n)"""
)
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Line:
    """A logical line: its number, how far it is indented, and its tokens with their kinds."""

    number: int
    indent: int
    tokens: Sequence[tuple[str, str]]


def lines(text: str, most: int = MOST_TOKENS) -> Iterator[Line]:
    """The logical lines of a text; FormatError where it has more than `most` tokens, or one that TorchScript does not have."""
    tokens: list[tuple[str, str]] = []
    position, number, first, depth, count, start = 0, 1, 1, 0, 0, 0
    indent = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise FormatError(f"line {number}: {text[position : position + 20]!r} is not in TorchScript's language")
        kind, token = str(found.lastgroup), found.group()
        if kind == "end":
            number += 1
            if not depth:
                if tokens:
                    yield Line(first, indent, tokens)
                tokens, first, start = [], number, found.end()
        elif kind != "space":
            count += 1
            if count > most:
                raise FormatError(f"its program has more than {MOST_TOKENS} tokens; fastjac reads programs of up to that many")
            if not tokens:
                indent = position - start
            depth += (token in OPENING) - (token in CLOSING) if kind == "mark" else 0
            check_count(depth, MOST_DEPTH, "brackets inside one another")
            tokens.append((kind, token))
        position = found.end()
    if tokens:
        yield Line(first, indent, tokens)
