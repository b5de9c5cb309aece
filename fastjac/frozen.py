"""Arrays that nothing can write to."""

from __future__ import annotations

import numpy as np


def frozen(array: np.ndarray) -> np.ndarray:
    """A C-ordered copy in a bytes object, so that not even its flag `writeable` can be set again."""
    return np.ndarray(array.shape, array.dtype, buffer=array.tobytes())
