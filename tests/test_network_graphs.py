"""The face of networks that branch: what they hold, how they are cut and copied, and how they print."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, LayerError, OptionError, ShapeError
from fastjac.graphs.graph import Graph

RNG = np.random.default_rng(0)
X, U = fj.Input(8, "x"), fj.Input(4)
HIDDEN = fj.Affine(RNG.standard_normal((6, 12)), RNG.standard_normal(6))
BACK = fj.Affine(RNG.standard_normal((8, 6)))
BRANCHED = fj.Network(inputs=(X, U), outputs=X + 0.01 * BACK(fj.Tanh()(HIDDEN(fj.concatenate([X, U])))))

TIED = fj.Affine(RNG.standard_normal((5, 5)))
ITEMS = (
    fj.Affine(RNG.standard_normal((5, 3))),
    fj.Residual([TIED, fj.ReLU()]),
    fj.Parallel([[], fj.Tanh()], join="concatenate"),
    fj.Affine(RNG.standard_normal((5, 10))),
    TIED,
)
BLOCKS = fj.Network(ITEMS)
TWINS = [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: net.astype(net.dtype)]


def described(graph: Graph) -> list[tuple[str, tuple[int, ...], int]]:
    """The graph but for the identities and numbers of its layers."""
    return [(repr(vertex.operation), vertex.operands, vertex.size) for vertex in graph.vertices]


class TestHeld:
    def test_sizes(self) -> None:
        assert (BRANCHED.inputs, BRANCHED.outputs, BRANCHED.n_in, BRANCHED.n_out) == ((8, 4), (8,), 12, 8)
        assert (BLOCKS.inputs, BLOCKS.outputs, BLOCKS.n_in, BLOCKS.n_out) == ((3,), (5,), 3, 5)

    def test_layers_are_there_once(self) -> None:
        assert [type(layer).__name__ for layer in BRANCHED.layers] == ["Concatenate", "Affine", "Tanh", "Affine", "Scale", "Add"]
        assert BRANCHED.layers[1] is HIDDEN
        assert BLOCKS.layers.count(TIED) == 1
        assert BLOCKS.n_parameters == 15 + 25 + 50

    def test_a_chain_of_nodes_is_a_sequence(self) -> None:
        layers = (HIDDEN, fj.Tanh(), BACK)
        x = fj.Input(12)
        net = fj.Network(inputs=x, outputs=BACK(layers[1](HIDDEN(x))))
        assert net.layers == tuple(net) == layers
        assert net.widths == (12, 6, 6, 8)
        point = RNG.standard_normal(12)
        np.testing.assert_array_equal(net.jacobian(point), fj.Network(layers).jacobian(point))

    def test_a_network_is_true(self) -> None:
        assert BRANCHED
        assert BLOCKS


class TestDtype:
    def test_layers_that_stand_at_two_places_still_do(self) -> None:
        single = BLOCKS.astype(np.float32)
        assert single.n_parameters == BLOCKS.n_parameters
        assert {array.dtype for layer in single.layers for array in layer.arrays.values()} == {np.dtype(np.float32)}
        assert single[1].layers[0] is single[4]

    def test_arrays_beside_nodes_count(self) -> None:
        x, weight = fj.Input(2), np.eye(2, dtype=np.float32)
        assert fj.Network(inputs=x, outputs=fj.Affine(weight)(x) * 2.0).dtype == np.float32
        assert fj.Network(inputs=x, outputs=fj.Affine(weight)(x) * np.ones(2)).dtype == np.float64
        assert fj.Network(inputs=x, outputs=fj.Affine(weight)(x) * np.ones(2), dtype="float32").dtype == np.float32


class TestParameters:
    def test_a_shared_layer_is_one_set(self) -> None:
        theta = BLOCKS.parameters()
        assert theta.shape == (90,)
        np.testing.assert_array_equal(theta[15:40], TIED.weight.ravel())
        other = BLOCKS.with_parameters(np.arange(90.0))
        assert other[1].layers[0] is other[4]
        np.testing.assert_array_equal(other.parameters(), np.arange(90.0))
        assert described(other._graph) == described(BLOCKS._graph)


class TestSequence:
    def test_items_are_those_that_were_given(self) -> None:
        assert len(BLOCKS) == 5
        assert [type(item) for item in BLOCKS] == [fj.Affine, fj.Residual, fj.Parallel, fj.Affine, fj.Affine]
        assert BLOCKS[0] is ITEMS[0]
        assert BLOCKS[-1] is TIED
        assert repr(BLOCKS[1]) == repr(ITEMS[1])
        assert BLOCKS.widths == (3, 5, 5, 10, 5, 5)

    def test_slices_are_networks(self) -> None:
        part = BLOCKS[1:3]
        assert part.widths == (5, 5, 10)
        assert described(part._graph) == described(fj.Network(ITEMS[1:3])._graph)
        assert part.layers[0] is TIED
        assert BLOCKS[3:].layers == (ITEMS[3], TIED)

    def test_sequences_of_networks_hold_their_items(self) -> None:
        encoder, decoder = fj.Network(ITEMS[:2]), fj.Network(ITEMS[2:], n_in=5)
        net = fj.Network([encoder, decoder])
        assert described(net._graph) == described(BLOCKS._graph)
        assert [repr(item) for item in net] == [repr(item) for item in BLOCKS]
        chains = fj.Network([fj.Network([ITEMS[0], fj.Tanh()]), fj.Network([TIED])])
        assert [type(layer) for layer in chains] == [fj.Affine, fj.Tanh, fj.Affine]

    def test_a_network_of_nodes_is_one_item(self) -> None:
        h = fj.Input(5)
        inner = fj.Network(inputs=h, outputs=h + fj.Tanh()(h), dtype=np.float32)
        net = fj.Network([ITEMS[0], inner, TIED])
        assert [type(item) for item in net] == [fj.Affine, fj.Network, fj.Affine]
        assert net[1].dtype == net.dtype == np.float64
        assert described(net._graph) == described(fj.Network([ITEMS[0], fj.Residual([fj.Tanh()]), TIED])._graph)

    def test_what_branches_is_no_sequence(self) -> None:
        for call in (len, iter, lambda net: net[0], lambda net: net[:1], lambda net: net.widths):
            with pytest.raises(LayerError, match="a network made of inputs and outputs is no sequence, because it branches"):
                call(BRANCHED)


class TestRecordedAgain:
    def test_a_network_called_on_nodes_is_recorded_inline(self) -> None:
        state, control = fj.Input(8), fj.Input(4)
        one = BRANCHED((state, control))
        two = BRANCHED([one, control])
        net = fj.Network(inputs=(state, control), outputs=two)
        assert (one.size, len(net._graph.vertices)) == (8, 2 + 2 * 6)
        assert net.n_parameters == BRANCHED.n_parameters
        assert net.layers[1] is HIDDEN

    def test_several_outputs_are_a_tuple(self) -> None:
        heads = fj.Network(inputs=X, outputs=(fj.Tanh()(X), fj.ReLU()(X)))
        a, b = heads(fj.Input(8))
        assert (type(a.operation), type(b.operation)) == (fj.Tanh, fj.ReLU)

    @pytest.mark.parametrize("nodes", [X, [X], (U, X), (X, U, U)])
    def test_other_nodes_than_it_takes(self, nodes: object) -> None:
        with pytest.raises(LayerError, match="the network takes 2 nodes, of size 8, 4; got Input"):
            BRANCHED(nodes)


class TestMade:
    def test_layers_and_nodes_at_once(self) -> None:
        with pytest.raises(OptionError, match="Network takes layers in a row, or inputs and outputs, not both"):
            fj.Network([fj.Tanh()], inputs=X, outputs=fj.Tanh()(X))

    def test_nothing_at_all(self) -> None:
        with pytest.raises(DtypeError, match="Network takes a sequence of layers, or inputs and outputs; got none of them"):
            fj.Network()

    @pytest.mark.parametrize("layers", [X, (X, U)])
    def test_nodes_by_position(self, layers: object) -> None:
        with pytest.raises(DtypeError, match=r"Network takes nodes by name; write Network\(inputs=..., outputs=...\)"):
            fj.Network(layers, fj.Tanh()(X))

    def test_n_in_of_nodes(self) -> None:
        assert fj.Network(n_in=8, inputs=X, outputs=fj.Tanh()(X)).n_in == 8
        with pytest.raises(OptionError, match="n_in must be the size of all inputs, 8, got 3; leave it out"):
            fj.Network(n_in=3, inputs=X, outputs=fj.Tanh()(X))

    @pytest.mark.parametrize("net", [BRANCHED, BLOCKS], ids=["branched", "blocks"])
    @pytest.mark.parametrize("twin", TWINS)
    def test_copies_and_pickles(self, net: fj.Network, twin: Callable[[fj.Network], fj.Network]) -> None:
        other = twin(net)
        assert described(other._graph) == described(net._graph)
        assert (other._graph.inputs, other._graph.outputs) == (net._graph.inputs, net._graph.outputs)
        assert (other.dtype, other.n_parameters) == (net.dtype, net.n_parameters)
        np.testing.assert_array_equal(other.parameters(), net.parameters())
        assert str(other) == str(net)


DRAWN = """\
Network, float64
layer                            takes  size      parameters
------------------------------------------------------------
0  Input 'x'                            8
1  Input                                4
2  Concatenate                   0, 1   12                 0
3  Affine                        2      6                 78
4  Tanh                          3      6                  0
5  Affine                        4      8                 48
6  Scale(weight=0.01, bias=0.0)  5      8                  0
7  Add (output)                  0, 6   8                  0
------------------------------------------------------------
total                                   8+4 -> 8         126"""

LISTED = """\
Network, float64
layer                     shape    parameters
---------------------------------------------
0  Affine                 3 -> 5           15
1  Residual               5 -> 5
   0  Affine              5 -> 5           25
   1  ReLU                5 -> 5            0
2  Parallel(concatenate)  5 -> 10
   branch 0: x
   branch 1
      0  Tanh             5 -> 5            0
3  Affine                 10 -> 5          50
4  Affine                 5 -> 5       shared
---------------------------------------------
total                     3 -> 5           90"""


class TestPrinted:
    def test_graph(self) -> None:
        assert str(BRANCHED) == DRAWN
        assert repr(BRANCHED) == "Network(8+4 -> 8, 6 layers, float64)"

    def test_sequence_of_blocks(self) -> None:
        assert str(BLOCKS) == LISTED
        assert repr(BLOCKS) == "Network(3 -> 5, 8 layers, float64)"

    def test_networks_in_blocks(self) -> None:
        x = fj.Input(5)
        branched = fj.Network(inputs=x, outputs=x * TIED(x))
        net = fj.Network([branched, fj.Residual(fj.Network([TIED, fj.Tanh()]))])
        rows = [" ".join(row.split()) for row in str(net).splitlines()[3:7]]
        assert rows == [
            "0 Network(5 -> 5, 2 layers, float64) 5 -> 5",
            "1 Residual 5 -> 5",
            "0 Network(5-5, 2 layers, float64) 5 -> 5",
            "0 Affine 5 -> 5 25",
        ]

    def test_many_inputs_and_operands_are_not_all_listed(self) -> None:
        inputs = [fj.Input(2) for _ in range(20)]
        net = fj.Network(inputs=inputs, outputs=fj.add(inputs))
        ends = "2+2+2+2+2+2+...+2+2+2+2+2+2 -> 2"
        assert repr(net) == f"Network({ends}, 1 layer, float64)"
        *_, add, _, total = str(net).splitlines()
        assert add.split("  ")[1:3] == ["Add (output)", "0, 1, 2, 3, 4, 5, ..., 14, 15, 16, 17, 18, 19"]
        assert total.split() == ["total", *ends.split(), "0"]
        with pytest.raises(ShapeError, match=r"a tuple of 20 arrays, .*2, 2, \.\.\., 2, 2"):
            net((np.ones(2),))

    def test_taken_units(self) -> None:
        x = fj.Input(9)
        net = fj.Network(inputs=x, outputs=fj.concatenate([x[2:5], x[[3, 0]], x[::-1], x[4]]))
        rows = [row.split("  ")[1] for row in str(net).splitlines()[4:8]]
        assert rows == ["Take(index=2:5)", "Take(index=[3, 0])", "Take(index=[8, 7, 6, 5, 4, 3, ...])", "Take(index=4:5)"]
        assert [repr(layer) for layer in net.layers[:2]] == ["Take(2:5 of 9)", "Take([3, 0] of 9)"]
