"""The normal distribution and the error function, accurate in their tails: what GELU, Erf and their derivatives need."""

from __future__ import annotations

from math import copysign
from typing import Any

from .elementary import exp_sum
from .floating import constant, fmuladd, inlined, polynomial, round_to_integer

SQRT_1_2PI = constant(float32=0.3989422804014327, float64=0.3989422804014327)
# Beyond FARTHEST the density and the tail are 0 after rounding.
FARTHEST = constant(float32=14.5, float64=39.0)
# A multiple of 1/GRID below FARTHEST has an exact square.
GRID = constant(float32=256.0, float64=2.0**20)
TAIL_CENTRE = constant(float32=4.0, float64=6.0)

# (1.75 + 2.1875 t) exp(t^2 / 2) Phi(-t) as a function of u = (t - c) / (t + c), c the centre above, which brings t >= 0 to
# [-1, 1) (Schonfelder, Math. Comp. 32, 1978, does so for erfc). The first factor levels the function; its scale was chosen so
# that roundings near t = 0 are small. Fitted as the polynomials in `elementary`; error 5.4e-9 and 2.0e-17.
SCALED_TAIL = polynomial(
    float32=(
        0.991311729, -0.136989832, -0.0237915963, 0.0939345062, -0.0839370564, 0.042958349, -0.0111606298, -0.000937289326,
        0.00158559089, -0.000124497165, -0.000166803147,
    ),
    float64=(
        0.9635923005761469, -0.13209440915642764, 0.04078621284573685, 0.026267108831788535, -0.06016969844199848,
        0.0647573828734866, -0.05154628284457103, 0.03284783105755212, -0.01693869850750651, 0.00686513175231301,
        -0.001979838883651896, 0.0002559699934439789, 9.164881951428913e-05, -6.004839536956211e-05, 9.44436482670465e-06,
        4.216530571858665e-06, -2.2374804250111654e-06, -2.960513313018536e-08, 3.0093751154440985e-07,
        -4.046723625995398e-08, -3.552951927070081e-08, 5.773872075591395e-09, 3.332797530824476e-09,
    ),
)  # fmt: skip

# erf(x) / x - 1 as a function of x^2 on [0, 1/4]; error of erf(x): 8.6e-10 and 1.1e-17.
ERF_REMAINDER = polynomial(
    float32=(0.12837917, -0.37612632, 0.11283636, -0.026851054, 0.005153403, -0.00070244476),
    float64=(
        0.1283791670955126, -0.3761263890318405, 0.11283791670975717, -0.026866170651642783, 0.005223977736733417,
        -0.0008548338152629454, 0.00012056000558561201, -1.4949061733094435e-05, 1.6891219572464309e-06, -1.899085942178112e-07,
    ),
)  # fmt: skip
TWO_BY_SQRT_PI = constant(float32=1.1283791670955126, float64=1.1283791670955126)


@inlined
def bell(t: Any, factor: Any) -> Any:
    """`exp(-factor t^2)` for t in [0, FARTHEST] and a factor of 1/2 or 1."""
    # t^2 is needed to more digits than its dtype has: t = h + l with h^2 exact.
    h = round_to_integer(t * GRID(t)) / GRID(t)
    return exp_sum(-factor * h * h, -factor * (t - h) * (t + h))


@inlined
def scaled_tail(t: Any) -> Any:
    """`exp(t^2 / 2) Phi(-t)` for t >= 0."""
    u = (t - TAIL_CENTRE(t)) / (t + TAIL_CENTRE(t))
    return SCALED_TAIL(u) / fmuladd(type(t)(2.1875), t, type(t)(1.75))


@inlined
def normal(x: Any) -> Any:
    """The standard normal distribution function and density at x, with relative accuracy in the left tail too."""
    real, farthest = type(x), FARTHEST(x)
    t = abs(x)
    t = farthest if t > farthest else t
    density = bell(t, real(0.5))
    tail = density * scaled_tail(t)
    return (real(1) - tail if x > 0 else tail), density * SQRT_1_2PI(x)


@inlined
def error_function(x: Any) -> Any:
    """`erf(x)` and its derivative `2 / sqrt(pi) exp(-x^2)`."""
    real, farthest = type(x), FARTHEST(x)
    t = abs(x)
    t = farthest if t > farthest else t
    density = bell(t, real(1))
    # By erfc(t) = 2 Phi(-sqrt(2) t); near 0 this would leave no digits of erf(t) = 1 - erfc(t).
    far = real(1) - real(2) * density * scaled_tail(real(1.4142135623730951) * t)
    near = fmuladd(t, ERF_REMAINDER(t * t), t)
    return copysign(near if t < real(0.5) else far, x), density * TWO_BY_SQRT_PI(x)
