"""The published benchmark compares every method and rejects a wrong one."""

import importlib.util
import runpy
from pathlib import Path

import pytest

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def published(monkeypatch):
    main = runpy.run_path(str(ROOT / "examples" / "published_benchmark.py"))["main"]
    monkeypatch.setitem(main.__globals__, "seconds_per_call", lambda function: 1e-3)
    return main


def test_published_benchmark_compares_every_method(published, capsys):
    published([])
    printed = capsys.readouterr().out
    for name, package, *_ in published.__globals__["METHODS"]:
        missing = importlib.util.find_spec(package) is None
        assert f"{name} is left out" in printed if missing else f"\n{name:<20} " in printed


def test_published_benchmark_leaves_out_what_is_not_installed(published, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "autograd" else found(name))
    published(["--seed", "3"])
    assert "autograd is left out: it is not installed (pip install autograd)." in capsys.readouterr().out


def test_published_benchmark_rejects_a_wrong_method(published, monkeypatch):
    wrong = ("wrong", "numpy", lambda parameters: lambda x: 1.001 * published.__globals__["by_hand"](parameters)(x), 1e-12)
    monkeypatch.setitem(published.__globals__, "METHODS", [wrong])
    with pytest.raises(AssertionError, match=r"wrong differs by 1\.0e-03"):
        published([])
