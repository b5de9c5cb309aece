"""Every library of a process that is held to AVX2 uses no wider vectors, and a CPU without AVX2 is refused."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from asv_benches import isa
from asv_benches.process import run_fresh
from asv_benches.report.__main__ import main

needs_avx2 = pytest.mark.skipif(isa.lacking() is not None, reason=f"{isa.lacking()}")


@needs_avx2
def test_fastjac_has_the_registers_of_avx2():
    code = "from fastjac.kernels.target import vector_unit\nprint(*vector_unit())"
    assert run_fresh(code, environment=isa.avx2_environment()) == [32, 16]


@needs_avx2
@pytest.mark.skipif(importlib.util.find_spec("threadpoolctl") is None, reason="needs threadpoolctl")
def test_numpy_multiplies_and_computes_with_avx2():
    code = """
import numpy as np, threadpoolctl
blas = [found for found in threadpoolctl.threadpool_info() if found["internal_api"] == "openblas"]
wider = [name for name in np.show_config(mode="dicts")["SIMD Extensions"]["found"] if "512" in name or name == "X86_V4"]
print(len(wider), *(1 * (found["architecture"] == "Haswell") for found in blas))
"""
    wider, *haswell = run_fresh(code, environment=isa.avx2_environment())
    assert wider == 0
    assert all(haswell)


@needs_avx2
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_torch_is_held():
    code = "import torch\nprint(1 * (torch.backends.cpu.get_cpu_capability() == 'AVX2'))"
    assert run_fresh(code, environment=isa.avx2_environment()) == [1.0]


@needs_avx2
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax")
def test_jax_multiplies_without_ynnpack_in_float32():
    code = """
import jax
from asv_benches import isa
for dtype in ("float32", "float64"):
    multiply = jax.jit(lambda x: x @ x, compiler_options=isa.jax_options(dtype))
    text = multiply.lower(jax.ShapeDtypeStruct((512, 512), "float32")).compile().as_text()
    print(1 * ("ynn" in text))
"""
    if run_fresh(code) != [1.0, 1.0]:
        pytest.skip("this version of XLA does not multiply by YNNPACK")
    assert run_fresh(code, environment=isa.avx2_environment()) == [0.0, 1.0]


def test_flags_of_the_user_are_kept(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/nowhere")
    assert isa.avx2_environment()["XLA_FLAGS"] == "--xla_dump_to=/nowhere --xla_cpu_max_isa=AVX2"
    monkeypatch.delenv("XLA_FLAGS")
    assert isa.avx2_environment()["XLA_FLAGS"] == "--xla_cpu_max_isa=AVX2"


def test_nothing_is_held_by_default(monkeypatch):
    monkeypatch.delenv(isa.HELD, raising=False)
    assert isa.held() == isa.NATIVE
    assert isa.jax_options("float32") == {}


def test_report_is_made_in_a_process_that_is_held(monkeypatch):
    started = []

    def run(command, check, env):
        started.append((command, env))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(isa.subprocess, "run", run)
    monkeypatch.setattr(isa, "lacking", lambda: None)
    assert main(["--isa", "avx2", "--only", "seed-1"]) == 3
    ((command, environment),) = started
    assert command == [sys.executable, "-m", "asv_benches.report", "--isa", "avx2", "--only", "seed-1"]
    assert isa.avx2_environment().items() <= environment.items()


def test_cpu_without_avx2_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(isa.llvm, "get_host_cpu_features", lambda: {"avx2": False, "fma": True})
    monkeypatch.setattr(isa.llvm, "get_host_cpu_name", lambda: "ivybridge")
    with pytest.raises(SystemExit, match="2"):
        main(["--isa", "avx2"])
    assert "--isa avx2: ivybridge has no avx2" in capsys.readouterr().err
