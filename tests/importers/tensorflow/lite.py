"""Small TensorFlow Lite models, put together by the package flatbuffers from the numbers of their fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

from fastjac.importers.tensorflow.tflite.schema import OPERATORS, OPTIONS, TYPES

KINDS = {kind.name: number for number, kind in TYPES.items()}
SLOTS = {"b": "PrependInt8Slot", "B": "PrependUint8Slot", "i": "PrependInt32Slot", "I": "PrependUint32Slot"}
SLOTS |= {"f": "PrependFloat32Slot", "?": "PrependBoolSlot", "Q": "PrependUint64Slot"}


def offset_of(builder: flatbuffers.Builder, value: Any) -> int:
    """Where a value stands that a table refers to: a text, an array, a list of tables, or a table.

    A table is a dict of values by the numbers of their fields; a pair is a number with its kind.
    """
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, np.ndarray):
        return int(builder.CreateNumpyVector(value)) if value.size else int(builder.CreateByteVector(b""))
    if isinstance(value, list):
        offsets = [offset_of(builder, one) for one in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())
    offsets = {field: offset_of(builder, one) for field, one in value.items() if not isinstance(one, tuple)}
    builder.StartObject(max(value, default=0) + 1)
    for field, one in value.items():
        if isinstance(one, tuple):
            getattr(builder, SLOTS[one[0]])(field, one[1], 0)
        else:
            builder.PrependUOffsetTRelativeSlot(field, offsets[field], 0)
    return int(builder.EndObject())


def buffer(table: Mapping[int, Any]) -> bytes:
    """A file of TensorFlow Lite's with this table at its root."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(offset_of(builder, table), file_identifier=b"TFL3")
    return bytes(builder.Output())


def tensor(name: str, dims: Sequence[int | None], dtype: str = "float32", number: int = 0) -> dict[int, Any]:
    """A tensor; a size of None is open. `number` is that of its buffer."""
    fixed = np.array([1 if size is None else size for size in dims], np.int32)
    signature = np.array([-1 if size is None else size for size in dims], np.int32)
    return {0: fixed, 1: ("b", KINDS[dtype]), 2: ("I", number), 3: name, 7: signature}


def operator(name: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> dict[str, Any]:
    """A node, which takes and gives tensors by their numbers."""
    return {"name": name, "inputs": inputs, "outputs": outputs, "options": options}


def options_table(name: str, options: Mapping[str, Any]) -> dict[int, Any]:
    """The options of a node."""
    fields = OPTIONS.get(name, {})
    made: dict[int, Any] = {}
    for key, value in options.items():
        number, kind, _ = fields[key]
        made[number] = np.array(value, np.int32) if kind == "ints" else (kind, value)
    return made


def model(
    nodes: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Sequence[int | None]],
    outputs: Sequence[str],
    constants: Sequence[np.ndarray] = (),
    values: int = 0,
) -> bytes:
    """A model whose tensors are, in this order: inputs, outputs, constants, and `values` others."""
    tensors = [tensor(name, dims) for name, dims in inputs.items()] + [tensor(name, (None, 1)) for name in outputs]
    buffers: list[dict[int, Any]] = [{}]
    for array in constants:
        tensors.append(tensor(f"c{len(buffers)}", array.shape, array.dtype.name, len(buffers)))
        buffers.append({0: np.frombuffer(array.tobytes(), np.uint8)})
    tensors += [tensor(f"v{i}", (None, 1)) for i in range(values)]
    names = list(dict.fromkeys(node["name"] for node in nodes))
    operators = []
    for node in nodes:
        table = {
            0: ("I", names.index(node["name"])),
            1: np.array(node["inputs"], np.int32),
            2: np.array(node["outputs"], np.int32),
        }
        if node["options"]:
            table |= {3: ("B", 1), 4: options_table(node["name"], node["options"])}
        operators.append(table)
    numbers = np.arange(len(inputs) + len(outputs), dtype=np.int32)
    graph = {0: tensors, 1: numbers[: len(inputs)], 2: numbers[len(inputs) :], 3: operators}
    return buffer({0: ("I", 3), 1: [_code(name) for name in names], 2: [graph], 4: buffers})


def _code(name: str) -> dict[int, Any]:
    number = OPERATORS.index(name)
    return {0: ("b", min(number, 127)), 3: ("i", number)}
