"""A place in a line of tokens, from which a parser goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import FormatError
from ..reading.limits import check_count
from .tokens import CLOSING, MOST_DEPTH, OPENING

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)


class Cursor:
    """Passes over the tokens of a line from left to right.

    tokens : the tokens of the line, with their kinds.  position : that of the next token.  number : the line's number.
    """

    def __init__(self) -> None:
        self.tokens: Sequence[tuple[str, str]] = ()
        self.position = self.number = self._depth = 0

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one more level of the trees inside; FormatError where there are too many."""
        self._depth += 1
        check_count(self._depth, MOST_DEPTH, "levels of blocks and expressions")
        try:
            yield
        finally:
            self._depth -= 1

    def peek(self, ahead: int = 0) -> str:
        """The token so many places ahead, "" behind the end of the line."""
        position = self.position + ahead
        return self.tokens[position][1] if position < len(self.tokens) else ""

    def next_token(self) -> tuple[str, str]:
        """Pass the next token, and return it with its kind."""
        if self.position >= len(self.tokens):
            raise self.error("more stands on it")
        self.position += 1
        return self.tokens[self.position - 1]

    def word(self) -> str:
        """Pass the next token, which must be a name, and return it."""
        kind, token = self.next_token()
        if kind != "name":
            raise self.error(f"{token!r} is a name")
        return token

    def take(self, mark: str) -> bool:
        """Pass a mark if it comes next; whether it did."""
        if self.peek() == mark:
            self.position += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        """Pass a mark, which must come next."""
        if not self.take(mark):
            raise self.error(f"{mark!r} stands where it has {self.peek()!r:.80}")

    def expect_end(self) -> None:
        """Raise FormatError where something stands behind a statement."""
        if self.peek():
            raise self.error(f"nothing stands behind a statement where it has {self.peek()!r:.80}")

    def pass_type(self) -> str:
        """Pass the type behind a name, and return its text."""
        depth, start = 0, self.position
        while (token := self.peek()) and (depth or token not in (",", ")", "=")):
            depth += (token in OPENING) - (token in CLOSING)
            self.position += 1
        return "".join(token for _, token in self.tokens[start : self.position])

    def error(self, expected: str) -> FormatError:
        """The error of a line that is not what TorchScript writes."""
        return FormatError(f"line {self.number}: TorchScript expects that {expected}; the program is damaged")


def number_of(token: str) -> int | float:
    """The number that a token states."""
    if token.isdecimal():
        check_count(len(token), 20, "digits in a whole number")
        return int(token)
    return float(token)


def text_of(token: str) -> str:
    """The text that a quoted token stands for."""

    def meant(found: re.Match[str]) -> str:
        escaped = found.group(1)
        return chr(int(escaped, 8)) if escaped[0] in "01234567" else ESCAPES.get(escaped, escaped)

    return ESCAPE.sub(meant, token[1:-1])
