"""fastjac's own file of a network that branches: it comes back as it was, and damage is reported."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, FormatError, LayerError, OptionError, UnsupportedLayerError
from fastjac.importers.reading.limits import MOST_LAYERS, MOST_UNITS
from fastjac.layers.joins import Divide, Gate, Maximum, Minimum
from tests.corner_graphs import CORNERS
from tests.graph_by_nodes import network_of
from tests.graph_families import FAMILIES, graph_named

RNG = np.random.default_rng(0)
X, U = fj.Input(4, "state"), fj.Input(3)
TIED = fj.Affine(RNG.standard_normal((4, 4)), np.ones(4))
HIDDEN = fj.Tanh()(TIED(X))
JOINS = Maximum()(HIDDEN, TIED(HIDDEN)) * Minimum()(X, HIDDEN) - Divide()(X, 2.0 + X * X) + Gate("not a >= 0")(X, HIDDEN)
GRAPH = fj.Network(inputs=(X, U), outputs=(fj.concatenate([JOINS[[2, 0, 0]], U]), fj.Softplus(2.0, np.inf)(HIDDEN)))

WIDEN = fj.Affine(RNG.standard_normal((6, 4)))
INNER_INPUT = fj.Input(6, "inner")
INNER = fj.Network(inputs=INNER_INPUT, outputs=INNER_INPUT + fj.ReLU()(INNER_INPUT))
BLOCKS = fj.Network(
    [
        TIED,
        fj.Residual([TIED, fj.ReLU()]),
        fj.Residual(WIDEN, shortcut=[WIDEN, fj.Tanh()]),
        INNER,
        fj.Parallel([[], fj.Parallel([fj.SiLU(), fj.Sigmoid()], join="multiply")], join="concatenate"),
    ],
    dtype=np.float32,
)
A = fj.Input(4)
TAKEN = fj.Network(inputs=A, outputs=fj.Tanh()(TIED(A)[[3, 1]]))
SHARED = fj.Network([TIED, fj.ReLU(), TIED])
NETWORKS = {"graph": GRAPH, "blocks": BLOCKS, "a selection in a chain": TAKEN, "a shared layer in a chain": SHARED}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def metadata_of(path: Any) -> dict[str, str]:
    with safe_open(path, framework="numpy") as file:
        return file.metadata()


def rewrite(path: Any, change: Callable[[Any, Any], Any], tensors: dict[str, np.ndarray] | None = None) -> None:
    """Change a saved file: `change` takes the lists of layers and the network, and may give another network back."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        kept = {key: file.get_tensor(key) for key in file.keys()} | (tensors or {})  # noqa: SIM118
    layers, network = json.loads(metadata["layers"]), json.loads(metadata["network"])
    changed = change(layers, network)
    metadata |= {"layers": json.dumps(layers), "network": json.dumps(network if changed is None else changed)}
    safetensors.numpy.save_file(kept, path, metadata)


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_a_network_comes_back_as_it_was(net, path):
    net.save(path)
    assert metadata_of(path)["version"] == "2"
    loaded = fj.load(path)
    assert str(loaded) == str(net)
    assert (repr(loaded), loaded.dtype, loaded.n_parameters) == (repr(net), net.dtype, net.n_parameters)
    assert [repr(vertex.operation) for vertex in loaded._graph.vertices] == [repr(v.operation) for v in net._graph.vertices]
    assert [vertex.operands for vertex in loaded._graph.vertices] == [vertex.operands for vertex in net._graph.vertices]
    assert (loaded._graph.inputs, loaded._graph.outputs) == (net._graph.inputs, net._graph.outputs)
    np.testing.assert_array_equal(loaded.parameters(), net.parameters())


GRAPHS = [f"random {seed}" for seed in range(60)] + [f"{name} 0" for name in (*FAMILIES, *CORNERS)]


def test_graphs_of_every_kind_come_back(path):
    for name in GRAPHS:
        net = network_of(graph_named(name))
        net.save(path)
        loaded = fj.load(path)
        assert str(loaded) == str(net), name
        assert [vertex.operands for vertex in loaded._graph.vertices] == [vertex.operands for vertex in net._graph.vertices], name
        np.testing.assert_array_equal(loaded.parameters(), net.parameters(), err_msg=name)


def test_it_computes_the_same_bits(path):
    GRAPH.save(path)
    x = (RNG.standard_normal((5, 4)), RNG.standard_normal((5, 3)))
    for found, expected in zip(fj.load(path).jacobian(x), GRAPH.jacobian(x), strict=True):
        for block, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(block, wanted)


def test_a_sequence_of_blocks_is_one_again(path):
    BLOCKS.save(path)
    loaded = fj.load(path)
    assert len(loaded) == 5
    assert repr(loaded[1:3]) == repr(BLOCKS[1:3])
    assert loaded[1].layers[0] is loaded[0]


def test_a_chain_is_written_as_before(path):
    for net in (fj.Network([TIED, fj.ReLU(), WIDEN]), fj.Network(inputs=X, outputs=WIDEN(fj.Tanh()(TIED(X))))):
        net.save(path)
        assert metadata_of(path)["version"] == "1"
        assert fj.load(path).widths == net.widths


def test_a_tensor_for_each_layer_once(path):
    BLOCKS.save(path)
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["layers.0.bias", "layers.0.weight", "layers.2.weight"]


def set_vertex(number: int, entry: Any) -> Callable[[Any, Any], None]:
    """A change of one vertex; the graph has two inputs in front."""

    def change(layers: Any, network: Any) -> None:
        network["vertices"][number - 2] = entry

    return change


def set_field(**fields: Any) -> Callable[[Any, Any], None]:
    return lambda layers, network: network.update(fields)


def doubled(layers: Any, network: Any) -> Any:
    """So many concatenations of a vector with itself that it has no size any more."""
    join = next(number for number, layer in enumerate(layers) if layer["layer"] == "Concatenate")
    network["vertices"] += [[join, number, number] for number in range(15, 95)]
    return network


DAMAGE = {
    "a cycle": (
        set_vertex(2, [0, 3]),
        FormatError,
        "vertex 2 of .*, which takes vertices before it, must be a number",
    ),
    "itself": (set_vertex(2, [0, 2]), FormatError, "vertex 2 of the network, .* from 0 to 1, the header gives 2"),
    "an operand out of range": (set_vertex(4, [0, -1]), FormatError, "vertex 4 of the network, .* the header gives -1"),
    "an operand of another type": (set_vertex(4, [0, 1.0]), FormatError, "vertex 4 of the network, .* the header gives 1.0"),
    "a boolean operand": (set_vertex(4, [0, True]), FormatError, "vertex 4 of the network, .* the header gives True"),
    "no operand": (set_vertex(3, [0]), FormatError, r"vertex 3 of the network must list a layer and the vertices that it takes"),
    "no list": (set_vertex(3, 7), FormatError, "vertex 3 of the network must list a layer and the vertices .* it is 7"),
    "two operands of a layer": (
        set_vertex(3, [1, 0, 0]),
        FormatError,
        "vertex 3 of the .* Tanh, which takes one",
    ),
    "one operand of a join": (set_vertex(5, [2, 0]), LayerError, "vertex 5 of the network: Maximum joins two nodes, got 1"),
    "an unknown layer": (set_vertex(3, [99, 0]), FormatError, "the layer of vertex 3 of the network must be a number from 0 to"),
    "another size": (
        set_vertex(2, [0, 1]),
        LayerError,
        r"vertex 2 of the network: Affine\(.*\) takes 4 inputs",
    ),
    "a size too large": (doubled, FormatError, f"it has [0-9]+ units in a vertex; fastjac reads files of up to {MOST_UNITS}"),
    "no vertices": (set_field(vertices=None), FormatError, "the network must be a JSON object with vertices, a list"),
    "no outputs": (set_field(outputs=[]), LayerError, "the network: outputs takes at least one node, got none"),
    "an output out of range": (set_field(outputs=[99]), FormatError, "an output of the network must be a number from 0 to"),
    "an output that is an input": (set_field(outputs=[0]), LayerError, "the network: output 0 is Input.* itself"),
    "an output twice": (set_field(outputs=[4, 4]), LayerError, "the network: outputs must be different nodes"),
    "an input that nothing takes": (set_field(outputs=[3]), LayerError, "the network: input 1, .* reaches no output"),
    "no inputs": (set_field(inputs=[]), FormatError, "vertex 0 of the network"),
    "an input without a size": (
        set_field(inputs=[{"name": "x"}]),
        FormatError,
        "an input of the network must have a pos",
    ),
    "an input of no size": (set_field(inputs=[{"size": 0}]), FormatError, "an input of the network must have a pos"),
    "an input that is too large": (set_field(inputs=[{"size": 2**40}]), FormatError, "it has 1099511627776 units in an input"),
    "a name of another type": (set_field(inputs=[{"size": 4, "name": 3}]), FormatError, "and a name or null"),
    "endless inputs": (set_field(inputs=[{"size": 4}] * 10_001), FormatError, "it has 10001 inputs; fastjac reads"),
    "endless vertices": (
        set_field(vertices=[[0, 0]] * 10_001),
        FormatError,
        f"it has {MOST_LAYERS + 1} layers and blocks; fastjac",
    ),
    "no object": (
        lambda layers, network: [3],
        FormatError,
        r"network in the header must hold a JSON object, it holds a list",
    ),
    "a layer that stands nowhere": (
        lambda layers, network: layers.append({"layer": "ReLU", "options": {}, "arrays": []}),
        FormatError,
        "layer 15 stands nowhere in the network",
    ),
    "a layer that fastjac does not have": (
        lambda layers, network: layers[1].update(layer="Conv"),
        UnsupportedLayerError,
        "layer 1 is a 'Conv', which this fastjac does not have; it has Affine, .*Take",
    ),
    "a selection of no size": (
        lambda layers, network: layers[-3]["options"].update(size="4"),
        FormatError,
        r"\(Take\): size must be a positive whole number, the header gives '4'",
    ),
    "a selection of a large vector": (
        lambda layers, network: layers[-3]["options"].update(size=2**40),
        FormatError,
        r"\(Take\): it has 1099511627776 units",
    ),
}


@pytest.mark.parametrize(("change", "error", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(change, error, message, path):
    GRAPH.save(path)
    rewrite(path, change)
    with pytest.raises(error, match=message) as caught:
        fj.load(path)
    assert str(caught.value).startswith(str(path))


INDICES = {
    "outside": (np.array([0, 4]), OptionError, "index must lie between -4 and 3"),
    "of floats": (np.array([0.0, 1.0]), FormatError, "has dtype float64; fastjac writes int64 only"),
    "empty": (np.array([], np.int64), OptionError, "index must pick at least one entry"),
    "of rows": (np.array([[0, 1]]), FastjacError, "index must have one dimension"),
}


@pytest.mark.parametrize(("index", "error", "message"), INDICES.values(), ids=INDICES)
def test_an_index_that_selects_nothing_is_reported(index, error, message, path):
    TAKEN.save(path)
    rewrite(path, lambda layers, network: None, {"layers.1.index": index})
    with pytest.raises(error, match=message):
        fj.load(path)


def nested(depth: int) -> Any:
    return [1] if depth == 0 else [{"residual": nested(depth - 1)}]


BLOCK_DAMAGE = {
    "no list": (set_field(sequence=3), FormatError, "the sequence of the network must be a list of items, it is 3"),
    "no item": (set_field(sequence=[]), LayerError, "the network: Network takes at least one layer"),
    "a layer out of range": (
        set_field(sequence=[0, 77]),
        FormatError,
        "the layer of item 1 of the sequence of",
    ),
    "an empty block": (
        set_field(sequence=[{"residual": []}]),
        LayerError,
        "item 0 of the sequence .*: Residual takes at",
    ),
    "one branch": (set_field(sequence=[{"parallel": [[0]], "join": "add"}]), LayerError, "item 0 .*: Parallel takes two or more"),
    "branches no list": (set_field(sequence=[{"parallel": 1, "join": "add"}]), FormatError, "item 0 .* with parallel, a list"),
    "no join": (set_field(sequence=[{"parallel": [[0], [0]]}]), FormatError, "item 0 .* must be a JSON object with join, a str"),
    "another join": (
        set_field(sequence=[{"parallel": [[0], [0]], "join": "sum"}]),
        OptionError,
        "item 0 .*: join must be",
    ),
    "another size": (
        set_field(sequence=[2, 0]),
        LayerError,
        r"layer 1 \(Affine\) takes 4 inputs, but layer 0 ",
    ),
    "two inputs": (
        set_field(inputs=[{"size": 4}] * 2),
        FormatError,
        "is a sequence, so it must have one input, .* gives 2",
    ),
    "too deep": (set_field(sequence=nested(60)), FormatError, "nested more than 100 levels deep"),
    "far too deep": (set_field(sequence=nested(300)), FormatError, "nested more than 100 levels deep|not valid JSON"),
    "endless layers": (set_field(sequence=[1] * 10_001), FormatError, f"it has {MOST_LAYERS + 1} layers and blocks; fastjac"),
    "endless branches": (
        set_field(sequence=[{"parallel": [[]] * 10_001, "join": "add"}]),
        FormatError,
        f"it has {MOST_LAYERS + 1} layers and blocks; fastjac",
    ),
    "a size too large": (
        set_field(sequence=[0, *[{"parallel": [[], []], "join": "concatenate"}] * 60]),
        FormatError,
        "units in a layer; fastjac reads files of up to",
    ),
}


@pytest.mark.parametrize(("change", "error", "message"), BLOCK_DAMAGE.values(), ids=BLOCK_DAMAGE)
def test_damaged_blocks_are_reported(change, error, message, path):
    BLOCKS.save(path)
    rewrite(path, change)
    with pytest.raises(error, match=message):
        fj.load(path)


def places(value: Any, parent: Any = None, key: Any = None) -> list[tuple[Any, Any]]:
    """Every place of a JSON value: what holds it, and its key there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, inner in items for place in [(value, name), *places(inner)]]


def test_a_join_as_an_item_is_reported(path):
    BLOCKS.save(path)

    def change(layers: Any, network: Any) -> None:
        layers.append({"layer": "Add", "options": {}, "arrays": []})
        network["sequence"].append(len(layers) - 1)

    rewrite(path, change)
    with pytest.raises(DtypeError, match=r"Network takes fastjac layers, but item 5 is Add\(\), which joins several nodes"):
        fj.load(path)


def test_whatever_is_damaged_there_is_a_network_or_an_error_of_fastjac(path):
    rng = random.Random(0)
    loaded = 0
    for _ in range(300):
        rng.choice([GRAPH, BLOCKS]).save(path)

        def damage(layers: Any, network: Any) -> None:
            holder, key = rng.choice(places(network))
            others = [0, 1, -1, 5, 2**70, 0.5, None, True, "x", [], {}, [0, 1], [[0, 1]], *(h[k] for h, k in places(network))]
            holder[key] = copy.deepcopy(rng.choice(others))

        rewrite(path, damage)
        try:
            loaded += fj.load(path).n_in > 0
        except FastjacError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
    assert 10 < loaded < 290
