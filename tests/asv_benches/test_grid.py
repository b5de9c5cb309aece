"""Lines lie in the region of the drawn inputs, and a grid's speed is a ratio of times for equally many inputs."""

import numpy as np
import pytest

from asv_benches import common, grid, timing
from asv_benches.timing import Effort


def test_a_line_varies_one_coordinate_in_equal_steps(monkeypatch):
    monkeypatch.setattr(grid, "LINE", 20)
    x = grid.lines("acasxu", "float64").reshape(4, 20, 5)
    assert (x[:, :, 1:] == x[:, :1, 1:]).all()
    np.testing.assert_allclose(np.diff(x[:, :, 0]), x[0, 1, 0] - x[0, 0, 0])
    drawn = common.NETWORKS["acasxu"].inputs(80, "float64")
    assert {x[..., 0].min(), x[..., 0].max()} == {drawn[:, 0].min(), drawn[:, 0].max()}
    np.testing.assert_array_equal(x[:, 0, 1:], drawn[:4, 1:])


@pytest.mark.parametrize("name", grid.LINES)
def test_only_piecewise_linear_networks_are_timed(name):
    recipe = common.NETWORKS[name]
    if recipe.missing:
        pytest.skip(f"{name} {recipe.missing}")
    assert recipe.network("float32").program().layout["piecewise_linear"][0]


def test_speed_is_the_ratio_of_the_two_times(monkeypatch):
    monkeypatch.setattr(grid, "LINE", 5)
    sizes = []

    def turn(call):
        sizes.append(call().shape)
        return 6.0 if len(sizes) == 1 else 2.0

    monkeypatch.setattr(timing, "turn", turn)
    assert grid.speed_on_lines("acasxu", "float64", Effort(1, 0.0, least_rounds=1)) == 3.0
    assert sizes == [(20, 5, 5)] * 2
