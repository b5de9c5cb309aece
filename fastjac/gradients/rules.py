"""What the gradient kernel has to know of each kind of operation: its kernels, and how many numbers describe its Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bends import BENDS
from ..kernels.jit import kernel_address
from ..kernels.operators import normalize_columns
from ..kernels.pairwise import BENDS as PAIR_BENDS
from ..layers import Activation, Normalizer, Pairwise
from ..lowering.matrix import Record
from ..planning.operators import Normalization
from .operations import Operation


def rules_of(op: Operation, dtype: np.dtype) -> Record:
    """The fields of an operation's record that say by which kernels its Jacobian is taken."""
    record = {name: kernel_address(kernel, dtype) for name, kernel in _kernels_of(op).items()}
    return record | ({"rank": op.map.rank} if isinstance(op.map, Normalization) else {})


def _kernels_of(op: Operation) -> dict[str, Any]:
    """The kernels of an operation, by the fields of its record that hold their addresses.

    An operation has a kernel of bends where its Jacobian changes smoothly with its inputs.
    """
    if isinstance(op.layer, Normalizer):
        name = op.layer.rule
        return {"normalize_columns": normalize_columns} | ({"bend": BENDS[name]} if name in BENDS else {})
    if isinstance(op.layer, Pairwise):
        name = op.layer.rule
        return {"bend": PAIR_BENDS[name][op.operand]} if name in PAIR_BENDS else {}
    if isinstance(op.layer, Activation):
        rule = op.layer.rule
        return ({"parameter_pull": rule.parameter_pull} if op.fields else {}) | ({"bend": rule.bend} if op.layer.has_bend else {})
    return {}
