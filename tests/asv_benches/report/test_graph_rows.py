"""Graphs are checked and timed beside their peers, and judged by their mean and the least of them."""

import pytest

from asv_benches.columns import NAMES, Shares
from asv_benches.graphs import peers
from asv_benches.graphs.recipes import GRAPH_CELLS
from asv_benches.report import graph_rows
from asv_benches.report.graph_rows import Graphs
from asv_benches.timing import Effort

from .rows import graph_row

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

ONCE = Effort(1, 0.0, least_rounds=1)
CELL = GRAPH_CELLS["residual-dynamics-1"]


def test_row_is_measured_against_every_installed_peer():
    found = graph_rows.measure(CELL, "float32", ONCE)
    assert list(found.seconds) == peers.installed()
    assert all(seconds > 0.0 for seconds in found.seconds.values())
    assert 0.0 < found.error < 2e-5
    assert found.schedule.startswith("reverse")


def test_wrong_jacobian_is_refused(monkeypatch):
    right = peers.prepare("fastjac", CELL, "float64")
    scales = {"fastjac": 1.0, "JAX": 1.0, "torch.func": 1.001}
    monkeypatch.setattr(graph_rows, "installed", lambda: list(scales))
    monkeypatch.setattr(graph_rows, "prepare", lambda name, cell, dtype: lambda: scales[name] * right())
    with pytest.raises(RuntimeError, match=r"torch.func is off by 1\.0e-03 in cell residual-dynamics-1, float64"):
        graph_rows.measure(CELL, "float64", ONCE)


def test_graphs_without_a_peer_are_left_out(monkeypatch):
    monkeypatch.setattr(graph_rows, "installed", lambda: ["fastjac"])
    assert graph_rows.left_out([CELL]) == ["graphs need torch or JAX to be compared with"]
    assert graph_rows.left_out([]) == []
    monkeypatch.setattr(graph_rows, "installed", lambda: ["fastjac", "JAX"])
    assert graph_rows.left_out([CELL]) == []


def shown(with_targets):
    rows = [graph_row("resnet-64", fastjac=1e-5), graph_row("critic-1024", "float32", fastjac=5e-5)]
    shares = {("mnist-64", "float32"): Shares(0.0712, 0.01), ("mnist-64", "float64"): Shares(0.2, 0.1)}
    return "\n".join(graph_rows.paragraphs_of(Graphs(rows, shares), with_targets))


def test_section_shows_rows_means_and_columns():
    text = shown(with_targets=False)
    assert "| resnet-64 | float64 | reverse | 10.0 us | 50.0 us | 70.0 us | 5.00 | 1e-15 |" in text
    assert "best peer / fastjac over 2 rows of graphs: 2.24 (1.00 in float32, 5.00 in float64)." in text
    assert "Least rows of graphs: critic-1024 float32 (1.00), resnet-64 float64 (5.00)." in text
    assert "mnist-64 float32: 8 of 784 columns of J take 0.071 of the time of all, the values alone 0.010." in text
    assert "target" not in text


@pytest.mark.parametrize(("vector_bytes", "goal"), [(64, "3.5"), (32, "3"), (16, "3")])
def test_targets_are_those_of_the_vectors(monkeypatch, vector_bytes, goal):
    monkeypatch.setattr(graph_rows, "vector_unit", lambda: (vector_bytes, 32))
    text = shown(with_targets=True)
    assert "| 5.00 | 1.5, met | 1e-15 |" in text
    assert f"mean over graphs: 2.24, target {goal} for vectors of {8 * vector_bytes} bits (missed)." in text
    assert "Rows of graphs under 1.5 of the best peer: critic-1024 float32 (1.00)." in text
    assert "take 0.071 of the time of all, the values alone 0.010; target 0.1 (met)." in text
    assert "take 0.200 of the time of all, the values alone 0.100; target 0.1 (missed)." in text


def test_mean_is_of_the_dtypes_that_were_measured():
    (mean, _) = graph_rows.summary([graph_row("resnet-64")])
    assert mean.endswith("1 rows of graphs: 2.50 (2.50 in float64).")


def test_shares_are_measured_for_each_network_and_dtype(monkeypatch):
    monkeypatch.setattr(graph_rows, "shares_of_time", lambda name, dtype, effort: (name, dtype))
    found = graph_rows.measure_shares(ONCE)
    assert all(key == share for key, share in found.items())
    assert list(found) == [(name, dtype) for name in NAMES for dtype in ("float32", "float64")]
