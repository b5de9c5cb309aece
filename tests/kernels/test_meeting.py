"""Meetings of threads: every piece of a step is done once, and no step begins before the last one is done."""

import threading

import numpy as np
import pytest

from fastjac.kernels import atomic
from fastjac.kernels.jit import jit
from fastjac.kernels.meeting import (
    STEPS,
    begins,
    ends,
    meet,
    meeting_words,
    open_meeting,
    pieces_for,
    share_of,
    shared_work,
)
from fastjac.kernels.memory import address_of


@jit
def start(meeting, parts, work):
    open_meeting(address_of(meeting), parts, work)


@jit
def attend(meeting, part, most, done, clock, when):
    """Take part in all steps: count each piece in `done`, and note in `when` how many pieces had been done before it."""
    team = address_of(meeting), part
    for step in range(len(most)):
        pieces = pieces_for(team, most[step])
        for turn in range(pieces):
            piece = (part + turn) % pieces
            if begins(team, step, piece):
                when[step, piece] = atomic.fetch_add(address_of(clock), 1)
                done[step, piece] += 1
                ends(team, step)
        meet(team, step, pieces)


@jit
def alone(most):
    """What a thread without a meeting does: the number of pieces, whether it begins one, and its workspace."""
    team = (0, 0)
    pieces = pieces_for(team, most)
    begun = begins(team, 0, 0)
    ends(team, 0)
    meet(team, 0, pieces)
    return pieces, begun, shared_work(team, 5)


@jit
def work_of(meeting, own):
    return shared_work((address_of(meeting), 1), own)


@jit
def piece_of(size, unit, piece, pieces):
    return share_of(size, unit, (piece, pieces))


def new_meeting(steps, parts, work=0):
    meeting = np.full(meeting_words(steps, parts), -1, np.int64)
    meeting[STEPS] = steps
    start(meeting, parts, work)
    return meeting


@pytest.mark.parametrize("parts", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("come", [1, 2, 5])
def test_each_piece_is_done_once_and_step_by_step_whoever_comes(parts, come):
    most = np.array([1, 4, 100, 1, 2, 7, 1])
    for _ in range(20):
        meeting = new_meeting(len(most), parts)
        done, when = np.zeros((len(most), parts), np.int64), np.full((len(most), parts), -1)
        clock = np.zeros(1, np.int64)
        threads = [
            threading.Thread(target=attend, args=(meeting, part, most, done, clock, when)) for part in range(min(come, parts))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pieces = np.minimum(most, parts)
        assert (done == (np.arange(parts) < pieces[:, None])).all()
        assert (np.sort(when[when >= 0]) == np.arange(pieces.sum())).all()
        ends_of_steps = np.cumsum(pieces)
        assert (when.max(axis=1) < ends_of_steps).all()


def test_one_that_comes_when_all_is_done_does_nothing():
    most = np.array([3, 1, 3])
    meeting, done, clock = new_meeting(3, 3), np.zeros((3, 3), np.int64), np.zeros(1, np.int64)
    for part in range(3):
        attend(meeting, part, most, done, clock, np.zeros((3, 3), np.int64))
    assert done.sum() == 7
    start(meeting, 3, 0)
    attend(meeting, 2, most, done, clock, np.zeros((3, 3), np.int64))
    assert done.sum() == 14


def test_a_thread_alone_does_all_in_one_piece():
    assert alone(7) == (1, True, 5)
    assert work_of(new_meeting(1, 2, work=77), 5) == 77


@pytest.mark.parametrize(("size", "unit", "pieces"), [(10, 1, 3), (100, 16, 4), (5, 16, 1), (7, 2, 4), (64, 16, 4), (3, 1, 3)])
def test_pieces_are_whole_units_that_follow_one_another(size, unit, pieces):
    bounds = [piece_of(size, unit, piece, pieces) for piece in range(pieces)]
    assert [first for first, _ in bounds] == [0, *(last for _, last in bounds[:-1])]
    assert bounds[-1][1] == size
    assert all(first % unit == 0 and first < last for first, last in bounds)
