"""What is wanted of a Jacobian, as a product of matrices."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.graphs.conversion import graph_of
from fastjac.layers import Affine
from fastjac.planning.block import Block
from fastjac.planning.chain import chain_of
from fastjac.planning.cuts import chain_of_graph
from fastjac.planning.product import Wanted, block_shape, product_of

FLOAT64 = np.dtype(np.float64)
RNG = np.random.default_rng(0)
FIRST, LAST = fj.Affine(RNG.standard_normal((5, 4))), fj.Affine(RNG.standard_normal((3, 5)))
OTHER = fj.Affine(RNG.standard_normal((5, 4)))
CHAIN = chain_of([FIRST, fj.Tanh(), LAST], 4, FLOAT64)
WITH_ENDS = chain_of([fj.Tanh(), FIRST, fj.Tanh(), LAST, fj.Softmax()], 4, FLOAT64)


def block_chain(function, size=4):
    """The chain of a function of one Input."""
    x = fj.Input(size)
    return chain_of_graph(graph_of(x, function(x)), FLOAT64)


RESIDUAL = block_chain(lambda x: x + fj.Affine(RNG.standard_normal((4, 7)))(fj.ReLU()(fj.Affine(RNG.standard_normal((7, 4)))(x))))


def test_the_whole_is_the_chain():
    product = product_of(WITH_ENDS)
    assert (product.leaves, product.links, product.sizes) == (WITH_ENDS.factors, WITH_ENDS.links, WITH_ENDS.sizes)
    assert product.whole


def test_columns_and_rows_are_those_of_the_outer_weights():
    product = product_of(CHAIN, Wanted(wrt=(2, 0), of=(1,)))
    assert product.sizes == (2, 5, 1)
    np.testing.assert_array_equal(product.leaves[0].weight, FIRST.weight[:, [2, 0]])
    np.testing.assert_array_equal(product.leaves[1].weight, LAST.weight[[1]])
    assert not product.whole


@pytest.mark.parametrize("chain", [WITH_ENDS, RESIDUAL], ids=["links", "block"])
def test_columns_and_rows_are_those_of_an_identity_beside_a_link_or_a_block(chain):
    n_in, n_out = chain.n_in, chain.sizes[-1]
    product = product_of(chain, Wanted(wrt=(2, 0), of=(1,)))
    assert product.sizes == (2, *chain.sizes, 1)
    assert product.links == ((), *chain.links, ())
    np.testing.assert_array_equal(product.leaves[0].weight, np.eye(n_in)[:, [2, 0]])
    np.testing.assert_array_equal(product.leaves[-1].weight, np.eye(n_out)[[1]])


def test_some_columns_and_rows_of_a_wide_network_need_no_identity():
    """The identity of a million units would take 8 TB."""
    product = product_of(chain_of([fj.Tanh()], 10**6, FLOAT64), Wanted(wrt=(2, 0), of=(1,)))
    assert product.sizes == (2, 10**6, 1)
    net = fj.Network([fj.Tanh(), fj.Softmax()], n_in=10**6)
    assert net.jacobian(np.zeros(10**6), wrt=[5, 999_999], of=[999_999]).round(9).tolist() == [[-0.0, 1e-06]]


def test_a_seed_stands_at_one_end():
    for seed, place, sizes in (("tangents", 0, (6, 4, 5, 3)), ("cotangents", 2, (4, 5, 3, 6))):
        product = product_of(CHAIN, Wanted(seed=seed, width=6))
        assert product.leaves.index(None) == place
        assert product.sizes == sizes
        assert product.shape(8).seed == place


def test_links_alone_act_on_an_identity():
    product = product_of(chain_of([fj.Softmax()], 4, FLOAT64))
    np.testing.assert_array_equal(product.leaves[0].weight, np.eye(4))
    assert product_of(chain_of([fj.Softmax()], 4, FLOAT64), Wanted(seed="tangents", width=2)).leaves == (None,)


def test_the_shape_states_where_blocks_are():
    shape = product_of(RESIDUAL, Wanted(wrt=(0,))).shape(8)
    assert [block is not None for block in shape.blocks] == [False, True]
    assert product_of(CHAIN).shape(8).blocks == (None, None)


def test_samples_lie_along_the_lanes_of_weights_alone():
    assert product_of(CHAIN).shape(8).unitwise
    assert not product_of(RESIDUAL).shape(8).unitwise


class TestBlockShape:
    def test_of_a_residual_block(self):
        (block,) = RESIDUAL.factors
        first, second = block_shape(block).products
        assert (first.sizes, first.live, first.at_end) == ((4, 7), (1.0, 0.5), (True, False))
        assert (second.sizes, second.live, second.at_end) == ((7, 4), (0.5, 1.0), (False, True))
        assert block_shape(block).moved == 7 + 4  # slopes, and the sum
        assert block_shape(block).weights_alone == (False, False)

    @pytest.mark.parametrize(
        ("function", "weights_alone"),
        [
            (lambda x: FIRST(x) * fj.Tanh()(OTHER(x)), (True, False)),
            (lambda x: LAST(fj.Tanh()(FIRST(x))) + LAST(fj.Tanh()(OTHER(x))), (True, True)),
            (lambda x: FIRST(fj.Sigmoid()(x)) + FIRST(fj.Tanh()(x)), (False, True)),
        ],
    )
    def test_states_what_weights_alone_read_and_give(self, function, weights_alone):
        (block,) = block_chain(function).factors
        assert isinstance(block, Block)
        assert any(isinstance(operator, Affine) for operator in block.operators)
        assert block_shape(block).weights_alone == weights_alone
