"""A formula and the layer that it is timed beside are the same function."""

import numpy as np

from asv_benches import common, formulas, timing
from asv_benches.timing import Effort


def test_relative_time_is_that_of_two_networks_of_one_function(monkeypatch):
    found = []

    def turn(call):
        found.append(call())
        return 2.0 if len(found) == 1 else 3.0

    monkeypatch.setattr(timing, "turn", turn)
    assert formulas.relative_time("gate", "float64", Effort(1, 0.0, least_rounds=1)) in (1.5, 2.0 / 3.0)
    np.testing.assert_allclose(*found, rtol=0, atol=common.tolerance("float64") * np.abs(found[0]).max())
