"""What is measured in a process of its own: memory and starts."""

import os
from pathlib import Path

import pytest

import fastjac
from asv_benches import memory, process, startup


def test_fresh_process_has_the_same_fastjac_arguments_and_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INHERITED", "2.5")
    code = """
import os, sys
import fastjac
print(os.path.samefile(fastjac.__file__, sys.argv[1]) * 1, sys.argv[2])
print(os.environ["INHERITED"], os.environ["GIVEN"])
"""
    found = process.run_fresh(code, fastjac.__file__, 7, environment={"GIVEN": "3"})
    assert found == [1.0, 7.0, 2.5, 3.0]


needs_peak = pytest.mark.skipif(
    not os.access(memory.PEAK_RESET, os.W_OK), reason=f"needs {memory.PEAK_RESET}, which this system does not have"
)


@needs_peak
def test_extra_peak_knows_the_result():
    extra, result = memory.extra_peak("dynamics-20000", "float64")
    assert result == 20_000 * 8 * 12 * 8
    assert 0.0 <= extra < 64e6


@needs_peak
def test_extra_peak_sees_memory_that_was_freed_again(monkeypatch):
    lines = memory.EXTRA_PEAK.splitlines()
    position = next(number for number, line in enumerate(lines) if line.startswith("result ="))
    wasteful = [*lines[: position + 1], "waste = np.ones(30_000_000 // 8)", "del waste", *lines[position + 1 :]]
    monkeypatch.setattr(memory, "EXTRA_PEAK", "\n".join(wasteful))
    extra, _ = memory.extra_peak("dynamics-2000", "float32")
    assert 30e6 <= extra < 40e6


def test_extra_peak_needs_a_system_that_reports_it(monkeypatch):
    monkeypatch.setattr(memory, "PEAK_RESET", "/nowhere/clear_refs")
    with pytest.raises(NotImplementedError, match="needs /nowhere/clear_refs"):
        memory.Memory().setup("mnist-1024", "float32")


def test_tracked_memory_is_in_megabytes(monkeypatch):
    monkeypatch.setattr(memory, "extra_peak", lambda cell, dtype: (3e6, 1e9))
    assert memory.Memory().track_extra_peak("mnist-1024", "float32") == 3.0


def test_start_is_that_of_a_process():
    found = startup.start()
    assert 0.05 < found.first < 120.0
    assert 0.0 < found.same_batch < found.first
    assert 0.0 < found.new_batch < found.first


def test_cold_start_finds_no_kernels(monkeypatch):
    seen = []

    def run_fresh(code, *arguments, environment):
        seen.append(environment["NUMBA_CACHE_DIR"])
        assert not os.listdir(seen[-1])
        return 12.0, 0.1, 0.1

    monkeypatch.setattr(startup, "run_fresh", run_fresh)
    assert startup.ColdStart().track_cold_start() == 12.0
    assert not Path(seen[0]).exists()
