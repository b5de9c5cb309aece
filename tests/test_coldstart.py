"""The word before kernels compile: given once for each dtype, and only where something compiles."""

import numpy as np
import pytest

from fastjac.coldstart import announce_compilation
from fastjac.kernels import cache
from fastjac.kernels.jit import entry


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def new_process():
    """A function after which nobody has been told anything in this process."""
    announce_compilation.cache_clear()
    yield announce_compilation.cache_clear
    announce_compilation.cache_clear()


def kernels():
    """Two kernels as a new process has them, which soon compile."""
    return [entry()(function) for function in (twice, total)]


def twice(x):
    return 2 * x


def total(pair):
    return pair[0].sum() + pair[1]


def use(dtype, twice, total):
    x = np.ones(3, dtype)
    assert twice(x).tolist() == [2, 2, 2]
    assert total((x, 1)) == 4


def word(dtype):
    return f"fastjac: compiling kernels for {dtype}, once for this machine; up to 15 s\n"


def test_once_for_each_dtype_however_many_kernels(directory, new_process, capsys):
    both = kernels()
    for dtype in ("float32", "float64"):
        use(dtype, *both)
        use(dtype, *both)
        captured = capsys.readouterr()
        assert captured.err == word(dtype)
        assert captured.out == ""


def test_a_new_process_hears_only_of_what_is_not_in_the_cache(directory, new_process, capsys):
    use("float32", *kernels())
    new_process()
    capsys.readouterr()
    both = kernels()
    use("float32", *both)
    assert capsys.readouterr().err == ""
    use("float64", *both)
    assert capsys.readouterr().err == word("float64")


def test_where_nothing_can_be_written_the_word_says_so(monkeypatch, new_process, capsys):
    monkeypatch.setattr(cache, "cache_directory", lambda: None)
    use("float64", *kernels())
    told = "fastjac: compiling kernels for float64, anew in each process, as no cache directory can be written to; up to 15 s\n"
    assert capsys.readouterr().err == told


def test_a_kernel_without_floating_point_arguments_compiles_too(directory, new_process, capsys):
    assert kernels()[0](3) == 6
    assert capsys.readouterr().err == word("every dtype")
