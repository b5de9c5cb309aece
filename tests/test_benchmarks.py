"""The benchmark suite measures what it says: right networks, right peers, every benchmark found by asv."""

import importlib.util
import inspect
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asv_benches import common, jacobian, machine, peers, report, startup, timing

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = ("time_", "peakmem_", "track_", "timeraw_")
MULTIPLY_ADDS = {  # of one value: the size of all weights
    "seed": 51_000,
    "acasxu": 13_000,
    "dynamics": 5_376,
    "mnist": 268_800,
    "emulator": 2_069_504,
    "autoencoder": 417_792,
    "square": 393_216,
}


def needs(contender):
    missing = not peers.is_installed(contender)
    return pytest.param(contender, marks=pytest.mark.skipif(missing, reason=f"{contender} is not installed"))


# --- networks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", common.DTYPES)
@pytest.mark.parametrize("name", common.NETWORKS)
def test_network_builds(name, dtype):
    recipe = common.NETWORKS[name]
    network = recipe.network(dtype)
    assert network.dtype == dtype
    assert (network.n_in, network.n_out) == (recipe.widths[0], recipe.widths[-1])
    assert sum(layer.arrays["weight"].size for layer in network if layer.arrays) == MULTIPLY_ADDS[name]


def test_inputs_stay_clear_of_kinks_and_are_the_same_in_both_dtypes():
    recipe = common.NETWORKS["acasxu"]
    x = recipe.inputs(4096, "float64")
    assert x.shape == (4096, 5)
    np.testing.assert_array_equal(recipe.inputs(4096, "float32"), x)
    hidden = x
    for weight, bias in recipe.parameters("float64")[:-1]:
        hidden = hidden @ weight.T + bias
        assert np.abs(hidden).min() > common.KINK_MARGIN
        hidden = np.maximum(hidden, 0.0)


def test_cells_are_networks_at_their_batch_sizes():
    assert len(common.CELLS) == 18
    assert common.CELLS["seed-1024"] == (common.NETWORKS["seed"], 1024)
    assert set(common.BATCH_CELLS) < set(common.CELLS)


# --- contenders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", common.NETWORKS)
@pytest.mark.parametrize("contender", [needs(contender) for contender in peers.CONTENDERS])
def test_every_order_of_every_contender_agrees(contender, name):
    recipe = common.NETWORKS[name]
    x = recipe.inputs(2, "float64")
    expected = recipe.network("float64").jacobian(x, mode="reverse")
    for order, compute in peers.CONTENDERS[contender](recipe, "float64").items():
        assert common.relative_error(compute(x), expected) < common.tolerance("float64"), order


@pytest.mark.parametrize("dtype", common.DTYPES)
@pytest.mark.parametrize("cell", ["seed-64", "dynamics-64", "acasxu-64"])
def test_tracked_error_is_small(cell, dtype):
    assert 0.0 < jacobian.Error().track_error(cell, dtype) < common.tolerance(dtype)


def test_relative_error_sees_a_wrong_entry():
    reference = np.array([[1.0, 2.0], [3.0, 4.0]])
    wrong = reference.copy()
    wrong[0, 0] += 0.004
    assert common.relative_error(wrong, reference) == pytest.approx(0.001)


def test_hopeless_order_is_skipped():
    orders = {name: recipe.hopeless_order for name, recipe in common.NETWORKS.items()}
    assert orders["seed"] == orders["mnist"] == "forward"
    assert orders["emulator"] == "reverse"
    assert not any(orders[name] for name in ("acasxu", "dynamics", "autoencoder", "square"))
    with pytest.raises(NotImplementedError, match="reverse order is hopeless for emulator-32"):
        jacobian.Jacobian().setup("emulator-32", "float32", "reverse")


def test_peer_that_is_not_installed_is_skipped(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotImplementedError, match="JAX is not installed"):
        jacobian.Peers().setup("JAX", "seed-64", "float32")


# --- collection by asv ----------------------------------------------------------------------------------------------------


def test_asv_collects_every_benchmark(tmp_path):
    found = tmp_path / "benchmarks.json"
    code = f"from asv_runner.discovery import _discover; _discover(({str(ROOT / 'asv_benches')!r}, {str(found)!r}))"
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
    collected = {benchmark["name"] for benchmark in json.loads(found.read_text())}

    written = set()
    for module in (jacobian, machine, startup):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__:
                methods = [method for method in dir(cls) if not method.startswith("_") and callable(getattr(cls, method))]
                assert all(method == "setup" or method.startswith(PREFIXES) for method in methods), name
                written |= {f"{module.__name__.rpartition('.')[2]}.{name}.{method}" for method in methods if method != "setup"}
    assert collected == written
    assert {name.split(".")[-1].split("_")[0] + "_" for name in collected} == set(PREFIXES)


def test_configuration_names_the_suite():
    configuration = json.loads((ROOT / "asv_benches" / "asv.conf.json").read_text())
    assert configuration["project"] == "fastjac"
    assert (ROOT / "asv_benches" / configuration["benchmark_dir"] / "jacobian.py").is_file()


@pytest.mark.parametrize(
    ("benchmark", "parameters"),
    [
        (jacobian.Jacobian, ("dynamics-64", "float64", "mixed")),
        (jacobian.Jacobian, ("square-64", "float32", "auto")),
        (jacobian.Peers, ("expert NumPy", "seed-64", "float32")),
        (machine.Control, ("copy",)),
    ],
)
def test_benchmark_runs(benchmark, parameters):
    instance = benchmark()
    assert all(value in values for value, values in zip(parameters, _parameter_grid(instance), strict=True))
    instance.setup(*parameters)
    for name, method in inspect.getmembers(instance, inspect.ismethod):
        if name.startswith(PREFIXES):
            method(*parameters)


def _parameter_grid(instance):
    return instance.params if isinstance(instance.params[0], tuple) else (instance.params,)


@pytest.mark.parametrize("method", ["timeraw_import", "timeraw_first_jacobian"])
def test_startup_code_runs(method):
    statement, setup = getattr(startup.Startup(), method)()
    namespace = {}
    exec(inspect.cleandoc(setup), namespace)
    exec(inspect.cleandoc(statement), namespace)
    assert namespace.keys() & {"fj", "fastjac"}


# --- timing and report ----------------------------------------------------------------------------------------------------


def test_interleaved_gives_every_function_a_turn_in_every_round(monkeypatch):
    monkeypatch.setattr(timing, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    calls = []
    medians = timing.interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=3, seconds=60.0)
    # Two calls a turn, one of them untimed; each round starts with another function.
    assert "".join(calls) == "aabbccbbccaaccaabb"
    assert all(median > 0.0 for median in medians.values())


def test_interleaved_stops_when_time_is_up_but_not_before_the_least_rounds(monkeypatch):
    monkeypatch.setattr(timing, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    calls = []
    timing.interleaved({"a": lambda: calls.append("a")}, rounds=50, seconds=0.0, least_rounds=4)
    assert len(calls) == 8


def test_report_writes_a_table(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(report, "QUICK", report.Effort(rounds=1, seconds=0.0, batches=1))
    monkeypatch.setattr(report, "ceilings", lambda: {"float32": 200.0, "float64": 100.0, "copy": 20.0})
    output = tmp_path / "report.md"
    assert report.main(["--quick", "--networks", "dynamics", "seed", "--output", str(output)]) == 0
    text = output.read_text()
    assert text in capsys.readouterr().out
    header = next(line for line in text.splitlines() if line.startswith("| network-batch"))
    assert all(contender in header for contender in peers.installed())
    for row in ("| dynamics-1 | float32 |", "| dynamics-1 | float64 |", "| seed-1 | float64 |", "| all rows | 4 |"):
        assert row in text
    assert "matrix multiply 200 / 200 GFLOP/s float32 and 100 / 100 float64, copy 20 / 20 GB/s" in text


def test_report_refuses_a_wrong_jacobian(monkeypatch):
    def slightly_wrong(contender, cell, dtype):
        right = peers.prepare("expert NumPy", cell, dtype)
        return (lambda x: 1.001 * right(x)) if contender == "fastjac" else right

    monkeypatch.setattr(report, "prepare", slightly_wrong)
    with pytest.raises(RuntimeError, match=r"fastjac is off by 1\.0e-03 in cell dynamics-1, float64"):
        report.measure("dynamics-1", "float64", report.QUICK)


def test_report_ratios_and_rows_behind():
    row = report.Row("seed-1", "float64", {"fastjac": 2e-5, "expert NumPy": 6e-5, "JAX": 1e-5}, 1e-15)
    assert row.over_expert == pytest.approx(3.0)
    assert row.over_best == pytest.approx(0.5)
    rates = {"float32": 1.0, "float64": 1.0, "copy": 1.0}
    text = report.render([row], rates, rates)
    assert "behind expert NumPy: none" in text
    assert "behind the best peer: seed-1 float64 (0.50)" in text
    assert "20.0 us" in text


# --- the published benchmark ----------------------------------------------------------------------------------------------


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
