"""A primal sweep kept on a tape by compiled code: the Network's bits, as often as wanted, and no memory taken."""

import numba
import numpy as np
import pytest

import fastjac.numba
from fastjac import Network
from fastjac.errors import DtypeError
from tests.bits import assert_same_bits
from tests.test_numba import NETWORKS, allocations, normal, read_only

__all__ = ["allocations"]


def by_tape(net, x, v, u, tape, scratch):
    """y, J v, u J and J, by one sweep."""
    lead, program = x.shape[:-1], net.program()
    shapes = (net.n_out,), (net.n_out,), (net.n_in,), (net.n_out, net.n_in)
    y, t, g, jac = (np.full((*lead, *shape), np.nan, net.dtype) for shape in shapes)
    fastjac.numba.linearize(program, x, y, tape, scratch)
    fastjac.numba.jvp_at(program, tape, v, t, scratch)
    fastjac.numba.vjp_at(program, tape, u, g, scratch)
    fastjac.numba.jacobian_at(program, tape, jac, scratch)
    return y, t, g, jac


@pytest.mark.parametrize("name", NETWORKS)
def test_bits_are_those_of_the_network(name):
    net = NETWORKS[name]
    scratch, tape = fastjac.numba.scratch(net.program()), fastjac.numba.tape(net.program(), 64)
    for lead in ((64,), (), (0,), (3,), (1,)):
        x, v, u = (normal((*lead, size), net.dtype) for size in (net.n_in, net.n_in, net.n_out))
        expected = net(x), net.jvp(x, v)[1], net.vjp(x, u)[1], net.jacobian(x)
        assert_same_bits(by_tape(net, x, v, u, tape, scratch), expected)


def test_bits_in_float32():
    net = NETWORKS["relu, softmax"].astype(np.float32)
    x, v, u = (normal(size, net.dtype) for size in (net.n_in, net.n_in, net.n_out))
    found = by_tape(net, x, v, u, fastjac.numba.tape(net.program(), 1), fastjac.numba.scratch(net.program()))
    assert_same_bits(found, (net(x), net.jvp(x, v)[1], net.vjp(x, u)[1], net.jacobian(x)))


def test_programs_of_one_network_share_a_tape():
    net, x = NETWORKS["tanh"], normal((3, 12), np.float64)
    program, some = net.program(), net.program("reverse", wrt=slice(2, 5), of=[7, 0])
    tape, jac = fastjac.numba.tape(some, 3), np.empty((3, 2, 3))
    fastjac.numba.linearize(program, x, np.empty((3, 8)), tape, fastjac.numba.scratch(program))
    fastjac.numba.jacobian_at(some, tape, jac, fastjac.numba.scratch(some))
    assert_same_bits([jac], [net.jacobian(x, "reverse", wrt=slice(2, 5), of=[7, 0])])


@numba.njit
def gradients(program, x, target, y, g, tape, scratch, n):
    for _ in range(n):
        fastjac.numba.linearize(program, x, y, tape, scratch)
        for i in range(y.size):
            y[i] -= target[i]
        fastjac.numba.vjp_at(program, tape, y, g, scratch)
        fastjac.numba.jvp_at(program, tape, g, y, scratch)


def test_nothing_is_allocated(allocations):
    net = NETWORKS["tanh"]
    program, x, target, y, g = net.program(), np.ones(12), np.full(8, 0.5), np.empty(8), np.empty(12)
    arguments = program, x, target, y, g, fastjac.numba.tape(program, 1), fastjac.numba.scratch(program)
    once = allocations(gradients, *arguments, 1)
    assert allocations(gradients, *arguments, 1000) == once
    assert_same_bits([g], [net.vjp(x, net(x) - target)[1]])


@numba.njit(parallel=True, nogil=True)
def products_in_parallel(program, tape, u, g):
    for chunk in numba.prange(4):
        fastjac.numba.vjp_at(program, tape, u[chunk], g[chunk], fastjac.numba.scratch(program))


def test_several_threads_read_one_tape():
    net, x, u = NETWORKS["relu, softmax"], normal((30, 20), np.float64), normal((4, 30, 10), np.float64)
    program, g = net.program(), np.empty((4, 30, 20))
    tape = fastjac.numba.tape(program, 30)
    fastjac.numba.linearize(program, x, np.empty((30, 10)), tape, fastjac.numba.scratch(program))
    products_in_parallel(program, tape, u, g)
    assert_same_bits(g, [net.vjp(x, each)[1] for each in u])


SHAPES = {"v": (2, 12), "u": (2, 8), "t": (2, 8), "g": (2, 12), "jac": (2, 8, 12)}
FUNCTIONS = {"jvp_at": "vt", "vjp_at": "ug", "jacobian_at": ("jac",)}
ARGUMENTS = [(function, name) for function, names in FUNCTIONS.items() for name in names]
PROGRAM = NETWORKS["tanh"].program()


def linearized(program, n=2, net=None):
    tape, net = fastjac.numba.tape(program, n), net or NETWORKS["tanh"]
    fastjac.numba.linearize(program, np.ones((n, net.n_in)), np.empty((n, net.n_out)), tape, fastjac.numba.scratch(program))
    return tape


def call_with(function, tape=None, scratch=None, **replaced):
    """Call a function with right arguments but for one."""
    arrays = {name: np.ones(SHAPES[name]) for name in FUNCTIONS[function]} | replaced
    scratch = fastjac.numba.scratch(PROGRAM) if scratch is None else scratch
    getattr(fastjac.numba, function)(PROGRAM, linearized(PROGRAM) if tape is None else tape, *arrays.values(), scratch)


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_sizes_are_checked(function, name):
    messages = {"v": "v or u must hold one vector", "u": "v or u must hold one vector", "jac": "jac must hold one matrix"}
    first, *rest = SHAPES[name]
    for shape in ((first, *rest[:-1], rest[-1] + 1), (first + 1, *rest), (first, rest[0] // 2, *rest[1:-1], 2 * rest[-1])):
        with pytest.raises(ValueError, match=messages.get(name, "t or g must hold one vector for each input on the tape")):
            call_with(function, **{name: np.ones(shape)})


@pytest.mark.parametrize("function", FUNCTIONS)
class TestWhatIsWrongWithATape:
    def test_nothing_on_it(self, function):
        with pytest.raises(ValueError, match="this network was not linearized last on the tape: call linearize"):
            call_with(function, tape=fastjac.numba.tape(PROGRAM, 2))

    def test_another_network_of_the_same_sizes_on_it(self, function):
        twin = Network(NETWORKS["tanh"].layers).program()
        with pytest.raises(ValueError, match="this network was not linearized last on the tape: call linearize"):
            call_with(function, tape=linearized(twin))

    def test_made_for_other_sizes(self, function):
        for other in (NETWORKS["waist"], NETWORKS["tanh"].astype(np.float32)):
            with pytest.raises(ValueError, match="the tape was made for another network: each needs its own"):
                call_with(function, tape=fastjac.numba.tape(other.program(), 2))

    def test_scratch_of_another_program(self, function):
        other = NETWORKS["waist"].program()
        with pytest.raises(ValueError, match="the scratch was made for another program"):
            call_with(function, scratch=fastjac.numba.scratch(other))


def test_more_inputs_than_a_tape_has_room_for():
    tape, scratch = fastjac.numba.tape(PROGRAM, 2), fastjac.numba.scratch(PROGRAM)
    with pytest.raises(ValueError, match=r"the tape has no room for so many inputs: make one that has, with tape\(program, n\)"):
        fastjac.numba.linearize(PROGRAM, np.ones((3, 12)), np.empty((3, 8)), tape, scratch)


@pytest.mark.parametrize("n", [-1, 2**48, 2**61, 2**62])
def test_tapes_for_numbers_of_inputs_that_are_none(n):
    """2^61 inputs with 8 bytes each wrap around to none, and a sweep would write behind the tape."""
    with pytest.raises(ValueError, match=r"^n must be 0 or more, and no more inputs than memory can hold the slopes of$"):
        fastjac.numba.tape(NETWORKS["tanh"].program(), n)


def test_arrays_of_another_kind_are_reported_in_one_line():
    with pytest.raises(
        DtypeError, match=r"^v or u must be a C-contiguous array of the network's dtype float64, got array\(float32"
    ):
        call_with("jvp_at", v=np.ones((2, 12), np.float32))
    with pytest.raises(DtypeError, match=r"^jac is where fastjac writes a result, but it is read-only$"):
        call_with("jacobian_at", jac=read_only(np.ones((2, 8, 12))))


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_a_tuple_of_arrays_is_reported_in_one_line(function, name):
    with pytest.raises(DtypeError, match=r" must be one array here, got UniTuple.*: several inputs are one vector"):
        call_with(function, **{name: (np.ones(8), np.ones(4))})


def test_a_tape_starts_on_a_cache_line():
    assert all(fastjac.numba.tape(PROGRAM, n).slopes.ctypes.data % 64 == 0 for n in range(5))
