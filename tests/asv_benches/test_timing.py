"""Turns are taken as they should be, and the machine's ceilings are measured."""

import itertools
import threading
import time

import numpy as np
import pytest

from asv_benches import machine, timing
from asv_benches.timing import Effort


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    for wait in ("SPIN_SECONDS", "WARM_SECONDS", "TURN_SECONDS"):
        monkeypatch.setattr(timing, wait, 0.0)


def test_interleaved_gives_every_function_a_turn_in_every_round():
    calls = []
    medians = timing.interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, Effort(3, 60.0))
    # Two calls a turn, one of them untimed; each round starts with another function.
    assert "".join(calls) == "aabbccbbccaaccaabb"
    assert all(median > 0.0 for median in medians.values())


def test_interleaved_stops_when_time_is_up_but_not_before_the_least_rounds():
    calls = []
    timing.interleaved({"a": lambda: calls.append("a")}, Effort(rounds=50, seconds=0.0, least_rounds=4))
    assert len(calls) == 8


def test_every_turn_is_kept(monkeypatch):
    seconds = itertools.count(1.0)
    monkeypatch.setattr(timing, "turn", lambda function: next(seconds))
    assert timing.turns({"a": None, "b": None}, Effort(2, 60.0)) == {"a": [1.0, 4.0], "b": [2.0, 3.0]}


@pytest.mark.parametrize(("typical", "expected"), [(None, 4.0), (min, 1.0)])
def test_interleaved_takes_the_median_or_the_best(monkeypatch, typical, expected):
    turns = itertools.cycle([9.0, 1.0, 4.0])
    monkeypatch.setattr(timing, "turn", lambda function: next(turns))
    options = {} if typical is None else {"typical": typical}
    assert timing.interleaved({"a": None}, Effort(3, 60.0), **options) == {"a": expected}


def test_a_turn_waits_for_threads_that_spin(monkeypatch):
    monkeypatch.undo()
    seen, spinning = [], threading.Event()
    monkeypatch.setattr(timing, "SPIN_SECONDS", 30.0)

    def spin():
        end = time.perf_counter() + 0.1
        while time.perf_counter() < end:
            sum(range(100))
        spinning.clear()

    spinning.set()
    threading.Thread(target=spin).start()
    timing.turn(lambda: seen.append(spinning.is_set()))
    assert not any(seen)


def test_a_turn_does_not_wait_forever_for_threads_that_spin(monkeypatch):
    monkeypatch.setattr(timing, "SPIN_SECONDS", 0.05)
    now = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: float(next(now)))
    timing.wait_for_spinning_threads()
    assert next(now) >= 2


def test_ceilings_are_rates_of_every_work(monkeypatch):
    monkeypatch.setattr(machine, "GEMM_SIZES", (8, 16))
    monkeypatch.setattr(machine, "ARRAY_BYTES", (1024, 4096))

    def turn(function):
        function()
        return 1.0  # So that a rate is an amount.

    monkeypatch.setattr(timing, "turn", turn)
    ceilings = machine.ceilings(Effort(1, 0.0, least_rounds=1))
    assert ceilings.gemm == {(dtype, size): size**3 for dtype in ("float32", "float64") for size in (8, 16)}
    assert ceilings.copied == {2048: 2048.0, 8192: 8192.0}
    assert ceilings.written == {1024: 1024.0, 4096: 4096.0}
    assert ceilings.multiply_adds("float32") == (16**3, 16)


def test_the_better_of_two_ceilings():
    one = machine.Ceilings({("float32", 8): 1.0, ("float32", 16): 5.0}, {1: 2.0}, {1: 2.0})
    other = machine.Ceilings({("float32", 8): 3.0, ("float32", 16): 4.0}, {1: 1.0}, {1: 3.0})
    assert one.at_best(other) == machine.Ceilings({("float32", 8): 3.0, ("float32", 16): 5.0}, {1: 2.0}, {1: 3.0})


def test_a_copy_copies_and_a_new_array_is_new():
    copy = machine.copy(1024)
    copy()
    source, target = copy.args
    assert source.nbytes == target.nbytes == 1024
    np.testing.assert_array_equal(target, source)
    write = machine.write_new(1024)
    first, second = write(), write()
    assert first is not second
    assert first.nbytes == 1024
    assert (first == 1.0).all()
