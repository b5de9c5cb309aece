"""What only reshapes.

fastjac holds every sample flat from the start, so features must stay in their sample and in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...errors import UnsupportedLayerError
from .sample import Sample, Shape, Size


def flatten(input: Sample, start_dim: int = 0, end_dim: int = -1) -> Sample:
    """One axis behind that of the batch; or none, if a sample is one number and the batch axis is flattened too."""
    if end_dim == -1 and start_dim == 1:
        return replace(input, axes=1)
    if end_dim == -1 and start_dim == 0 and input.width == 1:
        return replace(input, axes=0)
    raise UnsupportedLayerError(f"start_dim={start_dim}, end_dim={end_dim} is not supported; fastjac takes 1 and -1")


def _reshape(input: Sample, *sizes: Any, shape: Any = None) -> Sample:
    """`view` and `reshape` to (batch, features), or to (batch,) if a sample is one number."""
    target = shape if shape is not None else sizes[0] if len(sizes) == 1 else sizes
    if isinstance(target, Shape):
        return replace(input, axes=target.sample.axes)
    target = (target,) if isinstance(target, (int, Size)) else tuple(target)
    match target:
        case (Size.BATCH, _):
            return replace(input, axes=1)
        case (-1, int(width)) if width > 0 and input.width in (None, width):
            input.features.count = width
            return replace(input, axes=1)
        case (-1,) | (Size.BATCH,) if input.width == 1:
            return replace(input, axes=0)
    told = ", ".join(size.value if isinstance(size, Size) else str(size) for size in target)
    features = "" if input.width is None else f" of {input.width} features"
    raise UnsupportedLayerError(
        f"it reshapes samples{features} to ({told}), which may mix samples or axes; fastjac takes x.flatten(1) and its like, "
        "such as x.view(x.size(0), -1)"
    )


def _squeeze(input: Sample, dim: Any = None) -> Sample:
    """Axes of one entry fall away: of samples with one feature, that one."""
    if dim not in (None, 1, -1):
        raise UnsupportedLayerError(f"dim={dim} is not supported; fastjac takes 1, -1 or none")
    return replace(input, axes=0) if input.width == 1 else input


def _unsqueeze(input: Sample, dim: int) -> Sample:
    """A bare number becomes one feature again."""
    if input.axes != 0 or dim not in (1, -1):
        raise UnsupportedLayerError("it adds an axis to samples; fastjac takes them flat, so leave it out")
    return replace(input, axes=1)


RESHAPES: dict[str, Callable[..., Sample]] = {
    "flatten": flatten,
    "view": _reshape,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
}
"""Functions and methods that reshape, by name, each with torch's own arguments."""
