"""The command measures what is asked for and writes what it has found."""

import pytest

from asv_benches import common
from asv_benches.columns import Shares
from asv_benches.graphs.recipes import GRAPH_CELLS
from asv_benches.report import __main__ as command
from asv_benches.report import comparison, figures, graph_rows, host, measuring
from asv_benches.report.__main__ import choose, main, parser
from asv_benches.report.figures import Figure
from asv_benches.report.measuring import Chosen
from asv_benches.timing import Effort

from .rows import CEILINGS, graph_row


@pytest.fixture
def brief(monkeypatch):
    """A report of one turn for each row, in which only what is tested is measured."""
    once = Effort(1, 0.0, least_rounds=1)
    monkeypatch.setattr(measuring, "ceilings", lambda effort: CEILINGS)
    monkeypatch.setattr(comparison, "installed", lambda: ["fastjac", "expert NumPy"])
    monkeypatch.setattr(measuring, "measure_figures", lambda extent: [Figure("a call", "5 us")])
    return measuring.Extent(once, once, once, batches=1, sizes=(1000,), cold=False)


def test_command_writes_the_report(monkeypatch, brief, tmp_path, capsys):
    monkeypatch.setattr("asv_benches.report.__main__.QUICK", brief)
    networks = {name: common.NETWORKS[name] for name in ("dynamics", "acasxu-real", "seed")}
    monkeypatch.setattr("asv_benches.report.__main__.NETWORKS", networks)
    monkeypatch.setattr("asv_benches.report.__main__.GRAPH_CELLS", {})
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    output = tmp_path / "report.md"
    assert main(["--quick", "--output", str(output)]) == 0
    text = output.read_text()
    printed = capsys.readouterr()
    assert text in printed.out
    assert "4 rows, about " in printed.err
    assert text.startswith(f"## {host.machine()}: the known networks, quick\n")
    for line in (
        "| network-batch | dtype | schedule | fastjac | expert NumPy | best peer / fastjac | floor |",
        "| dynamics-1 | float32 | reverse |",
        "| dynamics-1 | float64 | reverse |",
        "| seed-1 | float64 | reverse |",
        "| all rows | 4 |",
        "| a call | 5 us |",
    ):
        assert line in text
    assert "Left out: acasxu-real needs" in text
    assert "| rows on which auto is more than 10 % slower than the fastest mode | " in text


def test_rows_only_leaves_out_the_rest(brief):
    report = measuring.measure(Chosen([common.CELLS["dynamics-1"]], rows_only=True), brief)
    assert [str(measured.cell) for measured in report.rows] == ["dynamics-1", "dynamics-1"]
    assert not report.figures
    assert not report.predictions
    assert report.graphs is None


def test_graphs_are_measured_with_the_columns_if_they_are_asked_for(monkeypatch, brief):
    monkeypatch.setattr(graph_rows, "measure_shares", lambda effort: {("mnist-64", "float32"): Shares(0.07, 0.01)})
    monkeypatch.setattr(graph_rows, "measure", lambda cell, dtype, effort: graph_row(str(cell), dtype))
    graphs = [GRAPH_CELLS["residual-dynamics-1"]]
    report = measuring.measure(Chosen([], graphs, columns=True, rows_only=True), brief)
    assert not report.rows
    assert [(str(row.cell), row.dtype) for row in report.graphs.rows] == [
        ("residual-dynamics-1", dtype) for dtype in common.DTYPES
    ]
    assert report.graphs.shares == {("mnist-64", "float32"): Shares(0.07, 0.01)}
    assert not measuring.measure(Chosen([], graphs, rows_only=True), brief).graphs.shares


def test_graphs_are_left_out_for_want_of_a_peer(monkeypatch, brief, capsys):
    monkeypatch.setattr(graph_rows, "installed", lambda: ["fastjac"])
    chosen = Chosen([common.CELLS["dynamics-1"]], [GRAPH_CELLS["resnet-64"]], rows_only=True)
    report = measuring.measure(chosen, brief)
    assert report.graphs is None
    assert report.missing == ["graphs need torch or JAX to be compared with"]
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "graphs"])
    assert "graphs need torch or JAX" in capsys.readouterr().err


def test_command_needs_something_to_measure(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "acasxu-real"])
    assert "acasxu-real needs" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--random", "0"])
    assert "--random: at least one network is needed" in capsys.readouterr().err


def chosen(*arguments):
    found = choose(parser().parse_args(arguments))
    return [str(cell) for cell in (*found.cells, *found.graphs)]


def test_a_network_or_a_row_may_be_measured_alone(capsys):
    assert chosen("--only", "square", "seed-1024", "--quick") == ["seed-1024", "square-1", "square-64"]
    (row,) = chosen("--random", "9", "--seed", "3", "--only", "random-3-9")
    assert row == chosen("--random", "9", "--seed", "3")[-1]
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "seed", "no-such-row"])
    assert "no network or row is called no-such-row; there are seed, acasxu" in capsys.readouterr().err


def test_quick_leaves_out_large_batches():
    assert chosen() == [*common.CELLS, *GRAPH_CELLS]
    small = [cell for cell in common.CELLS if not cell.endswith(("-1024", "-4096"))]
    assert chosen("--quick") == [*small, *GRAPH_CELLS]


def test_all_graphs_have_a_name():
    assert chosen("--only", "graphs") == list(GRAPH_CELLS)
    assert chosen("--only", "residual-dynamics", "critic-1024", "seed-1") == [
        "seed-1",
        "residual-dynamics-1",
        "residual-dynamics-4096",
        "critic-1024",
    ]
    columns = {only: choose(parser().parse_args(["--only", only])).columns for only in ("graphs", "critic", "seed")}
    assert columns == {"graphs": True, "critic": False, "seed": False}
    assert not choose(parser().parse_args(["--random", "1"])).columns


def test_only_rows_are_measured_of_some_networks_and_of_drawn_ones(monkeypatch, tmp_path):
    measured = []
    monkeypatch.setattr("asv_benches.report.__main__.measure", lambda chosen, extent: measured.append(chosen.rows_only))
    monkeypatch.setattr("asv_benches.report.__main__.render", lambda title, report, with_targets: title)
    for arguments in ([], ["--rows-only"], ["--only", "seed"], ["--random", "1"]):
        assert main(arguments) == 0
    assert measured == [False, True, True, True]


def test_title_says_what_was_measured():
    title = f"{host.machine()}: 3 networks drawn with seed 5, random-5-1 alone"
    assert command.title(parser().parse_args(["--random", "3", "--seed", "5", "--only", "random-5-1"])) == title


def test_drawn_networks_have_no_targets(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--random", "3", "--targets"])
    assert "networks drawn at random have none" in capsys.readouterr().err


def test_time_is_announced_for_what_is_measured():
    forty = [common.CELLS["seed-1"]] * 40
    rows = measuring.expected_seconds(Chosen(forty, rows_only=True), measuring.RANDOM)
    assert rows <= 600.0
    twice = measuring.expected_seconds(Chosen(forty, [GRAPH_CELLS["resnet-64"]] * 40, rows_only=True), measuring.RANDOM)
    assert twice == pytest.approx(2 * rows - measuring.CEILINGS)
    assert measuring.expected_seconds(Chosen(forty), measuring.RANDOM) > rows


def test_all_kinds_of_figures_are_measured(monkeypatch):
    for kind in ("latencies", "starts", "straight_lines", "threads", "grids", "training_steps", "extra_memory"):
        monkeypatch.setattr(figures, kind, lambda *arguments, kind=kind: [Figure(kind, "")])
    found = [figure.what for figure in measuring.measure_figures(measuring.QUICK)]
    assert found == ["latencies", "starts", "straight_lines", "threads", "grids", "training_steps", "extra_memory"]
