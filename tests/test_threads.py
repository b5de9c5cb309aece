"""Many Python threads at once: the same answers as alone, whatever they call and whichever threads a user's loops have."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.fresh_process import run_script
from tests.mixed_calls import answer, answers_from_threads, assert_all_right, assert_right, mixed_calls, network
from tests.threading_layers import LAYERS, environment_of


@pytest.mark.parametrize("layer", LAYERS)
def test_64_threads_under_each_threading_layer(layer):
    """Beside a user's parallel loops, in a process of its own, because a layer is chosen once.

    The threads' calls of fastjac are the first that the process makes.
    """
    script = f"""
        from tests.mixed_calls import answers_from_threads, assert_all_right, mixed_calls
        from tests.threading_layers import run_parallel_loop

        run_parallel_loop("{layer}")
        calls = mixed_calls()
        assert_all_right(calls, answers_from_threads(calls, 64))
        run_parallel_loop("{layer}")
        print("done")
    """
    assert run_script(script, **environment_of(layer)).stdout == "done\n"


def test_64_threads_make_the_first_call_of_a_network():
    calls = mixed_calls()[:15]
    assert len({id(call.net) for call in calls}) == 1
    assert_all_right(calls, answers_from_threads(calls, 64))


def test_networks_are_made_while_others_run():
    """Each task's networks are new, so that lowering and the first use of a program meet running kernels."""
    shared = mixed_calls()[:15]
    x = np.random.default_rng(1).standard_normal((50, 8))

    def make(seed):
        new = network(np.random.default_rng(seed), (8, 30, 6), np.float64)
        return new.jacobian(x, threads=2)

    with ThreadPoolExecutor(16) as pool:
        made = [pool.submit(make, seed % 10) for seed in range(100)]
        answers = [pool.submit(answer, call, threads) for threads in (1, 2) for call in shared * 5]
        assert_right(shared * 10, [future.result() for future in answers])
    for seed, future in enumerate(made):
        np.testing.assert_array_equal(future.result(), make(seed % 10))
