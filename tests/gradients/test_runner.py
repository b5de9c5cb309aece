"""The runner: any request gives what it would alone, for any number of samples, and for the parameters that are wanted alone."""

from itertools import combinations

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients import runner as runner_module
from fastjac.gradients.pullback import views_of
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
BLOCK = int(seeded.runner(NET).lowered.layout[0]["block"])


def arrays_for(n: int) -> dict[str, np.ndarray]:
    """What a request for `n` samples reads: inputs, and derivatives of a loss by values and Jacobians."""
    rng = np.random.default_rng(1)
    cores = {"x": (5,), "y_gradient": (4,), "jacobian_gradient": (4, 5)}
    return {name: rng.standard_normal((n, *core)) for name, core in cores.items()}


def gradients(n: int, wanted: list | None = None, threads: int = 1) -> tuple[np.ndarray, dict]:
    """The gradient by x, and that by each parameter that is wanted."""
    runner, by_x, flat = seeded.runner(NET, wanted=wanted), np.full((n, 5), np.nan), np.full(NET.n_parameters, np.nan)
    runner.run(arrays_for(n) | {"x_gradient": by_x}, threads, {"parameter_gradient": flat})
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
        sizes = [seeded.runner(NET, wanted=wanted).lowered.gradients_size for wanted in ([], [(1, "bias")], seeded.names(NET))]
        assert sizes[0] == 0 < sizes[1] < sizes[2]


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
            runner.run(arrays_for(n) | {"x_gradient": np.empty((n, 5))}, 2, {"parameter_gradient": np.empty(NET.n_parameters)})
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
        runner.run(given | results, 1, {"parameter_gradient": np.empty(NET.n_parameters)} if goes_back else None)
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
