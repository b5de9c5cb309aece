"""What the gradient kernel has to know of each kind of operation: kernels, and how much describes its Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.activations import CODES, activation
from ..kernels.bends import BENDS
from ..kernels.curvature import CURVATURES, curvature
from ..kernels.gradient_tables import PAIR
from ..kernels.jit import kernel_address
from ..kernels.normalizers import NORMALIZERS
from ..kernels.operators import normalize_columns
from ..kernels.pairwise import BENDS as PAIR_BENDS
from ..kernels.pairwise import PAIRWISE
from ..kernels.tables import ACTIVATE, NORMALIZE
from ..layers import Elementwise, Normalizer
from ..matrix import Record
from .operations import Operation, rule_of


def rules_of(op: Operation, dtype: np.dtype) -> Record:
    """The fields of an operation's record that say by which kernels it is computed."""
    record = {name: kernel_address(kernel, dtype) for name, kernel in _kernels_of(op).items()}
    if op.kind == ACTIVATE:
        record["code"] = CODES[rule_of(op)]
    if op.kind == NORMALIZE:
        record["rank"] = _rank_of(op)
    return record


def _kernels_of(op: Operation) -> dict[str, Any]:
    """The kernels of an operation, by the fields of its record that hold their addresses."""
    if op.kind not in SECOND_RULES:
        return {}
    rule = rule_of(op)
    kernels: dict[str, Any] = {}
    if op.kind == ACTIVATE:
        kernels = {"rule": activation(rule)} | ({"second_rule": curvature(rule)} if bends(op) else {})
    elif op.kind == NORMALIZE:
        kernels = {"rule": NORMALIZERS[rule], "normalize_columns": normalize_columns}
        kernels |= {"second_rule": BENDS[rule]} if bends(op) else {}
    else:
        kernels = {"rule": PAIRWISE[rule]} | ({"second_rule": PAIR_BENDS[rule][op.part]} if bends(op) else {})
    return kernels


SECOND_RULES = {ACTIVATE: CURVATURES, NORMALIZE: BENDS, PAIR: PAIR_BENDS}
"""The rules whose Jacobian changes smoothly with their inputs, by the kind of operation."""


def bends(op: Operation) -> bool:
    """Whether the operation's Jacobian changes smoothly with its inputs."""
    return op.kind in SECOND_RULES and rule_of(op) in SECOND_RULES[op.kind]


def slopes_of(op: Operation) -> int:
    """Numbers that describe the operation's Jacobian at one sample."""
    if op.kind == NORMALIZE:
        return (1 + 2 * _rank_of(op)) * op.n_in
    return op.n_in if op.kind in SECOND_RULES else 0


def _rank_of(op: Operation) -> int:
    """Terms of a normalizer's Jacobian."""
    assert isinstance(op.layer, Normalizer)
    return op.layer.rank


def is_sparse(op: Operation) -> bool:
    """Whether slopes are exactly 0 on whole intervals of the input."""
    return isinstance(op.layer, Elementwise) and op.layer.sparse
