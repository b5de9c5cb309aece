"""Blocks cover every input, and what is computed is a time for each."""

import numba
import numpy as np
import pytest

from asv_benches import common, planner, scaling, timing
from asv_benches.timing import Effort


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(timing, "SPIN_SECONDS", 0.0)
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)


class Recorder:
    n_in, n_out, dtype = 2, 3, np.dtype(np.float32)

    def __init__(self):
        self.rows = []

    def jacobian(self, x, out):
        assert out.shape == (len(x), 3, 2)
        self.rows += list(x[:, 0])


@pytest.mark.parametrize("n", [1, scaling.BLOCK, 2 * scaling.BLOCK + 1])
def test_blocks_cover_every_input_once(n):
    x = np.stack([np.arange(n), np.zeros(n)], axis=1)
    recorder = Recorder()
    scaling.in_blocks(recorder, x)()
    assert recorder.rows == list(range(n))


def test_sizes_are_whole_blocks():
    assert all(size % scaling.BLOCK == 0 for size in scaling.SIZES)


def test_time_per_input_is_the_time_over_the_number(monkeypatch):
    monkeypatch.setattr(scaling, "interleaved", lambda calls, effort: dict.fromkeys(calls, 6.0))
    assert scaling.seconds_per_input("dynamics", (2, 3), Effort(1, 0.0)) == {2: 3.0, 3: 2.0}


@pytest.mark.usefixtures("no_waiting")
def test_tracked_time_per_input_is_in_microseconds():
    assert 0.0 < scaling.Scaling().track_time_per_input("acasxu", 1000) < 1e4


@pytest.mark.parametrize("cell", scaling.CACHED_CELLS)
def test_results_on_two_threads_fit_in_a_cache(cell):
    name, batch = cell.split("-")
    n_in, *_, n_out = common.NETWORKS[name].widths
    assert 4 * int(batch) * n_in * n_out < 1.4e6


def test_speed_of_two_threads_is_one_over_the_other(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(scaling, "interleaved", lambda calls, effort: {1: 3.0, 2: 2.0})
    assert scaling.Threads().track_speed_of_two_threads("seed-64") == pytest.approx(1.5)


def test_two_threads_need_two_cores(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    with pytest.raises(NotImplementedError, match="needs two cores"):
        scaling.Threads().setup("seed")


@pytest.mark.usefixtures("no_waiting")
def test_prediction_has_every_mode_that_is_worth_a_run():
    prediction = planner.predict(common.CELLS["seed-1"], "float32", Effort(1, 0.0))
    modes = ["auto", "reverse", "mixed"]
    network = common.NETWORKS["seed"].network("float32")
    assert prediction.costs == {mode: network.plan(mode).cost for mode in modes}
    assert list(prediction.seconds) == modes
    assert prediction.order == "reverse"


def test_prediction_is_slower_by_a_share_of_the_fastest():
    prediction = planner.Prediction("c", "float32", "reverse", {}, {"auto": 3.0, "reverse": 3.5, "mixed": 2.5})
    assert prediction.slower == pytest.approx(0.2)
    assert planner.Prediction("c", "float32", "reverse", {}, {"auto": 2.0, "reverse": 3.0}).slower == 0.0
