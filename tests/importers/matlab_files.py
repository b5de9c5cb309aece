"""MATLAB files of version 7.3 as MATLAB writes them, with h5py: SciPy writes those of version 5 alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 ."


def version_7_3(variables: Mapping[str, Any], **options: Any) -> bytes:
    """A file with these variables: arrays, lists for cells, dicts for structs, text alone or in an array for rows of it."""
    target = io.BytesIO()
    with h5py.File(target, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _write(file, file, name, value, options)
    content = bytearray(target.getvalue())
    content[:128] = HEADER.ljust(124) + b"\x00\x02IM"
    return bytes(content)


def _write(file: h5py.File, group: h5py.Group, name: str, value: Any, options: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        made = group.create_group(name)
        made.attrs["MATLAB_class"] = np.bytes_("struct")
        for field, inner in value.items():
            _write(file, made, field, inner, options)
        return made
    is_text = isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind == "U")
    kind = "cell" if isinstance(value, list) else "char" if is_text else "double"
    if kind == "cell":
        hidden = file.require_group("#refs#")
        references = [_write(file, hidden, f"r{len(hidden) + i}", inner, options).ref for i, inner in enumerate(value)]
        made = group.create_dataset(name, data=np.array(references, h5py.ref_dtype).reshape(-1, 1), dtype=h5py.ref_dtype)
    elif kind == "char":
        rows = [value] if isinstance(value, str) else [str(row).ljust(value.dtype.itemsize // 4) for row in value]
        made = group.create_dataset(name, data=np.array([list(map(ord, row)) for row in rows], np.uint16).T)
    else:
        made = group.create_dataset(name, data=np.atleast_2d(value).T, **options)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made
