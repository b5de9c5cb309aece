"""R factors: those of one QR decomposition, but for signs, whatever parts they are made of."""

import numpy as np
import pytest

from fastjac.quantities.triangular import MOST_ENTRIES, r_factors


@pytest.mark.parametrize(
    "shape", [(3, 3), (700, 9), (2000, 9), (20_000, 2), (70, 70), (300, 70), (1000, 50), (MOST_ENTRIES + 1, 1)]
)
def test_r_factors(shape):
    matrices = np.random.default_rng(0).standard_normal((2, *shape))
    found, expected = r_factors(matrices), np.linalg.qr(matrices, mode="r")
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.tril(found, -1), 0.0)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-10, atol=1e-11)
