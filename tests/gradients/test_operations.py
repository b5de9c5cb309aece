"""Layers as operations, and where their arrays lie in the flat vector of parameters."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.operations import Operation, numbers_of, unfold
from fastjac.graphs.graph import path
from fastjac.layers import Layer
from fastjac.planning.block import Slopes, Units
from fastjac.planning.operators import Normalization
from tests.gradients import seeded
from tests.random_networks import random_network

ONES = np.ones(3)
WEIGHT = np.ones((2, 3))
CASES = {
    "an affine map": (fj.Affine(WEIGHT, np.ones(2)), [(fj.Affine, {"weight": "weight", "bias": "bias"})]),
    "one without bias": (fj.Affine(WEIGHT), [(fj.Affine, {"weight": "weight"})]),
    "an activation": (fj.Tanh(), [(Slopes, {})]),
    "options are no parameters": (fj.LeakyReLU(0.2), [(Slopes, {})]),
    "slopes": (fj.PReLU(ONES), [(Slopes, {"p": "weight"})]),
    "one slope for all": (fj.PReLU(0.2), [(Slopes, {})]),
    "a scale": (fj.Scale(ONES, ONES), [(Slopes, {"p": "weight", "q": "bias"})]),
    "a gate of two": (fj.GatedSwish(ONES, ONES), [(Slopes, {"p": "floor", "q": "beta"})]),
    "a shift": (fj.Scale(2.0, ONES), [(Slopes, {"q": "bias"})]),
    "a normalizer": (fj.Softmax(), [(Normalization, {})]),
    "layer normalization": (fj.LayerNorm(), [(Normalization, {})]),
    "and its scale": (fj.LayerNorm(ONES, ONES), [(Normalization, {}), (Slopes, {"p": "weight", "q": "bias"})]),
    "without shift": (fj.LayerNorm(ONES), [(Normalization, {}), (Slopes, {"p": "weight"})]),
    "without scale": (fj.LayerNorm(bias=ONES), [(Normalization, {}), (Slopes, {"q": "bias"})]),
}


def operations_of(layer: Layer) -> tuple[Operation, ...]:
    return unfold(path([layer], [3, layer.n_out or 3])).operations


@pytest.mark.parametrize("case", CASES)
def test_a_layer_becomes_one_operation_or_two(case: str) -> None:
    layer, expected = CASES[case]
    found = operations_of(layer)
    assert [(type(op.map), op.fields) for op in found] == expected
    assert all(op.position == 0 and op.n_in == 3 for op in found)
    assert found[0].layer is layer
    assert found[-1].n_out == (2 if isinstance(layer, fj.Affine) else 3)


def test_numbers_by_the_names_that_rules_have_for_them() -> None:
    normalize, scale = operations_of(fj.LayerNorm(2 * ONES, eps=1e-3))
    assert isinstance(scale.layer, fj.Scale)
    assert numbers_of(normalize.layer) == {"p": 1e-3, "q": 0.0}
    numbers = numbers_of(scale.layer)
    np.testing.assert_array_equal(numbers["p"], 2 * ONES)
    assert numbers["q"] == 0.0
    assert numbers_of(fj.ELU(0.7)) == {"p": 0.7, "q": 0.0}


def test_operations_of_a_shared_layer_carry_out_the_same_one() -> None:
    """The scale behind a layer normalization too: by it operations find that they have the same parameters."""
    x, shared = fj.Input(3), fj.LayerNorm(ONES)
    first, second = [op for op in seeded.unfolded(fj.Network(inputs=x, outputs=shared(shared(x)))).operations if op.fields]
    assert first.layer is second.layer
    assert isinstance(first.layer, fj.Scale)


def test_operations_are_edges_that_lead_past_sums() -> None:
    """The derivative by what is only added to a sum is that by the sum."""
    x = fj.Input(3)
    found = seeded.unfolded(fj.Network(inputs=x, outputs=x + fj.Tanh()(x)))
    assert [(op.source, op.target, type(op.map)) for op in found.operations] == [(0, 2, Slopes), (0, 2, Units)]
    assert found.makers == [[], [], [*found.operations]]
    assert found.readers == [[*found.operations], [], []]


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_those_of_the_flat_vector(seed: int) -> None:
    net = fj.Network(random_network(seed).layers)
    theta, positions = net.parameters(), seeded.unfolded(net).positions
    assert positions.keys() == {(position, name) for position, layer in enumerate(net) for name in layer.arrays}
    for (position, name), start in positions.items():
        array = net[position].arrays[name]
        np.testing.assert_array_equal(theta[start : start + array.size], array.ravel())
    assert seeded.unfolded(net).n_parameters == net.n_parameters
