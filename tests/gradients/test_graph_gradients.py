"""Networks that branch, against torch.func: losses of the Jacobian, the Jacobian by the parameters, and its products."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.pullback import Pullback
from tests import torch_graph
from tests.bits import assert_same_bits
from tests.corner_graphs import CORNERS
from tests.gradients import seeded, torch_graph_gradients
from tests.graph_by_nodes import network_of
from tests.graph_families import FAMILIES, graph_named
from tests.graph_inputs import fair_inputs, rounded

Array = np.ndarray
BATCH = 4
# 5e-13 is found in float64. Inputs are fair to the Jacobian, whose own derivatives may be conditioned worse.
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-3}
PEOPLE = [f"{name} 0" for name in FAMILIES]
NAMES = [*PEOPLE, *(f"{name} 0" for name in CORNERS), *(f"random {seed}" for seed in range(12))]
MORE = [f"random {seed}" for seed in range(12, 300)]
slowly = [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


class Case:
    """A graph as a network of one vector, inputs, a loss of values and Jacobian, and the references."""

    def __init__(self, name: str, dtype: type = np.float64) -> None:
        graph = graph_named(name)
        self.net = network_of(rounded(graph) if dtype == np.float32 else graph, dtype)
        # Its layers may be in another order.
        self.graph, rng = self.net._graph, np.random.default_rng(0)
        self.x = fair_inputs(self.graph, BATCH, rng)
        self.y, self.jacobian = torch_graph.value(self.graph, self.x), torch_graph.jacobian(self.graph, self.x)
        self.by_y, self.by_jacobian = (rng.standard_normal(array.shape) for array in (self.y, self.jacobian))
        self.by_x, by_layers = torch_graph_gradients.pullback(self.graph, self.x, self.by_y, self.by_jacobian)
        self.by_parameters = np.concatenate([np.empty(0), *(a.ravel() for arrays in by_layers for a in arrays.values())])
        self.tolerance = TOLERANCE[dtype]

    def split(self, array: Array, end: str, axis: int = -1) -> object:
        return (self.net._inputs if end == "input" else self.net._outputs).split(array, axis)

    def blocks(self, array: Array) -> object:
        several = len(self.net.outputs) > 1
        rows = self.split(array, "output", -2) if several else (array,)
        found = tuple(self.split(row, "input") for row in rows)  # type: ignore[attr-defined]
        return found if several else found[0]

    def check(self, actual: Array, expected: Array) -> None:
        """To the tolerance of the largest entry, and of 1."""
        assert actual.shape == expected.shape
        bound = self.tolerance * max(1.0, np.abs(expected).max(initial=0.0))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


@cache
def case_named(name: str) -> Case:
    return Case(name)


def whole(parts: object, axis: int = -1) -> Array:
    return np.concatenate(parts, axis) if isinstance(parts, tuple) else parts  # type: ignore[return-value]


def matrix(blocks: object, net: fj.Network) -> Array:
    """Blocks as one matrix."""
    rows = blocks if len(net.outputs) > 1 else (blocks,)
    return np.concatenate([whole(row) for row in rows], -2)  # type: ignore[attr-defined]


def check_loss(case: Case) -> None:
    """Values, Jacobians, and the gradient of a loss of both."""
    y, jacobian, pullback = case.net.jacobian_vjp(case.split(case.x, "input"))
    case.check(whole(y), case.y)
    case.check(matrix(jacobian, case.net), case.jacobian)
    found = pullback(case.split(case.by_y, "output"), case.blocks(case.by_jacobian))
    case.check(whole(found.x), case.by_x)
    case.check(found.parameters, case.by_parameters)


@pytest.mark.parametrize("name", slowly)
def test_gradients_of_losses_of_the_jacobian(name: str) -> None:
    check_loss(case_named(name))


@pytest.mark.parametrize("name", PEOPLE)
def test_gradients_in_float32(name: str) -> None:
    check_loss(Case(name, np.float32))


@pytest.mark.parametrize("name", PEOPLE)
def test_gradients_from_seeds_at_every_cut(name: str) -> None:
    case = case_named(name)
    for at in seeded.boundaries(case.net):
        case.check(seeded.jacobian(case.net, case.x, at), case.jacobian)
        runner = seeded.runner(case.net, at)
        found = Pullback(case.net, runner, case.x, case.x.shape[:-1])(
            case.split(case.by_y, "output"), case.blocks(case.by_jacobian)
        )
        case.check(whole(found.x), case.by_x)
        case.check(found.parameters, case.by_parameters)


@pytest.mark.parametrize("name", slowly)
def test_the_jacobian_by_the_parameters_and_its_products(name: str) -> None:
    case, rng = case_named(name), np.random.default_rng(1)
    net, x = case.net, case.split(case.x, "input")
    expected = torch_graph_gradients.parameter_jacobian(case.graph, case.x)
    v, u = rng.standard_normal(net.n_parameters), rng.standard_normal(case.y.shape)
    case.check(whole(net.parameter_jacobian(x), -2), expected)
    y, tangent = net.parameter_jvp(x, v)
    case.check(whole(y), case.y)
    case.check(whole(tangent), expected @ v)
    _, gradient = net.parameter_vjp(x, case.split(u, "output"))
    case.check(gradient, np.einsum("ai,aip->p", u, expected))
    case.check(net.gauss_newton_product(x, v), np.einsum("aip,ai->p", expected, expected @ v))
    kernel = net.neural_tangent_kernel(x)
    several = isinstance(kernel, tuple)
    kernel = np.concatenate([np.concatenate(row, -1) for row in kernel], -2) if several else kernel
    case.check(kernel, np.einsum("aip,bjp->abij", expected, expected))


def results(net: fj.Network, x: object, by_y: object, by_jacobian: object, threads: int) -> Iterator[Array]:
    y, jacobian, pullback = net.jacobian_vjp(x, threads=threads)
    found = pullback(by_y, by_jacobian, threads=threads)
    yield from (whole(y), matrix(jacobian, net), whole(found.x), found.parameters)
    yield whole(net.parameter_jacobian(x, threads=threads), -2)


@pytest.mark.parametrize("name", ["residual_dynamics 0", "mixture_of_experts 1", "two_heads 0", "random 3"])
def test_bits_depend_on_nothing_but_the_inputs(name: str) -> None:
    case, n = case_named(name), 150
    x = np.random.default_rng(2).standard_normal((n, case.x.shape[1]))
    by_y, by_jacobian = (np.resize(array, (n, *array.shape[1:])) for array in (case.by_y, case.by_jacobian))

    def of(rows: slice, threads: int) -> tuple[Array, ...]:
        given = case.split(x[rows], "input"), case.split(by_y[rows], "output"), case.blocks(by_jacobian[rows])
        return tuple(results(case.net, *given, threads))

    expected = of(slice(None), 1)
    assert_same_bits(of(slice(None), 2), expected)
    for rows in (slice(0, 1), slice(60, 67)):
        y, jacobian, by_x, _, by_parameters = of(rows, 1)
        assert_same_bits((y, jacobian, by_x, by_parameters), tuple(expected[number][rows] for number in (0, 1, 2, 4)))


@pytest.mark.parametrize("name", ["residual_dynamics 0", "dense_net 0", "two_branch_critic 0"])
def test_what_is_kept_gives_the_same_bits_as_what_is_computed_again(name: str) -> None:
    case = case_named(name)
    _, _, pullback = case.net.jacobian_vjp(case.split(case.x, "input"))
    again = Pullback(case.net, pullback._runner, case.x, case.x.shape[:-1])
    losses = [(case.split(case.by_y, "output"), case.blocks(case.by_jacobian))] * 2 + [(case.split(case.by_y, "output"), None)]
    for by_y, by_jacobian in losses:
        kept, computed = pullback(by_y, by_jacobian), again(by_y, by_jacobian)
        assert_same_bits((whole(kept.x), kept.parameters), (whole(computed.x), computed.parameters))
