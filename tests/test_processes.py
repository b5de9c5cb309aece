"""Children of a process that has used fastjac with threads: the same answers, and none of them dies or hangs."""

import multiprocessing
import pickle

import pytest

from tests.fresh_process import run_script
from tests.mixed_calls import mixed_calls
from tests.threading_layers import LAYERS, environment_of

SCRIPT = """
    import multiprocessing, pickle, threading
    from concurrent.futures import ProcessPoolExecutor
    from joblib import Parallel, delayed
    from tests.mixed_calls import answer, answers_from_threads, assert_all_right, assert_right, mixed_calls
    from tests.threading_layers import run_parallel_loop

    calls = mixed_calls()
    assert_right(calls, map(answer, calls))
    {in_children}
    assert_right(calls, map(answer, calls))
    print("done")
"""
"""What children do between two turns of their parent. A time limit ends a script that hangs."""


def run_children(in_children, **environment):
    assert run_script(SCRIPT.format(in_children=in_children), **environment).stdout == "done\n"


def needs(start_method):
    if start_method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no start method {start_method}")


def use_pool(start_method):
    """Children that make every call, one of them from threads of its own; a child that is killed breaks the pool."""
    return f"""
    with ProcessPoolExecutor(2, multiprocessing.get_context("{start_method}")) as pool:
        assert_right(calls, pool.map(answer, calls))
        assert_all_right(calls, pool.submit(answers_from_threads, calls, 8).result())
    """


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_children_that_start_afresh(start_method):
    needs(start_method)
    run_children(use_pool(start_method))


@pytest.mark.parametrize("layer", LAYERS)
def test_forked_children_beside_a_users_parallel_loops(layer):
    """Numba's own threads may kill a child that uses them after a fork; fastjac's are others."""
    needs("fork")
    run_children(f'run_parallel_loop("{layer}")' + use_pool("fork"), **environment_of(layer))


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_joblib(backend):
    run_children(f'assert_right(calls, Parallel(2, backend="{backend}")(map(delayed(answer), calls)))')


def test_a_fork_while_another_thread_loads_the_kernels():
    """A lock that another thread holds at the fork is never released in the child."""
    needs("fork")
    script = """
        import multiprocessing, threading
        from tests.mixed_calls import answer, mixed_calls

        calls = mixed_calls()[:10]
        loading = threading.Thread(target=lambda: [answer(call) for call in calls])
        loading.start()
        children = []
        for _ in range(10):
            loading.join(0.03)
            children.append(multiprocessing.get_context("fork").Process(target=answer, args=calls[:1], daemon=True))
            children[-1].start()
        for child in children:
            child.join(90)  # on a busy machine a child that works takes long
            assert child.exitcode == 0, "the child hangs" if child.exitcode is None else "the child was killed"
    """
    run_script(script, timeout=180)


def test_forks_while_threads_run_and_make_networks():
    needs("fork")
    run_children("""
    over = threading.Event()

    def work():
        while not over.is_set():
            assert_right(calls[:5], map(answer, pickle.loads(pickle.dumps(calls[:5]))))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(10):
        child = multiprocessing.get_context("fork").Process(target=lambda: assert_right(calls[:30], map(answer, calls[:30])))
        child.start()
        child.join(30)
        assert child.exitcode == 0
    over.set()
    """)


def test_a_network_pickles():
    """Without the programs and the memory that its calls have left in it."""
    for call in mixed_calls()[::15]:
        before = len(pickle.dumps(call.net))
        answers = call.answers(threads=2)
        pickled = pickle.dumps(call.net)
        assert len(pickled) == before
        for actual, expected in zip(call._replace(net=pickle.loads(pickled)).answers(), answers, strict=True):
            assert actual.tobytes() == expected.tobytes()
