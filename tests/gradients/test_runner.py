"""The runner: any request gives what it would alone, for any number of samples, and for the parameters that are wanted alone."""

from itertools import combinations

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients import runner as runner_module
from fastjac.gradients.memory import MOST_IDLE, Kept, Lent
from fastjac.gradients.pullback import views_of
from fastjac.gradients.runner import GradientRunner, Sources, addresses_of, pack
from fastjac.kernels.gradient_tables import REQUEST
from tests import naive
from tests.bits import assert_same_bits
from tests.gradients import seeded

RNG = np.random.default_rng(0)
NET = fj.Network(
    [
        fj.Scale(RNG.uniform(0.5, 1.5, 5), RNG.standard_normal(5)),
        *seeded.alternating(RNG, (5, 12, 9), fj.PReLU(RNG.uniform(0.1, 0.5, 12))),
        fj.LayerNorm(RNG.uniform(0.5, 1.5, 9), RNG.standard_normal(9)),
        fj.SiLU(),
        seeded.affine(RNG, 9, 4),
        fj.Softmax(),
    ]
)
BLOCK = seeded.runner(NET).lowered.layout.block


def arrays_for(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """What a request for `n` samples reads: inputs, and derivatives of a loss by values and Jacobians."""
    rng = np.random.default_rng(seed)
    cores = {"x": (5,), "y_gradient": (4,), "jacobian_gradient": (4, 5)}
    return {name: rng.standard_normal((n, *core)) for name, core in cores.items()}


def gradients(n: int, wanted: list | None = None, threads: int = 1) -> tuple[np.ndarray, dict]:
    """The gradient by x, and that by each parameter that is wanted."""
    runner, by_x, flat = seeded.runner(NET, wanted=wanted), np.full((n, 5), np.nan), np.full(NET.n_parameters, np.nan)
    arrays = arrays_for(n)
    runner.run(n, addresses_of(x_gradient=by_x, parameter_gradient=flat, **arrays), threads)
    views = views_of(flat, NET.layers)
    by_name = {(position, name): views[position][name] for position, name in seeded.names(NET)}
    return by_x, {name: array for name, array in by_name.items() if not np.isnan(array).any()}


class TestFrozenParameters:
    def test_each_parameter_alone_has_the_bits_that_it_has_among_all(self) -> None:
        by_x, expected = gradients(BLOCK + 3)
        assert expected.keys() == set(seeded.names(NET))
        for name in seeded.names(NET):
            found_x, found = gradients(BLOCK + 3, [name])
            assert found.keys() == {name}
            assert_same_bits((found_x, found[name]), (by_x, expected[name]))

    def test_pairs_and_none(self) -> None:
        by_x, expected = gradients(7)
        for wanted in ([], *combinations(seeded.names(NET), 2)):
            found_x, found = gradients(7, list(wanted))
            assert_same_bits((found_x, *(found[name] for name in wanted)), (by_x, *(expected[name] for name in wanted)))

    def test_nothing_is_added_up_for_them(self) -> None:
        sizes = [seeded.runner(NET, wanted=wanted).lowered.layout.sums_size for wanted in ([], [(1, "bias")], seeded.names(NET))]
        assert sizes[0] == 0 < sizes[1] < sizes[2]


def test_the_padding_of_activations_parameters_repeats_the_last_number() -> None:
    """Their functions run over the padding too, and some that users write would not end at 0."""
    net = fj.Network(seeded.alternating(np.random.default_rng(0), (5, 7, 3), fj.PReLU(np.linspace(0.1, 0.5, 7))))
    found = seeded.runner(net).lowered
    flat = pack(found, net.layers)
    for op in found.layout.owners:
        for key, place in found.layout.numbers[op.layer].items():
            padding = place.padding_of(flat)
            assert padding.size
            np.testing.assert_array_equal(padding, np.broadcast_to(place.of(flat)[:, -1:] if key in "pq" else 0.0, padding.shape))


class TestSums:
    @pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3, 40 * BLOCK])
    def test_the_gradient_of_a_batch_is_the_sum_of_its_samples(self, n: int) -> None:
        net, given = NET, arrays_for(n)
        by_x, found = gradients(n)
        pullbacks = [net.jacobian_vjp(x)[2] for x in given["x"]]
        parts = [pull(*of) for pull, *of in zip(pullbacks, given["y_gradient"], given["jacobian_gradient"], strict=True)]
        assert_same_bits(by_x, [part.x for part in parts])
        for (position, name), actual in found.items():
            shape = net[position].arrays[name].shape
            expected = sum((part.layers[position][name] for part in parts), np.zeros(shape))
            np.testing.assert_allclose(actual.reshape(shape), expected, rtol=1e-10, atol=1e-12 * n)

    @pytest.mark.parametrize("n", [1, BLOCK + 1, 40 * BLOCK])
    def test_calls_in_steps_have_the_same_bits_on_any_number_of_threads(self, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """A step is what runs between two looks for Ctrl-C."""
        by_x, whole = gradients(n)
        monkeypatch.setattr(runner_module, "CALL_COST", 1)
        alone, shared = gradients(n), gradients(n, threads=2)
        assert_same_bits((alone[0], shared[0], *shared[1].values()), (by_x, by_x, *alone[1].values()))
        for name, expected in whole.items():
            np.testing.assert_allclose(alone[1][name], expected, rtol=1e-10, atol=1e-12 * n)

    def test_scratch_is_used_again(self) -> None:
        runner = seeded.runner(NET)
        for n in (40, 3, 200):
            arrays = arrays_for(n) | {"x_gradient": np.empty((n, 5)), "parameter_gradient": np.empty(NET.n_parameters)}
            runner.run(n, addresses_of(**arrays), 2)
        assert len(runner._idle) == 1


class TestRequests:
    """Every result that a request can ask for, beside any other."""

    RESULTS = ("y", "jacobian", "x_gradient", "parameter_jacobian")

    def request(self, n: int, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """These results of a request from seeds at the output, the only ones that serve them all."""
        shapes = {"y": (4,), "jacobian": (4, 5), "x_gradient": (5,), "parameter_jacobian": (4, NET.n_parameters)}
        results = {name: np.full((n, *shapes[name]), np.nan) for name in names}
        runner = seeded.runner(NET, seeds_at=seeded.boundaries(NET)[-1])
        goes_back = "x_gradient" in names
        given = arrays_for(n) if goes_back else {"x": arrays_for(n)["x"]}
        gradient = np.empty(NET.n_parameters) if goes_back else None
        runner.run(n, addresses_of(parameter_gradient=gradient, **given, **results), 1)
        return results

    def test_any_results_at_once_have_the_bits_that_each_has_alone(self) -> None:
        n = BLOCK + 5
        expected = {name: self.request(n, (name,))[name] for name in self.RESULTS}
        for count in (2, 3, 4):
            for names in combinations(self.RESULTS, count):
                found = self.request(n, names)
                assert_same_bits(found.values(), [expected[name] for name in names])

    def test_values_and_jacobians_are_right(self) -> None:
        x = arrays_for(BLOCK + 5)["x"]
        found = self.request(BLOCK + 5, ("y", "jacobian", "parameter_jacobian"))
        np.testing.assert_allclose(found["y"], naive.value(NET.layers, x), rtol=1e-12)
        np.testing.assert_allclose(found["jacobian"], naive.jacobian(NET.layers, x), rtol=1e-11, atol=1e-14)
        assert_same_bits((found["parameter_jacobian"],), (NET.parameter_jacobian(x),))


Pair = tuple[np.ndarray, np.ndarray]


def forward(runner: GradientRunner, arrays: dict[str, np.ndarray], kept: Kept | None = None, threads: int = 1) -> Pair:
    """Values and Jacobians."""
    n = len(arrays["x"])
    y, jacobian = np.full((n, 4), np.nan), np.full((n, 4, 5), np.nan)
    runner.run(len(y), addresses_of(x=arrays["x"], y=y, jacobian=jacobian), threads, kept)
    return y, jacobian


def back(runner: GradientRunner, arrays: dict[str, np.ndarray], kept: Kept | None = None, threads: int = 1) -> Pair:
    """The gradient by x, and that by all parameters."""
    by_x, flat = np.full((len(arrays["x"]), 5), np.nan), np.full(NET.n_parameters, np.nan)
    runner.run(len(by_x), addresses_of(x_gradient=by_x, parameter_gradient=flat, **arrays), threads, kept)
    return by_x, flat


class TestKept:
    """What a forward leaves for the way back changes no bit, and belongs to its samples alone."""

    N = BLOCK + 3

    def filled(self) -> tuple[GradientRunner, dict[str, np.ndarray], Kept]:
        """A runner, arrays, and what a forward with these has left."""
        runner, arrays = seeded.runner(NET), arrays_for(self.N)
        kept = runner.keep(self.N)
        forward(runner, arrays, kept)
        return runner, arrays, kept

    def spoilt(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The same with inputs that show where they are read."""
        return arrays | {"x": np.full_like(arrays["x"], np.nan)}

    @pytest.mark.parametrize("boundary", seeded.boundaries(NET))
    @pytest.mark.parametrize("n", [1, BLOCK, BLOCK + 1, 5 * BLOCK + 3])
    def test_the_same_bits_as_without(self, n: int, boundary: int) -> None:
        runner, arrays = seeded.runner(NET, boundary), arrays_for(n)
        expected = *forward(runner, arrays), *back(runner, arrays)
        assert np.isfinite(expected[3]).all()
        for threads in (1, 2):
            kept = runner.keep(n)
            assert_same_bits((*forward(runner, arrays, kept, threads), *back(runner, arrays, kept, threads)), expected)

    def test_in_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each has its own part of what is kept."""
        monkeypatch.setattr(runner_module, "CALL_COST", 1)
        runner, arrays = seeded.runner(NET), arrays_for(5 * BLOCK + 3)
        kept = runner.keep(5 * BLOCK + 3)
        assert_same_bits(forward(runner, arrays, kept), forward(runner, arrays))
        assert_same_bits(back(runner, arrays, kept), back(runner, arrays))

    def test_what_is_kept_is_not_computed_again(self) -> None:
        runner, arrays, kept = self.filled()
        found = forward(runner, self.spoilt(arrays), kept)[1], *back(runner, self.spoilt(arrays), kept)
        assert_same_bits(found, (forward(runner, arrays)[1], *back(runner, arrays)))

    def test_several_times(self) -> None:
        """Whatever the loss depends on."""
        runner, arrays, kept = self.filled()
        for loss in (arrays, arrays | {"jacobian_gradient": None}, arrays | {"y_gradient": None}, arrays):
            assert_same_bits(back(runner, loss, kept), back(runner, loss))

    def test_while_another_caller_has_it_everything_is_computed_again(self) -> None:
        runner, arrays, kept = self.filled()
        expected, taken = back(runner, arrays), kept.take()
        assert taken is kept.memory
        assert_same_bits(back(runner, arrays, kept), expected)
        assert np.isnan(back(runner, self.spoilt(arrays), kept)[0]).all()
        kept.give_back(taken)
        assert_same_bits(back(runner, self.spoilt(arrays), kept), expected)

    def test_a_forward_that_did_not_have_it_leaves_nothing(self) -> None:
        runner, arrays = seeded.runner(NET), arrays_for(self.N)
        kept = runner.keep(self.N)
        taken = kept.take()
        forward(runner, arrays, kept)
        kept.give_back(taken)
        assert_same_bits(back(runner, arrays, kept), back(runner, arrays))

    def test_large_batches_are_not_kept_nor_empty_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        runner = seeded.runner(NET)
        size = runner.lowered.work_size * runner.lowered.dtype.itemsize
        monkeypatch.setattr(runner_module, "KEPT_BYTES", 3 * size)
        assert len(runner.keep(3 * BLOCK).memory.arrays["work"]) == 3
        assert runner.keep(3 * BLOCK + 1) is None
        monkeypatch.setattr(runner_module, "KEPT_BYTES", size - 1)
        assert runner.keep(1) is None
        assert runner.keep(0) is None

    def test_the_memory_goes_back_to_the_pool(self) -> None:
        runner, arrays, kept = self.filled()
        memory = kept.memory
        back(runner, arrays, kept)
        assert not runner._idle
        del kept
        assert runner._idle == [memory]
        several = [runner.keep(n) for n in (1, BLOCK + 3, 2, 5 * BLOCK)]
        assert len({id(kept.memory) for kept in several}) == 4
        del several
        assert len(runner._idle) == MOST_IDLE

    @pytest.mark.parametrize("keeps", [False, True])
    def test_memory_that_is_used_again_is_not_taken_for_filled(self, keeps: bool) -> None:
        runner, _, earlier = self.filled()
        memory, others = earlier.memory, arrays_for(self.N, seed=2)
        del earlier
        kept = runner.keep(self.N) if keeps else None
        assert_same_bits(back(runner, others, kept), back(seeded.runner(NET), others))
        del kept
        assert runner._idle == [memory]

    def test_a_team_that_has_grown_since(self) -> None:
        """No thread goes without scratch of its own."""
        team = Idlers()
        runner, arrays = GradientRunner(seeded.runner(NET).lowered, NET.layers, team), arrays_for(5 * BLOCK)
        kept = runner.keep(5 * BLOCK)
        forward(runner, arrays, kept, threads=8)
        team.most_threads = 8
        back(runner, arrays, kept, threads=8)
        held = [memory.arrays["scratch"] for memory in (kept.memory, *runner._idle)]
        scratch = {array.ctypes.data: len(array) for array in held}
        threads, address = team.asked[-1]
        assert threads <= scratch[address]


class Idlers:
    """A team that notes how many threads are asked for, and where their scratch lies, and leaves all work to the caller."""

    def __init__(self) -> None:
        self.most_threads, self.asked = 2, list[tuple[int, int]]()

    def share(self, threads: int, chunks: int, handle: np.ndarray, *arrays: np.ndarray) -> bool:
        address = int(handle.view(REQUEST)["scratch"][0])
        self.asked += [(threads, address)] if address else []
        return False


def flat(lent: Lent) -> np.ndarray:
    """The parameters that a runner has packed."""
    array: np.ndarray = lent.memory.arrays["parameters"]
    return array


class TestPacked:
    """Parameters of other networks like this one."""

    def other(self, seed: int) -> tuple[fj.Network, Sources]:
        """The network with other parameters, and where these lie."""
        net = NET.with_parameters(np.random.default_rng(seed).uniform(0.1, 1.0, NET.n_parameters))
        return net, {(position, name): net[position].arrays[name].ctypes.data for position, name in seeded.names(net)}

    @pytest.mark.parametrize("name", seeded.names(NET), ids=str)
    def test_parameters_that_are_not_given_stay_the_networks_own(self, name: tuple[int, str]) -> None:
        runner, (net, sources) = seeded.runner(NET), self.other(1)
        position, field = name
        theta = NET.parameters()
        views_of(theta, NET.layers)[position][field][...] = net[position].arrays[field]
        expected = pack(runner.lowered, NET.with_parameters(theta).layers)
        assert_same_bits((flat(runner.packed({name: sources[name]})),), (expected,))

    def test_arrays_are_used_again_once_they_are_released(self) -> None:
        runner, (first, at_first), (second, at_second) = seeded.runner(NET), self.other(1), self.other(2)
        lent, also_lent = runner.packed(at_first), runner.packed(at_second)
        assert not np.shares_memory(flat(lent), flat(also_lent))
        expected = [pack(runner.lowered, net.layers) for net in (first, second)]
        assert_same_bits((flat(lent), flat(also_lent)), expected)
        array = flat(lent)
        del lent
        lent = runner.packed(at_second)
        assert flat(lent) is array
        assert_same_bits((array, flat(also_lent)), (expected[1], expected[1]))

    def test_the_pool_stays_small(self) -> None:
        runner, (_, sources) = seeded.runner(NET), self.other(1)
        several = [runner.packed(sources) for _ in range(5)]
        del several
        assert len(runner._idle_parameters) == MOST_IDLE
