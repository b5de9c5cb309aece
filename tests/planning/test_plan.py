"""The planner against brute force, and what a plan looks like in print."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastjac import Affine, Network, ReLU, Softmax, Tanh
from fastjac.errors import OptionError
from fastjac.planning import bracketing, contractions
from fastjac.planning.cost import PACK_ROWS, moving_cycles, scaling_cycles
from fastjac.planning.plan import ORDERS, plan
from fastjac.planning.steps import LEGEND, ChainShape
from tests.single_steps import contraction

ONE_OF = {
    "forward": lambda start, stop: [stop - 1],
    "reverse": lambda start, stop: [start + 1],
    "mixed": lambda start, stop: range(start + 1, stop),
}
"""Where each order may split a span."""


def dense(sizes, lanes=1):
    """A chain in which every unit is live and no derivative is left out."""
    return ChainShape(sizes, (1.0,) * len(sizes), (False,) * len(sizes), lanes)


@st.composite
def chain_shapes(draw):
    """Chains of 1 to 7 layers: any sizes and links, a seed at neither end or at one."""
    n_layers = draw(st.integers(1, 7))
    each = [st.integers(1, 300)] * (n_layers + 1)
    live = [st.sampled_from([0.1, 0.5, 1.0])] * (n_layers + 1)
    binary = [st.booleans()] * (n_layers + 1)
    seed = draw(st.sampled_from([None, 0, n_layers - 1]))
    lanes = draw(st.sampled_from([1, 4, 8, 16]))
    return ChainShape(draw(st.tuples(*each)), draw(st.tuples(*live)), draw(st.tuples(*binary)), lanes, seed)


def every_cost(shape, splits):
    """The costs of all bracketings that `splits(start, stop)` allows, each product computed either way round.

    A weight may be stored either way for nothing. A product lies as it was computed; the operand that the kernel reads in
    vectors (the right one, or by the transposed product the left one) must lie as the result does, or be turned.
    """

    @cache
    def computed(start, stop, transposed):
        """All costs of computing the span this way round."""
        found = [np.empty(0)]
        for middle in splits(start, stop):
            step = contraction(shape, start, middle, stop, transposed)
            vectors, strided = ((middle, stop), (start, middle)) if transposed else ((start, middle), (middle, stop))
            turned = moving_cycles(shape.sizes[vectors[0]] * shape.sizes[vectors[1]])
            extra = {transposed: 0.0, not transposed: turned}
            found.append(step.cycles + np.add.outer(made(*vectors, extra), made(*strided, {})).ravel())
        return np.concatenate(found)

    def made(start, stop, extra):
        """All costs of having the span either way round, with what is extra for one of them."""
        if stop == start + 1:
            return np.zeros(1)
        return np.concatenate([computed(start, stop, way) + extra.get(way, 0.0) for way in (False, True)])

    return made(0, shape.n_layers, {})


def cost_of_steps(shape, steps):
    """What a plan's steps cost one by one, and what it takes to turn what lies the wrong way."""
    lies_transposed, total = {}, 0.0
    for step in steps:
        vectors = (step.middle, step.stop) if step.transposed else (step.start, step.middle)
        if lies_transposed.get(vectors, step.transposed) != step.transposed:
            total += moving_cycles(shape.sizes[vectors[0]] * shape.sizes[vectors[1]])
        lies_transposed[step.start, step.stop] = step.transposed
        total += step.cycles
    return total


def textbook_multiply_adds(shape, start, middle, stop):
    return shape.sizes[stop] * shape.sizes[middle] * shape.sizes[start]


def random_network(sizes, activation=ReLU, dtype=np.float32):
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Affine(rng.standard_normal((n_out, n_in)).astype(dtype)), activation()]
    return Network(layers[:-1])


@given(chain_shapes(), st.sampled_from(sorted(ONE_OF)))
@settings(max_examples=200)
def test_every_planner_finds_the_cheapest_of_all_that_it_may_choose_from(shape, mode):
    assert plan(shape, mode).cost == pytest.approx(every_cost(shape, ONE_OF[mode]).min(), rel=1e-12)


def test_brute_force_sees_every_bracketing_in_every_orientation():
    # 132 bracketings of seven layers, and two ways for each of the six products.
    assert every_cost(dense((3, 4, 5, 6, 5, 4, 3, 2)), ONE_OF["mixed"]).size == 132 * 2**6


@given(chain_shapes(), st.sampled_from(sorted(ORDERS)))
def test_the_cost_of_a_plan_is_that_of_its_steps(shape, mode):
    chosen = plan(shape, mode)
    assert chosen.cost == pytest.approx(cost_of_steps(shape, chosen.steps), rel=1e-12)
    for step in chosen.steps:
        assert step == contraction(shape, step.start, step.middle, step.stop, step.transposed)


@given(chain_shapes())
def test_auto_is_never_dearer_than_any_mode_and_prefers_a_pure_order(shape):
    costs = {mode: plan(shape, mode).cost for mode in ("forward", "reverse", "mixed")}
    auto = plan(shape, "auto")
    assert auto.cost == min(costs.values())
    if auto.order == "mixed":
        assert auto.cost < min(costs["forward"], costs["reverse"])


@given(chain_shapes(), st.sampled_from(sorted(ORDERS)))
def test_every_plan_multiplies_each_span_it_makes_exactly_once(shape, mode):
    available = {(k, k + 1) for k in range(shape.n_layers)}
    for step in plan(shape, mode).steps:
        available -= {(step.start, step.middle), (step.middle, step.stop)}
        available.add((step.start, step.stop))
    assert available == {(0, shape.n_layers)}


@given(chain_shapes())
def test_pure_orders_take_the_multiply_adds_that_the_textbook_says(shape):
    plain, n = dense(shape.sizes), shape.n_layers
    forward = sum(textbook_multiply_adds(plain, 0, k, k + 1) for k in range(1, n))
    reverse = sum(textbook_multiply_adds(plain, k - 1, k, n) for k in range(1, n))
    assert plan(plain, "forward").multiply_adds == forward
    assert plan(plain, "reverse").multiply_adds == reverse


@given(chain_shapes(), st.sampled_from(sorted(ORDERS)))
def test_a_seed_is_never_the_operand_that_is_read_in_vectors(shape, mode):
    for step in plan(shape, mode).steps:
        if shape.seed == step.start and step.middle == step.start + 1:
            assert step.transposed
        if shape.seed == step.middle and step.stop == step.middle + 1:
            assert not step.transposed


@pytest.mark.parametrize(
    ("change", "drops"),
    [
        pytest.param({}, True, id="as it is"),
        pytest.param({"live": (1.0, 1.0, 0.5, 1.0)}, False, id="no unit is dead"),
        pytest.param({"binary": (True, False, True, True)}, False, id="derivatives other than 0 and 1"),
        pytest.param({"sizes": (784, 256, 256, PACK_ROWS - 1)}, False, id="too few rows to pay"),
    ],
)
def test_units_are_dropped_where_it_pays(change, drops):
    sizes, live, binary = (784, 256, 256, PACK_ROWS), (1.0, 0.5, 0.5, 1.0), (True,) * 4
    shape = ChainShape(**({"sizes": sizes, "live": live, "binary": binary, "lanes": 16} | change))
    assert contraction(shape, 1, 2, 3, False).drops == drops
    mirrored = ChainShape(shape.sizes[::-1], shape.live[::-1], shape.binary[::-1], 16)
    assert contraction(mirrored, 0, 1, 2, False).drops == drops


def test_units_are_dropped_only_at_an_inner_boundary_and_from_a_weight():
    sizes = (64,) * 6
    shape = ChainShape(sizes, (0.5,) * 6, (True,) * 6, 16)
    assert not contraction(shape, 0, 2, 5, False).drops  # both ends: nothing is contracted next
    assert not contraction(shape, 1, 2, 4, False).drops  # neither end: it meets another inner matrix
    assert not contraction(shape, 1, 3, 5, False).drops  # J[1:3] holds the boundary, which is no weight
    assert contraction(shape, 1, 2, 5, False).drops
    assert contraction(shape, 0, 3, 4, False).drops


def test_dropping_counts_only_live_units_as_produced():
    kept, dropped = (ChainShape((784, 256, 256, 64), (1.0, live, 1.0, 1.0), (True,) * 4, 16) for live in (1.0, 0.25))
    whole, part = (contraction(shape, 1, 2, 3, False) for shape in (kept, dropped))
    assert part.multiply_adds == whole.multiply_adds / 4
    assert part.cycles < whole.cycles


def test_steps_count_what_they_do_to_their_operands_besides():
    sizes = (20, 30, 40, 50)
    binary, smooth = (ChainShape(sizes, (1.0,) * 4, (kind,) * 4, 8) for kind in (True, False))
    # Derivatives other than 0 and 1 are multiplied onto a copy of the left weight, or of the right one by a transposed product.
    for transposed, copied in ((False, 30 * 40), (True, 30 * 20)):
        cycles = [contraction(shape, 0, 1, 2, transposed).cycles for shape in (binary, smooth)]
        assert cycles[1] - cycles[0] == pytest.approx(scaling_cycles(copied, 8))
    # Onto what was accumulated they are multiplied as it is stored, but the whole is turned round if it was made transposed.
    assert contraction(binary, 0, 2, 3, False) == contraction(smooth, 0, 2, 3, False)
    inner = ChainShape((*sizes, 1), (1.0,) * 5, (True,) * 5, 8)
    assert contraction(binary, 0, 2, 3, True).cycles - contraction(inner, 0, 2, 3, True).cycles == pytest.approx(
        moving_cycles(20 * 50)
    )


def test_autoencoder_meets_at_its_waist():
    shape = dense((784, 256, 32, 256, 784))
    chosen = plan(shape)
    assert chosen.order == "mixed"
    assert (chosen.steps[-1].start, chosen.steps[-1].middle, chosen.steps[-1].stop) == (0, 2, 4)
    pure = min(plan(shape, mode).multiply_adds for mode in ("forward", "reverse"))
    assert chosen.multiply_adds < pure / 5


def test_network_of_the_autoencoder_meets_at_its_waist():
    net = random_network((784, 256, 32, 256, 784))
    assert net.plan().order == "mixed"
    assert net.plan().steps[-1].middle == 2


def test_more_outputs_than_inputs_go_forward_and_fewer_in_reverse():
    assert plan(dense((6, 512, 512, 2500))).order == "forward"
    assert plan(dense((784, 256, 256, 10))).order == "reverse"


def test_a_relu_halves_the_work_of_the_contraction_over_its_units():
    relu, tanh = (random_network((40, 64, 32), activation).plan("reverse") for activation in (ReLU, Tanh))
    assert relu.multiply_adds == tanh.multiply_adds / 2
    assert relu.cost < tanh.cost


@pytest.mark.parametrize("transposed", [False, True])
def test_lanes_round_up_the_vectorized_side(transposed):
    def cycles(n):
        """Of a product in the middle of a chain, whose vectorized side is n."""
        ends = (1, 6, 70, n, 1) if transposed else (1, n, 70, 6, 1)
        return contraction(dense(ends, 16), 1, 2, 3, transposed).cycles

    assert cycles(1) == cycles(15) == cycles(16) < cycles(17) == cycles(32) < cycles(33)


def test_a_wide_result_lies_along_its_long_side():
    assert not plan(dense((512, 64, 4), 16), "reverse").steps[0].transposed
    assert plan(dense((6, 512, 512, 2500), 16), "forward").steps[0].transposed


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_few_rows_of_smooth_networks_are_stacked_and_many_or_half_dead_ones_are_not(lanes):
    smooth = dense((400, 300, 300, 2), lanes)
    assert [step.stacked for step in plan(smooth, "reverse").steps] == [True, True]
    assert "stacked  1.00" in str(plan(smooth, "reverse"))
    tall = dense((400, 300, 300, 48), lanes)
    assert not any(step.stacked for step in plan(tall, "reverse").steps)
    half_dead = ChainShape(smooth.sizes, (1.0, 0.5, 0.5, 1.0), (True,) * 4, lanes)
    assert not any(step.stacked for step in plan(half_dead, "reverse").steps)
    one_row = ChainShape((400, 300, 300, 1), (1.0, 0.5, 0.5, 1.0), (True,) * 4, lanes)
    assert all(step.stacked for step in plan(one_row, "reverse").steps)


def test_unknown_mode_lists_the_valid_ones():
    with pytest.raises(OptionError, match="mode must be one of 'auto', 'forward', 'reverse', 'mixed', got 'backward'"):
        plan(dense((2, 3)), "backward")


@pytest.fixture
def round_costs(monkeypatch):
    """Costs that are the same on every CPU: a cycle for ten multiply-adds."""
    for module in (contractions, bracketing):
        monkeypatch.setattr(module, "contraction_cycles", lambda rows, depth, columns, lanes: rows * depth * columns / 10)
        monkeypatch.setattr(module, "moving_cycles", lambda elements: elements)


@pytest.mark.usefixtures("round_costs")
def test_printed_plan_of_a_mixed_order():
    shape = ChainShape((784, 256, 32, 256, 784), (1.0, 0.5, 1.0, 0.5, 1.0), (True,) * 5)
    assert str(plan(shape)) == "\n".join(
        [
            "order: auto, which is mixed",
            "sizes: 784-256-32-256-784",
            "step  product                 rows x inner x columns  samples  live  multiply-adds     cycles",
            "1     J[0:2] = W2 W1          32 x 256 x 784          alone    0.50      3,211,264    321,126",
            "2     J[2:4] = W4 W3          784 x 256 x 32          alone    0.50      3,211,264    321,126",
            "3     J[0:4] = J[2:4] J[0:2]  784 x 32 x 784          alone    1.00     19,668,992  1,966,899",
            "                                                                        26,091,520  2,609,152",
            LEGEND,
        ]
    )


@pytest.mark.usefixtures("round_costs")
def test_printed_plan_of_a_pure_order():
    shape = ChainShape((6, 4, 3, 2), (1.0, 1.0, 0.5, 1.0), (True,) * 4)
    assert str(plan(shape, "reverse")) == "\n".join(
        [
            "order: reverse",
            "sizes: 6-4-3-2",
            "step  product             rows x inner x columns  samples  live  multiply-adds  cycles",
            "1     J[1:3] = W3 W2      2 x 3 x 4               alone    0.50             12       1",
            "2     J[0:3] = J[1:3] W1  2 x 4 x 6               stacked  1.00             48       5",
            "                                                                            60       6",
            LEGEND,
        ]
    )


def test_printed_plan_with_nothing_to_do():
    net = Network([Affine(np.ones((3, 2))), Softmax()])
    assert str(net.plan("forward")) == "order: forward\nsizes: 2-3\none affine layer or none: nothing to contract"
