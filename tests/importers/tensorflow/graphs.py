"""Small graphs and SavedModels of TensorFlow, put together byte by byte, so that no test needs TensorFlow."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10, "float16": 19}
MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")


class Type(int):
    """A number of a type, which is an attribute of its own kind."""


class Shape(tuple):
    """A shape as an attribute, None for a size that is open."""


class Held(bytes):
    """A TensorProto as an attribute."""


class Called(str):
    """The name of a function as an attribute."""


def varint(number: int) -> bytes:
    """A whole number in protobuf's own coding."""
    number %= 1 << 64
    content = bytearray()
    while number > 127:
        content.append(number & 127 | 128)
        number >>= 7
    return bytes([*content, number])


def message(*fields: tuple[int, Any]) -> bytes:
    """A message of fields: whole numbers, float32 numbers, texts, and bytes of other messages."""
    content = b""
    for number, value in fields:
        if isinstance(value, int):
            content += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            content += varint(number << 3 | 5) + np.float32(value).tobytes()
        else:
            data = value.encode() if isinstance(value, str) else value
            content += varint(number << 3 | 2) + varint(len(data)) + data
    return content


def shape(sizes: Iterable[int | None]) -> bytes:
    """A TensorShapeProto."""
    return message(*((2, message((1, -1 if size is None else size))) for size in sizes))


def tensor(value: Any) -> bytes:
    """A TensorProto of an array, or of a list of texts."""
    if isinstance(value, list):
        return message((1, 7), (2, shape([len(value)])), *((8, text) for text in value))
    return message((1, TYPES[value.dtype.name]), (2, shape(value.shape)), (4, value.tobytes()))


def attribute(value: Any) -> bytes:
    """An AttrValue."""
    if isinstance(value, Type):
        return message((6, int(value)))
    if isinstance(value, bool):
        return message((5, int(value)))
    if isinstance(value, int):
        return message((3, value))
    if isinstance(value, float):
        return message((4, value))
    if isinstance(value, Called):
        return message((10, message((1, value))))
    if isinstance(value, str):
        return message((2, value))
    if isinstance(value, Shape):
        return message((7, shape(value)))
    if isinstance(value, Held):
        return message((8, value))
    return message((1, message(*((3 if isinstance(one, int) else 2, one) for one in value))))


def node(name: str, operator: str, *inputs: str, **attributes: Any) -> bytes:
    """A NodeDef."""
    given = [(5, message((1, key), (2, attribute(value)))) for key, value in attributes.items()]
    return message((1, name), (2, operator), *((3, value) for value in inputs), *given)


def const(name: str, value: Any) -> bytes:
    """A node that holds an array, or a list of texts."""
    return node(name, "Const", value=Held(tensor(value)))


def placeholder(name: str, dims: Sequence[int | None], dtype: str = "float64") -> bytes:
    """An input."""
    return node(name, "Placeholder", dtype=Type(TYPES[dtype]), shape=Shape(dims))


def function(name: str, arguments: Sequence[str], results: Mapping[str, str], *nodes: bytes) -> bytes:
    """A FunctionDef, whose results are values of its nodes."""
    signature = message((1, name), *((2, message((1, one))) for one in arguments), *((3, message((1, one))) for one in results))
    returned = [(4, message((1, key), (2, value))) for key, value in results.items()]
    return message((1, signature), *((3, one) for one in nodes), *returned)


def graph(*nodes: bytes, functions: Sequence[bytes] = ()) -> bytes:
    """A GraphDef."""
    return message(*((1, one) for one in nodes), (2, message(*((1, one) for one in functions))), (4, message((1, 1882))))


def end(value: str, dims: Sequence[int | None], dtype: str = "float64") -> bytes:
    """A TensorInfo: an input or output of a signature."""
    return message((1, value), (2, TYPES[dtype]), (3, shape(dims)))


def signature(inputs: Mapping[str, bytes], outputs: Mapping[str, bytes]) -> bytes:
    """A SignatureDef."""
    ends = [(part, message((1, name), (2, info))) for part, infos in ((1, inputs), (2, outputs)) for name, info in infos.items()]
    return message(*ends, (3, "tensorflow/serving/predict"))


def saved_model(graph_def: bytes, signatures: Mapping[str, bytes], restore: str = "restore") -> bytes:
    """A SavedModel of one graph."""
    named = [(5, message((1, name), (2, one))) for name, one in signatures.items()]
    meta = message((1, message((4, "serve"), (5, "2.21.0"))), (2, graph_def), (3, message((3, restore))), *named)
    return message((1, 1), (2, meta))


def write_folder(folder: Path, content: bytes, variables: Mapping[str, np.ndarray]) -> Path:
    """The folder of a SavedModel, with its variables."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(content)
    data, entries = b"", {b"": message((1, 1))}
    for name, array in sorted(variables.items()):
        place = ((4, len(data)), (5, array.nbytes))
        entries[name.encode()] = message((1, TYPES[array.dtype.name]), (2, shape(array.shape)), *place)
        data += array.tobytes()
    (folder / "variables" / "variables.index").write_bytes(table(entries))
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(data)
    return folder


def table(entries: Mapping[bytes, bytes], per_block: int = 2) -> bytes:
    """A sorted table of TensorFlow's, of blocks of a few entries."""
    content, index = b"", {}
    items = list(entries.items())
    for first in range(0, len(items), per_block):
        part = dict(items[first : first + per_block])
        index[max(part)] = _handle(len(content), _block(part))
        content += _block(part) + b"\0" * 5
    ends = []
    for part in ({}, index):
        ends.append(_handle(len(content), _block(part)))
        content += _block(part) + b"\0" * 5
    return content + b"".join(ends).ljust(40, b"\0") + MAGIC


def _handle(start: int, block: bytes) -> bytes:
    return varint(start) + varint(len(block))


def _block(entries: Mapping[bytes, bytes]) -> bytes:
    """Entries of which each key is written as what differs from the one before."""
    content, before = b"", b""
    for key, value in entries.items():
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), min(len(key), len(before)))
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return content + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
