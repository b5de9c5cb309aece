"""Random damage that reaches deep: containers are taken apart, one member is damaged, and they are put together again."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from fastjac.errors import FormatError
from fastjac.importers.reading.wire import LENGTH, VARINT, fields

Damage = Callable[[bytes, random.Random], bytes]

SIZES = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1)
"""Numbers at which readers go wrong."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ZLIB = b"\x78\x9c"
ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF"
PROTOBUF = (b"\x08", b"\n")
"""How a message of protobuf starts whose first field is number 1: a whole number, or bytes."""


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The content with some damage, of the kinds that fit its format or, one time in three, of any."""
    if rng.random() < 1 / 3:
        return damage_bytes(content, rng)
    return _damage_for(content)(content, rng)


def _damage_for(content: bytes) -> Damage:
    if content.startswith(ZIP):
        return damage_zip
    if content.startswith(HDF5):
        return damage_hdf5
    if content[8:9] == b"{":
        return damage_safetensors
    if content.startswith(ZLIB):
        return damage_zlib
    if content.startswith(b"//"):
        return damage_text
    if content.startswith((b"class ", b"def ")):
        return damage_program
    if content.startswith(PROTOBUF):
        return damage_protobuf
    return damage_json if content.lstrip().startswith(b"{") else damage_bytes


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some of: flipped bits, numbers put over others, pieces cut out, doubled or moved, an early end."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        length = rng.choice((1, 2, 4, 8, 64, 512))
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + 8] = rng.choice(SIZES).to_bytes(8, rng.choice(("little", "big")))[: rng.choice((1, 2, 4, 8))]
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length] * rng.choice((1, 2, 100))
        elif kind == 4:
            start = rng.randrange(len(data) + 1)
            data[at : at + length] = data[start : start + length]
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def damage_text(content: bytes, rng: random.Random) -> bytes:
    """One number replaced by another, or a line cut out or doubled, beside damage of any kind."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    cells[rng.randrange(len(cells))] = rng.choice((b"", b"-1", b"nan", b"1e999", b"1e12", b"0x10", b"1.5", b"9" * 5000, b"a"))
    lines[at : at + 1] = rng.choice(([b",".join(cells)], [b",".join(cells)], [], [lines[at]] * 3))
    return b"\n".join(lines)


WORDS = re.compile(rb"\w+|\s+|.", re.DOTALL)
STRANGE_WORDS = (b"self", b"None", b"-1", b"0", b"1e400", b"9" * 400, b"[]", b"(x,)", b"inf", b'"a"', b"while", b"torch", b"True")


def damage_program(content: bytes, rng: random.Random) -> bytes:
    """Words of a program exchanged, replaced, dropped or repeated, or some of its lines."""
    words = WORDS.findall(content)
    if rng.random() < 0.3:
        words = content.splitlines(keepends=True)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, other = rng.randrange(len(words)), rng.randrange(len(words))
        kind = rng.randrange(5)
        if kind == 0:
            words[at], words[other] = words[other], words[at]
        elif kind == 1:
            words[at] = words[other]
        elif kind == 2:
            words[at] = rng.choice(STRANGE_WORDS)
        elif kind == 3:
            words[at] *= rng.choice((0, 2, 300))
        else:
            words[at:at] = words[other : other + rng.choice((1, 5, 50))]
    return b"".join(words)


def damage_zip(content: bytes, rng: random.Random) -> bytes:
    """One member damaged, dropped, renamed or doubled; the archive around it stays valid."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = rng.randrange(len(members))
    name, member = members[at]
    kind = rng.randrange(12)
    if kind == 0:
        del members[at]
    elif kind == 1:
        members[at] = (rng.choice(("../" + name, "/" + name, name.upper(), name[:-1] or "a", name + "/")), member)
    elif kind == 2:
        members.append((name + "x", member))
    else:
        members[at] = (name, _damage_for(member)(member, rng))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", rng.choice(METHODS)) as archive:
        for name, member in members:
            archive.writestr(name, member)
    return target.getvalue()


def damage_zlib(content: bytes, rng: random.Random) -> bytes:
    """Damage of what is compressed as a whole."""
    return zlib.compress(damage_bytes(zlib.decompress(content), rng))


def damage_hdf5(content: bytes, rng: random.Random) -> bytes:
    """The JSON in one attribute damaged, or a dataset of another shape or type; else damage of any kind."""
    import h5py
    import numpy as np

    if rng.random() < 0.4:
        return damage_bytes(content, rng)
    target = io.BytesIO(content)
    with h5py.File(target, "r+") as file:
        datasets: list[str] = []
        file.visititems(lambda name, item: datasets.append(name) if isinstance(item, h5py.Dataset) else None)
        texts = [name for name, value in file.attrs.items() if isinstance(value, (str, bytes)) and value[:1] in ("{", b"{")]
        if texts and rng.random() < 0.7:
            name = rng.choice(texts)
            value = file.attrs[name]
            text = value.encode() if isinstance(value, str) else bytes(value)
            file.attrs[name] = damage_json(text, rng)[:60_000]
        elif datasets:
            name = rng.choice(datasets)
            del file[name]
            shape = tuple(rng.choice((0, 1, 2, 5)) for _ in range(rng.randrange(4)))
            kind = rng.choice(("f4", "f8", "f2", "i8", "c16", "S3", "O"))
            file.create_dataset(name, data=np.zeros(shape, kind)) if kind != "O" else file.create_group(name)
    return target.getvalue()


def damage_safetensors(content: bytes, rng: random.Random) -> bytes:
    """The JSON header damaged, its length in front of it put right again."""
    length = int.from_bytes(content[:8], "little")
    header = damage_json(content[8 : 8 + length], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def damage_protobuf(content: bytes, rng: random.Random) -> bytes:
    """One field of a message damaged, dropped, doubled or exchanged for another; the messages around it stay valid."""
    try:
        parts = [(number, kind, content[start:end]) for number, kind, start, end in fields(content, 0, len(content))]
    except FormatError:
        parts = []
    if not parts:
        return damage_bytes(content, rng)
    at = rng.randrange(len(parts))
    number, kind, payload = parts[at]
    choice = rng.randrange(12)
    if choice == 0:
        del parts[at]
    elif choice == 1:
        parts[at:at] = [parts[at]] * rng.choice((1, 50))
    elif choice == 2:
        parts[at] = (number, *parts[rng.randrange(len(parts))][1:])
    elif kind == VARINT:
        parts[at] = (number, kind, _varint(rng.choice(SIZES)))
    else:
        parts[at] = (number, kind, (damage_protobuf if kind == LENGTH else damage_bytes)(payload, rng))
    return b"".join(_field(*part) for part in parts)


def _field(number: int, kind: int, payload: bytes) -> bytes:
    length = _varint(len(payload)) if kind == LENGTH else b""
    return _varint(number << 3 | kind) + length + payload


def _varint(number: int) -> bytes:
    more, last = number >> 7, number & 127
    return bytes([last | 128]) + _varint(more) if more else bytes([last])


def damage_json(content: bytes, rng: random.Random) -> bytes:
    """One value somewhere replaced, dropped, doubled, or exchanged for another of the same text."""
    try:
        value = json.loads(content)
    except ValueError:
        return damage_bytes(content, rng)
    places = list(_places(value))
    if not places:
        return damage_bytes(content, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        parent, key = rng.choice(places)
        if key not in (parent if isinstance(parent, dict) else range(len(parent))):
            continue  # An earlier change took it away.
        kind = rng.randrange(5)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, list):
            parent.extend([parent[key]] * rng.choice((1, 50)))
        elif kind == 2:
            other, where = rng.choice(places)
            if where in (other if isinstance(other, dict) else range(len(other))):
                parent[key] = json.loads(json.dumps(other[where]))
        else:
            parent[key] = rng.choice(_strange_values(rng))
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    """Every container in a JSON value with a key or an index of it, those in texts that are JSON themselves left out."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _strange_values(rng: random.Random) -> list[Any]:
    nested: Any = []
    for _ in range(150):
        nested = [nested]
    numbers = [True, -1, 0, 0.5, 10**12, 10**400, 1e308, float("nan")]
    return [None, *numbers, "", "x" * 10_000, rng.choice(("Dense", "Lambda", "float64", "../x")), [], {}, nested, [10**9] * 3]


__all__ = ["damage_bytes", "mutate"]
