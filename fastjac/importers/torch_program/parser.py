"""From the text of a program in TorchScript, which may come from anywhere, to trees. Nothing of it is evaluated by Python.

TorchScript's printer uses a small part of Python: no operators but a minus before a number, no comprehensions, no lambda.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import FormatError
from ..reading.limits import check_count
from .tokens import CLOSING, MOST_DEPTH, OPENING, Line
from .trees import (
    Assign,
    Attribute,
    Call,
    Class,
    Definition,
    Expression,
    Function,
    If,
    Index,
    Items,
    Literal,
    Loop,
    Name,
    Pairs,
    Parameter,
    Return,
    Statement,
)

KEYWORDS = ("return", "if", "for", "while")
NAMED = {"True": True, "False": False, "None": None, "inf": math.inf, "nan": math.nan}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)


def parse(program: Sequence[Line], module: str) -> dict[str, Definition]:
    """The classes and functions in the lines of one file, by name; `module` stands before their names."""
    return _Parser(program, module).definitions()


class _Parser:
    """Reads lines from first to last; within a line, tokens from left to right."""

    def __init__(self, program: Sequence[Line], module: str) -> None:
        self._lines, self._at, self._module = program, 0, module
        self._tokens: Sequence[tuple[str, str]] = ()
        self._position = self._number = self._depth = 0

    def definitions(self) -> dict[str, Definition]:
        """Everything that the file defines."""
        found: dict[str, Definition] = {}
        while self._at < len(self._lines):
            word = self._start_line()
            if word == "import":
                continue
            one = self._class() if word == "class" else self._function(self._module)
            found[one.name.rpartition(".")[2]] = one
        return found

    # Lines

    def _start_line(self) -> str:
        """The first word of the next line, which becomes the current one."""
        line = self._lines[self._at]
        self._at += 1
        self._tokens, self._position, self._number = line.tokens, 0, line.number
        return line.tokens[0][1]

    def _block(self) -> Iterator[str]:
        """The first words of the lines of an indented block, each as the current line."""
        if self._at == len(self._lines):
            return
        outer = self._lines[self._at - 1].indent
        inner = self._lines[self._at].indent
        if inner <= outer:
            raise self._error("a block stands here")
        with self._deeper():
            while self._at < len(self._lines) and self._lines[self._at].indent == inner:
                yield self._start_line()
        if self._at < len(self._lines) and self._lines[self._at].indent > outer:
            raise self._error("the lines of a block stand below one another")

    def _class(self) -> Class:
        self._expect("class")
        name = f"{self._module}.{self._word()}"
        self._expect("(")
        base = self._word()
        methods, constants = {}, {}
        for word in self._block():
            if word == "def":
                method = self._function(name)
                methods[method.name.rpartition(".")[2]] = method
            elif self._peek(1) == ":":
                self._position = 2
                self._type()
                if self._take("="):
                    constants[word] = self._expression()
        return Class(name, base, methods, constants)

    def _function(self, owner: str) -> Function:
        self._expect("def")
        name = f"{owner}.{self._word()}"
        self._expect("(")
        parameters: dict[str, Parameter] = {}
        while not self._take(")"):
            word = self._word()
            kind = self._type() if self._take(":") else "Tensor"
            parameters[word] = Parameter(kind, self._expression() if self._take("=") else None)
            self._take(",")
        return Function(name, parameters, self._statements())

    def _statements(self) -> Sequence[Statement]:
        found: list[Statement] = []
        for word in self._block():
            if word == "else":
                last = found.pop() if found else None
                if not isinstance(last, If) or last.otherwise:
                    raise self._error("an else stands behind an if")
                found.append(If(last.line, last.condition, last.then, self._statements()))
            elif word != "pass":
                found.append(self._statement(word))
        return found

    def _statement(self, word: str) -> Statement:
        line = self._number
        if word in KEYWORDS:
            self._position = 1
            if word == "return":
                return Return(line, self._open_tuple() if self._peek() else Literal(None))
            if word == "for":
                target = self._word()
                self._expect("in")
            source = self._expression()
            self._expect(":")
            body = self._statements()
            return If(line, source, body, ()) if word == "if" else Loop(line, target if word == "for" else "", source, body)
        return self._assignment(line)

    def _assignment(self, line: int) -> Assign:
        left = self._open_tuple()
        if self._take(":"):
            self._type()
        if not self._take("="):
            self._expect_end()
            return Assign(line, (), False, left)
        is_unpacked = isinstance(left, Items)
        targets = left.items if isinstance(left, Items) else [left]
        if not all(isinstance(target, Name) for target in targets):
            raise FormatError(
                f"line {line}: it sets an attribute or an entry, so that the module changes as it runs; fastjac takes modules "
                "that compute their outputs from their inputs alone"
            )
        value = self._open_tuple()
        self._expect_end()
        return Assign(line, [target.name for target in targets], is_unpacked, value)  # type: ignore[union-attr]

    # Expressions

    def _open_tuple(self) -> Expression:
        """An expression, or several with commas between them, which are a tuple without brackets."""
        first = self._expression()
        if self._peek() != ",":
            return first
        items = [first]
        while self._take(","):
            if self._peek() not in ("", "=", ")", "]"):
                items.append(self._expression())
        return Items(tuple, items)

    def _expression(self) -> Expression:
        with self._deeper():
            found = self._primary()
            length = 0
            while (mark := self._peek()) in (".", "(", "["):
                self._position += 1
                length += 1
                check_count(length, MOST_DEPTH, "calls and attributes one behind another")
                if mark == ".":
                    found = Attribute(found, self._word())
                elif mark == "(":
                    found = self._call(found)
                else:
                    found = Index(found, self._open_tuple())
                    self._expect("]")
            return found

    def _primary(self) -> Expression:
        kind, token = self._next()
        if kind == "number":
            return Literal(_number(token))
        if kind == "text":
            return Literal(_text(token))
        if kind == "name":
            return Literal(NAMED[token]) if token in NAMED else Name(token)
        if token == "-":
            return Literal(-self._positive())
        if token == "(":
            return self._brackets()
        if token == "[":
            return Items(list, self._list("]"))
        if token == "{":
            return Pairs(self._pairs())
        raise self._error(f"{token!r} starts an expression")

    def _positive(self) -> int | float:
        """The number behind a minus."""
        kind, token = self._next()
        if kind == "number" or token in ("inf", "nan"):
            return _number(token)
        raise self._error("a number stands behind a minus")

    def _brackets(self) -> Expression:
        """What stands in brackets, or a tuple."""
        if self._take(")"):
            return Items(tuple, ())
        found = self._open_tuple()
        self._expect(")")
        return found

    def _list(self, end: str) -> list[Expression]:
        items = []
        while not self._take(end):
            items.append(self._expression())
            if self._peek() != end:
                self._expect(",")
        return items

    def _pairs(self) -> list[tuple[Expression, Expression]]:
        items = []
        while not self._take("}"):
            key = self._expression()
            self._expect(":")
            items.append((key, self._expression()))
            if self._peek() != "}":
                self._expect(",")
        return items

    def _call(self, function: Expression) -> Call:
        args: list[Expression] = []
        keywords: dict[str, Expression] = {}
        while not self._take(")"):
            if self._peek(1) == "=":
                word = self._word()
                self._expect("=")
                keywords[word] = self._expression()
            else:
                args.append(self._expression())
            if self._peek() != ")":
                self._expect(",")
        return Call(function, args, keywords)

    # Tokens

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """One level deeper in the trees."""
        self._depth += 1
        check_count(self._depth, MOST_DEPTH, "levels of blocks and expressions")
        try:
            yield
        finally:
            self._depth -= 1

    def _peek(self, ahead: int = 0) -> str:
        position = self._position + ahead
        return self._tokens[position][1] if position < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            raise self._error("more stands on it")
        self._position += 1
        return self._tokens[self._position - 1]

    def _word(self) -> str:
        kind, token = self._next()
        if kind != "name":
            raise self._error(f"{token!r} is a name")
        return token

    def _take(self, mark: str) -> bool:
        if self._peek() == mark:
            self._position += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise self._error(f"{mark!r} stands where it has {self._peek()!r:.80}")

    def _expect_end(self) -> None:
        if self._peek():
            raise self._error(f"nothing stands behind a statement where it has {self._peek()!r:.80}")

    def _type(self) -> str:
        """The type behind a name."""
        depth, start = 0, self._position
        while (token := self._peek()) and (depth or token not in (",", ")", "=")):
            depth += (token in OPENING) - (token in CLOSING)
            self._position += 1
        return "".join(token for _, token in self._tokens[start : self._position])

    def _error(self, expected: str) -> FormatError:
        return FormatError(f"line {self._number}: TorchScript expects that {expected}; the program is damaged")


def _number(token: str) -> int | float:
    if token.isdecimal():
        check_count(len(token), 20, "digits in a whole number")
        return int(token)
    return float(token)


def _text(token: str) -> str:
    """What a quoted text says."""

    def meant(found: re.Match[str]) -> str:
        escaped = found.group(1)
        return chr(int(escaped, 8)) if escaped[0].isdigit() else ESCAPES.get(escaped, escaped)

    return ESCAPE.sub(meant, token[1:-1])
