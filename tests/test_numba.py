"""fastjac.numba: the Network's bits from inside compiled code, whatever the caller does around it, and no memory taken."""

import pickle
import traceback

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError
from numba.core.runtime import _nrt_python, rtsys

import fastjac.numba
from fastjac import Affine, LayerNorm, Network, ReLU, Softmax, Tanh
from fastjac.errors import DtypeError, PicklingError
from tests.bits import assert_same_bits
from tests.fresh_process import run_python, run_script
from tests.mixed_calls import network
from tests.threading_layers import environment_of

MODES = ("auto", "forward", "reverse", "mixed")
DTYPES = (np.float32, np.float64)
BATCHES = ((), (1,), (3,), (64,))
RNG = np.random.default_rng(0)


def affine(n_out, n_in):
    return Affine(RNG.standard_normal((n_out, n_in)), RNG.standard_normal(n_out))


NETWORKS = {
    "relu, softmax": Network([affine(70, 20), ReLU(), affine(50, 70), ReLU(), affine(10, 50), Softmax()]),
    "layer norm": Network([affine(30, 6), LayerNorm(), Tanh(), affine(9, 30), LayerNorm()]),
    "tanh": Network([affine(64, 12), Tanh(), affine(64, 64), Tanh(), affine(8, 64)]),
    "waist": Network([affine(33, 40), ReLU(), affine(3, 33), Tanh(), affine(40, 3), ReLU()]),
    "affine": Network([affine(5, 7)]),
    "activations": Network([Tanh(), Softmax()], n_in=11),
}


def normal(shape, dtype):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def by_network(net, mode, x, v, u):
    """What `by_compiled` returns, by the Network's methods."""
    return net(x), net.jacobian(x, mode), *net.value_and_jacobian(x, mode), *net.jvp(x, v), *net.vjp(x, u)


def by_compiled(net, x, v, u, program, scratch):
    """y; J; y and J; y and J v; y and u J: from each function of fastjac.numba."""
    lead = x.shape[:-1]
    jac, t, g = ((*lead, net.n_out, net.n_in), (*lead, net.n_out), (*lead, net.n_in))
    results = [np.full(shape, np.nan, net.dtype) for shape in (t, jac, t, jac, t, t, t, g)]
    fastjac.numba.value(program, x, results[0], scratch)
    fastjac.numba.jacobian(program, x, results[1], scratch)
    fastjac.numba.value_and_jacobian(program, x, *results[2:4], scratch)
    fastjac.numba.jvp(program, x, v, *results[4:6], scratch)
    fastjac.numba.vjp(program, x, u, *results[6:8], scratch)
    return results


# Any two of network, mode and dtype meet.
PAIRWISE = [(name, mode, DTYPES[(i + j) % 2]) for i, name in enumerate(NETWORKS) for j, mode in enumerate(MODES)]


@pytest.mark.parametrize(("name", "mode", "dtype"), PAIRWISE)
def test_bits_are_those_of_the_network(name, mode, dtype):
    net = NETWORKS[name].astype(dtype)
    program = net.program(mode)
    scratch = fastjac.numba.scratch(program)
    for lead in BATCHES:
        x = normal((*lead, net.n_in), dtype)
        for seed_lead in {(), lead}:
            v, u = normal((*seed_lead, net.n_in), dtype), normal((*seed_lead, net.n_out), dtype)
            assert_same_bits(by_compiled(net, x, v, u, program, scratch), by_network(net, mode, x, v, u))


@pytest.mark.parametrize("seed_lead", [(), (0,)])
def test_no_inputs_give_no_results(seed_lead):
    net = NETWORKS["tanh"]
    v, u = np.ones((*seed_lead, 12)), np.ones((*seed_lead, 8))
    results = by_compiled(net, np.empty((0, 12)), v, u, net.program(), fastjac.numba.scratch(net.program()))
    assert [len(result) for result in results] == [0] * 8


def test_what_was_computed_before_leaves_no_trace():
    net = NETWORKS["relu, softmax"]
    program = net.program()
    used, x, v, u = fastjac.numba.scratch(program), *(normal((3, n), np.float64) for n in (20, 20, 10))
    by_compiled(net, np.full((64, 20), np.nan), v[0], u[0], program, used)
    expected = by_compiled(net, x, v, u, program, fastjac.numba.scratch(program))
    assert_same_bits(by_compiled(net, x, v, u, program, used), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scratch_from_python_starts_on_a_cache_line(dtype):
    program = NETWORKS["tanh"].astype(dtype).program()
    for scratch in [fastjac.numba.scratch(program) for _ in range(5)]:
        assert isinstance(scratch, fastjac.numba.Scratch)
        assert scratch.work.dtype == dtype
        assert scratch.work.ctypes.data % 64 == 0


@numba.njit(parallel=True, nogil=True)
def jacobians_in_parallel(program, x, n_chunks):
    n, layout = len(x), program.layout[0]
    jac = np.empty((n, layout.n_out, layout.n_in), x.dtype)
    for chunk in numba.prange(n_chunks):
        scratch = fastjac.numba.scratch(program)
        for i in range(n * chunk // n_chunks, n * (chunk + 1) // n_chunks):
            fastjac.numba.jacobian(program, x[i], jac[i], scratch)
    return jac


@pytest.mark.parametrize("n_chunks", [1, 2, 7])
def test_a_users_prange(n_chunks):
    net = NETWORKS["relu, softmax"]
    x = normal((301, 20), np.float64)
    assert_same_bits([jacobians_in_parallel(net.program(), x, n_chunks)], [net.jacobian(x)])


@pytest.mark.parametrize("layer", ["omp", "tbb"])
def test_a_users_prange_from_64_python_threads(layer):
    """In a process of its own, because only OpenMP and TBB take several threads, and a threading layer is chosen once."""
    script = """
        from concurrent.futures import ThreadPoolExecutor
        import numba, numpy as np
        from tests.test_numba import NETWORKS, jacobians_in_parallel, normal

        net, x = NETWORKS["relu, softmax"], normal((301, 20), np.float64)
        program, expected = net.program(), net.jacobian(x)
        jacobians_in_parallel(program, x, 2)
        with ThreadPoolExecutor(64) as pool:
            results = list(pool.map(lambda n_chunks: jacobians_in_parallel(program, x, n_chunks), list(range(1, 9)) * 16))
        print(numba.threading_layer(), len(results), all(np.array_equal(result, expected) for result in results))
    """
    assert run_script(script, **environment_of(layer)).stdout == f"{layer} 128 True\n"


@numba.njit
def all_functions(program, scratch, x, y, jac, g, n):
    for _ in range(n):
        fastjac.numba.value(program, x, y, scratch)
        fastjac.numba.jacobian(program, x, jac, scratch)
        fastjac.numba.value_and_jacobian(program, x, y, jac, scratch)
        fastjac.numba.jvp(program, x, x, y, y, scratch)
        fastjac.numba.vjp(program, x, y, y, g, scratch)


@numba.njit
def scratch_often(program, n):
    total = 0
    for _ in range(n):
        total += fastjac.numba.scratch(program).work.size
    return total


@pytest.fixture
def allocations():
    """A function that says how often compiled code allocates in a call."""
    _nrt_python.memsys_enable_stats()

    def count(function, *args):
        before = rtsys.get_allocation_stats()
        function(*args)
        after = rtsys.get_allocation_stats()
        return after.alloc - before.alloc

    yield count
    _nrt_python.memsys_disable_stats()


def test_nothing_is_allocated(allocations):
    net = NETWORKS["tanh"]
    program = net.program()
    arguments = program, fastjac.numba.scratch(program), np.ones(12), np.empty(8), np.empty((8, 12)), np.empty(12)
    once = allocations(all_functions, *arguments, 1)
    assert allocations(all_functions, *arguments, 1000) == once
    assert allocations(scratch_often, program, 1000) >= 1000  # so the count above can rise


def read_only(array):
    array.flags.writeable = False
    return array


TANH_SHAPES = {"x": (2, 12), "v": (2, 12), "u": (2, 8), "y": (2, 8), "jac": (2, 8, 12), "t": (2, 8), "g": (2, 12)}
FUNCTIONS = {"value": "xy", "jacobian": ("x", "jac"), "value_and_jacobian": ("x", "y", "jac"), "jvp": "xvyt", "vjp": "xuyg"}
ARGUMENTS = [(function, name) for function, names in FUNCTIONS.items() for name in names]
RESULTS = [(function, name) for function, name in ARGUMENTS if name not in "xvu"]


def call_with(function, **replaced):
    """Call a function of fastjac.numba with right arguments but for one."""
    program = NETWORKS["tanh"].program()
    arrays = {name: np.ones(TANH_SHAPES[name]) for name in FUNCTIONS[function]} | replaced
    getattr(fastjac.numba, function)(program, *arrays.values(), fastjac.numba.scratch(program))


def says(name, of_what):
    """The whole message that begins with the name of an argument."""
    called = {"v": "v or u", "u": "v or u", "t": "t or g", "g": "t or g"}.get(name, name)
    return f"^{called} {of_what}$"


def way(name):
    """How to make a right array: of an input a copy, but a copy of a result would take what the caller waits for."""
    if name in "xvu":
        return r"convert it before the call, with np.ascontiguousarray\(..., np.float64\)"
    return r"fastjac writes to it, so make it with np.empty\(shape, np.float64\) and copy from it afterwards"


@pytest.mark.parametrize(("function", "name"), ARGUMENTS[::3])
def test_arrays_of_another_dtype_are_reported_in_one_line(function, name):
    message = r"must be a C-contiguous array of the network's dtype float64, got array\(float32, \dd, C\); " + way(name)
    with pytest.raises(DtypeError, match=says(name, message)):
        call_with(function, **{name: np.ones(TANH_SHAPES[name], np.float32)})


@pytest.mark.parametrize(("function", "name"), [("value", "x"), ("jacobian", "jac")])
def test_arrays_with_gaps_are_reported_in_one_line(function, name):
    message = r"must be a C-contiguous array of the network's dtype float64, got array\(float64, \dd, A\); " + way(name)
    with pytest.raises(DtypeError, match=says(name, message)):
        call_with(function, **{name: np.ones((4, *TANH_SHAPES[name][1:]))[::2]})


@pytest.mark.parametrize(("function", "name"), RESULTS[::3])
def test_results_that_are_read_only_are_reported_in_one_line(function, name):
    with pytest.raises(DtypeError, match=says(name, "is where fastjac writes a result, but it is read-only")):
        call_with(function, **{name: read_only(np.ones(TANH_SHAPES[name]))})


def test_a_users_function_shows_that_line_and_nothing_of_the_compiler():
    @numba.njit
    def value(program, x, y, scratch):
        fastjac.numba.value(program, x, y, scratch)

    program = NETWORKS["tanh"].program()
    with pytest.raises(DtypeError, match=r"^x must be a C-contiguous array") as caught:
        value(program, np.ones(12, np.float32), np.ones(8), fastjac.numba.scratch(program))
    shown = "".join(traceback.format_exception(caught.value)).splitlines()
    assert "DtypeError: x must be" in shown[-1]
    assert not any("site-packages" in line for line in shown)


def test_inputs_may_be_read_only():
    net, y, t = NETWORKS["tanh"], np.empty((2, 8)), np.empty((2, 8))
    x = read_only(normal((2, 12), np.float64))
    call_with("jvp", x=x, v=x, y=y, t=t)
    assert_same_bits((y, t), net.jvp(x, x))


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_a_tuple_of_arrays_is_reported_in_one_line(function, name):
    message = r"must be one array here, got .*: several inputs are one vector, one after another, and so are several outputs"
    with pytest.raises(DtypeError, match=says(name, message)):
        call_with(function, **{name: (np.ones(8), np.ones(4))})


@pytest.mark.parametrize("given", [np.array(1.0), 1.0], ids=["array", "number"])
@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_a_single_number_is_reported_in_one_line(function, name, given):
    message = r"must be one array here, got .*float64.*; a single number goes into an array of one"
    with pytest.raises(DtypeError, match=says(name, message)):
        call_with(function, **{name: given})


def test_a_network_in_place_of_its_program():
    scratch = fastjac.numba.scratch(GLOBAL)
    message = r"take a program in place of the Network; pass net\.program\(\)"
    with pytest.raises(TypingError, match=message):
        fastjac.numba.value(NETWORKS["tanh"], np.ones(12), np.ones(8), scratch)

    enclosed = NETWORKS["tanh"]

    @numba.njit
    def value(x, y, scratch):
        fastjac.numba.value(enclosed, x, y, scratch)

    with pytest.raises(TypingError, match=message):
        value(np.ones(12), np.ones(8), scratch)


PRODUCT_ERROR = r"t must be \(n_out,\) for one x and \(n, n_out\) for n; g must be \(n_in,\) and \(n, n_in\)"
SIZE_ERRORS = {
    "x": "the last dimension of x must be",
    "v": "v or u must hold one vector",
    "u": "v or u must hold one vector",
    "y": r"y must be \(n_out,\) for one x and \(n, n_out\) for n$",
    "jac": r"jac must be \(n_out, n_in\) for one x and \(n, n_out, n_in\) for n; .* has only their columns and rows$",
    "t": PRODUCT_ERROR,
    "g": PRODUCT_ERROR,
}


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_sizes_are_checked(function, name, change):
    *lead, last = TANH_SHAPES[name]
    with pytest.raises(ValueError, match=SIZE_ERRORS[name]):
        call_with(function, **{name: np.ones((*lead, last + change))})


@pytest.mark.parametrize(("function", "name"), [(function, name) for function, name in ARGUMENTS if name != "x"])
def test_as_many_results_and_seeds_as_inputs(function, name):
    _, *rest = TANH_SHAPES[name]
    with pytest.raises(ValueError, match=SIZE_ERRORS[name]):
        call_with(function, **{name: np.ones((3, *rest))})


@pytest.mark.parametrize("shape", [(24,), (3, 8), (2, 6)])
def test_the_last_dimension_of_x_is_the_number_of_inputs(shape):
    with pytest.raises(ValueError, match="the last dimension of x must be"):
        call_with("value", x=np.ones(shape), y=np.ones((np.prod(shape) // 12, 8)))


def test_scratch_of_another_program_is_an_error():
    program, other = NETWORKS["tanh"].program(), Network([Affine(np.eye(2))]).program()
    with pytest.raises(ValueError, match="the scratch was made for another program"):
        fastjac.numba.value(program, np.ones(12), np.ones(8), fastjac.numba.scratch(other))
    single = NETWORKS["tanh"].astype(np.float32).program()
    with pytest.raises(ValueError, match="the scratch was made for another program"):
        fastjac.numba.value(program, np.ones(12), np.ones(8), fastjac.numba.scratch(single))


GLOBAL = NETWORKS["tanh"].program()


def test_a_global_program_does_not_compile():
    @numba.njit
    def value(x, y, scratch):
        fastjac.numba.value(GLOBAL, x, y, scratch)

    with pytest.raises(TypingError, match="a Program must be an argument"):
        value(np.ones(12), np.ones(8), fastjac.numba.scratch(GLOBAL))


def test_a_program_is_not_pickled():
    with pytest.raises(PicklingError, match=r"a Program holds addresses of this process.*; send the network"):
        pickle.dumps(network(np.random.default_rng(0), (3, 4, 2), np.float64).program())


CACHED = """
import sys
import numba, numpy as np
import fastjac.numba
from fastjac.lowering import program
from tests.mixed_calls import network

if len(sys.argv) > 2:
    program.fingerprint = lambda: sys.argv[2]

@numba.njit(cache=True)
def jacobian(program, x, jac):
    fastjac.numba.jacobian(program, x, jac, fastjac.numba.scratch(program))

hidden = int(sys.argv[1])
net = network(np.random.default_rng(hidden), (5, hidden, 3), np.float64)
x, jac = np.ones(5), np.empty((3, 5))
jacobian(net.program(), x, jac)
print(np.array_equal(jac, net.jacobian(x)), sum(jacobian.stats.cache_hits.values()))
"""


def test_a_users_function_comes_from_the_cache_in_a_second_process(tmp_path):
    """With another network there, so that nothing of the first may be left in it; but not with other kernels.

    It calls those by a convention that may have changed, and Numba's own key does not see their files.
    """
    script = tmp_path / "cached.py"
    script.write_text(CACHED, encoding="utf-8")
    for arguments, hits in (((20,), 0), ((30,), 1), ((20, "newer"), 0), ((30, "newer"), 1)):
        assert run_python(script, *arguments).stdout == f"True {hits}\n"
