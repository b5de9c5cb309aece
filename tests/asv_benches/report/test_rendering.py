"""The report as Markdown: every part that was measured, and targets only if asked for."""

import re
from dataclasses import replace

from asv_benches import common, planner
from asv_benches.recipe import Recipe
from asv_benches.report import rendering
from asv_benches.report.figures import Figure
from asv_benches.report.graph_rows import Graphs

from .rows import CEILINGS, graph_row, row


def test_rendered_report_has_every_part():
    prediction = planner.Prediction(
        common.CELLS["emulator-1"],
        "float32",
        "forward",
        {"auto": 4.0, "forward": 4.0, "mixed": 8.0},
        {"auto": 2.0, "forward": 2.0, "mixed": 3.0},
    )
    figure = Figure("a call", "5 us", "4 us", False)
    missing = ["acasxu-real needs a file"]
    rows = [row("seed-1", pieces={"JAX": 3})]
    report = rendering.Report(rows, CEILINGS, CEILINGS, 90.0, missing, [prediction], [figure])
    text = rendering.render("A machine", report, with_targets=False)
    assert text.startswith("## A machine\n")
    assert "The run took 1.5 minutes." in text
    assert "matrix multiply 2 / 2 GFLOP/s float32 (size 1024)" in text
    assert "| seed-1 | float64 | reverse | 20.0 us | 60.0 us | 50.0 us | 2.50 | 10.0 us, arithmetic | 2.00 | 1e-15 |" in text
    assert "| all rows | 1 | 2.50 | 3.00 | 2.00 |" in text
    assert "Left out: acasxu-real needs a file." in text
    assert "seed-1 float64: JAX took the batch in 3 pieces, for want of memory." in text
    assert "| a call | 5 us |" in text
    assert "| emulator-1 | float32 | forward | 1.00, 1.00 |  | 2.00, 1.50 | 0 % |" in text
    assert text.endswith("- Rows under 1.2: 0 of 1.\n")
    assert "target" not in text


def test_targets_are_shown_if_asked_for():
    figure = Figure("a call", "5 us", "4 us", False)
    report = rendering.Report([row("seed-1")], CEILINGS, CEILINGS, 90.0, figures=[figure])
    text = rendering.render("A machine", report, with_targets=True)
    assert "| 2.50 | 4, missed | 10.0 us, arithmetic | 2.00 |" in text
    assert "| a call | 5 us | 4 us, missed |" in text
    assert "Targets met on 0 of 1 rows" in text


def test_drawn_networks_are_spelled_out():
    recipe = Recipe((5, 7, 3), "gelu", softmax=True, batches=(2,), seed=0)
    drawn = replace(row("seed-1"), cell=common.Cell("random-0-1", recipe, 2))
    text = rendering.render("A machine", rendering.Report([drawn], CEILINGS, CEILINGS, 1.0), with_targets=False)
    assert "- random-0-1: 5-7-3 gelu, softmax\n" in text
    assert rendering.in_words(replace(recipe, widths=(5, 3), softmax=False)) == "5-3"


def test_parts_that_were_not_measured_are_left_out():
    text = rendering.render("A machine", rendering.Report([row("seed-1")], CEILINGS, CEILINGS, 1.0), with_targets=False)
    assert "Left out" not in text
    assert re.findall("#+ .*", text) == ["## A machine", "### Summary"]


def test_graphs_stand_alone_or_behind_the_rows():
    graphs = Graphs([graph_row("critic-1024")], {})
    text = rendering.render("A machine", rendering.Report([], CEILINGS, CEILINGS, 1.0, graphs=graphs), with_targets=False)
    assert re.findall("#+ .*", text) == ["## A machine", "### Graphs"]
    assert "jax " in text
    assert "floor" not in text
    report = rendering.Report([row("seed-1")], CEILINGS, CEILINGS, 1.0, graphs=graphs)
    text = rendering.render("A machine", report, with_targets=True)
    assert re.findall("#+ .*", text) == ["## A machine", "### Graphs", "### Targets", "### Summary"]
    assert "| 2.50 | 1.5, met |" in text
