"""From bytes to a ModelProto, by way of the package onnx."""

from __future__ import annotations

from typing import Any

from ...errors import FormatError
from ...optional import optional
from ..reading.limits import check_count
from ..reading.wire import check_message

MOST_BYTES = 2**31 - 1
"""The most that protobuf itself reads; larger models keep their tensors outside the file."""


def parse(content: bytes) -> Any:
    """The ModelProto in the bytes of a file.

    Raises MissingDependencyError without onnx, FormatError where the bytes are damaged or hold far more than a graph needs.
    """
    onnx = optional("onnx", "to read .onnx files", "onnx")
    check_count(len(content), MOST_BYTES, "bytes")
    check_message(content, onnx.ModelProto.DESCRIPTOR)
    try:
        return onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own DecodeError, whose module differs between its versions
        raise FormatError(f"it cannot be parsed as an ONNX model ({error}); it is truncated or damaged") from error
