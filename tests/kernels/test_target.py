"""Tile shapes on every kind of CPU, and the engine as it runs on one without AVX."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numba
import numpy as np
import pytest

from fastjac.kernels import target

ROOT = Path(__file__).resolve().parents[2]
SSE = {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2"}
AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma"}
NETWORKS = """
    import numpy as np
    import fastjac as fj
    from fastjac.kernels import target
    from tests import naive

    rng = np.random.default_rng(0)
    assert target.vector_unit() == {unit}
    for sizes in ((3, 5, 2), (40, 17, 9, 30), (1, 70, 1), (13, 8, 8, 8, 21)):
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            weight, bias = rng.standard_normal((n_out, n_in)) / n_in**0.5, rng.standard_normal(n_out)
            layers += [fj.Affine(weight, bias), fj.ReLU(), fj.Tanh()]
        layers[-2:] = [fj.Softmax()]
        net, x = fj.Network(layers), rng.standard_normal((7, sizes[0]))
        expected = naive.jacobian(layers, x)
        for mode in ("forward", "reverse", "mixed"):
            np.testing.assert_allclose(net.jacobian(x, mode, threads=1), expected, atol=1e-13)
    print("agreed")
"""


@pytest.mark.parametrize(
    ("features", "unit"),
    [("+sse2", (16, 16)), ("+avx2", (16, 16)), ("+avx2,+fma", (32, 16)), ("+avx512f,+avx2", (64, 32)), ("+neon", (16, 32))],
)
def test_vector_unit_follows_the_features_that_numba_compiles_for(monkeypatch, features, unit):
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert target.vector_unit.__wrapped__() == unit


def test_a_cpu_name_alone_changes_no_features_and_so_no_vector_unit(monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_NAME", "nehalem")
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    host = target.vector_unit.__wrapped__()
    monkeypatch.setattr(numba.config, "CPU_NAME", None)
    assert target.vector_unit.__wrapped__() == host


@pytest.mark.parametrize("unit", [(16, 16), (16, 32), (32, 16), (64, 32)])
def test_every_tile_fits_the_registers(monkeypatch, unit):
    monkeypatch.setattr(target, "vector_unit", lambda: unit)
    for rows in range(1, target.MAX_TILE_ROWS + 1):
        vectors = target.max_vectors(rows)
        assert vectors == 1 or rows * vectors + vectors + 1 <= unit[1]
    for vectors in range(1, 2 * target.MAX_TILE_VECTORS):
        assert target.max_vectors(target.max_rows(vectors)) >= min(vectors, 2)


@pytest.mark.parametrize(("n", "dtype", "expected"), [(1, "f4", 16), (16, "f4", 16), (17, "f4", 32), (9, "f8", 16)])
def test_padding(monkeypatch, n, dtype, expected):
    monkeypatch.setattr(target, "vector_unit", lambda: (64, 32))
    assert target.padded(n, np.dtype(dtype)) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "unit"), [pytest.param(SSE, (16, 16), id="sse"), pytest.param(AVX2, (32, 16), id="avx2")])
@pytest.mark.skipif(
    not {"sse4.2", "avx2", "fma"} <= target._cpu_features(), reason="only a CPU with AVX2 can play the lesser ones"
)
def test_the_engine_on_another_vector_unit(tmp_path, cpu, unit):
    script = textwrap.dedent(NETWORKS).replace("{unit}", str(unit))
    environment = os.environ | cpu | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert finished.stdout.strip() == "agreed", finished.stderr
