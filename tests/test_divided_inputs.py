"""One input divided by the rows of its Jacobian: each part leaves the others' rows alone, and together they are all."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.kernels.call import call_of, handle_of, run_chunk
from fastjac.kernels.jit import jit
from fastjac.lowering.program import workspace
from fastjac.running import crew, sharing
from tests.bits import assert_same_bits

WIDTHS = ((128, 256, 192, 48), (100, 80, 48), (100, 80, 90, 48), (60, 20, 90), (300, 20, 64, 48), (3, 20, 1100))
"""Where the outputs are fewest, so that links at the ends are applied late, and where a layer between is narrower."""
LINKS = {
    "nothing": [],
    "a diagonal": [fj.Tanh()],
    "a binary diagonal": [fj.ReLU()],
    "a normalizer": [fj.LayerNorm()],
    "a normalizer of two terms and a diagonal": [fj.LayerNorm(), fj.Sigmoid()],
    "a diagonal and a normalizer": [fj.Tanh(), fj.Softmax()],
}


def network(widths, first, inner, last, dtype=np.float64):
    """Affine layers with links before, between and behind them."""
    rng = np.random.default_rng(0)
    layers = [*LINKS[first]]
    for k in range(1, len(widths)):
        weight = rng.standard_normal((widths[k], widths[k - 1])) / np.sqrt(widths[k - 1])
        layers += [fj.Affine(weight, rng.standard_normal(widths[k])), *LINKS[last if k == len(widths) - 1 else inner]]
    return fj.Network(layers, dtype=dtype)


@jit
def run_part(handle, x, seed, y, out, part, parts):
    run_chunk(call_of(handle, x, seed, y, out), 0, part, parts)


def one_part(net, program, x, part, parts):
    """Value and Jacobian as one part leaves them: nan where it has written nothing, from scratch that holds nothing else."""
    work, lists = workspace(program, 1)
    work[:] = np.nan
    handle = handle_of(program, 0, work, lists)
    y, jacobian = np.full(net.n_out, np.nan), np.full((net.n_out, net.n_in), np.nan)
    run_part(handle, x, np.empty(0), y, jacobian, part, parts)
    return y, jacobian


def most_parts(net, mode):
    return int(net.program(mode).layout[0]["parts"])


# Any two of the three kinds of link meet.
PAIRWISE = [(first, inner, [*LINKS][(i + j) % len(LINKS)]) for i, first in enumerate(LINKS) for j, inner in enumerate(LINKS)]


@pytest.mark.parametrize(("first", "inner", "last"), PAIRWISE)
def test_each_row_is_written_by_one_part_and_the_value_by_the_first(first, inner, last):
    for widths in WIDTHS:
        net = network(widths, first, inner, last)
        x = np.random.default_rng(1).standard_normal(net.n_in)
        for mode in ("forward", "reverse", "mixed"):
            value, jacobian = net.value_and_jacobian(x, mode, threads=1)
            program = net._runners.get(mode).program
            most = int(program.layout["parts"][0])
            for parts in range(1, most + 1):
                values, jacobians = zip(*(one_part(net, program, x, part, parts) for part in range(parts)), strict=True)
                assert_same_bits([values[0]], [value])
                assert np.isnan(values[1:]).all()
                assert (np.sum(~np.isnan(jacobians), axis=0) == 1).all()
                assert_same_bits([np.nansum(jacobians, axis=0)], [jacobian + 0.0])


def test_few_inputs_and_many_outputs_are_divided_by_the_columns_of_the_last_product():
    assert network((3, 20, 1100), "nothing", "a diagonal", "a binary diagonal").plan("forward").steps[0].transposed
    assert most_parts(network((3, 20, 1100), "nothing", "a diagonal", "nothing"), "forward") == 4
    assert most_parts(network((3, 400, 400, 1100), "nothing", "a diagonal", "nothing"), "forward") == 4
    assert most_parts(network((3, 900, 900, 600), "nothing", "a diagonal", "nothing"), "forward") == 1, "most is not divided"
    assert most_parts(network((3, 20, 1100), "nothing", "a diagonal", "a normalizer"), "forward") == 1


@pytest.mark.parametrize("first", LINKS)
@pytest.mark.parametrize("last", LINKS)
def test_orders_that_carry_rows_to_the_end_are_divided(first, last):
    assert most_parts(network((60, 20, 90), first, "a diagonal", last), "auto") == 5


def test_orders_whose_rows_meet_are_not_divided():
    """A last normalizer mixes rows, and a first link that comes last changes a result that others may not have finished."""
    for widths, first, last in (((128, 256, 192, 48), "nothing", "a normalizer"), ((100, 80, 48), "a normalizer", "nothing")):
        assert most_parts(network(widths, first, "a diagonal", last), "reverse") == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", LINKS)
def test_threads_that_divide_an_input_give_what_one_does(first, dtype, monkeypatch):
    eight = crew.Crew()
    eight.most_threads = 8
    monkeypatch.setattr(crew, "crew", eight)
    monkeypatch.setattr(sharing, "DIVIDED_COST", 0)
    shared, share = [], eight.share

    def counting_share(threads, chunks, *arrays):
        shared.append((threads, chunks))
        return share(threads, chunks, *arrays)

    monkeypatch.setattr(eight, "share", counting_share)
    net = network((60, 20, 90), first, "a binary diagonal", "a diagonal", dtype)
    x = np.random.default_rng(1).standard_normal(net.n_in)
    expected = net.value_and_jacobian(x, threads=1)
    for threads in (2, 3, 8) * 5:
        for each in (x, x[None]):
            found = net.value_and_jacobian(each, threads=threads)
            assert_same_bits([array.reshape(alone.shape) for array, alone in zip(found, expected, strict=True)], expected)
    assert shared == [(threads, threads) for threads in (2, 3, 5) for _ in range(2)] * 5


def test_the_samples_of_a_last_round_are_divided(monkeypatch):
    """Two threads, three samples: one each, and the third by its rows, with the bits of one thread."""
    two = crew.Crew()
    two.most_threads = 2
    monkeypatch.setattr(crew, "crew", two)
    monkeypatch.setattr(sharing, "DIVIDED_COST", 0)
    shared, share = [], two.share
    monkeypatch.setattr(two, "share", lambda *arguments: shared.append((*arguments[:2], len(arguments[3]))) or share(*arguments))
    net = network((60, 20, 90), "nothing", "a diagonal", "nothing")
    x = np.random.default_rng(1).standard_normal((3, 60))
    expected = net.value_and_jacobian(x, threads=1)
    assert_same_bits(net.value_and_jacobian(x, threads=2), expected)
    assert shared == [(2, 2, 2), (2, 2, 1)]


def test_a_cheap_input_is_not_divided(monkeypatch):
    net = network((60, 20, 90), "nothing", "a diagonal", "nothing")
    assert most_parts(net, "auto") > 1
    shared = []
    monkeypatch.setattr(crew.crew, "share", lambda *arguments: shared.append(arguments))
    assert net.jacobian(np.zeros(60), threads=2).shape == (90, 60)
    assert not shared
