"""The elementary functions against mpmath, in units in the last place of their own dtype."""

from collections.abc import Callable

import mpmath as mp
import numba
import numpy as np
import pytest

from fastjac.kernels import elementary
from fastjac.kernels import normal as normal_distribution
from tests.kernels.from_python import callable_piece

exp, expm1, log1p, log = map(callable_piece, (elementary.exp, elementary.expm1, elementary.log1p, elementary.log))
sine_and_cosine = callable_piece(elementary.sine_and_cosine)
normal = callable_piece(normal_distribution.normal)
Exact = Callable[[mp.mpf], mp.mpf]
DTYPES = [np.float32, np.float64]
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)

# Function, exact twin, bound in ulp, and the domain in each dtype: to the smallest denormal and to the largest number.
FUNCTIONS: dict[str, tuple[Callable[..., float], Exact, float, dict[type, tuple[float, float]]]] = {
    "exp": (exp, mp.exp, 1.5, {np.float32: (-103.9, 88.7), np.float64: (-745.1, 709.7)}),
    "expm1": (expm1, mp.expm1, 2.0, {np.float32: (-120.0, 88.7), np.float64: (-800.0, 709.7)}),
    "log1p": (log1p, mp.log1p, 1.5, {np.float32: (0.0, 1.0), np.float64: (0.0, 1.0)}),
    "log": (log, mp.log, 1.5, {np.float32: (1e-45, 3.4e38), np.float64: (5e-324, 1.79e308)}),
    "sine": (lambda x: sine_and_cosine(x)[0], mp.sin, 2.0, {np.float32: (-1e4, 1e4), np.float64: (-1e6, 1e6)}),
    "cosine": (lambda x: sine_and_cosine(x)[1], mp.cos, 2.0, {np.float32: (-1e4, 1e4), np.float64: (-1e6, 1e6)}),
    "distribution": (lambda x: normal(x)[0], mp.ncdf, 4.0, {np.float32: (-14.1, 8.0), np.float64: (-38.4, 10.0)}),
    "density": (lambda x: normal(x)[1], mp.npdf, 3.0, {np.float32: (-14.3, 14.3), np.float64: (-38.5, 38.5)}),
}


def ulps(value: float, exact: mp.mpf, dtype: type) -> float:
    """The error of `value` in spacings of the numbers of `dtype` around the exact result."""
    return float(abs(mp.mpf(float(value)) - exact) / mp.mpf(float(np.spacing(dtype(abs(exact))))))


def samples(low: float, high: float, dtype: type) -> np.ndarray:
    """The whole domain, its middle more densely, and both sides of 0 over thirty decades."""
    rng = np.random.default_rng(3)
    small = 10.0 ** rng.uniform(-30, 0, 300)
    x = np.concatenate([rng.uniform(low, high, 1000), rng.uniform(-2, 2, 1000), small, -small, [low, high]])
    return x[(low <= x) & (x <= high)].astype(dtype)


@both_dtypes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_a_few_ulp(name, dtype):
    function, exact, bound, domains = FUNCTIONS[name]
    with mp.workdps(40):
        errors = {x: ulps(function(x), exact(mp.mpf(float(x))), dtype) for x in samples(*domains[dtype], dtype)}
    worst = max(errors, key=errors.__getitem__)
    assert errors[worst] <= bound, (worst, errors[worst])
    # The samples reach the places where rounding shows: an exact answer everywhere would mean that nothing was measured.
    assert errors[worst] > 0.5


@both_dtypes
def test_left_tail_of_the_normal_distribution_keeps_its_digits(dtype):
    x = dtype(-37.0 if dtype is np.float64 else -12.5)
    with mp.workdps(40):
        assert ulps(normal(x)[0], mp.ncdf(mp.mpf(float(x))), dtype) <= 4.0


@both_dtypes
def test_values_at_the_ends(dtype):
    inf = dtype(np.inf)
    for large in (dtype(1e3), dtype(1e30), np.finfo(dtype).max, inf):
        assert (exp(large), exp(-large)) == (inf, 0.0)
        assert (expm1(large), expm1(-large)) == (inf, -1.0)
        assert (*normal(large), *normal(-large)) == (1.0, 0.0, 0.0, 0.0)
    assert (exp(dtype(0)), exp(dtype(-0.0)), expm1(dtype(0)), log1p(dtype(0))) == (1.0, 1.0, 0.0, 0.0)
    assert np.signbit(expm1(dtype(-0.0)))
    assert abs(normal(dtype(0))[0] - 0.5) <= 2 * np.finfo(dtype).eps


@both_dtypes
def test_nan_stays_nan(dtype):
    nan = dtype(np.nan)
    assert np.isnan([exp(nan), expm1(nan), log1p(nan), *normal(nan)]).all()


@both_dtypes
def test_exp_reaches_the_smallest_denormal(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    assert exp(dtype(np.log(np.float64(smallest))) + dtype(0.25)) == smallest


def test_a_dtype_without_coefficients_is_refused():
    with pytest.raises(numba.TypingError, match="int64"):
        exp(1)
