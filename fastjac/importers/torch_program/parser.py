"""Parse the text of a program in TorchScript into trees. The text may come from anywhere, so Python evaluates none of it.

TorchScript's printer uses a small part of Python: its only operator is a minus before a number; no comprehensions, no lambda.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...errors import FormatError
from ..reading.limits import check_count
from .cursor import Cursor, number_of, text_of
from .tokens import MOST_DEPTH, Line
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


def parse(program: Sequence[Line], module: str) -> dict[str, Definition]:
    """The classes and functions in the lines of one file, by name; `module` stands before their names."""
    return _Parser(program, module).definitions()


class _Parser(Cursor):
    """Reads lines from first to last; within a line, tokens from left to right."""

    def __init__(self, program: Sequence[Line], module: str) -> None:
        super().__init__()
        self._lines, self._at, self._module = program, 0, module

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
        self.tokens, self.position, self.number = line.tokens, 0, line.number
        return line.tokens[0][1]

    def _block(self) -> Iterator[str]:
        """Yield the first word of each line of an indented block; meanwhile that line is the current one."""
        if self._at == len(self._lines):
            return
        outer = self._lines[self._at - 1].indent
        inner = self._lines[self._at].indent
        if inner <= outer:
            raise self.error("a block stands here")
        with self.deeper():
            while self._at < len(self._lines) and self._lines[self._at].indent == inner:
                yield self._start_line()
        if self._at < len(self._lines) and self._lines[self._at].indent > outer:
            raise self.error("the lines of a block stand below one another")

    def _class(self) -> Class:
        self.expect("class")
        name = f"{self._module}.{self.word()}"
        self.expect("(")
        base = self.word()
        methods = {}
        for word in self._block():
            if word == "def":
                method = self._function(name)
                methods[method.name.rpartition(".")[2]] = method
            elif self.peek(1) == ":":
                self.position = 2
                self.pass_type()
                if self.take("="):
                    self._expression()  # a constant, which stands in the archive's own list too
        return Class(name, base, methods)

    def _function(self, owner: str) -> Function:
        self.expect("def")
        name = f"{owner}.{self.word()}"
        self.expect("(")
        parameters: dict[str, Parameter] = {}
        while not self.take(")"):
            word = self.word()
            kind = self.pass_type() if self.take(":") else "Tensor"
            parameters[word] = Parameter(kind, self._expression() if self.take("=") else None)
            self.take(",")
        return Function(name, parameters, self._statements())

    def _statements(self) -> Sequence[Statement]:
        found: list[Statement] = []
        for word in self._block():
            if word == "else":
                last = found.pop() if found else None
                if not isinstance(last, If) or last.otherwise:
                    raise self.error("an else stands behind an if")
                found.append(If(last.line, last.condition, last.then, self._statements()))
            elif word != "pass":
                found.append(self._statement(word))
        return found

    def _statement(self, word: str) -> Statement:
        line = self.number
        if word in KEYWORDS:
            self.position = 1
            if word == "return":
                return Return(line, self._open_tuple() if self.peek() else Literal(None))
            if word == "for":
                target = self.word()
                self.expect("in")
            source = self._expression()
            self.expect(":")
            body = self._statements()
            return If(line, source, body, ()) if word == "if" else Loop(line, target if word == "for" else "", source, body)
        return self._assignment(line)

    def _assignment(self, line: int) -> Assign:
        left = self._open_tuple()
        if self.take(":"):
            self.pass_type()
        if not self.take("="):
            self.expect_end()
            return Assign(line, (), False, left)
        is_unpacked = isinstance(left, Items)
        targets = left.items if isinstance(left, Items) else [left]
        if not all(isinstance(target, Name) for target in targets):
            raise FormatError(
                f"line {line}: it sets an attribute or an entry, so that the module changes as it runs; fastjac takes modules "
                "that compute their outputs from their inputs alone"
            )
        value = self._open_tuple()
        self.expect_end()
        return Assign(line, [target.name for target in targets], is_unpacked, value)  # type: ignore[union-attr]

    # Expressions

    def _open_tuple(self) -> Expression:
        """An expression, or several with commas between them, which are a tuple without brackets."""
        first = self._expression()
        if self.peek() != ",":
            return first
        items = [first]
        while self.take(","):
            if self.peek() not in ("", "=", ")", "]"):
                items.append(self._expression())
        return Items(tuple, items)

    def _expression(self) -> Expression:
        with self.deeper():
            found = self._primary()
            length = 0
            while (mark := self.peek()) in (".", "(", "["):
                self.position += 1
                length += 1
                check_count(length, MOST_DEPTH, "calls and attributes one behind another")
                if mark == ".":
                    found = Attribute(found, self.word())
                elif mark == "(":
                    found = self._call(found)
                else:
                    found = Index(found, self._open_tuple())
                    self.expect("]")
            return found

    def _primary(self) -> Expression:
        kind, token = self.next_token()
        if kind == "number":
            return Literal(number_of(token))
        if kind == "text":
            return Literal(text_of(token))
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
        raise self.error(f"{token!r} starts an expression")

    def _positive(self) -> int | float:
        """The number behind a minus."""
        kind, token = self.next_token()
        if kind == "number" or token in ("inf", "nan"):
            return number_of(token)
        raise self.error("a number stands behind a minus")

    def _brackets(self) -> Expression:
        """The expression that stands in brackets; a tuple if there are commas."""
        if self.take(")"):
            return Items(tuple, ())
        found = self._open_tuple()
        self.expect(")")
        return found

    def _list(self, end: str) -> list[Expression]:
        items = []
        while not self.take(end):
            items.append(self._expression())
            if self.peek() != end:
                self.expect(",")
        return items

    def _pairs(self) -> list[tuple[Expression, Expression]]:
        items = []
        while not self.take("}"):
            key = self._expression()
            self.expect(":")
            items.append((key, self._expression()))
            if self.peek() != "}":
                self.expect(",")
        return items

    def _call(self, function: Expression) -> Call:
        args: list[Expression] = []
        keywords: dict[str, Expression] = {}
        while not self.take(")"):
            if self.peek(1) == "=":
                word = self.word()
                self.expect("=")
                keywords[word] = self._expression()
            else:
                args.append(self._expression())
            if self.peek() != ")":
                self.expect(",")
        return Call(function, args, keywords)
