"""Compiled kernels on disk, under a key that depends on every kernel source.

Numba's own key depends on the file of the cached function, but not on the files of the kernels that it calls, so after an upgrade
or an edit stale code could run. Here the directory's name is a digest of all kernel sources and of the compiler's versions.
Numba itself adds the CPU to the key of each entry.

`directory.py` says where that directory lies, and which files are trusted.

Numba's index of entries is left out: processes that start cold at the same time rewrite it in turn, after which it may name the
code of one dtype for another. Here each entry is a file by itself, named after its key, and a damaged one is compiled again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import uuid
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache, _CacheLocator
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from ..coldstart import announce_compilation
from .directory import make_directory, places, read_private, usable_directory, write_private
from .target import vector_unit

LONG = {"run": ("", 8), "gradient": ("gradients in ", 10)}
"""The kernels that take seconds to compile, with the kernels that they reach. For each the words that announce it, before the
dtype in which its name ends, and the most seconds for a first call. They are compiled first; what a later call adds takes half a
second."""
OUTSIDE = ("running/compiled.py", "numba.py", "running/tape.py", "formula/*.py")
"""Sources outside this folder through which users' compiled code calls kernels, and sources that write kernels of formulas."""
DIGEST_BYTES = hashlib.sha256().digest_size


@functools.cache
def fingerprint() -> str:
    """A digest of all kernel sources, of the versions of Numba and llvmlite, and of the vector registers compiled for.

    The sources in OUTSIDE are among them.
    """
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {vector_unit()}".encode())
    here = Path(__file__).parent
    for source in sorted([*here.rglob("*.py"), *(path for pattern in OUTSIDE for path in here.parent.glob(pattern))]):
        digest.update(source.relative_to(here.parent).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_directory() -> Path | None:
    """Where this process keeps compiled kernels, or None if there is no such place."""
    return usable_directory(places(), fingerprint())


class _Locator(_CacheLocator):
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get_cache_path(self) -> str:
        return os.fspath(self._directory)

    def ensure_cache_path(self) -> None:
        make_directory(self._directory)

    def get_source_stamp(self) -> str:
        return fingerprint()

    def get_disambiguator(self) -> str:
        return "fastjac"

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator | None:
        directory = cache_directory()
        return None if directory is None else cls(directory)


class _CacheImplementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _CacheFiles:
    """A kernel's entries in the cache: files that begin with the digest of what follows."""

    def __init__(self, directory: Path, stem: str) -> None:
        self._directory, self._stem = directory, stem

    def load(self, key: Any) -> Any:
        """The entry saved under this key, or None for a damaged or foreign file. Raises OSError where there is no file."""
        content = read_private(self._path(key)) or b""
        digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return pickle.loads(data) if digest == hashlib.sha256(data).digest() else None

    def save(self, key: Any, entry: Any) -> None:
        """Put the entry in its place whole, even if other processes do so at the same time."""
        path, data = self._path(key), dumps(entry)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            write_private(unfinished, hashlib.sha256(data).digest() + data)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _path(self, key: Any) -> Path:
        return self._directory / f"{self._stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}"


class KernelCache(FunctionCache):
    """Numba's function cache in fastjac's own directory; announces to the user what must be compiled.

    A file that cannot be read or written costs another compilation, and never an error.
    """

    _impl_class = _CacheImplementation

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        self._kernel = py_func.__name__
        self._cache_file = _CacheFiles(Path(self.cache_path), self._impl.filename_base)

    def _index_key(self, sig, codegen):
        """The key of an entry, besides the names of the kernel and of the directory, which stand for all sources."""
        return sig, codegen.magic_tuple()

    def load_overload(self, sig, target_context):
        """The kernel compiled for arguments of the types `sig`; where this is None, Numba compiles it."""
        loaded = None
        # Numba's own method first imports every function of NumPy that Numba knows, and SciPy's linear algebra: 0.3 s.
        # Compiled code needs the runtime alone, and a later compilation imports the rest.
        rtsys.initialize(target_context)
        with contextlib.suppress(OSError):
            loaded = self._load_overload(sig, target_context)
        if loaded is None:
            _announce(self._kernel, kept=True)
        return loaded

    def save_overload(self, sig, data):
        """Keep what Numba has compiled for arguments of the types `sig`."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class NoCache(NullCache):
    """The cache where no directory can be written to: it finds and keeps nothing, and the user is warned."""

    def __init__(self, py_func: Any) -> None:
        self._kernel = py_func.__name__

    def load_overload(self, sig, target_context):
        """None, so that Numba compiles the kernel."""
        _announce(self._kernel, kept=False)


def _announce(kernel: str, kept: bool) -> None:
    """Announce a kernel that takes long to compile."""
    what, _, dtype = kernel.partition("_")
    if what in LONG:
        title, seconds = LONG[what]
        announce_compilation(title + dtype, seconds, kept)


def enable_cache(dispatcher: Any) -> None:
    """Cache `dispatcher` on disk; where no directory can be written to, it compiles anew in each process."""
    dispatcher._cache = NoCache(dispatcher.py_func) if cache_directory() is None else KernelCache(dispatcher.py_func)
