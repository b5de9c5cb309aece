"""The code of a TorchScript archive: its files, each parsed when something in it is first asked for."""

from __future__ import annotations

from ...errors import FormatError
from ..located import located
from ..reading.archive import Archive
from ..reading.limits import check_count
from .parser import parse
from .tokens import MOST_TOKENS, lines
from .trees import Class, Definition, Function

MOST_CODE = 1 << 20
"""The most bytes of one file of a program."""


class Program:
    """The classes and functions of an archive.

    folder : the archive's one folder, with a slash at its end.
    """

    def __init__(self, archive: Archive, folder: str) -> None:
        self._archive, self._folder = archive, folder
        self._files: dict[str, dict[str, Definition]] = {}
        self._tokens = 0

    def definition(self, name: str) -> Definition:
        """The class or function with a dotted name; all but the last part of the name specify its file."""
        module, _, last = name.rpartition(".")
        found = self._file(module).get(last)
        if found is None:
            raise FormatError(
                f"its program uses {name:.200}, which {self.member(module):.200} does not define; the file is damaged"
            )
        return found

    def method(self, kind: str, name: str) -> Function:
        """A method of a class."""
        found = self.definition(kind)
        if not isinstance(found, Class) or name not in found.methods:
            raise FormatError(f"{kind:.200} has no method {name!r:.80}; the file is damaged")
        return found.methods[name]

    def member(self, module: str) -> str:
        """The member of the archive that holds a Python module."""
        return f"{self._folder}code/{module.replace('.', '/')}.py"

    def _file(self, module: str) -> dict[str, Definition]:
        if module not in self._files:
            member = self.member(module)
            check_count(self._archive.size(member), MOST_CODE, f"bytes in {member:.200}")
            with located(member[:200]):
                self._files[module] = self._parsed(self._archive.read(member), module)
        return self._files[module]

    def _parsed(self, content: bytes, module: str) -> dict[str, Definition]:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"it is no text ({error}); the file is damaged") from error
        program = list(lines(text, MOST_TOKENS - self._tokens))
        self._tokens += sum(len(line.tokens) for line in program)
        return parse(program, module)
