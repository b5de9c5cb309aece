"""Numba's threading layers, which a user's parallel loops run on, and how to have a process use each of them."""

import importlib.metadata
import sys

import numba
import pytest

LAYERS = ("omp", "workqueue", "tbb")


def environment_of(layer):
    """Variables under which Numba has to use this layer, with more threads than most tests' machines have cores."""
    variables = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4"}
    return variables | {"LD_LIBRARY_PATH": _tbb_directory()} if layer == "tbb" else variables


def run_parallel_loop(layer):
    """Run a loop as a user does, which starts Numba's threads; they must be those of this layer."""
    assert _count(1000) == 1000
    assert numba.threading_layer() == layer


@numba.njit(parallel=True)
def _count(n):
    total = 0
    for _ in numba.prange(n):
        total += 1
    return total


def _tbb_directory():
    """Where pip has put the library, which is not where the loader looks."""
    if sys.platform != "linux":
        pytest.skip("how the loader finds the tbb library is only known here for Linux")
    try:
        files = importlib.metadata.files("tbb") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package tbb is not installed; it is to be had for Linux on x86-64")
    return str(next(file for file in files if file.name == "libtbb.so.12").locate().resolve().parent)
