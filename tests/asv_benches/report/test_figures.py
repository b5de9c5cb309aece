"""What is not a ratio to a peer is measured as it says, and beside its target."""

import pytest

from asv_benches import common, planner, scaling
from asv_benches.report import figures
from asv_benches.report.figures import Figure
from asv_benches.startup import Start
from asv_benches.timing import Effort


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
    monkeypatch.setattr(scaling, "speed_of_two_threads", lambda cell, effort: 1.7 if cell == "seed-64" else 1.9)
    assert [figure.met for figure in figures.threads(Effort(1, 0.0))] == [cell != "seed-64" for cell in scaling.CACHED_CELLS]
    peaks = iter([(60e6, 1e8), (70e6, 1e9), (70e6, 2e9), (110e6, 2e9)])
    monkeypatch.setattr(figures.memory, "extra_peak", lambda cell, dtype: next(peaks))
    assert [figure.met for figure in figures.extra_memory()] == [True, False, True, False]


def test_planner_counts_rows_on_which_auto_is_slow():
    slow = planner.Prediction(common.CELLS["seed-64"], "float32", "reverse", {}, {"auto": 3.0, "mixed": 2.0})
    fast = planner.Prediction(common.CELLS["seed-1"], "float32", "reverse", {}, {"auto": 2.1, "mixed": 2.0})
    (figure,) = figures.planner([slow, fast])
    assert (figure.value, figure.met) == ("1 of 2; worst seed-64 float32, 50 %", False)
    assert figures.planner([fast])[0].met is True


def test_figure_that_cannot_be_measured_says_why():
    def refuse():
        raise NotImplementedError("needs two cores")

    assert figures.attempt("threads", refuse) == [Figure("threads", "not measured: needs two cores")]
