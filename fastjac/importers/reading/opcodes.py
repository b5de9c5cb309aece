"""A pickle read as data: a small machine with the opcodes that torch.save and joblib write, which imports and calls nothing.

OPCODES, at the end, is the table of them; `records` holds what they leave behind.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError
from .records import LONGEST_NAME, ORDERED_DICT, Call, Name, Storage, named

MOST_OPCODES = 300_000
"""A checkpoint of 1,000 layers with the state of its optimizer takes 250,000."""
CLASS = "module"
"""How torch before 1.6 refers to the class of a module: with its source code beside it."""
PLAIN_KEYS = (str, int, float, bool, bytes, type(None))
"""Keys of dicts that are kept; a nested tuple may take forever to hash."""


@dataclass(frozen=True)
class Interpreted:
    """What a pickle describes, where it ends, and every storage it refers to."""

    value: Any
    end: int
    storages: list[Storage]


def interpret(data: bytes, start: int = 0, most: int = MOST_OPCODES) -> Interpreted:
    """Read the pickle that begins at `start` in `data`.

    Raises FormatError where it is damaged, has more than `most` opcodes or one that torch.save does not write, or asks for what
    runs code.
    """
    machine = _Machine(data, start)
    try:
        value = machine.run(most)
    except (struct.error, UnicodeError) as error:
        raise FormatError(f"the pickle is damaged before byte {machine.position} ({error})") from error
    return Interpreted(value, machine.position, machine.storages)


class _Machine:
    """A stack, marks in it, and a memo: what the opcodes work on."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self.position = start
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: list[Storage] = []

    def run(self, most: int) -> Any:
        for _ in range(most):
            code = self.take(1)
            if code == STOP:
                return self.pop()
            if code not in OPCODES:
                told = REFUSED.get(code, f"{code!r}, which torch.save does not write")
                raise FormatError(f"byte {self.position - 1} of the pickle is an opcode that fastjac refuses: {told}")
            OPCODES[code](self)
        raise FormatError(f"the pickle has more than {most} opcodes; no state dict needs as many")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken = self._data[self.position : self.position + count]
        if len(taken) < count:
            raise FormatError(f"the pickle ends at byte {len(self._data)} in the middle; the file is truncated or damaged")
        self.position += count
        return taken

    def number(self, form: str) -> Any:
        """The next number, in `struct`'s notation."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def counted(self, form: str) -> bytes:
        """As many bytes as the number before them says."""
        return self.take(self.number(form))

    def line(self) -> str:
        """The text up to the next end of line."""
        end = self._data.find(b"\n", self.position, self.position + LONGEST_NAME)
        if end < 0:
            raise FormatError(f"the name at byte {self.position} of the pickle has no end; the file is damaged")
        found = self._data[self.position : end].decode()
        self.position = end + 1
        return found

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise FormatError(f"the pickle takes a value that is not there, before byte {self.position}; the file is damaged")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise FormatError(f"the pickle misses a mark, before byte {self.position}; the file is damaged")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def top(self, kind: type) -> Any:
        """The value on top, which must be a `kind` or an inert object."""
        value = self.pop()
        self.push(value)
        if not isinstance(value, (kind, Call)):
            raise FormatError(f"the pickle fills a {type(value).__name__}, before byte {self.position}; the file is damaged")
        return value

    def tuple_of(self, count: int) -> None:
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def extend(self, values: list[Any]) -> None:
        target = self.top(list)
        if isinstance(target, list):
            target.extend(values)

    def update_one(self) -> None:
        value, key = self.pop(), self.pop()
        self.update([key, value])

    def update(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise FormatError(f"the pickle has a key without a value, before byte {self.position}; the file is damaged")
        target = self.top(dict)
        entries = target if isinstance(target, dict) else target.entries
        for key, value in zip(items[::2], items[1::2], strict=True):
            entries[key if isinstance(key, PLAIN_KEYS) else object()] = value

    def call(self, surplus: int = 0) -> None:
        """A function and its arguments, perhaps keywords behind them, become one inert object."""
        for _ in range(surplus):
            self.pop()
        args = self.pop()
        made = Call(self.pop(), args)
        self.push(made)
        if args and str(made) == ORDERED_DICT:
            self.update(_of_pairs(args))

    def build(self) -> None:
        """The state of an object is written down beside it."""
        state = self.pop()
        self.top(Call).state = state

    def refer(self) -> None:
        reference = self.pop()
        if isinstance(reference, tuple) and reference[:1] == (CLASS,) and len(reference) > 1 and isinstance(reference[1], Name):
            self.push(reference[1])
            return
        storage = Storage(reference)
        self.storages.append(storage)
        self.push(storage)

    def name_on_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self.push(named(module, name))

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise FormatError(f"the pickle recalls value {index}, which it has not stored; the file is damaged")
        self.push(self.memo[index])

    def put(self, index: int) -> None:
        self.memo[index] = self.pop()
        self.push(self.memo[index])


def _of_pairs(args: Any) -> list[Any]:
    """Keys and values in turn, from the list of pairs that Python 2 hands to an OrderedDict as it makes it."""
    pairs = args[0] if isinstance(args, tuple) and len(args) == 1 else None
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise FormatError("an OrderedDict is made from something else than pairs of a name and a value; the file is damaged")
    return [item for pair in pairs for item in pair]


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogatepass")


STOP = b"."
OPCODES: dict[bytes, Callable[[_Machine], object]] = {
    # Version and framing, which carry no data
    b"\x80": lambda m: m.take(1),  # PROTO
    b"\x95": lambda m: m.take(8),  # FRAME
    # Numbers, text and bytes
    b"N": lambda m: m.push(None),  # NONE
    b"\x88": lambda m: m.push(True),  # NEWTRUE
    b"\x89": lambda m: m.push(False),  # NEWFALSE
    b"K": lambda m: m.push(m.number("<B")),  # BININT1
    b"M": lambda m: m.push(m.number("<H")),  # BININT2
    b"J": lambda m: m.push(m.number("<i")),  # BININT
    b"\x8a": lambda m: m.push(int.from_bytes(m.counted("<B"), "little", signed=True)),  # LONG1
    b"G": lambda m: m.push(m.number(">d")),  # BINFLOAT
    b"\x8c": lambda m: m.push(_text(m.counted("<B"))),  # SHORT_BINUNICODE
    b"X": lambda m: m.push(_text(m.counted("<I"))),  # BINUNICODE
    b"\x8d": lambda m: m.push(_text(m.counted("<Q"))),  # BINUNICODE8
    b"U": lambda m: m.push(m.counted("<B").decode("latin-1")),  # SHORT_BINSTRING, the text of Python 2
    b"C": lambda m: m.push(m.counted("<B")),  # SHORT_BINBYTES
    b"B": lambda m: m.push(m.counted("<I")),  # BINBYTES
    b"\x8e": lambda m: m.push(m.counted("<Q")),  # BINBYTES8
    b"\x96": lambda m: m.push(m.counted("<Q")),  # BYTEARRAY8
    # Containers; a set is kept as a list
    b"(": lambda m: m.marks.append(len(m.stack)),  # MARK
    b")": lambda m: m.push(()),  # EMPTY_TUPLE
    b"\x85": lambda m: m.tuple_of(1),  # TUPLE1
    b"\x86": lambda m: m.tuple_of(2),  # TUPLE2
    b"\x87": lambda m: m.tuple_of(3),  # TUPLE3
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),  # TUPLE
    b"]": lambda m: m.push([]),  # EMPTY_LIST
    b"a": lambda m: m.extend([m.pop()]),  # APPEND
    b"e": lambda m: m.extend(m.pop_to_mark()),  # APPENDS
    b"\x8f": lambda m: m.push([]),  # EMPTY_SET
    b"\x90": lambda m: m.extend(m.pop_to_mark()),  # ADDITEMS
    b"\x91": lambda m: m.push(m.pop_to_mark()),  # FROZENSET
    b"}": lambda m: m.push({}),  # EMPTY_DICT
    b"s": lambda m: m.update_one(),  # SETITEM
    b"u": lambda m: m.update(m.pop_to_mark()),  # SETITEMS
    # Objects, which are only written down
    b"c": lambda m: m.push(named(m.line(), m.line())),  # GLOBAL
    b"\x93": lambda m: m.name_on_stack(),  # STACK_GLOBAL
    b"R": lambda m: m.call(),  # REDUCE
    b"\x81": lambda m: m.call(),  # NEWOBJ
    b"\x92": lambda m: m.call(surplus=1),  # NEWOBJ_EX
    b"b": lambda m: m.build(),  # BUILD
    b"Q": lambda m: m.refer(),  # BINPERSID
    # The memo
    b"h": lambda m: m.get(m.number("<B")),  # BINGET
    b"j": lambda m: m.get(m.number("<I")),  # LONG_BINGET
    b"q": lambda m: m.put(m.number("<B")),  # BINPUT
    b"r": lambda m: m.put(m.number("<I")),  # LONG_BINPUT
    b"\x94": lambda m: m.put(len(m.memo)),  # MEMOIZE
}
"""What torch.save writes, in pickle's protocols 2 to 5."""

REFUSED = {
    b"i": "INST, which makes an object of any class",
    b"o": "OBJ, which makes an object of any class",
    b"\x82": "EXT1, which names a class by a number",
    b"\x83": "EXT2, which names a class by a number",
    b"\x84": "EXT4, which names a class by a number",
    b"P": "PERSID, which torch.save does not write",
    b"2": "DUP, which torch.save does not write",
    b"\x8b": "LONG4, a number of more than 255 bytes",
    b"\x97": "NEXT_BUFFER, whose data stand outside the file",
}
"""Opcodes that are told by name."""
