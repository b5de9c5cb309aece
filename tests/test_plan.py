"""The planner against brute force, and what a plan looks like in print."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastjac import Affine, Network, ReLU, Softmax, Tanh
from fastjac.errors import OptionError
from fastjac.plan import LEGEND, PLANNERS, ChainShape, plan, step_cost

shapes = st.integers(2, 8).flatmap(
    lambda n: st.builds(
        ChainShape,
        st.tuples(*[st.integers(1, 300)] * n),
        st.tuples(*[st.sampled_from([0.5, 1.0])] * n),
        st.sampled_from([1, 4, 8, 16]),
    )
)


def cheapest_by_brute_force(shape, start, stop):
    """The least cost over all bracketings of the layers from boundary `start` to `stop`, each tried in full."""
    if stop == start + 1:
        return 0.0
    return min(
        cheapest_by_brute_force(shape, start, middle)
        + cheapest_by_brute_force(shape, middle, stop)
        + step_cost(shape, start, middle, stop)
        for middle in range(start + 1, stop)
    )


def multiply_adds(shape, start, middle, stop):
    """The textbook cost of one product, without lanes."""
    return shape.sizes[stop] * shape.sizes[middle] * shape.sizes[start]


def random_network(sizes, activation=ReLU, dtype=np.float32):
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Affine(rng.standard_normal((n_out, n_in)).astype(dtype)), activation()]
    return Network(layers[:-1])


@given(shapes)
def test_mixed_is_the_cheapest_of_all_bracketings(shape):
    assert plan(shape, "mixed").cost == pytest.approx(cheapest_by_brute_force(shape, 0, shape.n_layers), rel=1e-12)


@given(shapes)
def test_auto_is_never_dearer_than_any_mode_and_prefers_a_pure_order(shape):
    costs = {mode: plan(shape, mode).cost for mode in ("forward", "reverse", "mixed")}
    auto = plan(shape, "auto")
    assert auto.cost == min(costs.values())
    if auto.order == "mixed":
        assert auto.cost < min(costs["forward"], costs["reverse"])


@given(shapes, st.sampled_from(sorted(PLANNERS)))
def test_every_plan_multiplies_each_span_it_makes_exactly_once(shape, mode):
    available = {(k, k + 1) for k in range(shape.n_layers)}
    for step in plan(shape, mode).steps:
        available -= {(step.start, step.middle), (step.middle, step.stop)}
        available.add((step.start, step.stop))
    assert available == {(0, shape.n_layers)}


@given(shapes)
def test_pure_orders_cost_what_the_textbook_says(shape):
    plain = ChainShape(shape.sizes, (1.0,) * len(shape.sizes), lanes=1)
    n = plain.n_layers
    forward = sum(multiply_adds(plain, 0, k, k + 1) for k in range(1, n))
    reverse = sum(multiply_adds(plain, k - 1, k, n) for k in range(1, n))
    assert plan(plain, "forward").cost == forward
    assert plan(plain, "reverse").cost == reverse


def test_autoencoder_meets_at_its_waist():
    shape = ChainShape((784, 256, 32, 256, 784), (1.0,) * 5)
    chosen = plan(shape)
    assert chosen.order == "mixed"
    assert (chosen.steps[-1].start, chosen.steps[-1].middle, chosen.steps[-1].stop) == (0, 2, 4)
    pure = min(plan(shape, "forward").cost, plan(shape, "reverse").cost)
    assert chosen.cost < pure / 5


def test_network_of_the_autoencoder_meets_at_its_waist():
    net = random_network((784, 256, 32, 256, 784))
    assert net.plan().order == "mixed"
    assert net.plan().steps[-1].middle == 2


def test_more_outputs_than_inputs_go_forward_and_fewer_in_reverse():
    assert plan(ChainShape((6, 512, 512, 2500), (1.0,) * 4)).order == "forward"
    assert plan(ChainShape((784, 256, 256, 10), (1.0,) * 4)).order == "reverse"


def test_a_relu_halves_the_cost_of_the_contraction_over_its_units():
    relu, tanh = (random_network((40, 64, 32), activation).plan("reverse").cost for activation in (ReLU, Tanh))
    assert relu == tanh / 2


def test_lanes_round_up_the_vectorized_side():
    shape = ChainShape((5, 7, 3), (1.0,) * 3, lanes=16)
    assert plan(shape, "reverse").cost == 7 * min(3 * 16, 16 * 5)


def test_unknown_mode_lists_the_valid_ones():
    with pytest.raises(OptionError, match="mode must be one of 'auto', 'forward', 'reverse', 'mixed', got 'backward'"):
        plan(ChainShape((2, 3), (1.0, 1.0)), "backward")


def test_printed_plan_of_a_mixed_order():
    shape = ChainShape((784, 256, 32, 256, 784), (1.0, 0.5, 1.0, 0.5, 1.0))
    assert str(plan(shape)) == "\n".join(
        [
            "order: auto, which is mixed",
            "sizes: 784-256-32-256-784",
            "step  product                 rows x inner x columns  live  multiply-adds",
            "1     J[0:2] = W2 W1          32 x 256 x 784          0.50      3,211,264",
            "2     J[2:4] = W4 W3          784 x 256 x 32          0.50      3,211,264",
            "3     J[0:4] = J[2:4] J[0:2]  784 x 32 x 784          1.00     19,694,080",
            "                                                               26,116,608",
            LEGEND,
        ]
    )


def test_printed_plan_of_a_pure_order():
    shape = ChainShape((6, 4, 3, 2), (1.0, 1.0, 0.5, 1.0))
    assert str(plan(shape, "reverse")) == "\n".join(
        [
            "order: reverse",
            "sizes: 6-4-3-2",
            "step  product             rows x inner x columns  live  multiply-adds",
            "1     J[1:3] = W3 W2      2 x 3 x 4               0.50             12",
            "2     J[0:3] = J[1:3] W1  2 x 4 x 6               1.00             48",
            "                                                                   60",
            LEGEND,
        ]
    )


def test_printed_plan_with_nothing_to_do():
    net = Network([Affine(np.ones((3, 2))), Softmax()])
    assert str(net.plan("forward")) == "order: forward\nsizes: 2-3\none affine layer or none: nothing to contract"
