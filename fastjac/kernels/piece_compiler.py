"""How pieces of kernels compile: only to the language of LLVM, since each kernel takes them in and optimizes them with itself.

Numba would optimize each piece, turn it into machine code that nobody calls, and optimize it again in all its callers. That took
a quarter of the time that a process waits for its first kernels.
"""

from __future__ import annotations

from typing import Any

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


class PieceCompiler(Compiler):
    """Numba's compiler, which leaves a PieceLibrary."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *others: Any) -> None:
        super().__init__(typingctx, targetctx, library or PieceLibrary(targetctx.codegen(), "piece"), *others)
