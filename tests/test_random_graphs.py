"""Acceptance: 300 random graphs, and families as people build them, against torch.func in every mode and both dtypes.

An error of a Jacobian is relative to the largest entry of the sample's own, and at least to 1. Graphs share few test functions,
so that they share compiled kernels; what fails is listed by the names of graphs, which `graph_families.graph_named` draws.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pytest

from fastjac.graphs.graph import Graph
from fastjac.layers import Gate, Sparsemax
from tests import naive_graph, torch_graph
from tests.corner_graphs import CORNERS
from tests.flat_network import FlatNetwork
from tests.graph_families import FAMILIES, graph_named
from tests.graph_inputs import describe, fair_inputs, rounded, scale

Array = np.ndarray
MODES = ("auto", "forward", "reverse", "mixed")
DTYPES = (np.float32, np.float64)
TOLERANCE = {np.float64: 1e-11, np.float32: 2e-5}
BATCH = 7
RANDOM = [f"random {seed}" for seed in range(300)]
GROUPS = {
    "quick": [*RANDOM[:30], *(f"{name} 0" for name in (*FAMILIES, *CORNERS))],
    "families": [f"{family} {seed}" for family in FAMILIES for seed in range(1, 6)],
    **{f"random {first}": RANDOM[first : first + 90] for first in range(30, 300, 90)},
}


@dataclass
class Case:
    """A graph, inputs for it, and what the references say of them."""

    name: str
    graph: Graph
    x: Array
    dtype: type = np.float64

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([*self.name.encode()])

    @cached_property
    def y(self) -> Array:
        return torch_graph.value(self.graph, self.x)

    @cached_property
    def jacobian(self) -> Array:
        return torch_graph.jacobian(self.graph, self.x)

    @cached_property
    def single(self) -> "Case":
        """The same with parameters of float32, whose references stay float64."""
        return Case(self.name, rounded(self.graph), self.x, np.float32)

    @property
    def tolerance(self) -> float:
        return TOLERANCE[self.dtype]

    @property
    def y_bound(self) -> Array:
        return self.tolerance * np.maximum(np.abs(self.y).max(axis=-1), 1.0)

    def net(self) -> FlatNetwork:
        """A new one: of hundreds that live at once, each would keep its programs."""
        return FlatNetwork(self.graph, self.dtype)


@cache
def case_named(name: str) -> Case:
    graph = graph_named(name)
    return Case(name, graph, fair_inputs(graph, BATCH, np.random.default_rng(0)))


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture(params=[pytest.param(group, marks=[] if group == "quick" else pytest.mark.slow) for group in GROUPS])
def cases(request: pytest.FixtureRequest, dtype: type) -> list[Case]:
    found = [case_named(name) for name in GROUPS[request.param]]
    return [case.single for case in found] if dtype == np.float32 else found


def assert_none_fails(cases: Sequence[Case], check: Callable[[Case], Iterator[str]]) -> None:
    """`check` finds nothing to say of any graph; what it says is listed, and the smallest graph that fails is drawn."""
    found = {case.name: "; ".join(faults) for case in cases if (faults := list(all_faults(case, check)))}
    if found:
        smallest = min((case for case in cases if case.name in found), key=lambda case: len(case.graph.vertices))
        lines = "\n".join(f"{name}: {faults}" for name, faults in found.items())
        pytest.fail(f"{len(found)} of {len(cases)} graphs fail:\n{lines}\n\n{smallest.name}:\n{describe(smallest.graph)}")


def all_faults(case: Case, check: Callable[[Case], Iterator[str]]) -> Iterator[str]:
    """What the check finds, and an error that it ends with, so that other graphs are checked all the same."""
    try:
        yield from check(case)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        yield f"{type(error).__name__} at {place.filename}:{place.lineno}: {error}"


def fault(what: str, actual: Array, expected: Array, bound: Array | float) -> Iterator[str]:
    """What is wrong with an array, if an error of some sample is above its bound."""
    if actual.shape != expected.shape:
        yield f"{what}: shape {actual.shape}, not {expected.shape}"
        return
    errors = np.abs(actual - expected).reshape(len(expected), -1).max(axis=-1, initial=0.0)
    bad = np.flatnonzero(~(errors <= bound))
    if bad.size:
        allowed = np.broadcast_to(bound, errors.shape)[bad[0]]
        yield f"{what}: an error of {errors[bad[0]]:.1e} in sample {bad[0]} and {bad.size - 1} more, {allowed:.1e} is allowed"


def value_and_jacobian_faults(case: Case) -> Iterator[str]:
    net = case.net()
    y = net(case.x)
    if y.dtype != case.dtype:
        yield f"y is of {y.dtype}"
    yield from fault("y", y, case.y, case.y_bound)
    for mode in MODES:
        jacobian = net.jacobian(case.x, mode)
        yield from fault(f"J {mode}", jacobian, case.jacobian, case.tolerance * scale(case.jacobian))
        both = net.value_and_jacobian(case.x, mode)
        if not (same_bits(both[0], y) and same_bits(both[1], jacobian)):
            yield f"value_and_jacobian {mode} has other bits than its parts"


def test_values_and_jacobians_equal_torch(cases: list[Case]) -> None:
    assert_none_fails(cases, value_and_jacobian_faults)


def independence_faults(case: Case) -> Iterator[str]:
    """Where no path leads from an input to an output, the derivative is exactly 0."""
    net, graph = case.net(), case.graph
    columns, rows = (part_of_each(sizes) for sizes in (graph.input_sizes, graph.output_sizes))
    for mode in MODES:
        jacobian = net.jacobian(case.x, mode)
        for part, output in enumerate(graph.outputs):
            reached = naive_graph.behind(graph, output)
            for other, number in enumerate(graph.inputs):
                block = jacobian[:, rows == part][:, :, columns == other]
                if number not in reached and np.any(block != 0):
                    yield f"J {mode}: output {part} does not depend on input {other}, yet its derivative is {np.abs(block).max()}"


def part_of_each(sizes: Sequence[int]) -> Array:
    """For every unit of a flat vector the number of its part."""
    return np.repeat(np.arange(len(sizes)), sizes)


def test_derivatives_by_inputs_that_do_not_matter_are_zero(cases: list[Case]) -> None:
    assert_none_fails(cases, independence_faults)


def product_faults(case: Case) -> Iterator[str]:
    """Products of one tangent or cotangent, and of three, within the tolerance of what they would be if nothing cancelled."""
    net, rng, x, jacobian = case.net(), case.rng, case.x, case.jacobian
    v, u = rng.standard_normal((BATCH, net.n_in, 3)), rng.standard_normal((BATCH, 3, net.n_out))
    tangents, cotangents = jacobian @ v, u @ jacobian
    bounds = [
        case.tolerance * np.maximum(largest.max(axis=(1, 2)), scale(jacobian))
        for largest in (np.abs(jacobian) @ np.abs(v), np.abs(u) @ np.abs(jacobian))
    ]
    found = {
        "jvp": (net.jvp(x, v[..., 0]), tangents[..., 0], bounds[0]),
        "pushforward": (net.pushforward(x, v), tangents, bounds[0]),
        "pushforward of one V": (net.pushforward(x, v[2]), jacobian @ v[2], bounds[0].max() * 3),
        "vjp": (net.vjp(x, u[:, 0]), cotangents[:, 0], bounds[1]),
        "pullback": (net.pullback(x, u), cotangents, bounds[1]),
        "pullback of one U": (net.pullback(x, u[2]), u[2] @ jacobian, bounds[1].max() * 3),
    }
    for what, ((y, product), expected, bound) in found.items():
        yield from fault(what, product, expected, bound)
        yield from fault(f"y of {what}", y, case.y, case.y_bound)


def test_products_equal_products_with_torchs_jacobian(cases: list[Case]) -> None:
    assert_none_fails(cases, product_faults)


def selection_faults(case: Case) -> Iterator[str]:
    """Some columns and rows, in any order, and all of one side."""
    net, rng = case.net(), case.rng
    bound = case.tolerance * scale(case.jacobian)
    for mode in MODES:
        wrt = rng.permutation(net.n_in)[: rng.integers(1, net.n_in + 1)]
        of = rng.permutation(net.n_out)[: rng.integers(1, net.n_out + 1)]
        if mode == "forward":
            of = np.arange(net.n_out)
        elif mode == "reverse":
            wrt = np.arange(net.n_in)
        y, selected = net.value_and_jacobian(case.x, mode, wrt=wrt, of=of)
        what = f"{mode}, {len(wrt)} columns wrt={wrt[:4].tolist()}..., {len(of)} rows of={of[:4].tolist()}..."
        yield from fault(what, selected, case.jacobian[:, of][:, :, wrt], bound)
        if not same_bits(y, net(case.x)):
            yield f"{what}: y has other bits"


def test_selected_rows_and_columns_equal_those_of_the_whole(cases: list[Case]) -> None:
    assert_none_fails(cases, selection_faults)


def everything(net: FlatNetwork, x: Array, threads: int) -> dict[str, Array]:
    """Values, Jacobians in every mode and products, by tangents and cotangents that depend on nothing but the network."""
    rng = np.random.default_rng(1)
    v, u = rng.standard_normal((net.n_in, 2)), rng.standard_normal((2, net.n_out))
    found = {
        "y": net(x, threads=threads),
        "pushforward": net.pushforward(x, v, threads=threads)[1],
        "pullback": net.pullback(x, u, threads=threads)[1],
    }
    return found | {f"J {mode}": net.jacobian(x, mode, threads=threads) for mode in MODES}


def bit_faults(case: Case) -> Iterator[str]:
    """One input has one answer, alone and among any others, even such as are not finite, on one thread and on two."""
    net = case.net()
    x = case.rng.standard_normal((200, net.n_in)).astype(case.dtype)
    x[:BATCH] = case.x
    x[20], x[31, 0], x[150, -1] = np.nan, np.inf, -np.inf
    whole = everything(net, x, 1)
    batches = {
        "on two threads": slice(None),
        "reversed": slice(None, None, -1),
        "in 50": slice(3, 53),
        "in 7": slice(16, 23),
        "in 1": slice(4, 5),
        "alone": 5,
        "nan alone": 20,
        "inf alone": 31,
        "7 times": [2] * 7,
        "50 times": [151] * 50,
    }
    for what, rows in batches.items():
        found = everything(net, x[rows], 2 if what == "on two threads" else 1)
        differing = [part for part, array in found.items() if not same_bits(array, whole[part][rows])]
        if differing:
            yield f"{what}: {', '.join(differing)} with other bits than among 200"


def same_bits(actual: Array, expected: Array) -> bool:
    """Bit by bit the same, where all nan are one."""
    actual, expected = (np.where(np.isnan(a), np.array(np.nan, a.dtype), a) for a in (actual, expected))
    return actual.dtype == expected.dtype and actual.shape == expected.shape and actual.tobytes() == expected.tobytes()


def test_bits_depend_neither_on_the_batch_nor_on_threads(cases: list[Case], dtype: type) -> None:
    # This test takes the longest, so half of the graphs are tried in each dtype.
    assert_none_fails(cases[DTYPES.index(dtype) :: 2], bit_faults)


def non_finite_faults(case: Case) -> Iterator[str]:
    """Values that torch states for an input that is not finite; where it says nan to an infinity, folded weights may say more.

    A Gate hides what it does not let through, nan too, so behind one nothing shows where torch had given nan.
    """
    hides = any(isinstance(operation, Gate) for operation in case.graph.layers)
    for special in (np.nan,) if hides else (np.nan, np.inf, -np.inf):
        x = case.x.copy()
        x[np.arange(BATCH), case.rng.integers(x.shape[-1], size=BATCH)] = special
        expected, y = torch_graph.value(case.graph, x), case.net()(x)
        stated = ~np.isnan(expected) | np.isnan(special)
        with np.errstate(invalid="ignore"):
            close = np.isclose(y, expected, rtol=case.tolerance, atol=10 * case.tolerance, equal_nan=True)
        if not np.all(close[stated]):
            sample, unit = np.argwhere(stated & ~close)[0]
            yield f"{special} in an input: y[{sample}, {unit}] is {y[sample, unit]}, not {expected[sample, unit]}"


def test_values_of_inputs_that_are_not_finite_equal_torch(cases: list[Case]) -> None:
    # Sparsemax is not in torch, and what stands for it there sorts, which nan does not allow.
    assert_none_fails([case for case in cases if not any(isinstance(o, Sparsemax) for o in case.graph.layers)], non_finite_faults)
