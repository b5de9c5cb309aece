"""Elementary functions as branch-free polynomials, so that LLVM vectorizes a plain loop that calls them.

Each is one source for float32 and float64, stays in the dtype of its argument, calls no libm, and lets nan through. The
polynomials are least-squares fits of the relative error at three times as many Chebyshev points as coefficients, computed
with mpmath at 50 digits; the coefficients were rounded one after another, from the constant up, each time fitting the
later ones anew. The error given with each is the polynomial's own, relative to the function it serves, at its rounded
coefficients.
"""

from __future__ import annotations

from math import copysign
from typing import Any

from .floating import constant, fmuladd, inlined, polynomial, power_of_two, round_to_integer, split_exponent

LOG2_E = constant(float32=1.4426950216293335, float64=1.4426950408889634)
# log 2 in two parts; the first has few enough bits that its product with any exponent is exact.
LOG_2_HIGH = constant(float32=0.693115234375, float64=0.693147180559663)
LOG_2_LOW = constant(float32=3.194618329871446e-05, float64=2.8235290563031577e-13)
# Beyond these exp is 0 and inf after rounding.
EXP_LOWEST = constant(float32=-104.5, float64=-746.0)
EXP_HIGHEST = constant(float32=89.0, float64=710.0)
# Numbers below TINY are denormal; times 2 to the power LIFT they are not.
TINY = constant(float32=2.0**-126, float64=2.0**-1022)
LIFT = constant(float32=24.0, float64=53.0)
# From this size on all numbers are whole.
ALL_WHOLE = constant(float32=2.0**23, float64=2.0**52)
INFINITY, NAN = float("inf"), float("nan")

# (exp(r) - 1 - r) / r^2 on [-log(2)/2, log(2)/2]; error of exp(r) - 1: 4.7e-10 and 3.1e-19.
EXP_REMAINDER = polynomial(
    float32=(0.5, 0.166666657, 0.0416664779, 0.00833356753, 0.00139336905, 0.000197424408),
    float64=(
        0.5, 0.16666666666666677, 0.0416666666666666, 0.008333333333321468, 0.0013888888888928326, 0.0001984126988646235,
        2.4801587227576575e-05, 2.755724392383305e-06, 2.7557361928014977e-07, 2.5109122929206796e-08, 2.0886594362820896e-09,
    ),
)  # fmt: skip

# (2 atanh(s) - 2 s) / s^3 as a function of s^2 on [0, 1/9]; error of the logarithm: 1.2e-10 and 1.3e-18.
LOG_REMAINDER = polynomial(
    float32=(0.666666746, 0.399989545, 0.286149651, 0.214470968, 0.242320001),
    float64=(
        0.6666666666666631, 0.4000000000015503, 0.2857142854818478, 0.22222223947410172, 0.18181744745886835,
        0.15386542044581678, 0.13301210587630305, 0.12104207982978112, 0.08348282256657683, 0.17003511642435862,
    ),
)  # fmt: skip

# The farthest |x| of sine and cosine. Up to there the products of a whole number of quarter turns and of the first two parts of
# pi/2 are exact.
REACH = constant(float32=1.0e4, float64=1.0e6)
TWO_BY_PI = constant(float32=0.63661975, float64=0.6366197723675814)
HALF_PI_HIGH = constant(float32=1.5703125, float64=1.5707963267341256)
HALF_PI_MIDDLE = constant(float32=0.0004837512969970703, float64=6.077100506303966e-11)
HALF_PI_LOW = constant(float32=7.549790126404332e-08, float64=2.0222662487959506e-21)

# (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 as functions of r^2, r up to pi/4; error of the sine: 1.9e-10 and 1.2e-19,
# of the cosine: 8.5e-12 and 6.2e-20.
SINE_REMAINDER = polynomial(
    float32=(-0.16666667, 0.008333373, -0.00019850294, 2.8043507e-06),
    float64=(
        -0.16666666666666666, 0.008333333333333099, -0.00019841269841054578, 2.7557319127899957e-06, -2.50520856167561e-08,
        1.6056205209383346e-10, -7.482796637115973e-13,
    ),
)  # fmt: skip
COSINE_REMAINDER = polynomial(
    float32=(0.041666668, -0.0013888973, 2.4819274e-05, -2.8616813e-07),
    float64=(
        0.04166666666666659, -0.0013888888888872344, 2.48015872884652e-05, -2.755731407988205e-07, 2.087568859925544e-09,
        -1.1357954616075664e-11,
    ),
)  # fmt: skip


@inlined
def exp_parts(high: Any, low: Any) -> Any:
    """`m, i, j` with `exp(high + low) = (1 + m) 2^i 2^j` and m in [-0.3, 0.42]; |low| at most of the order of 1.

    Two powers, because one alone cannot reach from the smallest denormal to overflow.
    """
    lowest, highest = EXP_LOWEST(high), EXP_HIGHEST(high)
    high = lowest if high < lowest else high
    high = highest if high > highest else high
    k = round_to_integer((high + low) * LOG2_E(high))
    r = fmuladd(-k, LOG_2_LOW(high), fmuladd(-k, LOG_2_HIGH(high), high)) + low
    i = round_to_integer(k * type(high)(0.5))
    return fmuladd(r * r, EXP_REMAINDER(r), r), i, k - i


@inlined
def exp_sum(high: Any, low: Any) -> Any:
    """`exp(high + low)` for an argument known to more digits than its dtype has; |low| at most of the order of 1."""
    m, i, j = exp_parts(high, low)
    scale = power_of_two(i)
    return fmuladd(scale, m, scale) * power_of_two(j)


@inlined
def exp(x: Any) -> Any:
    """`exp(x)`: 0 and inf beyond the range, denormals between."""
    return exp_sum(x, type(x)(-0.0))  # unlike 0.0, adding -0.0 is dropped by the compiler


@inlined
def expm1(x: Any) -> Any:
    """`exp(x) - 1`, accurate near 0 too."""
    m, i, j = exp_parts(x, type(x)(-0.0))
    scale = power_of_two(i)
    y = fmuladd(scale, m, scale - power_of_two(-j)) * power_of_two(j)
    return x if x == 0 else y  # keeps the sign of zero


@inlined
def log1p(x: Any) -> Any:
    """`log(1 + x)` for x in [0, 1]: with s = x / (2 + x) it is 2 atanh(s), and 2 s = x - s x."""
    s = x / (type(x)(2) + x)
    w = s * s
    return fmuladd(-s, x - w * LOG_REMAINDER(w), x)


@inlined
def log(x: Any) -> Any:
    """`log(x)`: -inf at 0, nan below; for `x = m 2^k` it is `log(m) + k log(2)`."""
    real = type(x)
    lift = LIFT(x) if x < TINY(x) else real(0)
    m, k = split_exponent(x * power_of_two(lift))
    k -= lift
    f = m - real(1)
    s = f / (real(2) + f)
    w = s * s
    y = fmuladd(k, LOG_2_HIGH(x), fmuladd(-s, f - w * LOG_REMAINDER(w), fmuladd(k, LOG_2_LOW(x), f)))
    y = y if x < real(INFINITY) else x
    return y if x > 0 else (real(-INFINITY) if x == 0 else real(NAN))


@inlined
def whole(x: Any) -> Any:
    """The whole number nearest to x, the even one where two are, with the sign of x."""
    size, far = abs(x), ALL_WHOLE(x)
    return x if size >= far else copysign((size + far) - far, x)


@inlined
def sine_and_cosine(x: Any) -> Any:
    """`sin(x)` and `cos(x)` for |x| up to REACH, from what remains of x after a whole number of quarter turns."""
    real = type(x)
    k = round_to_integer(x * TWO_BY_PI(x))
    r = fmuladd(-k, HALF_PI_LOW(x), fmuladd(-k, HALF_PI_MIDDLE(x), fmuladd(-k, HALF_PI_HIGH(x), x)))
    w = r * r
    s = fmuladd(r * w, SINE_REMAINDER(w), r)
    c = fmuladd(w * w, COSINE_REMAINDER(w), fmuladd(w, real(-0.5), real(1)))
    half_turns = round_to_integer(fmuladd(k, real(0.5), real(-0.25)))
    turns = round_to_integer(fmuladd(half_turns, real(0.5), real(-0.25)))
    sign = real(1) if half_turns == real(2) * turns else real(-1)
    return (sign * s, sign * c) if k == real(2) * half_turns else (sign * c, -sign * s)
