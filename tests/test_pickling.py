"""What is sent to other processes: it computes there what it does here, or says that it cannot be sent."""

import copy
import gc
import pickle

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import FastjacError, PicklingError
from fastjac.gradients.pullback import Gradient, Pullback
from fastjac.running import crew
from tests.bits import assert_same_bits
from tests.fresh_process import run_python, run_script

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((6, 4)), np.ones(6)), fj.Tanh(), fj.LayerNorm(), fj.Affine(np.eye(2, 6))])
X = RNG.standard_normal((2, 30, 4))
GY, GJ = RNG.standard_normal((2, 30, 2)), RNG.standard_normal((2, 30, 2, 4))


def pullback() -> Pullback:
    return NET.jacobian_vjp(X)[2]


def arrays_of(gradient: Gradient) -> list[np.ndarray]:
    return [gradient.x, gradient.parameters, *(array for layer in gradient.layers for array in layer.values())]


HOLDERS = {
    "Program": NET.program,
    "Runner": lambda: NET._runners.get("auto"),
    "Memory": lambda: NET._runners.get("auto")._take_memory(1),
    "State": lambda: NET.linearize(X)._state,
    "GradientRunner": NET._gradient_runner,
    "Lent": lambda: NET._gradient_runner().keep(60),
    "Crew": lambda: crew.crew,
}
"""What holds addresses, by the names of its types."""


@pytest.mark.parametrize("name", HOLDERS)
@pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_holds_addresses_is_neither_pickled_nor_copied(name, send):
    with pytest.raises(
        PicklingError, match=f"a {name} holds addresses of this process, .*; (send the network|every process)"
    ) as caught:
        send(HOLDERS[name]())
    assert all(isinstance(caught.value, kind) for kind in (FastjacError, pickle.PicklingError, TypeError))


IN_ANOTHER_PROCESS = """
import pickle, sys
from pathlib import Path

pullback, operator, cotangents, direction, linearization = pickle.loads(Path(sys.argv[1]).read_bytes())
results = [pullback(gy, gJ, threads=threads) for threads in (1, 2) for gy, gJ in cotangents]
products = operator @ direction, operator.T @ (operator @ direction), linearization.vjp(cotangents[0][0])
Path(sys.argv[1]).write_bytes(pickle.dumps((results, *products, linearization.operator(), linearization)))
"""


def test_a_pullback_a_linearization_and_operators_in_another_process(tmp_path):
    cotangents, direction = [(GY, GJ), (GY, None), (None, GJ), (None, None)], RNG.standard_normal(NET.n_parameters)
    operator, path = NET.parameter_operator(X), tmp_path / "sent"
    path.write_bytes(pickle.dumps((pullback(), operator, cotangents, direction, NET.linearize(X))))
    run_python("-c", IN_ANOTHER_PROCESS, path)
    results, tangents, products, pulled, jacobians, linearization = pickle.loads(path.read_bytes())
    expected = [pullback()(*pair) for pair in cotangents]
    for found, gradient in zip(results, 2 * expected, strict=True):
        assert_same_bits(arrays_of(found), arrays_of(gradient))
    assert_same_bits((tangents, products), (operator @ direction, operator.T @ (operator @ direction)))
    assert_same_bits((pulled, linearization.value, linearization.jacobian()), (NET.vjp(X, GY)[1], NET(X), NET.jacobian(X)))
    assert_same_bits([jacobians @ np.ones(240)], [NET.jvp(X, np.ones(4))[1].ravel()])


IN_POOLS = """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from operator import methodcaller
    import numpy as np
    from joblib import Parallel, delayed
    from tests.bits import assert_same_bits
    from tests.test_pickling import NET, arrays_of

    x = np.random.default_rng(1).standard_normal((40_000, 4))  # enough for joblib to send it by way of a file
    _, jacobian, pullback = NET.jacobian_vjp(x)
    expected = arrays_of(pullback(gJ=jacobian))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for gradient in pool.map(methodcaller("__call__", gJ=jacobian), [pullback] * 2):
            assert_same_bits(arrays_of(gradient), expected)
    for gradient in Parallel(2)(delayed(pullback)(gJ=jacobian) for _ in range(2)):
        assert_same_bits(arrays_of(gradient), expected)
    print("done")
"""


def test_a_pullback_in_pools_of_processes():
    assert run_script(IN_POOLS).stdout == "done\n"


@pytest.mark.parametrize("send", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copied_pullback_shares_no_memory_with_its_original(send):
    original = pullback()
    copied = send(original)
    expected = arrays_of(original(GY, GJ))
    del original
    gc.collect()
    NET.jacobian_vjp(X[::-1])  # takes the memory that the original gave back
    assert_same_bits(arrays_of(copied(GY, GJ)), expected)


class Named(fj.Network):
    """A network that knows more of itself."""

    name = "nobody"


@pytest.mark.parametrize("send", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_subclass_of_network_stays_what_it_is(send):
    net = Named(NET.layers)
    net.name = "somebody"
    sent = send(net)
    assert type(sent) is Named
    assert sent.name == "somebody"
    assert_same_bits((sent(X),), (NET(X),))
