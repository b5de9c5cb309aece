"""A pickle read as data: a machine that imports and calls nothing runs the opcodes that frameworks and joblib write.

OPCODES, at the end, is the table of the opcodes; `machine` is what they work on, and `records` holds what they leave behind.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError
from . import pickled_text as text
from .machine import Behind, Machine
from .records import Storage, named

MOST_OPCODES = 300_000
"""The most opcodes of a pickle; a checkpoint of 1,000 layers with the state of its optimizer takes 250,000."""
LONGEST_NUMBER = 255
"""The most bytes of an integer."""


@dataclass(frozen=True)
class Interpreted:
    """What a pickle describes, where it ends, and every storage that it refers to."""

    value: Any
    end: int
    storages: list[Storage]


def interpret(data: bytes, start: int = 0, most: int = MOST_OPCODES, behind: Behind | None = None) -> Interpreted:
    """Read the pickle that begins at `start` in `data`.

    behind : as for `Machine`, where something other than opcodes stands in the pickle.

    Raises FormatError where it is damaged, has more than `most` opcodes or one that fastjac refuses, or asks for what runs code.
    """
    machine = Machine(data, start, most, behind)
    try:
        value = _run(machine)
    except (struct.error, UnicodeError) as error:
        raise FormatError(f"the pickle is damaged before byte {machine.position} ({error})") from error
    return Interpreted(value, machine.position, machine.storages)


def nested(machine: Machine) -> Any:
    """What another pickle, which begins where the machine stands, describes; the machine then goes on behind that pickle."""
    inner = Machine(machine.data, machine.position, machine.left)
    value = _run(inner)
    machine.position, machine.left = inner.position, inner.left
    return value


def _run(machine: Machine) -> Any:
    most = machine.left
    while machine.left:
        machine.left -= 1
        code = machine.take(1)
        if code == STOP:
            return machine.pop()
        if code not in OPCODES:
            reason = REFUSED.get(code, f"{code!r}, which no pickle has")
            raise FormatError(f"byte {machine.position - 1} of the pickle is an opcode that fastjac refuses: {reason}")
        OPCODES[code](machine)
    raise FormatError(f"the pickle has more than {most} opcodes; no weights need as many")


def _long(machine: Machine) -> int:
    """An integer whose count of bytes takes four bytes itself."""
    count = machine.number("<I")
    if count > LONGEST_NUMBER:
        raise FormatError(f"the pickle has a number of {count} bytes; fastjac reads those of up to {LONGEST_NUMBER}")
    return int.from_bytes(machine.take(count), "little", signed=True)


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogatepass")


STOP = b"."
OPCODES: dict[bytes, Callable[[Machine], object]] = {
    # Version and framing, which carry no data
    b"\x80": lambda m: m.take(1),  # PROTO
    b"\x95": lambda m: m.take(8),  # FRAME
    # Numbers and text
    b"N": lambda m: m.push(None),  # NONE
    b"\x88": lambda m: m.push(True),  # NEWTRUE
    b"\x89": lambda m: m.push(False),  # NEWFALSE
    b"K": lambda m: m.push(m.number("<B")),  # BININT1
    b"M": lambda m: m.push(m.number("<H")),  # BININT2
    b"J": lambda m: m.push(m.number("<i")),  # BININT
    b"\x8a": lambda m: m.push(int.from_bytes(m.counted("<B"), "little", signed=True)),  # LONG1
    b"\x8b": lambda m: m.push(_long(m)),  # LONG4
    b"G": lambda m: m.push(m.number(">d")),  # BINFLOAT
    b"\x8c": lambda m: m.push(_text(m.counted("<B"))),  # SHORT_BINUNICODE
    b"X": lambda m: m.push(_text(m.counted("<I"))),  # BINUNICODE
    b"\x8d": lambda m: m.push(_text(m.counted("<Q"))),  # BINUNICODE8
    # Text of Python 2, which also holds the bytes of NumPy's arrays
    b"U": lambda m: m.push(m.counted("<B").decode("latin-1")),  # SHORT_BINSTRING
    b"T": lambda m: m.push(m.counted("<I").decode("latin-1")),  # BINSTRING
    # Protocol 0 writes lines
    b"I": lambda m: m.push(text.integer(m.line())),  # INT
    b"L": lambda m: m.push(text.long(m.line())),  # LONG
    b"F": lambda m: m.push(text.floating(m.line())),  # FLOAT
    b"S": lambda m: m.push(text.quoted(m.line())),  # STRING
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),  # UNICODE
    # Bytes
    b"C": lambda m: m.push(m.counted("<B")),  # SHORT_BINBYTES
    b"B": lambda m: m.push(m.counted("<I")),  # BINBYTES
    b"\x8e": lambda m: m.push(m.counted("<Q")),  # BINBYTES8
    b"\x96": lambda m: m.push(m.counted("<Q")),  # BYTEARRAY8
    # Containers; a set is kept as a list
    b"(": lambda m: m.marks.append(len(m.stack)),  # MARK
    b"0": lambda m: m.drop(),  # POP
    b"1": lambda m: m.pop_to_mark(),  # POP_MARK
    b"2": lambda m: m.repeat(),  # DUP
    b")": lambda m: m.push(()),  # EMPTY_TUPLE
    b"\x85": lambda m: m.tuple_of(1),  # TUPLE1
    b"\x86": lambda m: m.tuple_of(2),  # TUPLE2
    b"\x87": lambda m: m.tuple_of(3),  # TUPLE3
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),  # TUPLE
    b"l": lambda m: m.push(m.pop_to_mark()),  # LIST
    b"]": lambda m: m.push([]),  # EMPTY_LIST
    b"a": lambda m: m.extend([m.pop()]),  # APPEND
    b"e": lambda m: m.extend(m.pop_to_mark()),  # APPENDS
    b"\x8f": lambda m: m.push([]),  # EMPTY_SET
    b"\x90": lambda m: m.extend(m.pop_to_mark()),  # ADDITEMS
    b"\x91": lambda m: m.push(m.pop_to_mark()),  # FROZENSET
    b"d": lambda m: m.new_dict(),  # DICT
    b"}": lambda m: m.push({}),  # EMPTY_DICT
    b"s": lambda m: m.update_one(),  # SETITEM
    b"u": lambda m: m.update(m.pop_to_mark()),  # SETITEMS
    # Objects, which are only written down
    b"c": lambda m: m.push(named(m.name(), m.name())),  # GLOBAL
    b"\x93": lambda m: m.name_on_stack(),  # STACK_GLOBAL
    b"R": lambda m: m.call(),  # REDUCE
    b"\x81": lambda m: m.call(),  # NEWOBJ
    b"\x92": lambda m: m.call(surplus=1),  # NEWOBJ_EX
    b"b": lambda m: m.build(),  # BUILD
    b"Q": lambda m: m.refer(),  # BINPERSID
    # The memo
    b"g": lambda m: m.get(text.integer(m.line())),  # GET
    b"p": lambda m: m.put(text.integer(m.line())),  # PUT
    b"h": lambda m: m.get(m.number("<B")),  # BINGET
    b"j": lambda m: m.get(m.number("<I")),  # LONG_BINGET
    b"q": lambda m: m.put(m.number("<B")),  # BINPUT
    b"r": lambda m: m.put(m.number("<I")),  # LONG_BINPUT
    b"\x94": lambda m: m.put(len(m.memo)),  # MEMOIZE
}
"""What torch.save, pickle.dump and joblib.dump write, in pickle's protocols 0 to 5."""

REFUSED = {
    b"i": "INST, which makes an object of any class",
    b"o": "OBJ, which makes an object of any class",
    b"\x82": "EXT1, which names a class by a number",
    b"\x83": "EXT2, which names a class by a number",
    b"\x84": "EXT4, which names a class by a number",
    b"P": "PERSID, which refers to something outside the file",
    b"\x97": "NEXT_BUFFER, whose data stand outside the file",
    b"\x98": "READONLY_BUFFER, whose data stand outside the file",
}
"""Opcodes that are refused, with what the error says about each."""
