"""What the opcodes of a pickle work on: a stack, marks in it, and a memo. Nothing that a pickle names is imported or called."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ...errors import FormatError
from .records import LONGEST_NAME, ORDERED_DICT, Call, Name, Storage, named

CLASS = "module"
"""The word by which torch before 1.6 refers to the class of a module, with the source code of the class beside it."""
PLAIN_KEYS = (str, int, float, bool, bytes, type(None))
"""The types of dict keys that are kept; a nested tuple may take forever to hash."""
MOST_INDEX = 1 << 60
"""The largest whole number kept as a key: up to this, numbers differ in their hashes, so that a dict of many stays fast."""


class Machine:
    """The state of what reads a pickle in `data`, from `position` on.

    left : how many opcodes the pickle may still have.
    behind : called with every object whose state is set, and with the machine, which stands behind that object. It may take bytes
        from there; its result is kept with the object. joblib writes numbers between opcodes.
    """

    def __init__(self, data: bytes, position: int, left: int, behind: Behind | None = None) -> None:
        self.data = data
        self.position = position
        self.left = left
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: list[Storage] = []
        self._behind = behind

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise FormatError(f"the pickle ends at byte {len(self.data)} in the middle; the file is truncated or damaged")
        self.position += count
        return taken

    def number(self, form: str) -> Any:
        """The next number, in `struct`'s notation."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def counted(self, form: str) -> bytes:
        """As many bytes as the number in front of them says."""
        return self.take(self.number(form))

    def line(self) -> bytes:
        """What stands before the next end of line."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise FormatError(f"the line at byte {self.position} of the pickle has no end; the file is truncated or damaged")
        found = self.data[self.position : end]
        self.position = end + 1
        return found

    def name(self) -> str:
        """A line that is a name."""
        if self.data.find(b"\n", self.position, self.position + LONGEST_NAME) < 0:
            raise FormatError(f"the name at byte {self.position} of the pickle has no end; the file is damaged")
        return self.line().decode()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise FormatError(f"the pickle takes a value that is not there, before byte {self.position}; the file is damaged")
        return self.stack.pop()

    def drop(self) -> None:
        """Remove the value on top, or the mark that is there."""
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.pop()

    def repeat(self) -> None:
        """Push the value on top once more."""
        value = self.pop()
        self.push(value)
        self.push(value)

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

    def new_dict(self) -> None:
        items = self.pop_to_mark()
        self.push({})
        self.update(items)

    def update_one(self) -> None:
        value, key = self.pop(), self.pop()
        self.update([key, value])

    def update(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise FormatError(f"the pickle has a key without a value, before byte {self.position}; the file is damaged")
        target = self.top(dict)
        entries = target if isinstance(target, dict) else target.entries
        for key, value in zip(items[::2], items[1::2], strict=True):
            entries[key if _is_kept(key) else object()] = value

    def call(self, surplus: int = 0) -> None:
        """Turn a function and its arguments, with `surplus` values such as keywords behind them, into one inert object."""
        for _ in range(surplus):
            self.pop()
        args = self.pop()
        made = Call(self.pop(), args)
        self.push(made)
        if args and str(made) == ORDERED_DICT:
            self.update(_of_pairs(args))

    def build(self) -> None:
        """Write down the state of an object beside it."""
        state = self.pop()
        made = self.top(Call)
        made.state = state
        if self._behind is not None:
            made.content = self._behind(made, self)

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
        if abs(index) > MOST_INDEX:
            raise FormatError(f"the pickle stores a value under number {index!s:.40}, more than it can have; the file is damaged")
        self.memo[index] = self.pop()
        self.push(self.memo[index])


def _is_kept(key: Any) -> bool:
    """Whether a dict keeps this key. Another key is replaced by one that nobody can look up."""
    return isinstance(key, PLAIN_KEYS) and not (isinstance(key, int) and abs(key) > MOST_INDEX)


def _of_pairs(args: Any) -> list[Any]:
    """Keys and values in turn, from the list of pairs that a pickle of Python 2 makes an OrderedDict from."""
    pairs = args[0] if isinstance(args, tuple) and len(args) == 1 else None
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise FormatError("an OrderedDict is made from something else than pairs of a name and a value; the file is damaged")
    return [item for pair in pairs for item in pair]


Behind = Callable[[Call, Machine], Any]
