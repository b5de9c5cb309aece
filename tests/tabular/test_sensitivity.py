"""Sensitivity over the rows of a table, against NumPy's statistics of the whole array of Jacobians."""

import re

import numpy as np
import pandas
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.tabular import derivatives

RNG = np.random.default_rng(0)
LAYERS = [fj.Affine(RNG.standard_normal((5, 3))), fj.Tanh(), fj.Affine(RNG.standard_normal((2, 5)), np.array([4.0, -5.0]))]
NET = fj.Network(LAYERS)
X = RNG.standard_normal((50, 3)) + np.array([0.0, 5.0, -3.0])
A, B = fj.Input(2, "a"), fj.Input(1)
HIDDEN = fj.Tanh()(fj.Affine(RNG.standard_normal((4, 3)))(fj.concatenate([A, B])))
BRANCHED = fj.Network(inputs=(A, B), outputs=(HIDDEN[:2] * A, fj.Affine(RNG.standard_normal((3, 4)))(HIDDEN)))


def in_units(units, x, y, jacobians):
    if units == "standard":
        return jacobians * x.std(axis=0) / y.std(axis=0)[:, None]
    return jacobians * x[:, None, :] / y[:, :, None] if units == "elasticity" else jacobians


def assert_statistics(found, values, rtol=1e-12):
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(found.mean_abs, np.abs(values).mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(found.std, values.std(axis=0), rtol=rtol)
    np.testing.assert_allclose(found.rms, np.sqrt((values**2).mean(axis=0)), rtol=rtol)
    np.testing.assert_array_equal(found.count, np.full(values.shape[1:], len(values)))


@pytest.mark.parametrize("units", ["raw", "standard", "elasticity"])
@pytest.mark.parametrize("block_bytes", [1, 1000, 2**20])
def test_it_is_what_numpy_says_of_all_jacobians(monkeypatch, units, block_bytes):
    monkeypatch.setattr(derivatives, "BLOCK_BYTES", block_bytes)
    found = fj.sensitivity(NET, X, units=units)
    assert_statistics(found, in_units(units, X, NET(X), NET.jacobian(X)))
    assert (found.units, found.rows, found.input_names, found.output_names) == (units, 50, ("x0", "x1", "x2"), ("y0", "y1"))


@pytest.mark.parametrize("units", ["raw", "standard", "elasticity"])
def test_statistics_of_a_float32_network_are_taken_in_float64(units):
    net = NET.astype(np.float32)
    found = fj.sensitivity(net, X, units=units)
    y, jacobians = net.value_and_jacobian(X)
    assert found.mean.dtype == np.float64
    assert_statistics(found, in_units(units, X, y.astype(np.float64), jacobians.astype(np.float64)))


def test_a_row_of_weight_two_is_two_rows():
    weights = RNG.integers(0, 3, 50)
    found = fj.sensitivity(NET, X, units="standard", weights=weights)
    repeated = fj.sensitivity(NET, np.repeat(X, weights, axis=0), units="standard")
    for name in ("mean", "mean_abs", "std"):
        np.testing.assert_allclose(getattr(found, name), getattr(repeated, name), rtol=1e-12)
    assert found.rows == np.count_nonzero(weights)
    assert (found.count == found.rows).all()


def test_columns_are_matched_by_name():
    frame = pandas.DataFrame(X[:, [2, 0, 1]], columns=["c", "a", "b"])
    found = fj.sensitivity(NET.with_feature_names(["a", "b", "c"]), frame)
    assert found.input_names == ("a", "b", "c")
    assert_statistics(found, NET.jacobian(X))
    assert_statistics(fj.sensitivity(NET, frame, input_names=["a", "b", "c"]), NET.jacobian(X))
    in_order = fj.sensitivity(NET, frame)
    assert in_order.input_names == ("c", "a", "b")
    assert_statistics(in_order, NET.jacobian(X[:, [2, 0, 1]]))


@pytest.mark.parametrize("table", [lambda x: (x[:, :2], x[:, 2:]), lambda x: x, lambda x: pandas.DataFrame(x)])
def test_several_inputs(table):
    found = fj.sensitivity(BRANCHED, table(X))
    blocks = BRANCHED.jacobian((X[:, :2], X[:, 2:]))
    assert_statistics(found, np.concatenate([np.concatenate(row, axis=-1) for row in blocks], axis=-2))
    assert found.input_names == ("a[0]", "a[1]", "x1")
    assert found.output_names == ("y0[0]", "y0[1]", "y1[0]", "y1[1]", "y1[2]")


def test_frames_for_several_inputs_keep_their_names():
    frames = pandas.DataFrame(X[:, :2], columns=["u", "v"]), pandas.DataFrame(X[:, 2:], columns=["w"])
    assert fj.sensitivity(BRANCHED, frames).input_names == ("u", "v", "w")
    named = BRANCHED.with_feature_names(["u", "v", "w"])
    expected = fj.sensitivity(named, X)
    np.testing.assert_array_equal(fj.sensitivity(named, (frames[0][["v", "u"]], frames[1])).mean, expected.mean)
    with pytest.raises(ShapeError, match="the table lacks the columns 'w'; it has 'u', 'v'"):
        fj.sensitivity(named, frames[:1] * 2)
    with pytest.raises(ShapeError, match=r"^table must be a tuple of 2 arrays, one for each input .*, got 1"):
        fj.sensitivity(named, frames[:1])


def test_rows_with_nan_are_an_error_or_left_out():
    x = X.copy()
    x[7, 1], x[9, 0] = np.nan, np.inf
    message = r'^the table must hold finite numbers, but row 7 \(counted from 0\) has nan in column \'x1\'; .*nan_policy="omit"'
    with pytest.raises(OptionError, match=message):
        fj.sensitivity(NET, x)
    kept = np.delete(X, [7, 9], axis=0)
    found = fj.sensitivity(NET, x, nan_policy="omit", units="standard")
    assert_statistics(found, in_units("standard", kept, NET(kept), NET.jacobian(kept)))
    with pytest.raises(ShapeError, match="no row of the table is left"):
        fj.sensitivity(NET, x[[7, 9]], nan_policy="omit")


def test_an_elasticity_has_no_value_where_the_output_is_0():
    net = fj.Network([fj.Affine(np.array([[1.0, 1.0], [1.0, 2.0]])), fj.ReLU()])
    x = np.array([[1.0, -4.0], [0.0, 3.0], [2.0, -1.5]])  # y: (0, 0), (3, 6), (0.5, 0)
    with pytest.raises(
        OptionError, match=r"the elasticity of 'y0' has no value in row 0 \(counted from 0\), because the output is 0"
    ):
        fj.sensitivity(net, x, units="elasticity")
    found = fj.sensitivity(net, x, units="elasticity", nan_policy="omit")
    np.testing.assert_array_equal(found.count, [[2, 2], [1, 1]])
    np.testing.assert_allclose(found.mean, [[2.0, -1.0], [0.0, 1.0]])  # of 0 and 4, and of 1 and -3


def test_an_output_that_does_not_vary_has_no_standard_units():
    net, x = fj.Network([fj.Affine(np.array([[1.0], [0.0]]))]), np.array([[1.0], [3.0]])
    with pytest.raises(OptionError, match="the output 'y1' is the same in all rows"):
        fj.sensitivity(net, x, units="standard")
    found = fj.sensitivity(net, x, units="standard", nan_policy="omit")
    np.testing.assert_array_equal(found.count, [[2], [0]])
    np.testing.assert_array_equal(found.mean, [[1.0], [np.nan]])


def test_derivatives_that_are_not_finite_are_an_error_or_left_out():
    net, x = fj.Network([fj.Sqrt()], n_in=2), np.array([[1.0, 4.0], [-1.0, 1.0]])
    with pytest.raises(OptionError, match=r"the derivative of 'y0' by 'x0' is nan in row 1"):
        fj.sensitivity(net, x)
    found = fj.sensitivity(net, x, nan_policy="omit")
    np.testing.assert_array_equal(found.count[0, 0], 1)
    np.testing.assert_allclose(np.diag(found.mean), [0.5, 0.375])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"units": "percent"}, OptionError, "units must be one of 'raw', 'standard', 'elasticity', got 'percent'"),
        ({"nan_policy": "propagate"}, OptionError, "nan_policy must be one of 'raise', 'omit', got 'propagate'"),
        ({"weights": np.ones(49)}, ShapeError, r"weights must have shape \(50,\), one for each row of the table, got \(49,\)"),
        ({"weights": -np.ones(50)}, OptionError, r"weights must be finite and not negative, got -1.0 in row 0"),
        ({"weights": np.zeros(50)}, ShapeError, "no row of the table is left"),
        ({"input_names": ["a", "b"]}, ShapeError, "input_names must hold 3 names, one for each input of the network, got 2"),
        ({"output_names": "yz"}, DtypeError, "output_names must be a sequence of strings, got 'yz'"),
        ({"output_names": ["y", "y"]}, OptionError, "output_names must call each output differently, but 'y' comes 2 times"),
        ({"threads": 0}, OptionError, "threads must be a positive integer"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        fj.sensitivity(NET, X, **options)


def test_names_that_come_one_after_another():
    assert fj.sensitivity(NET, X, input_names=(name for name in "abc")).input_names == ("a", "b", "c")


def test_a_model_that_is_no_network():
    with pytest.raises(DtypeError, match=re.escape("net must be a fastjac.Network, got list; see fastjac.load")):
        fj.sensitivity([], X)
