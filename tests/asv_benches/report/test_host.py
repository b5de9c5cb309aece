"""The machine is described by what the system says, and as unknown where it says nothing."""

import pytest

from asv_benches import isa
from asv_benches.report import host
from fastjac.kernels.target import vector_unit


@pytest.fixture
def caches(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "CACHES", tmp_path)
    for number, (level, kind, size) in enumerate([(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2048K")]):
        index = tmp_path / f"index{number}"
        index.mkdir()
        for file, text in (("level", level), ("type", kind), ("size", size)):
            (index / file).write_text(f"{text}\n")
    return tmp_path


def test_caches_are_those_of_the_first_core(caches):
    assert host.cache_sizes() == {"L1d": "48 KiB", "L2": "2048 KiB", "L3": "unknown"}


def test_caches_are_unknown_where_nothing_says(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "CACHES", tmp_path / "none")
    monkeypatch.setattr(host, "_sysctl", lambda key: {"hw.l2cachesize": "4194304"}.get(key, ""))
    assert host.cache_sizes() == {"L1d": "unknown", "L2": "4096 KiB", "L3": "unknown"}


def test_cpu_names_itself(tmp_path, monkeypatch):
    information = tmp_path / "cpuinfo"
    information.write_text("processor\t: 0\nmodel name\t: A CPU: 2 GHz\nmodel name\t: Another\n")
    monkeypatch.setattr(host, "CPU_INFORMATION", information)
    assert host.cpu_model() == "A CPU: 2 GHz"
    monkeypatch.setattr(host, "CPU_INFORMATION", tmp_path / "none")
    monkeypatch.setattr(host.platform, "processor", lambda: "")
    monkeypatch.setattr(host, "_sysctl", lambda key: "")
    assert host.cpu_model() == "unknown"


def test_description_has_vectors_and_versions(monkeypatch):
    monkeypatch.delenv(isa.HELD, raising=False)
    text = " ".join(host.describe(["fastjac", "expert NumPy"]))
    assert f"Vectors of {8 * vector_unit()[0]} bits" in text
    assert "all that the CPU has" in text
    assert all(package in text for package in ("numba ", "fastjac ", "numpy "))
    monkeypatch.setenv(isa.HELD, isa.AVX2)
    assert "held to AVX2 (NUMBA_CPU_NAME, " in " ".join(host.describe([]))
    assert host.machine().endswith(", held to AVX2")
