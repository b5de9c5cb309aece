"""Blocks in a sequence: what they record, how they print, and what they refuse."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, LayerError, OptionError
from fastjac.graphs.blocks import MOST_NESTED

SQUARE, WIDEN = fj.Affine(np.eye(4), np.ones(4)), fj.Affine(np.ones((6, 4)))
X = fj.Input(4)


def recorded(node: fj.Node) -> str:
    """The whole expression of a node."""
    return node.shown(100)


EXPRESSIONS = {
    "residual": (fj.Residual([SQUARE, fj.ReLU()]), "Add(Input, ReLU(Affine(Input)))"),
    "of one layer": (fj.Residual(SQUARE), "Add(Input, Affine(Input))"),
    "shortcut": (fj.Residual([WIDEN, fj.ReLU()], shortcut=WIDEN), "Add(Affine(Input), ReLU(Affine(Input)))"),
    "empty shortcut": (fj.Residual([fj.ReLU()], shortcut=[]), "Add(Input, ReLU(Input))"),
    "sum": (fj.Parallel([fj.Tanh(), [SQUARE, fj.ReLU()]]), "Add(Tanh(Input), ReLU(Affine(Input)))"),
    "sum of three": (fj.Parallel([fj.Tanh(), fj.ReLU(), SQUARE]), "Add(Tanh(Input), ReLU(Input), Affine(Input))"),
    "product": (fj.Parallel([fj.SiLU(), fj.ReLU(), []], join="multiply"), "Multiply(Multiply(SiLU(Input), ReLU(Input)), Input)"),
    "concatenation": (fj.Parallel([[], WIDEN], join="concatenate"), "Concatenate(Input, Affine(Input))"),
    "nested": (
        fj.Residual(fj.Parallel([fj.Residual([fj.Tanh()]), fj.ReLU()], join="multiply")),
        "Add(Input, Multiply(Add(Input, Tanh(Input)), ReLU(Input)))",
    ),
    "of a network": (fj.Residual(fj.Network([SQUARE, fj.Tanh()])), "Add(Input, Tanh(Affine(Input)))"),
    "a generator": (fj.Residual(layer for layer in (SQUARE, fj.Tanh())), "Add(Input, Tanh(Affine(Input)))"),
}


@pytest.mark.parametrize(("block", "expression"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_block_called_on_a_node_records_its_branches(block: Any, expression: str) -> None:
    assert recorded(block(X)) == expression


@pytest.mark.parametrize(("block", "expression"), EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda block: pickle.loads(pickle.dumps(block))])
def test_copies_and_pickles(block: Any, expression: str, twin: Callable[[Any], Any]) -> None:
    assert recorded(twin(block)(X)) == expression
    assert repr(twin(block)) == repr(block)


def test_blocks_are_frozen() -> None:
    for block in (fj.Residual([SQUARE]), fj.Parallel([SQUARE, SQUARE])):
        for field in dataclasses.fields(block):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(block, field.name, ())
            assert not isinstance(getattr(block, field.name), list)


def test_the_size_that_a_block_takes() -> None:
    assert fj.Residual([fj.Tanh()]).n_in is None
    assert fj.Residual([fj.Tanh(), SQUARE]).n_in == 4
    assert fj.Residual([fj.Tanh()], shortcut=SQUARE).n_in == 4
    assert fj.Parallel([fj.Tanh(), WIDEN]).n_in == 4
    # Behind branches of unknown size, a layer's size is not that of the input.
    doubled = fj.Parallel([fj.Tanh(), fj.ReLU()], join="concatenate")
    assert fj.Parallel([[doubled, WIDEN], fj.Tanh()]).n_in is None
    assert fj.Parallel([[fj.Residual([fj.ReLU()]), WIDEN], fj.Tanh()]).n_in == 4


def nested(depth: int) -> Any:
    """Blocks inside of one another, the innermost with a network of nodes in it."""
    block: Any = fj.Network(inputs=X, outputs=X + fj.Tanh()(X))
    for _ in range(depth - 1):
        block = fj.Parallel([[block], fj.Network([fj.Tanh()], n_in=4)])
    return block


def test_blocks_as_deep_as_can_be_come_back_from_a_file(tmp_path: Path) -> None:
    net = fj.Network([nested(MOST_NESTED)])
    net.save(tmp_path / "deep.fastjac")
    x = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(fj.load(tmp_path / "deep.fastjac")(x), net(x))


@pytest.mark.parametrize("depth", [MOST_NESTED, 400])
def test_blocks_that_no_file_could_bring_back_are_refused(depth: int) -> None:
    with pytest.raises(
        LayerError, match=r"at most 32 blocks can stand inside of one another, but this (Residual|Parallel) holds more; let"
    ):
        fj.Residual([nested(depth)])


WRONG = {
    "nothing": (lambda: fj.Residual([]), LayerError, "Residual takes at least one layer, got none"),
    "a number": (lambda: fj.Residual(3), DtypeError, "Residual takes a sequence of layers, got int"),
    "a class": (lambda: fj.Residual([fj.ReLU]), DtypeError, r"Residual takes fastjac layers, but item 0 is .*ReLU.*parentheses"),
    "a class of block": (
        lambda: fj.Network([fj.Residual]),
        DtypeError,
        r"item 0 is .*Residual.*.*parenth",
    ),
    "a shortcut": (
        lambda: fj.Residual([SQUARE], np.eye(4)),
        DtypeError,
        "Residual shortcut takes fastjac layers, but item 0 ",
    ),
    "a join": (
        lambda: fj.Residual([fj.layers.joins.Add()]),
        DtypeError,
        r"item 0 is Add\(\), which joins several nodes; call",
    ),
    "a node": (
        lambda: fj.Network([X]),
        DtypeError,
        r"item 0 is Input\(4\), a node; build a network of nodes by Network\(",
    ),
    "one branch": (lambda: fj.Parallel([SQUARE]), LayerError, "Parallel takes two or more branches, got 1"),
    "no list of branches": (lambda: fj.Parallel(SQUARE), DtypeError, "Parallel takes a sequence of branches, got Affine"),
    "a network in place of branches": (
        lambda: fj.Parallel(fj.Network([SQUARE, fj.Tanh()])),
        DtypeError,
        "Parallel takes a sequence of branches, got Network",
    ),
    "a branch": (
        lambda: fj.Parallel([SQUARE, ["relu"]]),
        DtypeError,
        "Parallel branch 1 takes .*item 0 is 'relu'",
    ),
    "a join's name": (
        lambda: fj.Parallel([SQUARE, SQUARE], join="sum"),
        OptionError,
        "join must be one of add, multiply",
    ),
    "no name of a join": (
        lambda: fj.Parallel([SQUARE, SQUARE], join=["add"]),
        OptionError,
        r"join must be .*, got \['add'\]",
    ),
    "branches of two sizes": (
        lambda: fj.Network([SQUARE, fj.Parallel([fj.Tanh(), WIDEN])]),
        LayerError,
        r"^item 1 \(Parallel\): Add takes vectors of one size, got sizes 4, 6: Tanh\(Affine\(Input\)\) of size 4, Affine\(Affine",
    ),
    "a block that changes the size": (
        lambda: fj.Network([fj.Tanh(), fj.Residual([WIDEN])]),
        LayerError,
        r"^item 1 \(Residual\): Add takes vectors of one size, got sizes 4, 6",
    ),
    "a layer that does not fit": (
        lambda: fj.Network([WIDEN, fj.Residual([fj.Tanh(), SQUARE])]),
        LayerError,
        r"^item 1 \(Residual\): item 1 \(Affine\): .* takes 4 inputs, but Tanh\(Affine\(Input\)\) gives 6; check the order",
    ),
    "no size": (lambda: fj.Network([fj.Residual([fj.ReLU()])]), LayerError, r"no layer states how many inputs .*n_in="),
    "a network of two inputs": (
        lambda: fj.Network([SQUARE, fj.Network(inputs=(a := fj.Input(4), b := fj.Input(4)), outputs=a + b), fj.Residual(SQUARE)]),
        LayerError,
        r"item 1 \(Network\): the network takes 2 nodes, of size 4, 4; got Affine\(Input\) of size 4; call it as net\(\(a",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_blocks(call: Callable[[], Any], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
