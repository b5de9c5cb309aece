"""The disk cache: warm starts, no stale code, and no failure where nothing can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import fastjac
from fastjac.kernels import cache

JACOBIAN = """
import numpy as np
from fastjac import Affine, Network
from fastjac.kernels.run import run
x = np.array([[1.0, 2.0]])
print(Network([Affine(np.array([[3.0, 4.0]]))]).jacobian(x).tolist(), sum(run.stats.cache_hits.values()))
"""


def python(script, cache_directory, path):
    """Run a script in the directory `path`, which holds its own copy of the package, with its own cache directory."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache_directory), "PYTHONPATH": str(path)}
    command = [sys.executable, "-c", script]
    finished = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that holds the kernels of a copy of the package, and where that copy lies."""
    root = tmp_path_factory.mktemp("warm")
    package = root / "site"
    shutil.copytree(Path(fastjac.__file__).parent, package / "fastjac", ignore=shutil.ignore_patterns("__pycache__"))
    assert python(JACOBIAN, root / "cache", package) == "[[[3.0, 4.0]]] 0"
    return root


def test_a_second_process_compiles_nothing(warm):
    assert python(JACOBIAN, warm / "cache", warm / "site") == "[[[3.0, 4.0]]] 1"


def test_every_kernel_source_is_in_the_key(tmp_path, monkeypatch):
    kernels = tmp_path / "kernels"
    shutil.copytree(Path(cache.__file__).parent, kernels, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(kernels / "cache.py"))
    fingerprint = cache.fingerprint.__wrapped__
    seen = {fingerprint()}
    for source in sorted(kernels.glob("*.py")):
        source.write_text(source.read_text() + "\n")
        seen.add(fingerprint())
    assert len(seen) == 1 + len(list(kernels.glob("*.py")))


def test_an_unwritable_place_is_passed_over(tmp_path, monkeypatch):
    not_a_directory = tmp_path / "file"
    not_a_directory.write_text("")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(not_a_directory))
    assert cache.cache_directory.__wrapped__() is None
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "new"))
    assert cache.cache_directory.__wrapped__() == tmp_path / "new" / f"fastjac-{cache.fingerprint()}"


@pytest.mark.slow
def test_an_edit_of_any_kernel_source_is_seen(warm, tmp_path):
    shutil.copytree(warm / "site", tmp_path / "site")
    operators = tmp_path / "site" / "fastjac" / "kernels" / "operators.py"
    source = operators.read_text()
    line = "to_row[j] = from_row[j] * factors[j]\n"
    assert line in source
    operators.write_text(source.replace(line, line.replace("= ", "= 2 * ")))
    assert python(JACOBIAN, warm / "cache", tmp_path / "site") == "[[[6.0, 8.0]]] 0"


@pytest.mark.slow
def test_without_a_place_to_write_kernels_compile_in_memory(warm, tmp_path):
    not_a_directory = tmp_path / "file"
    not_a_directory.write_text("")
    assert python(JACOBIAN, not_a_directory, warm / "site") == "[[[3.0, 4.0]]] 0"
