"""Asv finds every benchmark, with or without the data that others trained, and every benchmark runs."""

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import asv_benches
from asv_benches import common, jacobian, latency, machine, planner, startup
from asv_benches.timing import Effort

from .networks import with_data

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = ("time_", "peakmem_", "track_", "timeraw_")


def written_benchmarks():
    """The names of all methods of the suite's classes that look like benchmarks."""
    names = set()
    for found in pkgutil.iter_modules(asv_benches.__path__):
        module = importlib.import_module(f"asv_benches.{found.name}")
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__:
                names |= {f"{found.name}.{name}.{method}" for method in dir(cls) if method.startswith(PREFIXES)}
    return names


def test_asv_collects_every_benchmark_without_trained_networks(tmp_path):
    found = tmp_path / "benchmarks.json"
    code = f"from asv_runner.discovery import _discover; _discover(({str(ROOT / 'asv_benches')!r}, {str(found)!r}))"
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "FASTJAC_DATA": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    collected = {benchmark["name"] for benchmark in json.loads(found.read_text())}
    assert collected == written_benchmarks()
    assert {name.split(".")[-1].split("_")[0] + "_" for name in collected} == set(PREFIXES)


def test_methods_of_benchmarks_are_benchmarks():
    """Asv leaves out, without a word, a method whose name it does not know."""
    for name in {name.rpartition(".")[0] for name in written_benchmarks()}:
        module, _, cls = name.partition(".")
        members = inspect.getmembers(getattr(importlib.import_module(f"asv_benches.{module}"), cls), inspect.isfunction)
        assert all(method == "setup" or method.startswith(PREFIXES) for method, _ in members), name


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
        (jacobian.PeakMemory, ("dynamics-64", "float64")),
        (jacobian.Graph, ("residual-dynamics-1",)),
        (latency.Latency, ("python", "float32")),
        (machine.Control, ("copy",)),
        (machine.Control, ("write",)),
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


def test_hopeless_order_is_skipped():
    with pytest.raises(NotImplementedError, match="reverse order is hopeless for emulator-32"):
        jacobian.Jacobian().setup("emulator-32", "float32", "reverse")


@pytest.mark.parametrize(
    ("benchmark", "parameters"),
    [
        (jacobian.Jacobian, ("acasxu-real-1", "float32", "auto")),
        (jacobian.Error, ("acasxu-real-64", "float32")),
        (jacobian.Peers, ("expert NumPy", "acasxu-real-64", "float32")),
        (planner.Planner, ("acasxu-real-64", "float32")),
    ],
)
def test_trained_network_without_its_file_is_skipped(monkeypatch, tmp_path, benchmark, parameters):
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    with pytest.raises(NotImplementedError, match=r"needs .*ACASXU_run2a_1_1_batch_2000\.nnet"):
        benchmark().setup(*parameters)


@pytest.mark.parametrize("dtype", common.DTYPES)
@pytest.mark.parametrize("name", ["seed", "dynamics", "acasxu", with_data("acasxu-real")])
def test_tracked_error_is_small(name, dtype):
    assert 0.0 < jacobian.Error().track_error(f"{name}-64", dtype) < common.tolerance(dtype)


@pytest.mark.parametrize("method", ["timeraw_import", "timeraw_first_jacobian"])
def test_startup_code_runs(method):
    statement, setup = getattr(startup.Startup(), method)()
    namespace = {}
    exec(inspect.cleandoc(setup), namespace)
    exec(inspect.cleandoc(statement), namespace)
    assert namespace.keys() & {"fj", "fastjac"}


def test_tracked_planner_is_in_percent(monkeypatch):
    prediction = planner.Prediction(common.CELLS["seed-64"], "float32", "reverse", {}, {"auto": 3.0, "reverse": 2.0})
    monkeypatch.setattr(planner, "predict", lambda cell, dtype, effort: prediction if isinstance(effort, Effort) else None)
    assert planner.Planner().track_auto_slower("seed-64", "float32") == pytest.approx(50.0)


def test_loops_of_latency_give_the_last_jacobian():
    recipe = common.NETWORKS["dynamics"]
    expected = recipe.network("float64").jacobian(recipe.inputs(latency.CALLS, "float64")[-1])
    for loop in latency.LOOPS.values():
        np.testing.assert_allclose(loop("float64")(), expected, rtol=1e-12)
