"""Layers as operations, and where their arrays lie in the flat vector of parameters."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.operations import Operation, numbers_of, unfold
from fastjac.graphs.graph import path
from fastjac.kernels.gradient_tables import BRING
from fastjac.kernels.tables import ACTIVATE, AFFINE, NORMALIZE
from fastjac.layers import Layer
from tests.gradients import seeded
from tests.random_networks import random_network

ONES = np.ones(3)
WEIGHT = np.ones((2, 3))
CASES = {
    "an affine map": (fj.Affine(WEIGHT, np.ones(2)), [(AFFINE, {"weight": "weight", "bias": "bias"})]),
    "one without bias": (fj.Affine(WEIGHT), [(AFFINE, {"weight": "weight"})]),
    "an activation": (fj.Tanh(), [(ACTIVATE, {})]),
    "options are no parameters": (fj.LeakyReLU(0.2), [(ACTIVATE, {})]),
    "slopes": (fj.PReLU(ONES), [(ACTIVATE, {"p": "weight"})]),
    "one slope for all": (fj.PReLU(0.2), [(ACTIVATE, {})]),
    "a scale": (fj.Scale(ONES, ONES), [(ACTIVATE, {"p": "weight", "q": "bias"})]),
    "a gate of two": (fj.GatedSwish(ONES, ONES), [(ACTIVATE, {"p": "floor", "q": "beta"})]),
    "a shift": (fj.Scale(2.0, ONES), [(ACTIVATE, {"q": "bias"})]),
    "a normalizer": (fj.Softmax(), [(NORMALIZE, {})]),
    "layer normalization": (fj.LayerNorm(), [(NORMALIZE, {})]),
    "and its scale": (fj.LayerNorm(ONES, ONES), [(NORMALIZE, {}), (ACTIVATE, {"p": "weight", "q": "bias"})]),
    "without shift": (fj.LayerNorm(ONES), [(NORMALIZE, {}), (ACTIVATE, {"p": "weight"})]),
    "without scale": (fj.LayerNorm(bias=ONES), [(NORMALIZE, {}), (ACTIVATE, {"q": "bias"})]),
}


def operations_of(layer: Layer) -> tuple[Operation, ...]:
    return unfold(path([layer], [3, layer.n_out or 3])).operations


@pytest.mark.parametrize("case", CASES)
def test_a_layer_becomes_one_operation_or_two(case: str) -> None:
    layer, expected = CASES[case]
    found = operations_of(layer)
    assert [(op.kind, op.fields) for op in found] == expected
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


def test_operations_are_the_edges_of_all_steps() -> None:
    """A sum has operations of its own, so that each value is there for the gradient of what made it."""
    x = fj.Input(3)
    found = seeded.unfolded(fj.Network(inputs=x, outputs=x + fj.Tanh()(x))).operations
    assert [(op.source, op.target, op.kind) for op in found] == [(0, 1, ACTIVATE), (0, 2, BRING), (1, 2, BRING)]


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_those_of_the_flat_vector(seed: int) -> None:
    net = fj.Network(random_network(seed).layers)
    theta, positions = net.parameters(), seeded.unfolded(net).positions
    assert positions.keys() == {(position, name) for position, layer in enumerate(net) for name in layer.arrays}
    for (position, name), start in positions.items():
        array = net[position].arrays[name]
        np.testing.assert_array_equal(theta[start : start + array.size], array.ravel())
    assert seeded.unfolded(net).n_parameters == net.n_parameters
