"""Threads that compute the same samples together: each step is cut into pieces, and all threads meet behind it.

A thread takes the pieces that no other has begun, and then waits for those that others have begun. So a thread that comes late,
or never, delays nobody; one that loses its core within a piece delays the step. Each thread takes the piece of its own number
first, since its core may still hold the weights that this piece reads.

A meeting is an array of words: how many threads take part, the workspace that they share, and how many steps there are; then for
each step how many of its pieces are done, and for each piece whether it is begun. A team, as kernels pass it on, is the address
of a meeting and the number of this thread in it.
"""

from __future__ import annotations

from . import atomic
from .jit import piece
from .memory import WORD, WORD_BYTES, call_address, view

THREADS, SHARED, STEPS = range(3)
"""Words of a meeting: the number of threads, the address of their workspace, and the number of steps."""
LINE = 8
"""Words of a cache line; the steps begin on the second line, each on lines of its own."""
SPINS = 3000
"""Looks at a word before a thread lets another have its core: about 0.1 ms."""
ALONE = 0, 0
"""The team of a thread that works alone."""


def meeting_words(steps: int, threads: int) -> int:
    """How many words a meeting of so many threads needs."""
    return LINE + steps * step_words(threads)


def step_words(threads: int) -> int:
    """The words of one step: its count, and a flag for each piece."""
    return -(-(1 + threads) // LINE) * LINE


_step_words = piece(step_words)


@piece
def open_meeting(meeting, threads, workspace):
    """Let so many threads meet over this workspace; no piece is begun yet."""
    words = view(WORD, meeting, LINE)
    words[THREADS], words[SHARED] = threads, workspace
    steps = view(WORD, meeting + LINE * WORD_BYTES, words[STEPS] * _step_words(threads))
    for number in range(len(steps)):
        steps[number] = 0


@piece
def take_pieces(team, step, most, kernel, arguments):
    """Take the pieces of a step that nobody else takes, and wait for the others.

    step : its number in the meeting.  most : into how many pieces it may be cut.
    kernel : the address of its kernel, which takes these arguments, and then which of how many pieces to do.
    """
    pieces = pieces_for(team, most)
    for turn in range(pieces):
        number = (team[1] + turn) % pieces
        if begins(team, step, number):
            call_address(kernel, (*arguments, (number, pieces)))
            ends(team, step)
    meet(team, step, pieces)


@piece
def shared_work(team, work):
    """The address of the team's workspace, or `work` for a thread alone."""
    return work if team[0] == 0 else view(WORD, team[0], LINE)[SHARED]


@piece
def pieces_for(team, most):
    """The number of pieces of a step that can be cut into `most` pieces."""
    return 1 if team[0] == 0 else max(1, min(most, view(WORD, team[0], LINE)[THREADS]))


@piece
def begins(team, step, number):
    """Whether this thread is the first to take a piece of a step."""
    if team[0] == 0:
        return True
    flag = _step(team, step) + (1 + number) * WORD_BYTES
    return atomic.load(flag) == 0 and atomic.exchange(flag, 1) == 0


@piece
def ends(team, step):
    """Note that a piece of a step is done."""
    if team[0] != 0:
        atomic.fetch_add(_step(team, step), 1)


@piece
def meet(team, step, pieces):
    """Wait until all pieces of a step are done."""
    if team[0] != 0:
        wait_for(_step(team, step), pieces)


@piece
def share_of(size, unit, share):
    """Where a piece of a range begins and ends; only the last piece may end within a unit.

    size : the length of the range.  share : the number of the piece, and how many pieces there are.
    """
    if share[1] == 1:
        return 0, size
    units = (size + unit - 1) // unit
    return units * share[0] // share[1] * unit, min(size, units * (share[0] + 1) // share[1] * unit)


@piece
def wait_for(address, count):
    """Wait until the word at this address has reached a number."""
    looks = 0
    while atomic.load(address) < count:
        atomic.pause()
        looks += 1
        if looks > SPINS:
            # Perhaps the thread for which this one waits needs this very core.
            atomic.give_way()


@piece
def _step(team, step):
    threads = view(WORD, team[0], LINE)[THREADS]
    return team[0] + (LINE + step * _step_words(threads)) * WORD_BYTES
