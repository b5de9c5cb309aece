"""The directory of the compiled kernels: where it lies, whom it trusts, and which of its kind it outlives."""

import os
import stat
import time
from pathlib import Path

import numba
import pytest

from fastjac.kernels import directory
from fastjac.kernels.directory import MOST_KEPT, places, usable_directory
from tests.fresh_process import run_script

FINGERPRINT = "0123456789abcdef"
NAME = f"fastjac-{FINGERPRINT}"
BESIDE = Path(directory.__file__).parent / "__pycache__"
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows states no owners")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home in which the user's cache directory is `.cache/fastjac`."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr("numba.misc.appdirs.system", "linux2")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def used(place, name, days_ago):
    """A directory with an entry in it that was used last so many days ago."""
    made = place / name
    made.mkdir(parents=True)
    (made / "entry").touch()
    when = time.time() - days_ago * 24 * 3600
    os.utime(made, (when, when))
    return made


class TestPlaces:
    def test_the_users_cache_comes_before_the_sources(self, home):
        assert places() == [home / ".cache" / "fastjac", BESIDE]

    def test_the_users_choice_of_a_cache(self, home, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / "mine"))
        assert places() == [home / "mine" / "fastjac", BESIDE]

    @pytest.mark.parametrize("value", ["", "relative"])
    def test_an_empty_or_relative_choice_is_ignored(self, home, monkeypatch, value):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert places() == [home / ".cache" / "fastjac", BESIDE]

    def test_a_user_without_a_home_writes_nothing_into_the_current_directory(self, home, monkeypatch):
        """As in a container whose user is a bare number: "~" stands for itself then."""
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        assert places() == [BESIDE]

    def test_numbas_variable_wins(self, home, monkeypatch):
        monkeypatch.chdir(home)
        monkeypatch.setattr(numba.config, "CACHE_DIR", "relative")
        assert places() == [home / "relative"]


class TestChoice:
    def test_the_first_place_that_can_be_written_to(self, tmp_path):
        (tmp_path / "file").touch()
        assert usable_directory([tmp_path / "file", tmp_path / "a" / "b"], FINGERPRINT) == tmp_path / "a" / "b" / NAME
        assert usable_directory([tmp_path / "file"], FINGERPRINT) is None
        assert usable_directory([], FINGERPRINT) is None

    @on_posix
    def test_a_new_one_is_private_whatever_the_umask(self, tmp_path):
        before = os.umask(0)
        try:
            made = usable_directory([tmp_path], FINGERPRINT)
        finally:
            os.umask(before)
        assert stat.S_IMODE(made.stat().st_mode) == 0o700

    @on_posix
    @pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
    def test_one_that_others_can_write_to_is_passed_over(self, tmp_path, mode):
        (tmp_path / NAME).mkdir()
        (tmp_path / NAME).chmod(mode)
        assert usable_directory([tmp_path, tmp_path / "next"], FINGERPRINT) == tmp_path / "next" / NAME

    @on_posix
    def test_one_that_another_user_owns_is_passed_over(self, tmp_path, monkeypatch):
        (tmp_path / NAME).mkdir()
        assert usable_directory([tmp_path], FINGERPRINT) == tmp_path / NAME
        someone_else = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: someone_else)
        assert usable_directory([tmp_path], FINGERPRINT) is None

    @on_posix
    def test_a_symbolic_link_is_passed_over(self, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
        assert usable_directory([tmp_path], FINGERPRINT) is None


class TestRemoval:
    def test_old_ones_go_when_a_new_one_is_made(self, tmp_path):
        old = [used(tmp_path, f"fastjac-{number:016x}", days_ago=2 + number) for number in range(MOST_KEPT + 3)]
        made = usable_directory([tmp_path], FINGERPRINT)
        assert set(tmp_path.iterdir()) == {made, *old[: MOST_KEPT - 1]}

    def test_those_in_use_stay_however_many(self, tmp_path):
        """Many environments with a version each: none of them compiles anew because another one started."""
        old = [used(tmp_path, f"fastjac-{number:016x}", days_ago=0.9) for number in range(2 * MOST_KEPT)]
        made = usable_directory([tmp_path], FINGERPRINT)
        assert set(tmp_path.iterdir()) == {made, *old}

    def test_a_use_is_remembered(self, tmp_path):
        used(tmp_path, NAME, days_ago=1000)
        for number in range(MOST_KEPT):
            used(tmp_path, f"fastjac-{number:016x}", days_ago=2)
        usable_directory([tmp_path], FINGERPRINT)
        usable_directory([tmp_path], "f" * 16)
        assert (tmp_path / NAME / "entry").exists()

    def test_nothing_goes_where_none_is_made(self, tmp_path):
        usable_directory([tmp_path], FINGERPRINT)
        old = [used(tmp_path, f"fastjac-{number:016x}", days_ago=2) for number in range(2 * MOST_KEPT)]
        usable_directory([tmp_path], FINGERPRINT)
        assert all(path.exists() for path in old)

    def test_what_is_not_fastjacs_stays(self, tmp_path):
        names = ["fastjac", "fastjac-notes", f"fastjac-{'g' * 16}", f"fastjac-{'a' * 17}", f"my-fastjac-{'a' * 16}"]
        others = [used(tmp_path / "sources", name, days_ago=1000) for name in names]
        (tmp_path / "sources" / f"fastjac-{'b' * 16}").symlink_to(others[0])
        usable_directory([tmp_path / "users", tmp_path / "sources"], FINGERPRINT)
        assert all((path / "entry").exists() for path in others)
        assert (tmp_path / "sources" / f"fastjac-{'b' * 16}").is_symlink()

    def test_what_an_earlier_version_kept_beside_the_sources_goes(self, tmp_path):
        old, recent = used(tmp_path / "sources", f"fastjac-{0:016x}", 2), used(tmp_path / "sources", f"fastjac-{1:016x}", 0.5)
        usable_directory([tmp_path / "users", tmp_path / "sources"], FINGERPRINT)
        assert recent.exists()
        assert not old.exists()

    def test_one_that_is_gone_under_a_running_process_is_made_again(self, tmp_path):
        finished = run_script(
            """
            import shutil
            import numpy as np
            from fastjac.kernels.cache import cache_directory
            from fastjac.kernels.jit import entry
            def twice(x):
                return 2 * x
            twice = entry()(twice)
            shutil.rmtree(cache_directory())
            print(twice(np.ones(2)).tolist(), len(list(cache_directory().iterdir())), oct(cache_directory().stat().st_mode))
            """,
            NUMBA_CACHE_DIR=str(tmp_path),
        )
        assert finished.stdout == "[2.0, 2.0] 1 0o40700\n"
