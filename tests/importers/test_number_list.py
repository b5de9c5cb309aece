"""Lists of numbers, as the verification tools Sherlock and POLAR take them: layer by layer, against torch; damage is reported."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import fastjac
from fastjac.errors import FormatError, OptionError

from .agreement import assert_agrees

WIDTHS = (3, 4, 5, 2)
RANDOM = np.random.default_rng(3)
PARAMETERS = [(RANDOM.normal(size=(n_out, n_in)), RANDOM.normal(size=n_out)) for n_in, n_out in pairwise(WIDTHS)]
NUMBERS = [float(entry) for weight, bias in PARAMETERS for row, b in zip(weight, bias, strict=True) for entry in (*row, b)]
COUNTS = [3, 2, 2, 4, 5]
FUNCTIONS = {"ReLU": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "Affine": lambda x: x}


def write(folder, entries, newline="\n"):
    path = folder / "net.txt"
    path.write_bytes(newline.join([*map(repr_of, entries), ""]).encode())
    return path


def repr_of(entry):
    return entry if isinstance(entry, str) else repr(entry)


def model(names, offset=0.0, factor=1.0):
    def of(x):
        for (weight, bias), name in zip(PARAMETERS, names, strict=True):
            x = FUNCTIONS[name](x @ torch.from_numpy(weight).T + torch.from_numpy(bias))
        return (x - offset) * factor

    return of


@pytest.mark.parametrize("newline", ["\n", "\r\n", " \n\n"])
def test_a_list_without_names_takes_the_layers_that_the_user_names(newline, tmp_path):
    path = write(tmp_path, [*COUNTS, *NUMBERS], newline)
    assert_agrees(fastjac.load(path, layers=["relu", "relu", "relu"]), model(["ReLU"] * 3), (3,))


@pytest.mark.parametrize("names", [["ReLU", "tanh", "sigmoid"], ["sigmoid", "relu", "Affine"]])
@pytest.mark.parametrize("scaling", [[], [0.25, 3.0]])
def test_a_list_with_names_needs_nothing_more(names, scaling, tmp_path):
    path = write(tmp_path, [*COUNTS, *names, *NUMBERS, *scaling])
    assert_agrees(fastjac.load(path), model(["ReLU" if name == "relu" else name for name in names], *scaling), (3,))


def test_an_offset_and_a_factor_of_the_outputs_may_follow_a_list_without_names(tmp_path):
    path = write(tmp_path, [*COUNTS, *NUMBERS, 0.25, 3.0])
    assert_agrees(fastjac.load(path, layers=["relu", "relu", "tanh"]), model(["ReLU", "ReLU", "tanh"], 0.25, 3.0), (3,))


def test_blocks_stand_among_the_layers_and_a_scaling_behind_them(tmp_path):
    weights = {"0": (np.full((3, 3), 0.5), np.zeros(3)), "1": (np.ones((2, 3)), np.zeros(2))}
    numbers = [
        float(entry) for weight, bias in weights.values() for row, b in zip(weight, bias, strict=True) for entry in (*row, b)
    ]
    path = write(tmp_path, [3, 2, 1, 3, *numbers, 0.25, 3.0])
    net = fastjac.load(path, layers=[("residual", ["affine", "tanh"]), "affine"])
    x = np.array([0.1, -0.2, 0.7])
    np.testing.assert_allclose(net(x), 3.0 * (np.ones((2, 3)) @ (x + np.tanh(0.5 * np.full(3, x.sum()))) - 0.25), rtol=1e-14)


def test_an_offset_of_0_and_a_factor_of_1_are_no_layers(tmp_path):
    net = fastjac.load(write(tmp_path, [*COUNTS, "ReLU", "ReLU", "Affine", *NUMBERS, 0.0, 1.0]))
    assert [type(layer).__name__ for layer in net] == ["Affine", "ReLU", "Affine", "ReLU", "Affine"]


def test_with_two_layers_two_lines_are_names_or_a_scaling_by_what_they_hold(tmp_path):
    weight_and_bias = [2.0, 1.0]
    named = fastjac.load(write(tmp_path, [1, 1, 1, 1, "Affine", "tanh", *weight_and_bias * 2]))
    scaled = fastjac.load(write(tmp_path, [1, 1, 1, 1, *weight_and_bias * 2, 0.5, 3.0]), layers=["identity", "tanh"])
    np.testing.assert_allclose(named(np.array([0.1])), np.tanh(3.4))
    np.testing.assert_allclose(scaled(np.array([0.1])), (np.tanh(3.4) - 0.5) * 3.0)


def test_what_follows_the_layers_is_asked_for(tmp_path):
    with pytest.raises(OptionError, match=r'a ReLU behind every layer, also the last: .*layers=\["relu", "relu", "relu"\]'):
        fastjac.load(write(tmp_path, [*COUNTS, *NUMBERS]))
    with pytest.raises(OptionError, match="layers has 2 entries for 3 affine layers"):
        fastjac.load(write(tmp_path, [*COUNTS, *NUMBERS]), layers=["relu", "relu"])
    with pytest.raises(OptionError, match="leave layers out"):
        fastjac.load(write(tmp_path, [*COUNTS, "ReLU", "ReLU", "ReLU", *NUMBERS]), layers=["relu"] * 3)
    with pytest.raises(OptionError, match="leave scaling out"):
        fastjac.load(write(tmp_path, [*COUNTS, *NUMBERS]), scaling="none")


DAMAGE = {
    "truncated": ([*COUNTS, *NUMBERS[:-2]], "it misses 2 of the numbers that its layers of 3, 4, 5, 2 units take"),
    "one number more": ([*COUNTS, *NUMBERS, 1.0], "it has 1 numbers more than those that its layers"),
    "truncated in the sizes": ([3, 2, 2], "the file ends after line 3, where the size of a hidden layer should follow"),
    "another activation": (
        [*COUNTS, "ReLU", "softsign", "ReLU", *NUMBERS],
        "it names the activation softsign; fastjac reads relu, ",
    ),
    "names for some": ([*COUNTS, "ReLU", *NUMBERS], "it names 1 activations for 3 layers"),
    "no number": ([*COUNTS, *NUMBERS[:4], "x", *NUMBERS[5:]], "line 10 must hold number 5 of layer 1, as numbers; could not"),
    "two numbers": ([*COUNTS, "1 2", *NUMBERS[1:]], "line 6 must hold number 1 of layer 1, 1 separated by commas; it holds 2"),
    "huge": ([3, 2, 1, 10**6, *NUMBERS], "it misses 59.* of the numbers that its layers"),
    "units without number": ([3, 2, 1, "9" * 30, *NUMBERS], "it has 9{30} units in a layer"),
    "layers without number": (
        [3, 2, "9" * 30, *NUMBERS],
        "it has 2.* layers and activations; fastjac reads files of up to 10000",
    ),
}


@pytest.mark.parametrize(("entries", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(entries, message, tmp_path):
    with pytest.raises(FormatError, match=message):
        fastjac.load(write(tmp_path, entries), layers=["relu"] * 3)
