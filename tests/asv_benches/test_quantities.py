"""Both contenders of each quantity compute the same."""

import numpy as np
import pytest

from asv_benches.quantities import QUANTITIES, contenders


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_contenders_agree(quantity):
    calls = contenders(quantity, "dynamics-64", "float64")
    np.testing.assert_allclose(calls["fastjac"](), calls["numpy"](), rtol=1e-10, atol=1e-10)
