"""Graphs cut into layers and blocks: where the cuts of known graphs are, and what a block is made of."""

import numpy as np

import fastjac as fj
from fastjac.graphs.conversion import graph_of
from fastjac.layers import Affine
from fastjac.planning.block import Block, Pair, Selection, Stack, Sum
from fastjac.planning.cuts import chain_of_graph, items_of
from fastjac.planning.operators import Diagonal, Normalization

FLOAT64 = np.dtype(np.float64)


def affine(n_out, n_in):
    return fj.Affine(np.random.default_rng([n_out, n_in]).standard_normal((n_out, n_in)), np.ones(n_out))


def items(function, *sizes):
    """The layers and blocks that a function of Inputs is."""
    inputs = [fj.Input(size) for size in sizes or (6,)]
    return items_of(graph_of(inputs, function(*inputs)), FLOAT64)


def kinds(found):
    """The classes of the items; of a block those of its operators."""
    return [[type(op) for op in item.operators] if isinstance(item, Block) else type(item) for item in found]


def residual(x):
    return x + fj.Tanh()(affine(6, 6)(x))


RESIDUAL = [Affine, Diagonal, Sum]


def test_a_chain_is_its_layers():
    layers = (affine(4, 6), fj.Tanh(), fj.Softmax())
    assert items(lambda x: layers[2](layers[1](layers[0](x)))) == layers


def test_every_boundary_between_residual_blocks_is_a_cut():
    assert kinds(items(lambda x: residual(fj.ReLU()(residual(residual(x)))))) == [RESIDUAL, RESIDUAL, fj.ReLU, RESIDUAL]


def test_a_block_within_a_block_is_no_item():
    (block,) = items(lambda x: x * residual(residual(x)))
    assert kinds([block]) == [[*RESIDUAL, *RESIDUAL, Pair]]


def test_a_way_past_everything_leaves_no_cut():
    (block,) = items(lambda x: affine(6, 4)(fj.ReLU()(affine(4, 6)(fj.ReLU()(affine(6, 6)(x))))) + x)
    assert block.n_in == block.n_out == 6
    assert kinds([block]) == [[Affine, Diagonal, Affine, Diagonal, Affine, Sum]]


def test_several_inputs_are_taken_of_one_and_several_outputs_make_one():
    found = items(lambda x, u: [fj.Tanh()(x), fj.Softmax()(u)], 6, 3)
    assert kinds(found) == [[Selection, Diagonal, Selection, Normalization, Stack]]
    assert (found[0].n_in, found[0].n_out) == (9, 9)


def test_a_selection_or_a_join_alone_is_a_block():
    assert kinds(items(lambda x: x[::-1])) == [[Selection]]
    assert kinds(items(lambda x: fj.concatenate([x, x]))) == [[Stack]]
    assert kinds(items(lambda x: x + x)) == [[Sum]]


def test_layers_within_a_block_are_folded():
    branch = (affine(6, 6), fj.Scale(np.full(6, 2.0), 1.0), fj.ReLU(), fj.Tanh())
    (block,) = items(lambda x: x + branch[3](branch[2](branch[1](branch[0](x)))))
    assert kinds([block]) == [RESIDUAL]
    np.testing.assert_array_equal(block.operators[0].weight, 2.0 * branch[0].weight)
    np.testing.assert_array_equal(block.operators[0].bias, 2.0 * branch[0].bias + 1.0)


def test_a_value_with_two_readers_ends_a_run_that_is_folded():
    (block,) = items(lambda x: fj.add([x, h := affine(6, 6)(x), fj.Scale(np.full(6, 2.0))(h)]))
    assert kinds([block]) == [[Affine, Diagonal, Sum]]
    assert [step.operands for step in block.steps] == [(0,), (1,), (0, 1, 2)]


def test_the_chain_has_links_between_blocks_and_layers():
    x = fj.Input(6)
    chain = chain_of_graph(graph_of(x, fj.Softmax()(affine(3, 6)(fj.ReLU()(residual(fj.Tanh()(x)))))), FLOAT64)
    assert [type(factor) for factor in chain.factors] == [Block, Affine]
    assert [[type(op) for op in link] for link in chain.links] == [[Diagonal], [Diagonal], [Normalization]]
    assert chain.sizes == (6, 6, 3)
