"""OPERATORS: every operator that fastjac reads in a program of torch, and the reasons for which it refuses others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....errors import UnsupportedLayerError
from .activations import ACTIVATIONS
from .arithmetic import ARITHMETIC
from .composed import COMPOSED
from .constants import CONSTANTS
from .images import IMAGES
from .indexing import INDEXING
from .matrices import MATRICES, PRODUCTS_AND_NORMS
from .movement import MOVEMENTS
from .normalization import NORMALIZATIONS
from .ordering import ORDERINGS
from .products import PRODUCTS
from .queries import QUERIES
from .recurrent import RECURRENT
from .reductions import REDUCTIONS
from .shorthands import SHORTHANDS

OPERATORS: dict[str, Callable[..., Any]] = {
    **QUERIES,
    **CONSTANTS,
    **ACTIVATIONS,
    **ARITHMETIC,
    **MOVEMENTS,
    **INDEXING,
    **PRODUCTS,
    **IMAGES,
    **NORMALIZATIONS,
    **REDUCTIONS,
    **RECURRENT,
    **COMPOSED,
    **ORDERINGS,
    **MATRICES,
    **SHORTHANDS,
}
"""Operators by torch's names, with the arguments of torch's own schemas."""
TAKEN_APART = frozenset(SHORTHANDS) | PRODUCTS_AND_NORMS | {"embedding"}
"""Operators that torch itself may take apart into others, which then stand for more arguments than these functions take."""
MAKE_TENSORS = frozenset(CONSTANTS | ARITHMETIC | ACTIVATIONS | PRODUCTS | REDUCTIONS)
"""Operators whose results lie in memory of their own, unless they are an operand itself."""

ONLY_SHAPE, NOT_AT_INFERENCE, FOLDED = "only the shape", "nothing at inference", "folded to one scale and shift"
NOTES = {
    **dict.fromkeys(("view", "reshape", "flatten", "unsqueeze", "squeeze", "contiguous", "view_as", "unflatten"), ONLY_SHAPE),
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), NOT_AT_INFERENCE),
    "batch_norm": FOLDED,
    **dict.fromkeys(RECURRENT, "unrolled, step by step"),
}
"""Notes for the user on operators that the network's inputs flow through."""

QUANTIZED = "it is quantized; fastjac takes floating-point models, so load the model from before quantization"
ASKS = "it asks whether entries are nan or infinite, by which no derivative goes; take it out, and keep the input finite"
LOOKS_UP = "it looks up between which constants an entry lies; choose by torch.where instead"
REASONS = {
    **dict.fromkeys(("isnan", "isfinite", "isinf", "nan_to_num", "nanmean", "nansum"), ASKS),
    **dict.fromkeys(("searchsorted", "bucketize"), LOOKS_UP),
    "copy_": "it writes into a part of a tensor; build the tensor by torch.cat or torch.stack instead",
}
"""The reasons for which fastjac refuses some operators that no table holds."""


def operator(name: str) -> tuple[Callable[..., Any], bool]:
    """The operator of that name, and whether it changes its first operand in place, for which torch has an underscore at the end.

    Raises UnsupportedLayerError where fastjac does not have it.
    """
    plain = _plain(name)
    if plain not in OPERATORS:
        raise UnsupportedLayerError(missing(name))
    return OPERATORS[plain], plain != name


def is_known(name: str) -> bool:
    """Whether fastjac has the operator."""
    return _plain(name) in OPERATORS


def _plain(name: str) -> str:
    """The name of the operator that gives its result as a new tensor."""
    is_in_place = name not in OPERATORS and name.endswith("_") and not name.endswith("__")
    return name[:-1] if is_in_place else name


def missing(name: str) -> str:
    """Why fastjac does not have an operator."""
    reason = REASONS.get(name) or REASONS.get(name.rstrip("_"))
    if reason:
        return reason
    if "quantize" in name:
        return QUANTIZED
    names = ", ".join(sorted(known for known in OPERATORS if known[0].islower() and "." not in known))
    return f"fastjac does not have torch's operator {name!r:.80}; it has {names}"
