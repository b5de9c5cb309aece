"""Casts to another type: constants change to it, and what flows through a network keeps the network's own type."""

from __future__ import annotations

import numpy as np

from ...errors import UnsupportedLayerError
from ..precision import PRECISIONS, refuse_rounding
from .account import spend
from .choice import Condition, as_number
from .values import Flow, Value, computed


def cast(operand: Value | Condition, dtype: str, shown: str = "") -> Value | Condition:
    """The entries as numbers of the type that NumPy calls `dtype`.

    A cast to whole numbers cuts towards zero. Half precision is widened again.

    shown : what the file calls that type.
    """
    if isinstance(operand, Condition):
        return operand if dtype == "bool" else as_number(operand)
    if isinstance(operand, Flow):
        refuse_rounding(dtype if dtype in PRECISIONS else shown or dtype)
        return operand
    if dtype == "bfloat16":
        raise UnsupportedLayerError("it rounds a constant to bfloat16, which NumPy does not have; save that constant itself")

    def converted(array: np.ndarray) -> np.ndarray:
        spend(array.size)
        return array.astype(dtype).astype(np.float32 if dtype == "float16" else dtype, copy=False)

    return computed(converted, operand)
