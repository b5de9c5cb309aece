"""The crew: right answers however many threads come, late or never, and whatever strikes between two of its lines."""

import _thread
import multiprocessing
import os
import threading
import time

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastjac import Affine, Network, ReLU, Softmax
from fastjac.kernels.share import TAKEN, TICKET
from fastjac.running import crew as crew_module
from fastjac.running.crew import Crew
from tests.fresh_process import run_script

rng = np.random.default_rng(0)
NET = Network([Affine(rng.standard_normal((30, 20))), ReLU(), Affine(rng.standard_normal((10, 30))), Softmax()])
X = rng.standard_normal((1000, 20))
EXPECTED = NET.jacobian(X, threads=1)


def new_crew(monkeypatch):
    """A crew of eight threads on however few cores, which serves the calls of a test."""
    crew = Crew()
    crew.most_threads = 8
    monkeypatch.setattr(crew_module, "crew", crew)
    return crew


@pytest.fixture(scope="module")
def module_crew():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield new_crew(monkeypatch)


@pytest.fixture
def crew(monkeypatch):
    """One that nobody has called yet."""
    return new_crew(monkeypatch)


def assert_right(first=0, n=1000, threads=8):
    rows = slice(first, first + n)
    assert_array_equal(NET.jacobian(X[rows], threads=threads), EXPECTED[rows])


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 63, 64, 65, 1000])
def test_every_number_of_inputs_on_every_number_of_threads(module_crew, n, threads):
    for first in {0, (1000 - n) // 2, 1000 - n}:
        assert_right(first, n, threads)


def test_small_jobs_in_quick_succession(module_crew):
    """Each has other inputs than the one before, so that a chunk of the wrong job shows."""
    for number in range(2000):
        assert_right(number % 900, 9 + number % 90)


def test_jobs_between_pauses_in_which_the_crew_falls_asleep(module_crew):
    for number in range(300):
        time.sleep(0.0001 * (number % 7))
        assert_right(number, 100)


def test_a_call_that_finds_the_crew_serving_another_does_its_work_alone(crew):
    crew._job[TAKEN] = 1
    assert_right(threads=2)
    assert crew._job[TICKET] == 0
    crew._job[TAKEN] = 0
    assert_right(threads=2)
    assert crew._job[TICKET] != 0


def test_helpers_that_never_wake_are_not_waited_for(crew, monkeypatch):
    assert_right()
    monkeypatch.setattr(crew, "_wake", lambda helpers: None)
    time.sleep(0.01)
    assert_right()
    assert len(crew._helpers) == 7


def test_the_system_gives_no_thread(crew, monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as no_threads:
        no_threads.setattr(_thread, "start_new_thread", refuse)
        assert_right()
        assert_right()
    assert_right()


def test_the_number_of_threads_is_that_of_when_the_crew_was_formed(crew, monkeypatch):
    """Numba lets it change while its own threads have not been started."""
    assert_right()
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    other = Network(NET.layers)
    for _ in range(200):
        crew._wake(7)
        assert_array_equal(other.jacobian(X, threads=2), EXPECTED)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not let threads choose their cores")
def test_helpers_are_kept_off_the_callers_core():
    cores, moved = os.sched_getaffinity(os.getpid()), {}

    def move():
        thread = threading.get_native_id()
        for core in cores:
            moved[core] = crew_module._move(thread, core), os.sched_getaffinity(thread)

    helper = threading.Thread(target=move)
    helper.start()
    helper.join()
    assert moved == {core: (len(cores) > 1, cores - {core} or cores) for core in cores}
    assert not crew_module._move(threading.get_native_id(), -1)
    assert not crew_module._move(2**30, min(cores))


def test_brief_calls_wake_threads_only_where_one_follows_another_soon(crew, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(crew_module.time, "monotonic", lambda: now[0])
    assert not crew.is_awake(3, 1.0)
    crew.brief_call_ended()
    now[0] += crew_module.QUICK_SECONDS / 2
    assert crew.is_awake(3, 1.0)
    assert not crew.is_awake(3, crew_module.QUICK_SECONDS / 2 / (crew_module.QUICK_CALLS + 1))
    now[0] += 1.0
    assert not crew.is_awake(3, 1.0)
    # Threads that have been rung for, and have not slept since, are awake.
    crew._helpers = [crew_module._Helper(), crew_module._Helper()]
    for helper in crew._helpers:
        helper.bell.put(None)
    now[0] += 1.0
    assert crew.is_awake(3, 1.0)
    crew._helpers[1].bell.get()
    now[0] += 1.0
    assert not crew.is_awake(3, 1.0)
    assert crew.is_awake(2, 1.0)


def test_a_brief_call_is_carried_out_by_its_caller_while_threads_sleep(crew):
    net = Network([Affine(np.ones((100, 500))), ReLU(), Affine(np.ones((10, 100)))])
    net.jacobian(np.ones((8, 500)))
    assert not crew._helpers
    net.jacobian(np.ones((8, 500)), threads=2)
    assert len(crew._helpers) == 1


def test_no_more_threads_than_asked_for_are_started(crew):
    for threads, helpers in ((2, 1), (4, 3), (3, 3), (100, 7)):
        assert_right(threads=threads)
        assert len(crew._helpers) == helpers


def test_an_interrupt_at_any_instruction_leaves_the_crew_whole():
    """In a process of its own, because the interrupts come from a trace, of which a thread has one."""
    script = """
        import sys
        import numpy as np
        from fastjac.running import crew
        from tests.running.test_crew import EXPECTED, NET, X

        def trace_with_interrupt(at):
            count = 0

            def trace(frame, event, argument):
                nonlocal count
                if frame.f_code.co_filename != crew.__file__:
                    return None
                frame.f_trace_opcodes = True
                count += event == "opcode"
                if event == "opcode" and count == at:
                    raise KeyboardInterrupt
                return trace

            return trace

        def is_interrupted(at):
            sys._getframe().f_trace_opcodes = True  # or Python 3.12 traces no opcodes
            sys.settrace(trace_with_interrupt(at))
            try:
                NET.jacobian(X, threads=2)
            except KeyboardInterrupt:
                return True
            finally:
                sys.settrace(None)
            return False

        at = 1
        crew.crew = crew.Crew()
        while is_interrupted(at):
            assert np.array_equal(NET.jacobian(X, threads=2), EXPECTED)
            crew.crew = crew.Crew()
            at += 1
        print(at > 50)
    """
    assert run_script(script, NUMBA_NUM_THREADS="8").stdout == "True\n"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_forks_while_the_crew_works():
    """Each child has a crew of its own, which other threads help."""
    script = """
        import os, threading
        from fastjac.running import crew
        from tests.running.test_crew import assert_right

        def work():
            while not over.is_set():
                assert_right()

        over = threading.Event()
        worker = threading.Thread(target=work)
        worker.start()
        parents = crew.crew
        for _ in range(20):
            child = os.fork()
            if not child:
                assert crew.crew is not parents and not crew.crew._helpers
                for _ in range(20):
                    assert_right()
                os._exit(0 if len(crew.crew._helpers) == 7 else 1)
            assert os.waitpid(child, 0)[1] == 0
        over.set()
        worker.join()
        assert_right()
        print("done")
    """
    assert run_script(script, NUMBA_NUM_THREADS="8").stdout == "done\n"


@pytest.mark.parametrize("pause", [0, 0.0001, 0.1])
def test_a_process_ends_at_once(pause):
    """Whether helpers still look for work or sleep; the script prints when it ends, by a clock that processes share."""
    script = f"""
        import time
        from tests.running.test_crew import assert_right
        assert_right()
        time.sleep({pause})
        print(time.time())
    """
    ended = float(run_script(script, NUMBA_NUM_THREADS="8").stdout)
    assert time.time() - ended < 5
