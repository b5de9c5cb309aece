"""Hold fastjac and its peers to AVX2 on a machine that has wider vectors: in a new process, since libraries look only once.

Numba, OpenBLAS, NumPy, XLA, torch, oneDNN and MKL each read a variable of their own when they load. XLA's matrix multiplies come
from YNNPACK, which reads none. In float32 XLA can do without YNNPACK and then multiplies by oneDNN, at the rate of OpenBLAS and
MKL with AVX2. In float64 XLA would fall to two thirds of that rate, so it keeps YNNPACK there, with vectors wider than AVX2's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

NATIVE, AVX2 = "native", "avx2"
HELD = "FASTJAC_BENCHMARKS_HELD_TO"
"""The environment variable that names the vectors to which a process is held."""

WITHOUT_YNNPACK = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""The option that keeps XLA from YNNPACK."""

HASWELL = "avx avx2 bmi bmi2 cmov cx16 f16c fma lzcnt movbe popcnt sse sse2 sse3 sse4.1 sse4.2 ssse3 64bit"
"""The features that LLVM may use: those of the first CPU that had AVX2."""


def held() -> str:
    """The vectors to which this process is held, `NATIVE` or `AVX2`."""
    return os.environ.get(HELD, NATIVE)


def lacking() -> str | None:
    """What this CPU lacks for AVX2, in words; None if it lacks nothing."""
    features = llvm.get_host_cpu_features()
    lacks = [name for name in ("avx2", "fma") if not features.get(name)]
    return f"{llvm.get_host_cpu_name()} has no {' and no '.join(lacks)}" if lacks else None


def avx2_environment() -> dict[str, str]:
    """The environment variables that hold each library to AVX2; options of XLA that are set already are kept."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    wider = [name for name in found if name.startswith("AVX512") or name == "X86_V4"]
    return {
        HELD: AVX2,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in HASWELL.split()),
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(wider),
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa=AVX2".strip(),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }


def in_words() -> str:
    """Whether this process is held, and by what."""
    if held() == NATIVE:
        return "all that the CPU has"
    variables = ", ".join(name for name in avx2_environment() if name != HELD)
    return (
        f"fastjac and its peers are held to AVX2 ({variables}), but for XLA's float64 matrix multiplies, which choose their own "
        "vectors"
    )


def unheld(dtype: str) -> tuple[str, ...]:
    """The peers, by name, whose products in this dtype use wider vectors than those to which the process is held."""
    return ("expert JAX", "JAX") if held() == AVX2 and dtype == "float64" else ()


def jax_options(dtype: str) -> dict[str, Any]:
    """The options to compile JAX's functions with, so that they are held to the same vectors as the other libraries."""
    return WITHOUT_YNNPACK if held() == AVX2 and dtype == "float32" and _xla_has_ynnpack() else {}


@cache
def _xla_has_ynnpack() -> bool:
    """Whether this version of XLA knows the option."""
    import jax

    try:
        jax.jit(lambda x: x, compiler_options=WITHOUT_YNNPACK)(1.0)
    except jax.errors.JaxRuntimeError:
        return False
    return True


def run_held_to_avx2(module: str, arguments: Sequence[str]) -> int:
    """Run a module with these arguments in a process that is held to AVX2; its exit status."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, check=False, env={**os.environ, **avx2_environment()}).returncode
