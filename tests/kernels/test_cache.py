"""The disk cache: warm starts, no stale code, and no failure where files are damaged, shared or cannot be written.

Every process says on stderr that it compiles, so one that is silent has read its kernels from disk.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.kernels import cache
from fastjac.kernels.jit import entry, kernel
from fastjac.kernels.memory import NUMBER, view
from tests.fresh_process import run_script
from tests.kernels.from_python import call

JACOBIAN = """
    import numpy as np
    from fastjac import Affine, Network
    weight = np.array([[3.0, 4.0]], "{dtype}")
    print(Network([Affine(weight)]).jacobian(np.array([[1.0, 2.0]])).tolist())
"""
ONE_KERNEL = """
    import numpy as np
    from fastjac.kernels.jit import entry
    def run_float64(x):
        return 2 * x
    print(entry()(run_float64)(np.ones(2)).tolist())
"""
"""A kernel with the name of a long one, which compiles in no time."""


def jacobian(site, dtype="float64", **environment):
    """What a process says on stdout and stderr that imports the copy of the package in the directory `site`."""
    finished = run_script(JACOBIAN.format(dtype=dtype), **{"timeout": 600, "PYTHONPATH": str(site)} | environment)
    return finished.stdout, finished.stderr


def one_kernel(directory, **environment):
    """Whether a process has to compile one kernel, which it must run right in any case."""
    finished = run_script(ONE_KERNEL, NUMBA_CACHE_DIR=str(directory), **environment)
    assert finished.stdout == "[2.0, 2.0]\n"
    assert finished.stderr in ("", word("float64"))
    return finished.stderr != ""


def word(dtype, how_often="once for this machine"):
    return f"fastjac: compiling kernels for {dtype}, {how_often}; up to 8 s\n"


RIGHT = "[[[3.0, 4.0]]]\n"
SILENT = ""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory that holds a copy of the package as it was installed, with nothing compiled."""
    directory = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(fastjac.__file__).parent, directory / "fastjac", ignore=shutil.ignore_patterns("__pycache__"))
    return directory


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that holds the kernels for float64 as this process has kept them, of the same sources as those of `site`."""
    fastjac.Network([fastjac.Affine(np.eye(2))]).jacobian(np.ones(2))
    directory = tmp_path_factory.mktemp("warm")
    kept = cache.cache_directory()
    shutil.copytree(kept, directory / kept.name)
    return directory


@pytest.fixture
def read_only_site(site, tmp_path):
    """A copy of `site` in which no cache can be written: a file lies where its directory would, which stops root as well."""
    shutil.copytree(site / "fastjac", tmp_path / "site" / "fastjac")
    (tmp_path / "site" / "fastjac" / "kernels" / "__pycache__").touch()
    return tmp_path / "site"


def twice(x):
    return 2 * x


def home(directory):
    """Variables that make `directory` the user's home and leave the choice of a cache to fastjac."""
    return {"HOME": str(directory), "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}


def test_a_second_process_compiles_nothing(site, warm):
    assert jacobian(site, NUMBA_CACHE_DIR=str(warm)) == (RIGHT, SILENT)


def test_a_second_process_loads_nothing_that_compiling_alone_needs(site, warm):
    """Numba's functions of NumPy, and SciPy's linear algebra, which they import where it is installed."""
    script = (
        JACOBIAN.format(dtype="float64")
        + """
    import sys
    print([name for name in ("numba.np.arraymath", "scipy.linalg") if name in sys.modules])
    """
    )
    assert run_script(script, PYTHONPATH=str(site), NUMBA_CACHE_DIR=str(warm)).stdout == RIGHT + "[]\n"


def test_code_of_users_compiles_after_kernels_were_read(site, warm):
    script = (
        JACOBIAN.format(dtype="float64")
        + """
    import numba
    print(numba.njit(lambda a: np.linalg.solve(a, a).sum() + np.sort(a[0])[1])(np.eye(2)))
    """
    )
    assert run_script(script, PYTHONPATH=str(site), NUMBA_CACHE_DIR=str(warm)).stdout == RIGHT + "3.0\n"


def test_every_kernel_source_is_in_the_key(tmp_path, monkeypatch):
    package, kernels = Path(cache.__file__).parents[1], tmp_path / "kernels"
    shutil.copytree(package / "kernels", kernels, ignore=shutil.ignore_patterns("__pycache__"))
    outside = [path.relative_to(package) for pattern in cache.OUTSIDE for path in package.glob(pattern)]
    for path in outside:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(package / path, tmp_path / path)
    monkeypatch.setattr(cache, "__file__", str(kernels / "cache.py"))
    fingerprint = cache.fingerprint.__wrapped__
    seen = {fingerprint()}
    sources = [*kernels.rglob("*.py"), *(tmp_path / path for path in outside)]
    assert {"numba.py", "formula"} <= {source.relative_to(tmp_path).parts[0] for source in sources}
    for source in sources:
        source.write_text(source.read_text() + "\n")
        seen.add(fingerprint())
    assert len(seen) == 1 + len(sources)


def test_kernels_are_kept_in_the_users_cache_and_not_beside_the_sources(site, warm, tmp_path):
    environment = home(tmp_path / "home") | {"PYTHONPATH": str(site)}
    run_script("import fastjac", **environment)
    (users,) = (tmp_path / "home").rglob("fastjac-*")
    shutil.copytree(warm / users.name, users, dirs_exist_ok=True)
    assert jacobian(site, **environment) == (RIGHT, SILENT)
    assert not list(site.rglob("fastjac-*"))


def test_a_user_without_a_home_keeps_them_beside_the_sources(site, warm, tmp_path):
    (tmp_path / "file").touch()
    shutil.copytree(site, tmp_path / "site")
    (kept,) = warm.iterdir()
    shutil.copytree(kept, tmp_path / "site" / "fastjac" / "kernels" / "__pycache__" / kept.name)
    assert jacobian(tmp_path / "site", **home(tmp_path / "file")) == (RIGHT, SILENT)


def test_nowhere_to_write_is_no_import_error(read_only_site, tmp_path):
    (tmp_path / "file").touch()
    finished = run_script("import fastjac", **home(tmp_path / "file"), PYTHONPATH=str(read_only_site))
    assert (finished.stdout, finished.stderr) == ("", "")


@pytest.mark.slow
def test_nowhere_to_write_kernels_compile_in_memory(read_only_site, tmp_path):
    (tmp_path / "file").touch()
    message = word("float64", "anew in each process, as no cache directory is this user's own and writable")
    assert jacobian(read_only_site, **home(tmp_path / "file")) == (RIGHT, message)


@pytest.mark.slow
def test_an_edit_of_any_kernel_source_is_seen(site, warm, tmp_path):
    shutil.copytree(site, tmp_path / "site")
    operators = tmp_path / "site" / "fastjac" / "kernels" / "operators.py"
    source = operators.read_text()
    line = "to_row[j] = from_row[j] * factors[j]\n"
    assert line in source
    operators.write_text(source.replace(line, line.replace("= ", "= 2 * ")))
    assert jacobian(tmp_path / "site", NUMBA_CACHE_DIR=str(warm)) == ("[[[6.0, 8.0]]]\n", word("float64"))


def test_another_cpu_does_not_get_this_ones_code(tmp_path):
    """As in a home that machines share; each keeps its own code."""
    machines = ({}, {"NUMBA_CPU_NAME": "generic"}, {"NUMBA_CPU_FEATURES": ""})
    with ThreadPoolExecutor() as pool:
        for compiles in (True, False):
            assert list(pool.map(lambda machine: one_kernel(tmp_path, **machine), machines)) == [compiles] * 3


def cut_short(content):
    return content[: len(content) // 2]


def emptied(content):
    return b""


def one_bit_flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut_short, emptied, one_bit_flipped])
def test_damaged_files_are_replaced(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    entry()(twice)(np.ones(2))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    for hits in (0, 1):
        later = entry()(twice)
        assert later(np.ones(2)).tolist() == [2.0, 2.0]
        assert sum(later.stats.cache_hits.values()) == hits


def linked(file, elsewhere):
    """As if somebody had put a symbolic link in a file's place, to one that holds what he likes."""
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def writable_by_others(file, elsewhere):
    file.chmod(0o666)


def owned_by_another(file, elsewhere):
    os.chown(file, 12345, -1)


def a_pipe(file, elsewhere):
    file.unlink()
    os.mkfifo(file)


needs_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a file to another user")


@pytest.mark.skipif(os.name == "nt", reason="Windows states no owners")
@pytest.mark.parametrize("attack", [linked, writable_by_others, pytest.param(owned_by_another, marks=needs_root), a_pipe])
def test_a_file_that_others_could_have_written_is_not_unpickled(tmp_path, monkeypatch, attack):
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    entry()(twice)(np.ones(2))
    (file,) = (tmp_path / "cache").iterdir()
    attack(file, tmp_path / "elsewhere")
    monkeypatch.setattr(cache.pickle, "loads", lambda data: pytest.fail("it was unpickled"))
    later = entry()(twice)
    assert later(np.ones(2)).tolist() == [2.0, 2.0]
    assert sum(later.stats.cache_hits.values()) == 0
    monkeypatch.undo()
    assert file.is_file()  # put in the place of what lay there
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_does_not_stop_a_call(tmp_path, monkeypatch):
    """The kernel has been compiled, and runs; the next process compiles again."""

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(os, "replace", full)
    assert entry()(twice)(np.ones(2)).tolist() == [2.0, 2.0]
    assert not any(tmp_path.iterdir())


def test_two_dtypes_saved_at_the_same_time(tmp_path, monkeypatch):
    """Neither sees what the other has written before both put it in place; afterwards each finds its own code."""
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    first, second, later = (entry()(twice) for _ in range(3))
    waiting, replace = [], os.replace

    def replace_in_turn(source, target):
        waiting.append((source, target))
        if len(waiting) == 1:
            second(np.ones(2, np.float64))
        else:
            while waiting:
                replace(*waiting.pop(0))

    monkeypatch.setattr(os, "replace", replace_in_turn)
    first(np.ones(2, np.float32))
    for dtype in (np.float32, np.float64):
        assert later(np.ones(2, dtype)).tolist() == [2.0, 2.0]
    assert sum(later.stats.cache_hits.values()) == 2


def test_kernels_that_one_function_makes_differ_in_their_names(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)

    def made(name, factor):
        @kernel(NUMBER, name=name)
        def scale(zero, target):
            view(zero, target, 1)[0] *= factor

        return scale

    for hits in (0, 1):
        for name, factor in (("twice", 2), ("thrice", 3)):
            target, scale = np.ones(1), made(name, factor)
            call(scale, 0.0, target)
            assert target.tolist() == [factor]
            assert sum(scale.stats.cache_hits.values()) == hits


RULES = """
    import sys, numpy as np
    from fastjac.layers import Cos, Formula, Sin
    from tests.kernels.from_python import call
    layers = {{"sin": Sin(), "cos": Cos(), "cube": Formula("x**3"), "bump": Formula("1 / (1 + x*x)")}}
    for name in {names}:
        z, d = np.array([0.5, 0.5]), np.empty(2)
        call(layers[name].rule.activation, 0.0, z, d, d, d, 2)
        print(z[0].round(6), d[0].round(6))
"""
"""Value and slope of activations, whose kernels are made by one function each kind."""


def test_kernels_that_come_from_several_processes_call_pieces_of_their_own(tmp_path):
    """Numba counts functions of one name in each process anew, so the first ones of two processes had the same symbol."""
    expected = {"sin": "0.479426 0.877583\n", "cos": "0.877583 -0.479426\n", "cube": "0.125 0.75\n", "bump": "0.8 -0.64\n"}
    for names in ([name] for name in expected):
        assert run_script(RULES.format(names=names), NUMBA_CACHE_DIR=str(tmp_path)).stdout == expected[names[0]]
    shown = run_script(RULES.format(names=[*expected]), NUMBA_CACHE_DIR=str(tmp_path)).stdout
    assert shown == "".join(expected.values())


@pytest.mark.slow
def test_eight_processes_start_cold_at_once(site, tmp_path):
    """Of two dtypes, so that they write different code to the same place at the same time."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    dtypes = ["float32", "float64"] * 4
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda dtype: jacobian(site, dtype, **environment), dtypes))
    assert said == [(RIGHT, word(dtype)) for dtype in dtypes]
    for dtype in dtypes[:2]:
        assert jacobian(site, dtype, **environment) == (RIGHT, SILENT)
