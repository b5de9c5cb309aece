"""The LLVM code that kernels compile to."""

import re

import numba

from fastjac.kernels.jit import FROM_KERNELS_ALONE, entry


def code_of(kernel, dtype):
    """The code of a kernel for numbers of this dtype."""
    signature = (numba.from_dtype(dtype), *kernel.kinds)
    compiled = entry(kept=False, **FROM_KERNELS_ALONE)(kernel.py_func)  # the code of one that is read from disk cannot be seen
    compiled.compile(signature)
    return compiled.inspect_llvm(signature)


def vectorized_loops(code):
    """How many of its loops work on whole vectors."""
    return len(re.findall(r"^vector\.body\d*:", code, re.MULTILINE))


def assert_one_loop_that_calls_nothing(kernel, dtype):
    """The kernel is a single loop on whole vectors, in which no function of the C library is called."""
    code = code_of(kernel, dtype)
    assert vectorized_loops(code) == 1
    for name in ("exp", "tanh", "log", "erf", "fma"):
        assert f"@{name}" not in code
        assert f"@llvm.{name}." not in code
