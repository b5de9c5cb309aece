"""Sharing one call among threads, any of which may stay away.

The call is cut into chunks, which the threads that are there take one after another. The caller waits only for chunks that
others have begun. So a thread that the system does not run in time, because another process keeps its core busy, delays nobody.
(At OpenMP's barrier every thread must arrive, which was measured to take 8 ms then, for a call of 0.2 ms.)

A job is an array of words that all threads see. The lower half of its ticket counts the chunks handed out, and the upper half
holds how many there are. So a thread that comes late, when the job is done or replaced, takes nothing, or takes a chunk of the
new job, whose words it reads only after it has taken that chunk.
"""

from __future__ import annotations

from . import atomic
from .call import MEETING, WORK_ADDRESS, call_of, is_together, run_chunk
from .jit import entry, piece
from .meeting import LINE, SPINS, open_meeting, wait_for
from .memory import WORD, WORD_BYTES, address_of, view

TICKET, DONE, TAKEN, THREADS, CORE, CALL = 0, LINE, 2 * LINE, 3 * LINE, 3 * LINE + 1, 4 * LINE
"""Words of a job: its ticket, the number of chunks done, whether a caller has it, on how many threads, the core on which that
caller runs, and the words of its call. Those that several threads write lie on cache lines of their own. A team's job counts the
team's threads in the word TAKEN."""
JOB_WORDS = 5 * LINE
UPPER = 1 << 32
"""One, in the upper half of a ticket."""


@entry()
def share(job, threads, chunks, handle, x, seed, y, out):
    """Run a call in so many chunks, together with the threads that serve this job, and return when all are done.

    False, with nothing done, if another caller has the job.
    threads : how many may take part.  handle : with scratch for every thread that serves the job; with a meeting, if a chunk is
        not some of the samples but one thread's share of the work for all of them. Arrays as for `call`.
    """
    address = address_of(job)
    if atomic.exchange(address + TAKEN * WORD_BYTES, 1) != 0:
        return False
    words = call_of(handle, x, seed, y, out)
    if is_together(handle):
        open_meeting(handle[MEETING], chunks, handle[WORK_ADDRESS])
    for number in range(len(words)):
        job[CALL + number] = words[number]
    atomic.store(address + THREADS * WORD_BYTES, threads)
    atomic.store(address + CORE * WORD_BYTES, atomic.current_core())
    atomic.store(address + DONE * WORD_BYTES, 0)
    atomic.store(address + TICKET * WORD_BYTES, chunks * UPPER)
    while _take_chunk(job, 0):
        pass
    wait_for(address + DONE * WORD_BYTES, chunks)
    atomic.store(address + TAKEN * WORD_BYTES, 0)
    return True


@entry()
def join(address):
    """What each thread of a team runs: it takes chunks of the job at this address until there are none."""
    thread = atomic.fetch_add(address + TAKEN * WORD_BYTES, 1)
    job = view(WORD, address, JOB_WORDS)
    while _take_chunk(job, thread):
        pass


@entry()
def caller_core():
    """The core that this thread runs on, or -1 where the system cannot be asked."""
    return atomic.current_core()


@entry()
def serve(job, thread):
    """Take chunks of this job, and of jobs that follow it, until none has come for a while.

    Returns -1, or the core that this thread shares with the caller: there it would only be in the way.
    """
    address = address_of(job)
    idle = 0
    while idle < SPINS:
        if _has_chunks(atomic.load(address + TICKET * WORD_BYTES)):
            core = atomic.load(address + CORE * WORD_BYTES)
            if core >= 0 and core == atomic.current_core():
                return core
        idle = 0 if _take_chunk(job, thread) else idle + 1
        atomic.pause()
    return -1


@piece
def _has_chunks(held):
    return held % UPPER < held // UPPER


@piece
def _take_chunk(job, thread):
    """Take a chunk and run it; returns whether there was one."""
    ticket = address_of(job) + TICKET * WORD_BYTES
    held = atomic.load(ticket)
    if not _has_chunks(held) or thread >= atomic.load(address_of(job) + THREADS * WORD_BYTES):
        return False
    held = atomic.fetch_add(ticket, 1)
    chunk, chunks = held % UPPER, held // UPPER
    if chunk >= chunks:
        return False
    words = (
        job[CALL], job[CALL + 1], job[CALL + 2], job[CALL + 3], job[CALL + 4], job[CALL + 5], job[CALL + 6], job[CALL + 7],
    )  # fmt: skip
    run_chunk(words, thread, chunk, chunks)
    atomic.fetch_add(address_of(job) + DONE * WORD_BYTES, 1)
    return True
