"""Whitening factors against dense formulas, and matrices that are none of a Gaussian."""

import numpy as np
import pytest

from fastjac import Network
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.scipy import Gaussian

RNG = np.random.default_rng(0)
MEAN, VALUE, ROOT = RNG.standard_normal(5), RNG.standard_normal(5), RNG.standard_normal((5, 5))
COVARIANCE = ROOT @ ROOT.T + 0.1 * np.eye(5)
SIGMA = np.array([0.1, 1.0, 3.0, np.inf, 2.0])
PRECISIONS = {
    "nothing": ({}, np.eye(5)),
    "one sigma": ({"sigma": 0.5}, 4.0 * np.eye(5)),
    "sigma": ({"sigma": SIGMA}, np.diag(SIGMA**-2)),
    "covariance": ({"covariance": COVARIANCE}, np.linalg.inv(COVARIANCE)),
    "float32": ({"covariance": COVARIANCE.astype(np.float32)}, np.linalg.inv(COVARIANCE)),
    "precision": ({"precision": COVARIANCE}, COVARIANCE),
}


@pytest.mark.parametrize(("given", "precision"), PRECISIONS.values(), ids=list(PRECISIONS))
def test_whitened_residuals_have_the_precision(given, precision):
    gaussian = Gaussian(MEAN, **given)
    np.testing.assert_allclose(gaussian.matrix().T @ gaussian.matrix(), precision, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(gaussian.whitened(VALUE), gaussian.matrix() @ (VALUE - MEAN), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(Network([gaussian.layer()], n_in=5)(VALUE), gaussian.whitened(VALUE), rtol=1e-12, atol=1e-12)


SKEW = COVARIANCE + np.eye(5, k=1)
HOLE = np.where(np.eye(5) == 1, np.nan, COVARIANCE)
WRONG = {
    "two": ({"sigma": 1.0, "covariance": COVARIANCE}, OptionError, "one of sigma, covariance and precision, got sigma and cov"),
    "skew": ({"covariance": SKEW}, OptionError, r"covariance must be symmetric, but has \S+ at \(0, 1\) and \S+ at \(1, 0\)"),
    "indefinite": (
        {"precision": -COVARIANCE},
        OptionError,
        "precision must be positive definite, but its smallest eigenvalue is -",
    ),
    "variances": (
        {"covariance": np.ones(5)},
        ShapeError,
        r"covariance must have shape \(5, 5\).*got \(5,\); pass variances as sigma",
    ),
    "size": ({"precision": np.eye(4)}, ShapeError, r"precision must have shape \(5, 5\), for a mean of 5 numbers, got \(4, 4\)"),
    "nan": ({"covariance": HOLE}, OptionError, r"covariance must be finite, got nan at \(0, 0\)"),
    "sigmas": ({"sigma": np.ones(4)}, ShapeError, r"sigma must have shape \(5,\), as the mean has, or be one number, got \(4,\)"),
    "zero": ({"sigma": [1, 1, 0, 1, 1]}, OptionError, "sigma must be positive, got 0 at 2; .*numpy.inf leaves an entry out"),
    "nan sigma": ({"sigma": np.nan}, OptionError, "sigma must be positive, got nan at 0"),
    "complex": ({"sigma": 1j}, DtypeError, "sigma must hold real numbers"),
}


@pytest.mark.parametrize(("given", "error", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_no_uncertainty_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        Gaussian(MEAN, **given)


def test_what_is_no_mean_is_refused():
    with pytest.raises(ShapeError, match=r"mean must have one dimension, got shape \(2, 2\)"):
        Gaussian(np.eye(2))
    with pytest.raises(OptionError, match="mean must be finite, got inf at 1"):
        Gaussian([0.0, np.inf])


def test_what_is_no_value_is_refused():
    with pytest.raises(ShapeError, match=r"value must have shape \(5,\), one number for each entry of the mean, got \(5, 1\)"):
        Gaussian(MEAN).whitened(VALUE[:, None])
