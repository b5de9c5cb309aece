"""A row is measured against every peer, a wrong Jacobian is refused, and clear losers have the least turns."""

from types import SimpleNamespace

import pytest

from asv_benches import common, peers
from asv_benches.report import comparison, verdicts
from asv_benches.timing import Effort

from .rows import CEILINGS, row

# torch warns of its own use of torch.jit.script when jacfwd first runs.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

ONCE = Effort(1, 0.0, least_rounds=1)


def test_row_is_measured_against_every_installed_peer():
    found = comparison.measure(common.CELLS["dynamics-1"], "float32", ONCE)
    assert list(found.seconds) == peers.installed()
    assert all(seconds > 0.0 for seconds in found.seconds.values())
    assert 0.0 < found.error < common.tolerance("float32")
    assert found.work.multiply_adds > 12 * 64 + 64 * 64
    assert found.schedule.startswith("reverse")
    assert found.pieces == {}


def test_wrong_jacobian_is_refused(monkeypatch):
    def slightly_wrong(contender, cell, dtype):
        right = peers.prepare("expert NumPy", cell, dtype)
        return peers.Prepared(lambda x: 1.001 * right.jacobian(x), 1) if contender == "fastjac" else right

    monkeypatch.setattr(comparison, "prepare", slightly_wrong)
    with pytest.raises(RuntimeError, match=r"fastjac is off by 1\.0e-03 in cell dynamics-1, float64"):
        comparison.measure(common.CELLS["dynamics-1"], "float64", ONCE)


def test_peer_in_pieces_is_noted(monkeypatch):
    prepare = peers.prepare

    def in_two(contender, cell, dtype):
        return peers.Prepared(peers.in_pieces(prepare("expert NumPy", cell, dtype).jacobian, 2), 2 if contender == "JAX" else 1)

    monkeypatch.setattr(comparison, "prepare", in_two)
    monkeypatch.setattr(comparison, "installed", lambda: ["fastjac", "expert NumPy", "JAX"])
    assert comparison.measure(common.CELLS["dynamics-64"], "float64", ONCE).pieces == {"JAX": 2}


def test_ratios_of_a_row():
    assert row("seed-1").over_expert == pytest.approx(3.0)
    assert row("seed-1").over_best == pytest.approx(2.5)
    assert verdicts.over_floor(row("seed-1"), CEILINGS) == pytest.approx(2.0)


def test_only_peers_near_the_best_have_every_turn(monkeypatch):
    taken = []

    def turns(calls, effort):
        taken.append((list(calls), effort.rounds, effort.least_rounds))
        return {name: [seconds] * effort.rounds for name, seconds in calls.items()}

    monkeypatch.setattr(comparison, "turns", turns)
    calls = {"fastjac": 0.1, "near": 2.9, "best": 1.0, "far": 3.1}
    assert comparison.medians(calls, Effort(9, 1.0)) == calls
    assert taken == [(list(calls), 3, 3), (["fastjac", "near", "best"], 6, 0)]


def test_median_is_over_all_turns(monkeypatch):
    seconds = iter([{"fastjac": [1.0, 9.0], "peer": [5.0, 5.0]}, {"fastjac": [2.0], "peer": [5.0]}])
    monkeypatch.setattr(comparison, "turns", lambda calls, effort: next(seconds))
    assert comparison.medians({"fastjac": None, "peer": None}, Effort(3, 1.0, least_rounds=2)) == {"fastjac": 2.0, "peer": 5.0}


@pytest.mark.parametrize(
    ("stacked", "in_lanes", "words"),
    [
        ([], False, "nothing to contract"),
        ([False, False], False, "mixed"),
        ([True, True], False, "mixed, stacked"),
        ([True, False, True, True, True, False], False, "mixed, stacked 1, 3-5 of 6"),
        ([True, False], True, "mixed, lanes"),
    ],
)
def test_schedule_in_short(stacked, in_lanes, words):
    steps = [SimpleNamespace(stacked=whether) for whether in stacked]
    plan = SimpleNamespace(order="mixed", steps=steps, in_lanes=in_lanes)
    assert comparison.in_short(plan) == words
