"""Sharing one call among threads that need not turn up.

The call is cut into chunks, which whoever is there takes one after another. The caller waits only for chunks that others
have begun: a thread that the system does not run when it is called, because another process keeps its core busy, delays nobody.
(At OpenMP's barrier every thread must arrive, which was measured to take 8 ms then, for a call of 0.2 ms.)

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
TICKET, DONE, TAKEN, THREADS, CALL = 0, LINE, 2 * LINE, 3 * LINE, 4 * LINE
"""Words of a job: its ticket, the number of chunks done, whether a caller has it, on how many threads, and the call's words."""
JOB_WORDS = 5 * LINE
WORD_BYTES = 8
UPPER = 1 << 32
"""One, in the upper half of a ticket."""
SPINS = 3000
"""Looks at the ticket before a thread that finds no work leaves: about 0.1 ms."""


@entry()
def share(job, threads, chunks, handle, x, seed, y, out):
    """Run a call in so many chunks, together with the threads that serve this job, and return when all are done.

    False, with nothing done, if another caller has the job.
    threads : how many may take part.  handle : with scratch for every thread that serves the job. Arrays as for `call`.
    """
    address = address_of(job)
    if atomic.exchange(address + TAKEN * WORD_BYTES, 1) != 0:
        return False
    words = call_of(handle, x, seed, y, out)
    for number in range(len(words)):
        job[CALL + number] = words[number]
    atomic.store(address + THREADS * WORD_BYTES, threads)
    atomic.store(address + DONE * WORD_BYTES, 0)
    atomic.store(address + TICKET * WORD_BYTES, chunks * UPPER)
    while _take_chunk(job, 0):
        pass
    looks = 0
    while atomic.load(address + DONE * WORD_BYTES) < chunks:
        atomic.pause()
        looks += 1
        if looks > SPINS:
            # Perhaps the thread that it waits for needs this very core.
            atomic.give_way()
    atomic.store(address + TAKEN * WORD_BYTES, 0)
    return True


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
    if held % UPPER >= held // UPPER or thread >= atomic.load(address_of(job) + THREADS * WORD_BYTES):
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
