"""How kernels and their pieces compile, where Numba's way would take longer or let kernels call the pieces of others.

Numba optimizes every function, turns it into machine code, and optimizes it again in all its callers. A piece is only ever taken
in by kernels, so it stays in LLVM's language: that spares a quarter of the time that a process waits for its first kernels.

In all code of a process, LLVM takes functions of one name for the same function. Numba tells those of one Python name apart by a
number, which each process counts anew. So two kernels that different processes have compiled and kept on disk may hold different
pieces of one name, and would call one another's. A kernel therefore shows nothing but itself.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class PieceLibrary(JITCodeLibrary):
    """The code of a piece, for other code to take in; it has no address."""

    @property
    def codegen(self) -> Any:
        """What Numba hands the Python objects of a function to, for its machine code: this library, since there is none."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """A piece refers to no Python objects."""

    def get_pointer_to_function(self, name: str) -> int:
        """0, which stands for a function without machine code."""
        self._ensure_finalized()
        return 0

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout  # as in code that is optimized, or LLVM does not link the two

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


class KernelLibrary(JITCodeLibrary):
    """The code of a kernel, in which all that it has taken in is hidden from other code."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        super()._optimize_final_module()


class PieceCompiler(Compiler):
    """Numba's compiler, which leaves a PieceLibrary."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *others: Any) -> None:
        super().__init__(typingctx, targetctx, library or PieceLibrary(targetctx.codegen(), "piece"), *others)


class KernelCompiler(Compiler):
    """Numba's compiler, which leaves a KernelLibrary."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *others: Any) -> None:
        if library is None:
            library = KernelLibrary(targetctx.codegen(), "kernel")
            library.enable_object_caching()
        super().__init__(typingctx, targetctx, library, *others)
