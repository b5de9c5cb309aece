"""NumPy's dtypes of numbers, text and Python objects, as a pickle describes them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ...errors import DtypeError, FormatError
from .records import Call

CODE = re.compile(r"[<>|=]?([fiu][1248]|b1|U\d{1,6}|S\d{1,6}|O[48]?)")
"""The codes of the dtypes that are read. A pickle of Python 2 has them as byte strings, which are read as text."""
ORDERS = {"<": "<", ">": ">", "|": "|", "=": "<"}
"""The byte order that the second entry of a dtype's state stands for; "=", that of the machine that wrote it, is taken for
little-endian."""


def is_dtype(value: Any) -> bool:
    """Whether a value stands for a dtype."""
    return isinstance(value, Call) and str(value) == "numpy.dtype"


def dtype_of(value: Any) -> np.dtype:
    """The dtype that a pickle describes; DtypeError for a dtype that is not read, FormatError where the value is none."""
    code = value.args[0] if is_dtype(value) and isinstance(value.args, tuple) and value.args else None
    if not isinstance(code, str):
        raise FormatError("the pickle has an array whose dtype is none; the file is damaged")
    if CODE.fullmatch(code) is None:
        raise DtypeError(f"the pickle has an array of dtype {code:.40}; fastjac reads real numbers and text")
    state = value.state
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<" if state is None else None
    if not isinstance(order, str) or order not in ORDERS:
        raise FormatError("the pickle has a dtype of no byte order; the file is damaged")
    return np.dtype(ORDERS[order] + code.lstrip("<>|="))
