"""Both ways give the same gradient."""

import numpy as np

from asv_benches import linearization


def test_the_ways_agree():
    found = [way() for way in linearization.gradients("dynamics-64", "float64").values()]
    np.testing.assert_array_equal(*found)
