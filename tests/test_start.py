"""The start: with kernels on disk the first Jacobian comes at once, and what has compiled never compiles again."""

import numpy as np
import pytest
from numba.core import event

from fastjac.kernels.share import JOB_WORDS, serve
from tests.fresh_process import run_script
from tests.mixed_calls import network

FIRST_JACOBIAN = """
    import numpy as np
    from numba.core import event
    from fastjac import Affine, Network, ReLU
    net = Network([Affine(np.ones((30, 20), np.{dtype})), ReLU(), Affine(np.ones((10, 30), np.{dtype}))])
    with event.install_recorder("numba:compile") as recorder:
        net.jacobian(np.ones((64, 20)), threads={threads})
    print([e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer])
"""


def call_in_every_way(net):
    for batch in (1, 2, 33, 500):
        for mode in ("auto", "forward", "reverse", "mixed"):
            net.jacobian(np.ones((batch, net.n_in)), mode)
        net.jvp(np.ones((batch, net.n_in)), np.ones(net.n_in))
    net.jacobian(np.ones(net.n_in))


@pytest.fixture(scope="module", autouse=True)
def kernels_on_disk():
    """What networks of these layers compile, for both dtypes, and what the crew's other threads compile in their own time."""
    for widths in [(4, 5), (7, 30, 30, 2), (2, 90, 3, 50)]:
        for dtype in (np.float32, np.float64):
            call_in_every_way(network(np.random.default_rng(0), widths, dtype))
    serve(np.zeros(JOB_WORDS, np.int64), 1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_jacobian_with_a_warm_cache_compiles_nothing(dtype, threads):
    finished = run_script(FIRST_JACOBIAN.format(dtype=dtype, threads=threads))
    assert (finished.stdout, finished.stderr) == ("[]\n", "")


def test_only_what_a_network_needs_is_compiled_or_read():
    script = """
        import numpy as np
        import fastjac as fj
        from fastjac.kernels import accumulate, adjoint, gradient, normalizers
        net = fj.Network([fj.Affine(np.ones((30, 20))), fj.ReLU(), fj.Affine(np.ones((10, 30)))])
        net.jacobian(np.ones((64, 20)))
        steps = [accumulate.contract_step, accumulate.normalize_rows_step, *normalizers.NORMALIZERS.values()]
        print([step.py_func.__name__ for step in steps if step.overloads])
        kernels = [gradient.gradient_float64, accumulate.copy_step, adjoint.outer_step, adjoint.bend_step]
        print([kernel.py_func.__name__ for kernel in kernels if kernel.overloads])
        y, J, pullback = net.jacobian_vjp(np.ones((3, 20)))
        print([kernel.py_func.__name__ for kernel in kernels if kernel.overloads])
        pullback(gJ=J)
        print([kernel.py_func.__name__ for kernel in kernels if kernel.overloads])
        print(*([name for name in ("activation", "bend") if name in vars(kind.rule)] for kind in (fj.ReLU, fj.Tanh)))
    """
    first = "['contract_step']", "[]", "['gradient_float64', 'copy_step']"
    expected = [*first, "['gradient_float64', 'copy_step', 'outer_step']", "['activation'] []"]
    assert run_script(script).stdout.splitlines() == expected


def test_new_networks_of_known_layers_batch_sizes_and_modes_compile_nothing():
    with event.install_recorder("numba:compile") as recorder:
        for seed, widths in enumerate([(3, 4), (6, 31, 29, 3), (3, 80, 4, 60)]):
            for dtype in (np.float32, np.float64):
                call_in_every_way(network(np.random.default_rng(seed), widths, dtype))
    assert [(e.data["dispatcher"].py_func.__name__, e.data["args"]) for _, e in recorder.buffer] == []
