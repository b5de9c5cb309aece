"""Scalers, which work on each column by itself and can be inverted: the table SCALERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import layers as fl
from ...errors import FormatError
from .fitted import Fitted

Scaling = tuple[np.ndarray | None, np.ndarray | None]
"""Center and spread of `(x - center) / spread` in float64; None for a center of 0, or a spread of 1."""


def scaled(scaling: Scaling) -> Sequence[fl.Layer]:
    """`(x - center) / spread`."""
    center, spread = scaling
    # The center is subtracted first: `x / s - m / s` loses digits where the center is far above the spread.
    shift = [] if center is None else [fl.Scale(1.0, -center)]
    return [*shift, *([] if spread is None else [fl.Scale(1.0 / spread)])]


def unscaled(scaling: Scaling) -> Sequence[fl.Layer]:
    """`spread y + center`."""
    center, spread = scaling
    if center is None and spread is None:
        return []
    return [fl.Scale(1.0 if spread is None else spread, 0.0 if center is None else center)]


def max_abs(scaler: Fitted) -> Sequence[fl.Layer]:
    """`x / scale_`, clipped if the option clip is set, which older versions do not have."""
    return [*scaled(_max_abs(scaler)), *([fl.HardTanh(-1.0, 1.0)] if scaler.flag("clip") else [])]


def min_max(scaler: Fitted) -> Sequence[fl.Layer]:
    """`x scale_ + min_`, clipped to the range if the option clip is set."""
    if not scaler.flag("clip"):
        return scaled(_min_max(scaler))
    low, high = scaler.numbers(scaler.items("feature_range"), "feature_range", 1)[:2].tolist()
    return [*scaled(_min_max(scaler)), fl.HardTanh(low, high)]


def _standard(scaler: Fitted) -> Scaling:
    return (
        float64(scaler, "mean_") if scaler.flag("with_mean", True) else None,
        float64(scaler, "scale_") if scaler.flag("with_std", True) else None,
    )


def _robust(scaler: Fitted) -> Scaling:
    return (
        float64(scaler, "center_") if scaler.flag("with_centering", True) else None,
        float64(scaler, "scale_") if scaler.flag("with_scaling", True) else None,
    )


def _max_abs(scaler: Fitted) -> Scaling:
    return None, float64(scaler, "scale_")


def _min_max(scaler: Fitted) -> Scaling:
    """The center and spread of a MinMaxScaler, which computes `x scale_ + min_`."""
    scale, low = float64(scaler, "scale_"), float64(scaler, "min_")
    if scale.shape != low.shape:
        raise FormatError(f"its scale_ and min_ must have one shape, got {scale.shape} and {low.shape}")
    with np.errstate(all="ignore"):
        return -low / scale, 1.0 / scale


def float64(estimator: Fitted, name: str, ndim: int = 1) -> np.ndarray:
    """An array in float64, in which steps are prepared; the network rounds it once to its own precision."""
    return np.asarray(estimator.array(name, ndim), np.float64)


SCALERS: dict[str, Callable[[Fitted], Scaling]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}
"""Scalers by class name."""
