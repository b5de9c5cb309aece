"""State dicts of torch modules whose weights are computed from others: the weights that the module then multiplies by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import FormatError, ShapeError
from .located import located

PARAMETRIZATIONS = "parametrizations."


def plain_weights(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same entries, where each weight that COMPUTED can compute replaces the arrays that it is computed from.

    Raises FormatError for other parametrizations, whose arrays do not show what torch computes from them, and ShapeError where
    two arrays do not belong together.
    """
    plain: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        computed = next((row for row in COMPUTED if _has_both(name, row, arrays)), None)
        with located(repr(name)):
            if computed is None:
                _refuse_unknown(name)
                plain[name] = array
            elif name.endswith(computed[0]):
                first, second, field, combine = computed
                stem = name.removesuffix(first)
                plain[_unparametrized(stem + field)] = combine(array, arrays[stem + second])
    return plain


def _has_both(name: str, row: Row, arrays: Mapping[str, np.ndarray]) -> bool:
    first, second, *_ = row
    stem = name.removesuffix(first if name.endswith(first) else second)
    return stem != name and stem + first in arrays and stem + second in arrays


def _unparametrized(name: str) -> str:
    """ "fc.weight" for "fc.parametrizations.weight"."""
    module, _, field = name.rpartition(PARAMETRIZATIONS)
    return module + field


def _refuse_unknown(name: str) -> None:
    if PARAMETRIZATIONS in name or name.endswith("weight_orig"):
        raise FormatError(
            "a weight is computed from it by spectral_norm or another parametrization, which a state dict does not hold; call "
            "torch.nn.utils.remove_spectral_norm or parametrize.remove_parametrizations before the state dict is taken, or pass "
            "fastjac.from_torch(module.eval())"
        )


def _weight_norm(length: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """`g v / |v|`, where `g` has one entry along the axes that the norm runs over; a bare number stands for all of them."""
    shape = length.shape or (1,) * direction.ndim
    if len(shape) != direction.ndim or any(size not in (1, whole) for size, whole in zip(shape, direction.shape, strict=True)):
        raise ShapeError(f"weight_norm's lengths of shape {length.shape} do not fit its directions of shape {direction.shape}")
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    wide = direction.astype(np.float64)
    with np.errstate(all="ignore"):  # nan, inf and zero give what they give in torch
        weight = length * (wide / np.sqrt(np.sum(wide * wide, axis=axes, keepdims=True)))
    return weight.astype(direction.dtype)


def _pruned(original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`mask * original`"""
    if mask.shape != original.shape:
        raise ShapeError(f"a mask of shape {mask.shape} does not fit a weight of shape {original.shape}")
    return (mask * original).astype(original.dtype)


Row = tuple[str, str, str, Callable[[np.ndarray, np.ndarray], np.ndarray]]
COMPUTED: tuple[Row, ...] = (
    ("weight_g", "weight_v", "weight", _weight_norm),  # torch.nn.utils.weight_norm
    (".original0", ".original1", "", _weight_norm),  # torch.nn.utils.parametrizations.weight_norm
    ("weight_orig", "weight_mask", "weight", _pruned),  # torch.nn.utils.prune
    ("bias_orig", "bias_mask", "bias", _pruned),
)
"""The endings of the names of two arrays, the ending of the name that replaces them, and what computes it from the two."""
