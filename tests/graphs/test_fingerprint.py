"""Equal networks have the same fingerprint, and all others have others."""

import pickle

import numba
import numpy as np

import fastjac as fj
from fastjac.graphs.fingerprint import fingerprint
from tests.fresh_process import run_script

WEIGHTS = np.arange(12.0).reshape(3, 4)
STATE, CONTROL = fj.Input(3), fj.Input(1)
NET = fj.Network([fj.Affine(WEIGHTS), fj.ELU(0.5)])
GRAPH = fj.Network(inputs=(STATE, CONTROL), outputs=(fj.Affine(WEIGHTS)(fj.concatenate([STATE, CONTROL])), STATE[[2, 0]]))


@numba.njit
def double(x):
    return 2.0 * x


@numba.njit
def triple(x):
    return 3.0 * x


@numba.njit
def two(x):
    return 2.0


@numba.njit
def three(x):
    return 3.0


DIFFERENT = [
    NET,
    NET.astype(np.float32),
    NET.with_parameters(np.nextafter(NET.parameters(), 9)),
    fj.Network([fj.Affine(WEIGHTS), fj.ELU(0.25)]),
    fj.Network([fj.Affine(WEIGHTS), fj.CELU(0.5)]),
    fj.Network([fj.Affine(WEIGHTS.reshape(4, 3)), fj.ELU(0.5)]),
    GRAPH,
    fj.Network(inputs=(CONTROL, STATE), outputs=(fj.Affine(WEIGHTS)(fj.concatenate([STATE, CONTROL])), STATE[[2, 0]])),
    fj.Network(inputs=(STATE, CONTROL), outputs=(fj.Affine(WEIGHTS)(fj.concatenate([STATE, CONTROL])), STATE[[0, 2]])),
    fj.Network([fj.Elementwise(double, two, piecewise_linear=True)], n_in=3),
    fj.Network([fj.Elementwise(triple, three, piecewise_linear=True)], n_in=3),
]


def _of(net: fj.Network) -> str:
    return fingerprint(net._graph, net.dtype)


def test_networks_that_differ_have_others() -> None:
    assert len({_of(net) for net in DIFFERENT}) == len(DIFFERENT)


def test_equal_networks_have_the_same() -> None:
    assert [_of(pickle.loads(pickle.dumps(net))) for net in DIFFERENT] == [_of(net) for net in DIFFERENT]
    assert _of(fj.Network([fj.Affine(WEIGHTS.copy(order="F")), fj.ELU(0.5)])) == _of(NET)
    assert len({_of(fj.Network([layer, fj.Tanh(), layer])) for layer in (fj.Affine(np.eye(2)), fj.Affine(np.eye(2)))}) == 1


def test_another_process_finds_the_same() -> None:
    script = """
        import numpy as np, fastjac as fj
        print(fj.Network([fj.Affine(np.arange(12.0).reshape(3, 4)), fj.ELU(0.5)]).__dask_tokenize__())
    """
    assert run_script(script, PYTHONHASHSEED="7").stdout.strip() == NET.__dask_tokenize__()
