"""Sharing one call among threads that need not turn up.

The call is cut into chunks, which whoever is there takes one after another. The caller waits only for chunks that others
have begun: a thread that the system does not run now, because another process keeps its core busy, delays nobody. (At
OpenMP's barrier every thread must arrive, which was measured to take 8 ms then, for a call of 0.2 ms.)

A job is an array of words that all threads see. Its ticket counts the chunks handed out in its lower half and holds how many
there are in its upper one. So a thread that comes late, when the job is done or replaced, takes nothing or takes a chunk of
the new job, whose words it reads only after it has taken one.
"""

from __future__ import annotations

from . import atomic
from .call import call_of, run_chunk
from .jit import entry, jit
from .memory import address_of

LINE = 8
"""Words of a cache line, which words that several threads write do not share."""
TICKET, DONE, CALL = 0, LINE, 2 * LINE
JOB_WORDS = 3 * LINE
WORD_BYTES = 8
HALF = 1 << 32
SPINS = 3000
"""Looks at the ticket before a thread that finds no work leaves: about 0.1 ms."""


@entry()
def share(job, chunks, handle, x, seed, y, out):
    """Run a call in so many chunks, together with the threads that serve this job; return when all are done.

    handle : with scratch for this thread, which is number 0, and for every other one. Arrays as for `call`.
    """
    words = call_of(handle, x, seed, y, out)
    for number in range(len(words)):
        job[CALL + number] = words[number]
    atomic.store(address_of(job) + DONE * WORD_BYTES, 0)
    atomic.store(address_of(job) + TICKET * WORD_BYTES, chunks * HALF)
    while _take_chunk(job, 0):
        pass
    while atomic.load(address_of(job) + DONE * WORD_BYTES) < chunks:
        atomic.pause()


@entry()
def serve(job, thread):
    """Take chunks of this job, and of those that replace it, until none has come for a while."""
    idle = 0
    while idle < SPINS:
        idle = 0 if _take_chunk(job, thread) else idle + 1
        atomic.pause()


@jit
def _take_chunk(job, thread):
    """Take a chunk and run it; whether there was one."""
    ticket = address_of(job) + TICKET * WORD_BYTES
    held = atomic.load(ticket)
    if held % HALF >= held // HALF:
        return False
    held = atomic.fetch_add(ticket, 1)
    chunk, chunks = held % HALF, held // HALF
    if chunk >= chunks:
        return False
    words = (
        job[CALL], job[CALL + 1], job[CALL + 2], job[CALL + 3], job[CALL + 4], job[CALL + 5], job[CALL + 6], job[CALL + 7],
    )  # fmt: skip
    run_chunk(words, thread, chunk, chunks)
    atomic.fetch_add(address_of(job) + DONE * WORD_BYTES, 1)
    return True
