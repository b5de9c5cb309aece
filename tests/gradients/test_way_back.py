"""The way back of a loss's derivatives: by which values they are needed, and which steps they take."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.lowering import lower
from fastjac.gradients.way_back import WayBack
from fastjac.graphs.nodes import maximum
from fastjac.kernels import adjoint
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.tables import SUM
from tests.gradients import seeded
from tests.gradients.test_lowering import BACK, spelled

STEPS = {
    name: getattr(adjoint, f"{name}_step")
    for name in ("outer", "total", "slopes", "bend", "bend_pair", "bend_normalizer", "pull_parameters")
}


def needed(net: fj.Network, asked: str, wanted: list[Any] | None = None) -> set[int]:
    found = lower(seeded.unfolded(net), net.dtype, seeded.names(net) if wanted is None else wanted)
    return WayBack(found.layout, found._emitter(), asked.split())._needed


def counts(net: fj.Network, asked: str = BACK, wanted: list[Any] | None = None, seeds_at: int | None = None) -> Counter[str]:
    """How many steps of each kind a request takes."""
    found = lower(seeded.unfolded(net), net.dtype, seeded.names(net) if wanted is None else wanted, seeds_at)
    names = {kernel_address(kernel, found.dtype): name for name, kernel in STEPS.items()}
    kernels = found.tables(frozenset(asked.split()), filled=True).steps["kernel"].tolist()
    return Counter(names[kernel] for kernel in kernels if kernel in names)


def made(function: Callable[[Any], Any]) -> fj.Network:
    x = fj.Input(4)
    return fj.Network(inputs=x, outputs=function(x))


def affine(seed: int = 0) -> fj.Affine:
    return seeded.affine(np.random.default_rng(seed), 4, 4)


class TestNeededValues:
    @pytest.mark.parametrize(
        ("asked", "wanted", "expected"),
        [
            ("x_gradient", [], {0, 1, 2, 3, 4, 5}),
            ("x_gradient sums", None, {0, 1, 2, 3, 4, 5}),
            ("sums", None, {1, 2, 3, 4, 5}),
            ("sums", [(2, "weight")], {3, 4, 5}),
            ("sums", [(4, "bias")], {5}),
            ("sums", [(4, "bias"), (2, "bias")], {3, 4, 5}),
            ("sums", [], set()),
            ("y_gradient jacobian_gradient", None, set()),
        ],
    )
    def test_in_a_chain(self, asked: str, wanted: list[Any] | None, expected: set[int]) -> None:
        """All behind the inputs, if those are wanted, and all behind wanted parameters."""
        assert needed(spelled("ATATA"), asked, wanted) == expected

    def test_a_branch_without_wanted_parameters_needs_none(self) -> None:
        first = affine()
        net = made(lambda x: first(x) * fj.Exp()(fj.Tanh()(x)))
        operations = seeded.unfolded(net).operations
        (parameters,) = (op for op in operations if op.fields)
        assert needed(net, "sums") == {parameters.target, len(seeded.unfolded(net).sizes) - 1}
        assert needed(net, "x_gradient") == set(range(len(seeded.unfolded(net).sizes)))


class TestSteps:
    def test_a_weight_in_front_of_the_seeds_sums_rows_alone(self) -> None:
        """The rows at the seeds are those of the identity, so that no product is needed."""
        assert counts(spelled("A"), "jacobian_gradient sums", seeds_at=1) == {"total": 1}
        assert counts(spelled("ATA"), "jacobian_gradient sums", seeds_at=0)["outer"] == 3  # one is by the values of the bends

    def test_each_smooth_activation_bends_once(self) -> None:
        net = spelled("ATTA")
        for seeds_at in seeded.boundaries(net):
            found = counts(net, seeds_at=seeds_at)
            assert found["bend"] == found["slopes"] == 2
        assert counts(net, "y_gradient sums x_gradient").keys() == {"outer", "total"}

    @pytest.mark.parametrize("normalizer", ["S", "N"])
    def test_a_normalizer_bends_without_slopes(self, normalizer: str) -> None:
        found = counts(spelled(f"A{normalizer}A"))
        assert found["bend_normalizer"] == 1
        assert found["slopes"] == found["bend"] == 0

    def test_parameters_of_an_activation_are_pulled_by_values_and_by_slopes(self) -> None:
        net = fj.Network([affine(), fj.PReLU(np.full(4, 0.2)), affine(1)])
        assert counts(net)["pull_parameters"] == 2
        assert counts(net, "y_gradient sums")["pull_parameters"] == 1
        assert counts(net, wanted=[(0, "weight")])["pull_parameters"] == 0

    def test_both_operands_of_a_product_bend(self) -> None:
        """By each that is needed, from the slopes by both."""
        first, second = affine(), affine(1)
        net = made(lambda x: first(x) * second(x))
        assert counts(net)["bend_pair"] == counts(net)["slopes"] == 2
        one = counts(net, "jacobian_gradient sums", wanted=[(0, "weight")])
        assert (one["bend_pair"], one["slopes"]) == (1, 2)
        none = counts(net, "jacobian_gradient sums", wanted=[])
        assert none["bend_pair"] == none["slopes"] == 0

    def test_a_maximum_does_not_bend(self) -> None:
        first, second = affine(), affine(1)
        found = counts(made(lambda x: maximum(first(x), second(x))))
        assert found["bend_pair"] == found["slopes"] == 0

    def test_bends_of_one_value_are_added_up(self) -> None:
        """The first is written where it was computed, and each further one is added there."""
        net = made(lambda x: fj.Tanh()(x) + fj.Exp()(x) + fj.Softmax()(x))
        found = lower(seeded.unfolded(net), net.dtype, [])
        steps = found.tables(frozenset(BACK.split()), filled=True).steps
        bends = steps[steps["kernel"] == kernel_address(adjoint.bend_step, found.dtype)]
        assert sorted(bends["adds"].tolist()) == [0, 1]
        assert counts(net)["bend_normalizer"] == 1
        totals = bends["c"][bends["adds"] == 1].tolist() + steps["c"][steps["operation"] == SUM].tolist()
        assert bends["c"][bends["adds"] == 0].tolist() == list({*totals})
