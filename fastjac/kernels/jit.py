"""The decorators under which every kernel compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.compiler_lock import global_compiler_lock

from .cache import enable_cache

if numba.config.DISABLE_JIT:
    raise ImportError("fastjac's kernels are nothing without Numba's compiler, which NUMBA_DISABLE_JIT turns off; unset it")

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
"""No GIL, NumPy's rules for division by zero, and no fast-math, which would break nan and inf."""


def jit(function: Callable[..., Any]) -> Any:
    """Compile a kernel that other kernels call."""
    return numba.njit(**OPTIONS)(function)


def piece(function: Callable[..., Any]) -> Any:
    """Compile a piece of a larger kernel as if it were written there.

    LLVM optimizes a nested kernel again at each level that calls it; this halves the time to compile `run`.
    """
    return numba.njit(**OPTIONS, inline="always")(function)


def entry(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel that is called from outside, and cache it on disk with all that it calls."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**OPTIONS, **options)(function)
        enable_cache(dispatcher)
        return dispatcher

    return decorate


def address_of_compiled(kernel: Any, signature: tuple[Any, ...]) -> int:
    """The address of an `entry` kernel for arguments of these types, compiled or loaded from the cache."""
    # Numba's lock, which forks wait for, also while LLVM links: a child would find LLVM's own lock taken for ever.
    with global_compiler_lock:
        kernel.compile(signature)
        compiled = kernel.overloads[signature]
        address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    return address
