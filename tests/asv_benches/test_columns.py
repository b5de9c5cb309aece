"""Chosen columns are those of the whole Jacobian, and their share is a ratio of times."""

import numpy as np
import pytest

from asv_benches import columns, timing
from asv_benches.columns import Shares
from asv_benches.timing import Effort


@pytest.mark.parametrize("name", columns.NAMES)
def test_shares_are_ratios_of_times(monkeypatch, name):
    found = []

    def turn(call):
        found.append(call())
        return (8.0, 2.0, 1.0)[len(found) - 1]

    monkeypatch.setattr(timing, "turn", turn)
    assert columns.shares_of_time(name, "float64", Effort(1, 0.0, least_rounds=1)) == Shares(0.25, 0.125)
    whole, some, values = found
    assert some.shape == (*values.shape, 8)
    np.testing.assert_allclose(some, whole[:, :, columns.COLUMNS], rtol=1e-10, atol=1e-13)


def test_tracked_share_is_in_percent(monkeypatch):
    monkeypatch.setattr(columns, "shares_of_time", lambda name, dtype, effort: Shares(0.07, 0.01))
    assert columns.Columns().track_share_of_time("mnist-64", "float32") == pytest.approx(7.0)
