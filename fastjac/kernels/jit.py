"""The decorators under which every kernel compiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from .cache import enable_cache
from .compilers import KernelCompiler, PieceCompiler

if numba.config.DISABLE_JIT:
    raise ImportError("fastjac's kernels are nothing without Numba's compiler, which NUMBA_DISABLE_JIT turns off; unset it")

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
"""No GIL, NumPy's rules for division by zero, and no fast-math, which would break nan and inf."""
FROM_KERNELS_ALONE: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Without the wrappers by which Python and C would call it."""


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function that users and kernels call."""
    return numba.njit(**OPTIONS)(function)


def piece(function: Callable[..., Any]) -> Any:
    """Compile a piece of larger kernels, which take it in: neither Python nor an address can call it."""
    return numba.njit(**OPTIONS, **FROM_KERNELS_ALONE, pipeline_class=PieceCompiler)(function)


def entry(kept: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel that is called from outside, and cache it on disk with all that it names, if it is to be `kept` there."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**OPTIONS, **options, pipeline_class=KernelCompiler)(function)
        if kept:
            enable_cache(dispatcher)
        return dispatcher

    return decorate


def kernel(*kinds: Any, name: str = "", kept: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel that others reach through its address, and cache it on disk, if it is to be `kept` there.

    LLVM optimizes a function again in every caller that names it. A call through an address (`memory.call_address`) avoids that,
    and a kernel that a network does not need is never compiled. The kernel takes a `zero` of the type of its numbers, then
    arguments of these kinds, and returns nothing. A kernel whose Python function another function makes needs a name, because the
    cache distinguishes such functions by their names.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if name:
            function.__name__ = function.__qualname__ = name
        dispatcher = entry(kept, **FROM_KERNELS_ALONE)(function)
        dispatcher.kinds = kinds
        return dispatcher

    return decorate


def kernel_address(kernel: Any, dtype: np.dtype) -> int:
    """The address, in this process, of a `kernel` for numbers of this dtype."""
    return address_of_compiled(kernel, (numba.from_dtype(dtype), *kernel.kinds))


@functools.cache
def address_of_compiled(kernel: Any, signature: tuple[Any, ...]) -> int:
    """The address of a kernel for arguments of these types, as `memory.call_address` calls it; compiled, or read from disk."""
    return _address(kernel, signature, "llvm_func_name")


def address_for_c(kernel: Any, signature: tuple[Any, ...]) -> int:
    """The address of a kernel for arguments of these types, as C calls it."""
    return _address(kernel, signature, "llvm_cfunc_wrapper_name")


def _address(kernel: Any, signature: tuple[Any, ...], name: str) -> int:
    # Under Numba's lock, for which forks wait, also while LLVM links: else a child would find LLVM's own lock taken for ever.
    with global_compiler_lock:
        kernel.compile(signature)
        compiled = kernel.overloads[signature]
        address: int = compiled.library.get_pointer_to_function(getattr(compiled.fndesc, name))
    return address
