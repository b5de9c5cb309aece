"""The word before kernels compile: given once for each dtype, and only where something compiles."""

import numpy as np
import pytest

from fastjac.coldstart import announce_compilation
from fastjac.kernels import cache
from fastjac.kernels.jit import entry
from fastjac.kernels.run import KERNELS


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def new_process():
    """A function after which nothing has been announced yet in this process."""
    announce_compilation.cache_clear()
    yield announce_compilation.cache_clear
    announce_compilation.cache_clear()


def kernels():
    """Kernels as a new process has them, which soon compile: the long one of each dtype, and a short one."""
    return {function.__name__: entry()(function) for function in (run_float32, run_float64, short)}


def run_float32(x):
    return 2 * x


def run_float64(x):
    return 2 * x


def short(x):
    return x + x


def use(dtype, kernels):
    x = np.ones(3, dtype)
    assert kernels[f"run_{dtype}"](x).tolist() == [2, 2, 2]
    assert kernels["short"](x).tolist() == [2, 2, 2]


def word(dtype):
    return f"fastjac: compiling kernels for {dtype}, once for this machine; up to 8 s\n"


def test_once_for_each_dtype_however_often_it_is_used(directory, new_process, capsys):
    compiled = kernels()
    for dtype in ("float32", "float64"):
        use(dtype, compiled)
        use(dtype, compiled)
        captured = capsys.readouterr()
        assert captured.err == word(dtype)
        assert captured.out == ""


def test_a_kernel_that_takes_no_time_compiles_without_a_word(directory, new_process, capsys):
    assert kernels()["short"](3) == 6
    assert capsys.readouterr().err == ""


def test_a_new_process_hears_only_of_what_is_not_in_the_cache(directory, new_process, capsys):
    use("float32", kernels())
    new_process()
    capsys.readouterr()
    compiled = kernels()
    use("float32", compiled)
    assert capsys.readouterr().err == ""
    use("float64", compiled)
    assert capsys.readouterr().err == word("float64")


def test_where_nothing_can_be_written_the_word_says_so(monkeypatch, new_process, capsys):
    monkeypatch.setattr(cache, "cache_directory", lambda: None)
    use("float64", kernels())
    why = "anew in each process, as no cache directory is this user's own and writable"
    announcement = f"fastjac: compiling kernels for float64, {why}; up to 8 s\n"
    assert capsys.readouterr().err == announcement


def test_the_names_by_which_long_kernels_are_known_are_theirs():
    assert {f"run_{dtype}": kernel.py_func.__name__ for dtype, kernel in KERNELS.items()} == {
        name: name for name in ("run_float32", "run_float64")
    }
