"""What `Elementwise` refuses: functions that do not agree with differences or do not compile, and parameters that do not fit."""

import math

import numpy as np
import pytest
from numba import njit

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, LayerError, ShapeError
from tests.layers.test_elementwise import BY_RATE, UNITS, hinge, hinge_slope, wave, wave_by_rate, wave_slope


@njit
def pair(x):
    return x, x


@njit
def square(x):
    return x * x


@njit
def twice(x):
    return 2 * x


@njit
def almost_twice(x):
    return 2 * x if x < 7 else 2.001 * x


@njit
def unknown(x):
    return x.no_such_thing


REFUSED = {
    "value, almost": (
        lambda: fj.Elementwise(square, almost_twice),
        LayerError,
        r"Elementwise slope is 1\d\.\d+ at x = 7\.\d+, where differences give 1\d\.\d+ within \d\.\de-\d\d; correct it",
    ),
    "bend": (
        lambda: fj.Elementwise(square, twice, twice),
        LayerError,
        r"Elementwise bend is -?\d+\.\d+ at x = .*, where differences give 2",
    ),
    "by parameter": (
        lambda: fj.Elementwise(wave, wave_slope, None, UNITS, {"rate": (wave_by_rate, wave_slope)}),
        LayerError,
        r"Elementwise derivative of slope by rate is \S+ at x = \S+, rate = \S+, shift = 0.3, size = \S+, where",
    ),
    "binary": (
        lambda: fj.Elementwise(square, twice, binary=True),
        LayerError,
        "an Elementwise that is binary has slopes 0 and 1, not .* at x = ",
    ),
    "piecewise linear": (
        lambda: fj.Elementwise(square, twice, piecewise_linear=True),
        LayerError,
        "the second derivative of a piecewise_linear layer is 0 at x = .*, where differences give 2",
    ),
    "bend and piecewise linear": (
        lambda: fj.Elementwise(twice, square, square, piecewise_linear=True),
        LayerError,
        "the second derivative of an Elementwise that is piecewise_linear is 0",
    ),
    "not compiled": (
        lambda: fj.Elementwise(math.sin, math.cos),
        DtypeError,
        "Elementwise value must be a scalar function .* got <built-in function sin>; write @njit above it",
    ),
    "not compiled, by parameter": (
        lambda: fj.Elementwise(hinge, hinge_slope, None, {"left": 0.2}, {"left": (hinge, abs)}),
        DtypeError,
        "Elementwise derivative of slope by left must be a scalar function",
    ),
    "one function by parameter": (
        lambda: fj.Elementwise(hinge, hinge_slope, None, {"left": 0.2}, {"left": hinge}),
        DtypeError,
        r"by_parameter\['left'\] must be two functions",
    ),
    "no such parameter": (
        lambda: fj.Elementwise(hinge, hinge_slope, None, {"left": 0.2}, {"right": (hinge, hinge)}),
        LayerError,
        "by_parameter has 'right', which is no parameter; there is left",
    ),
    "three trained": (
        lambda: fj.Elementwise(wave, wave_slope, None, UNITS, dict.fromkeys(UNITS, BY_RATE)),
        LayerError,
        "at most 2 parameters of an Elementwise can be trained, by_parameter has shift, size, rate",
    ),
    "parameters missing": (
        lambda: fj.Elementwise(hinge, hinge_slope),
        LayerError,
        r"Elementwise value, hinge, does not compile for numbers \(x\), which are x and the parameters in the order of the dict",
    ),
    "not compilable": (lambda: fj.Elementwise(square, unknown), LayerError, r"Elementwise slope, unknown, does not compile"),
    "two numbers": (
        lambda: fj.Elementwise(pair, twice),
        LayerError,
        "Elementwise value, pair, must give one real number",
    ),
    "sizes": (
        lambda: fj.Elementwise(wave, wave_slope, None, {"shift": np.ones(2), "size": np.ones(3), "rate": 1.0}),
        ShapeError,
        r"arrays among the parameters of Elementwise must have the same size, got \[2, 3\]",
    ),
    "a string": (lambda: fj.Elementwise(hinge, hinge_slope, None, {"left": "a"}), DtypeError, "Elementwise left must be a real"),
    "kinks": (
        lambda: fj.Elementwise(square, twice, kinks=0.0),
        DtypeError,
        "Elementwise kinks must be a list of numbers, got 0.0",
    ),
    "no dict": (lambda: fj.Elementwise(hinge, hinge_slope, None, [0.2]), DtypeError, "Elementwise parameters must be a dict"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, FastjacError)


def test_what_jumps_or_is_not_finite_passes_the_check():
    """At points of no kink: those between which one lies show nothing, and nan and inf show nothing."""
    root, slope = njit(lambda x: math.sqrt(x)), njit(lambda x: 0.5 / math.sqrt(x))
    assert fj.Network([fj.Elementwise(root, slope)], n_in=1).jacobian(np.array([4.0])) == 0.25
