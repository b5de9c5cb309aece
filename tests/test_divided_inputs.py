"""One input divided by the rows of its Jacobian: each part leaves the others' rows alone, and together they are all."""

import numpy as np
import pytest

import fastjac as fj
from fastjac import batch
from fastjac.kernels.call import call_of, handle_of, run_chunk
from fastjac.program import workspace
from tests.bits import assert_same_bits

WIDTHS = ((128, 256, 192, 48), (100, 80, 48), (100, 80, 90, 48), (60, 20, 90))
"""Where the outputs are fewest, and where the inputs' end is cheapest to reach elsewhere."""
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


def one_part(net, program, x, part, parts):
    """Value and Jacobian as one part leaves them: nan where it has written nothing, from scratch that holds nothing else."""
    work, lists = workspace(program, 1)
    work[:] = np.nan
    handle = handle_of(program, 0, work, lists)
    y, jacobian = np.full(net.n_out, np.nan), np.full((net.n_out, net.n_in), np.nan)
    run_chunk(call_of(handle, x, np.empty(0), y, jacobian), 0, part, parts)
    return y, jacobian


def most_parts(net, mode):
    return int(net.program(mode).layout[0]["parts"])


@pytest.mark.parametrize("last", LINKS)
@pytest.mark.parametrize("inner", LINKS)
@pytest.mark.parametrize("first", LINKS)
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


@pytest.mark.parametrize(("widths", "mode", "parts"), [((100, 80, 48), "reverse", 3), ((60, 20, 90), "reverse", 5)])
def test_orders_that_carry_rows_to_the_end_are_divided(widths, mode, parts):
    assert most_parts(network(widths, "nothing", "a binary diagonal", "a diagonal"), mode) == parts


@pytest.mark.parametrize("first", ["a diagonal", "a normalizer"])
def test_a_first_link_is_divided_where_it_is_applied_before_the_last_step(first):
    assert most_parts(network((60, 20, 90), first, "a diagonal", "a diagonal"), "mixed") > 1


def test_orders_whose_rows_are_coupled_are_not_divided():
    """A last normalizer mixes all rows; a first one that comes last changes a result that others may not have finished."""
    assert most_parts(network((100, 80, 48), "nothing", "a diagonal", "a normalizer"), "reverse") == 1
    assert most_parts(network((100, 80, 48), "a normalizer", "a diagonal", "nothing"), "reverse") == 1
