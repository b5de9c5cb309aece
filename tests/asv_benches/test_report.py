"""The report measures what it says, refuses a wrong Jacobian, and tells which targets are met."""

import pytest

from asv_benches import common, machine, peers, planner, scaling
from asv_benches.floor import Work
from asv_benches.report import comparison, figures, measuring, rendering, targets, verdicts
from asv_benches.report.__main__ import main
from asv_benches.report.comparison import Row
from asv_benches.report.figures import Figure
from asv_benches.startup import Start
from asv_benches.timing import Effort

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

SIZES = {1: 1e9}
CEILINGS = machine.Ceilings({(dtype, 1024): 1e9 for dtype in common.DTYPES}, SIZES, SIZES)


def row(cell, dtype="float64", fastjac=2e-5, multiply_adds=1e4):
    return Row(cell, dtype, {"fastjac": fastjac, "expert NumPy": 6e-5, "JAX": 5e-5}, 1e-15, Work(multiply_adds, 0, 0))


# --- rows -----------------------------------------------------------------------------------------------------------------


def test_row_is_measured_against_every_installed_peer():
    found = comparison.measure("dynamics-1", "float32", Effort(1, 0.0, least_rounds=1))
    assert list(found.seconds) == peers.installed()
    assert all(seconds > 0.0 for seconds in found.seconds.values())
    assert 0.0 < found.error < common.tolerance("float32")
    assert found.work.multiply_adds > 12 * 64 + 64 * 64


def test_wrong_jacobian_is_refused(monkeypatch):
    def slightly_wrong(contender, cell, dtype):
        right = peers.prepare("expert NumPy", cell, dtype)
        return (lambda x: 1.001 * right(x)) if contender == "fastjac" else right

    monkeypatch.setattr(comparison, "prepare", slightly_wrong)
    with pytest.raises(RuntimeError, match=r"fastjac is off by 1\.0e-03 in cell dynamics-1, float64"):
        comparison.measure("dynamics-1", "float64", Effort(1, 0.0))


def test_ratios_of_a_row():
    assert row("seed-1").over_expert == pytest.approx(3.0)
    assert row("seed-1").over_best == pytest.approx(2.5)
    assert verdicts.over_floor(row("seed-1"), CEILINGS) == pytest.approx(2.0)


# --- targets --------------------------------------------------------------------------------------------------------------


def test_every_cell_has_a_target():
    assert targets.OVER_BEST_PEER.keys() == common.NETWORKS.keys()
    for name, recipe in common.NETWORKS.items():
        assert len(targets.OVER_BEST_PEER[name]) == len(recipe.batches)
    assert targets.over_best_peer("acasxu-real-64") == 8.0
    assert targets.over_best_peer("seed-1024") == 2.0
    assert [cell for cell in common.CELLS if targets.is_large_batch(cell)] == [
        f"{name}-{recipe.batches[2]}" for name, recipe in common.NETWORKS.items() if len(recipe.batches) == 3
    ]


def test_verdicts_name_the_rows_that_miss():
    rows = [row("square-1"), row("seed-1"), row("seed-1024", fastjac=7e-5, multiply_adds=5.1e4), row("seed-1024", "float32")]
    text = "\n".join(verdicts.verdicts(rows, CEILINGS))
    assert "fastjac: 1.83, target 3.5 (missed)" in text
    assert "met on 2 of 4 rows; missed on: seed-1 float64 (2.50 of 4), seed-1024 float64 (0.71 of 2)." in text
    assert "under 1.8 of the best peer: seed-1024 float64 (0.71)." in text
    assert "behind expert NumPy: seed-1024 float64 (0.86)." in text
    assert "above 1.4 floors, 1 of 2: seed-1024 float32 (2.00)." in text
    assert "dense" not in text


def test_verdicts_of_rows_that_reach_everything():
    text = "\n".join(verdicts.verdicts([row("square-1", fastjac=1e-5)], CEILINGS))
    assert "fastjac: 5.00, target 3.5 (met)" in text
    assert "Targets met on 1 of 1 rows; missed on: none." in text
    assert "large batches" not in text


@pytest.mark.parametrize(("share", "verdict"), [(0.4, "met"), (0.6, "missed")])
def test_square_network_is_held_against_a_dense_sweep(share, verdict):
    dense = 64 * 5 * 256**3 / 1e9
    text = verdicts.verdicts([row("square-64", "float32", fastjac=share * dense)], CEILINGS)[-1]
    assert f"square-64 float32 takes {share:.2f} of a perfect dense reverse sweep" in text
    assert f"{1e3 * dense:.1f} ms; target 0.5 ({verdict})" in text


# --- figures --------------------------------------------------------------------------------------------------------------


def test_latency_is_one_call_of_a_loop(monkeypatch):
    monkeypatch.setattr(figures.latency, "LOOPS", dict.fromkeys(("python", "jitted"), lambda dtype: dtype))
    seconds = {("python", "float32"): 5e-3, ("python", "float64"): 6e-3, ("jitted", "float32"): 2e-3, ("jitted", "float64"): 3e-3}
    monkeypatch.setattr(figures, "interleaved", lambda loops, effort: {key: seconds[key] for key in loops})
    python, _, jitted, double = figures.latencies(Effort(1, 0.0))
    assert python == Figure("a call from Python, one input of dynamics, float32", "5.00 us", "at most 4 us", False)
    assert jitted == Figure("a call inside a jitted function, one input of dynamics, float32", "2.00 us", "at most 2 us", True)
    assert double.met is None


def test_start_is_the_median_and_cold_only_if_asked(monkeypatch):
    starts = iter([Start(9.0, 0.0, 0.0), Start(0.7, 0.0, 0.0), Start(0.5, 0.002, 0.001), Start(0.4, 0.0, 0.0)])
    monkeypatch.setattr(figures.startup, "start", lambda: next(starts))
    monkeypatch.setattr(figures.startup, "cold_start", lambda: Start(16.0, 0.0, 0.0))
    warm, batch, cold = figures.starts(samples=3, cold=True)
    assert (warm.value, warm.met) == ("0.50 s", True)
    assert batch.value == "2.00, 1.00 ms"
    assert (cold.value, cold.met) == ("16.0 s", False)
    monkeypatch.setattr(figures.startup, "start", lambda: Start(0.7, 0.0, 0.0))
    assert [figure.met for figure in figures.starts(samples=1, cold=False)] == [False, None]


@pytest.mark.parametrize(("longest", "met"), [(1.05e-6, True), (1.2e-6, False)])
def test_line_is_straight_if_an_input_takes_the_same_time_everywhere(monkeypatch, longest, met):
    monkeypatch.setattr(scaling, "seconds_per_input", lambda name, sizes, effort: dict(zip(sizes, (1e-6, longest), strict=True)))
    figure, _ = figures.straight_lines((1000, 10_000), Effort(1, 0.0))
    assert figure.what == "us per input of acasxu, float32, for 1,000, 10,000 inputs"
    assert figure.met is met


def test_two_threads_and_memory_have_limits(monkeypatch):
    monkeypatch.setattr(scaling, "speed_of_two_threads", lambda name, effort: 1.7 if name == "seed" else 1.9)
    assert [figure.met for figure in figures.threads(Effort(1, 0.0))] == [name != "seed" for name in scaling.CACHED_CELLS]
    peaks = iter([(60e6, 1e8), (70e6, 1e9), (70e6, 2e9), (110e6, 2e9)])
    monkeypatch.setattr(figures.memory, "extra_peak", lambda cell, dtype: next(peaks))
    assert [figure.met for figure in figures.extra_memory()] == [True, False, True, False]


def test_planner_counts_rows_on_which_auto_is_slow():
    slow = planner.Prediction("seed-64", "float32", "reverse", {}, {"auto": 3.0, "mixed": 2.0})
    fast = planner.Prediction("seed-1", "float32", "reverse", {}, {"auto": 2.1, "mixed": 2.0})
    (figure,) = figures.planner([slow, fast])
    assert (figure.value, figure.met) == ("1 of 2; worst seed-64 float32, 50 %", False)
    assert figures.planner([fast])[0].met is True


def test_figure_that_cannot_be_measured_says_why():
    def refuse():
        raise NotImplementedError("needs two cores")

    assert figures.attempt("threads", refuse) == [Figure("threads", "not measured: needs two cores")]


# --- Markdown -------------------------------------------------------------------------------------------------------------


def test_rendered_report_has_every_part():
    prediction = planner.Prediction(
        "emulator-1",
        "float32",
        "forward",
        {"auto": 4.0, "forward": 4.0, "mixed": 8.0},
        {"auto": 2.0, "forward": 2.0, "mixed": 3.0},
    )
    report = rendering.Report(
        [row("seed-1")], CEILINGS, CEILINGS, ["acasxu-real needs a file"], [prediction], [Figure("a call", "5 us", "4 us", False)]
    )
    text = rendering.render(report)
    assert "matrix multiply 2 / 2 GFLOP/s float32 (size 1024)" in text
    assert "| seed-1 | float64 | 20.0 us | 60.0 us | 50.0 us | 2.50 | 4, missed | 10.0 us, arithmetic | 2.00 | 1e-15 |" in text
    assert "| all rows | 1 | 2.50 | 3.00 | 2.00 |" in text
    assert "Left out: acasxu-real needs a file." in text
    assert "| a call | 5 us | 4 us, missed |" in text
    assert "| emulator-1 | float32 | forward | 1.00, 1.00 |  | 2.00, 1.50 | 0 % |" in text


def test_parts_that_were_not_measured_are_left_out():
    text = rendering.render(rendering.Report([row("seed-1")], CEILINGS, CEILINGS))
    assert "Left out" not in text
    assert "## " not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.456e-7, "0.346 us"),
        (3.456e-6, "3.46 us"),
        (34.56e-6, "34.6 us"),
        (345.6e-6, "346 us"),
        (1.5e-3, "1.50 ms"),
        (1.2, "1200 ms"),
    ],
)
def test_times_have_three_digits(seconds, text):
    assert rendering.format_seconds(seconds) == text


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def brief(monkeypatch):
    """A report of one turn for each row, in which only what is tested is measured."""
    once = Effort(1, 0.0, least_rounds=1)
    monkeypatch.setattr(measuring, "ceilings", lambda effort: CEILINGS)
    monkeypatch.setattr(measuring, "measure_figures", lambda extent: [Figure("a call", "5 us")])
    return measuring.Extent(once, once, once, batches=1, sizes=(1000,), cold=False)


def test_command_writes_the_report(monkeypatch, brief, tmp_path, capsys):
    monkeypatch.setattr("asv_benches.report.__main__.QUICK", brief)
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    output = tmp_path / "report.md"
    assert main(["--quick", "--networks", "dynamics", "acasxu-real", "seed", "--output", str(output)]) == 0
    text = output.read_text()
    assert text in capsys.readouterr().out
    header = next(line for line in text.splitlines() if line.startswith("| network-batch"))
    assert all(contender in header for contender in peers.installed())
    for line in (
        "| dynamics-1 | float32 |",
        "| dynamics-1 | float64 |",
        "| seed-1 | float64 |",
        "| all rows | 4 |",
        "| a call | 5 us |",
    ):
        assert line in text
    assert "Left out: acasxu-real needs" in text
    assert "| rows on which auto is more than 10 % slower than the fastest mode | " in text


def test_rows_only_leaves_out_the_rest(brief):
    report = measuring.measure(["dynamics"], brief, rows_only=True)
    assert [measured.cell for measured in report.rows] == ["dynamics-1", "dynamics-1"]
    assert not report.figures
    assert not report.predictions


def test_command_needs_something_to_measure(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FASTJAC_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="2"):
        main(["--networks", "acasxu-real"])
    assert "acasxu-real needs" in capsys.readouterr().err


def test_all_kinds_of_figures_are_measured(monkeypatch):
    for kind in ("latencies", "starts", "straight_lines", "threads", "grids", "training_steps", "extra_memory"):
        monkeypatch.setattr(figures, kind, lambda *arguments, kind=kind: [Figure(kind, "")])
    found = [figure.what for figure in measuring.measure_figures(measuring.QUICK)]
    assert found == ["latencies", "starts", "straight_lines", "threads", "grids", "training_steps", "extra_memory"]
