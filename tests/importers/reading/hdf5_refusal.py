"""HDF5 files that must be refused before they take memory."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastjac.errors import FormatError
from fastjac.importers.reading import hdf5


def refuses(source: Path | bytes, message: str, act: Callable[[hdf5.Group], Any]) -> None:
    """To open the file and `act` on its root raises a FormatError with this message, and takes next to no memory before."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=message), hdf5.opened(source, "file.h5") as root:
            act(root)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
