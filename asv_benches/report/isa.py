"""Hold fastjac and its peers to AVX2 on a machine that has wider vectors: in a new process, since libraries look but once.

Numba, OpenBLAS, NumPy, XLA, torch, oneDNN and MKL each read a variable of their own when they load.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import llvmlite.binding as llvm
import numpy as np

NATIVE, AVX2 = "native", "avx2"
HELD = "FASTJAC_BENCHMARKS_HELD_TO"
"""The variable that tells a process to which vectors it was started to be held."""

HASWELL = "avx avx2 bmi bmi2 cmov cx16 f16c fma lzcnt movbe popcnt sse sse2 sse3 sse4.1 sse4.2 ssse3 64bit"
"""What LLVM may use of the first CPU that had AVX2."""


def held() -> str:
    """To which vectors this process is held."""
    return os.environ.get(HELD, NATIVE)


def lacking() -> str | None:
    """What this CPU lacks of AVX2; None if it has it."""
    features = llvm.get_host_cpu_features()
    lacks = [name for name in ("avx2", "fma") if not features.get(name)]
    return f"{llvm.get_host_cpu_name()} has no {' and no '.join(lacks)}" if lacks else None


def avx2_environment() -> dict[str, str]:
    """The variables that hold each library to AVX2, beside what is set for them already."""
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


def report_held_to_avx2(arguments: Sequence[str]) -> int:
    """Run the report with these arguments in a process that is held to AVX2; its exit status."""
    command = [sys.executable, "-m", __package__, *arguments]
    return subprocess.run(command, check=False, env={**os.environ, **avx2_environment()}).returncode
