"""What layers accept, refuse and hold. Their arithmetic is tested in test_layers_against_torch.py and tests/kernels."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, LayerError, OptionError, ShapeError
from fastjac.layers import LAYERS, Activation, Layer, chain_widths
from tests import naive

EXAMPLES = [
    fj.Affine(np.ones((2, 3)), np.ones(2)),
    fj.PReLU(np.full(3, 0.1)),
    fj.ELU(0.5),
    fj.LayerNorm(np.ones(3), np.zeros(3)),
    fj.Scale(np.ones(3), np.ones(3)),
    fj.GatedSwish(np.ones(3), np.ones(3)),
    *(cls() for name, cls in LAYERS.items() if name not in ("Affine", "PReLU", "ELU")),
]


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
def test_layers_are_frozen(layer: Layer) -> None:
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.surprise = 1.0
    for array in layer.arrays.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_layer_keeps_its_own_copy_of_an_array() -> None:
    weight, slopes = np.ones((2, 3)), np.ones(2)
    layers = (fj.Affine(weight, slopes), fj.PReLU(slopes), fj.Scale(slopes, slopes), fj.LayerNorm(slopes, slopes))
    weight[:] = slopes[:] = 7.0
    assert all(np.all(array == 1.0) for layer in layers for array in layer.arrays.values())


def test_arrays_options_parameters_and_repr() -> None:
    affine, leaky, norm = fj.Affine(np.ones((2, 3)), np.zeros(2)), fj.LeakyReLU(0.2), fj.LayerNorm(np.ones(4), eps=1e-3)
    assert list(affine.arrays) == ["weight", "bias"]
    assert affine.options == {}
    assert (affine.n_in, affine.n_out, affine.n_parameters) == (3, 2, 8)
    assert (leaky.n_in, leaky.n_out, leaky.n_parameters, leaky.options) == (None, None, 0, {"negative_slope": 0.2})
    assert (norm.n_in, norm.n_out, norm.n_parameters, norm.options) == (4, 4, 4, {"eps": 1e-3})
    assert repr(affine) == "Affine(weight(2, 3), bias(2,))"
    assert repr(leaky) == "LeakyReLU(negative_slope=0.2)"
    assert repr(norm) == "LayerNorm(weight(4,), eps=0.001)"
    assert repr(fj.ReLU()) == "ReLU()"


def test_array_dtypes_and_orders() -> None:
    assert fj.Affine(np.ones((2, 3), np.float16)).weight.dtype == np.float32
    assert fj.Affine(np.ones((2, 3), np.longdouble)).weight.dtype == np.float64
    assert fj.Affine(np.ones((2, 3), ">f4")).weight.dtype == np.dtype("=f4")
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert fj.Affine(fortran).weight.flags.c_contiguous
    np.testing.assert_array_equal(fj.Affine(fortran[::-1, ::2]).weight, fortran[::-1, ::2])
    np.testing.assert_array_equal(fj.Affine([[1.0, 2.0]]).weight, [[1.0, 2.0]])


def test_kinks_are_where_value_or_derivative_jumps() -> None:
    assert [tuple(layer.kinks) for layer in (fj.ReLU(), fj.ReLU6(), fj.HardSwish(), fj.Tanh())] == [(0,), (0, 6), (-3, 3), ()]
    assert fj.HardTanh(-math.inf, 2.0).kinks == (2.0,)
    assert fj.SoftShrink(0.3).kinks == (-0.3, 0.3)
    for layer in EXAMPLES:
        for kink in layer.kinks if isinstance(layer, Activation) else ():
            below, above = (np.array(naive.value_and_derivative(layer, np.full(3, kink + side))) for side in (-1e-12, 1e-12))
            # Softplus jumps by 2e-9; some functions are nan on one side.
            assert np.any((np.abs(above - below) > 1e-9) | np.isnan(above - below), axis=0).all()


BAD_LAYERS = [
    (lambda: fj.Affine(np.ones((2, 3), int)), DtypeError, r"Affine weight must hold floating-point numbers, got int64; .*astype"),
    (lambda: fj.Affine(np.ma.ones((2, 3))), DtypeError, r"Affine weight must not be a masked array, .* lost; pass its \.filled"),
    (lambda: fj.Scale(1.0, np.ma.ones(3)), DtypeError, "Scale bias must not be a masked array, whose mask would be lost"),
    (lambda: fj.Affine(np.ones((2, 3), complex)), DtypeError, "Affine weight must hold floating-point numbers, got complex128"),
    (lambda: fj.Affine(np.ones((2, 3), object)), DtypeError, "got object"),
    (lambda: fj.Affine([["a", "b"]]), DtypeError, "Affine weight"),
    (lambda: fj.Affine(None), DtypeError, "Affine weight"),
    (lambda: fj.Affine([[1.0, 2.0], [3.0]]), ShapeError, "Affine weight must be a rectangular array"),
    (lambda: fj.Affine(np.ones(3)), ShapeError, r"Affine weight must have 2 dimensions, got shape \(3,\)"),
    (lambda: fj.Affine(np.ones((0, 3))), ShapeError, r"at least one row and one column, got shape \(0, 3\)"),
    (
        lambda: fj.Affine(np.ones((2, 3)), np.ones(3)),
        ShapeError,
        "weight's 2 rows, got 3; .*a kernel of Keras, Flax or Haiku must be transposed",
    ),
    (lambda: fj.Affine(np.ones((2, 3)), np.ones((2, 1))), ShapeError, r"Affine bias must have 1 dimension, got shape \(2, 1\)"),
    (lambda: fj.PReLU(np.empty(0)), ShapeError, "PReLU weight must have at least one entry"),
    (lambda: fj.PReLU(np.ones((2, 2))), ShapeError, "PReLU weight must have 1 dimension"),
    (lambda: fj.PReLU(np.ones(3, int)), DtypeError, "PReLU weight must hold floating-point numbers"),
    (lambda: fj.Scale(np.ones(3), np.ones(2)), ShapeError, r"Scale weight and bias must have the same size, got \[2, 3\]"),
    (
        lambda: fj.GatedSwish(np.ones(3), np.ones(2)),
        ShapeError,
        r"GatedSwish floor and beta must have the same size, got \[2, 3\]",
    ),
    (lambda: fj.Scale("2"), DtypeError, "Scale weight must be a real number, got '2'"),
    (lambda: fj.LayerNorm(np.ones(3), np.ones(2)), ShapeError, r"LayerNorm weight and bias must have the same size, got \[2, 3]"),
    (lambda: fj.LayerNorm(eps=-1.0), OptionError, "LayerNorm eps must be 0 or more, got -1.0"),
    (lambda: fj.LeakyReLU("0.2"), DtypeError, "LeakyReLU negative_slope must be a real number, got '0.2'"),
    (lambda: fj.LeakyReLU(1j), DtypeError, "LeakyReLU negative_slope must be a real number"),
    (lambda: fj.LeakyReLU(None), DtypeError, "LeakyReLU negative_slope must be a real number, got None"),
    (lambda: fj.ELU(np.ones(2)), DtypeError, "ELU alpha"),
    (lambda: fj.GELU("erf"), OptionError, r'GELU approximate must be "none" or "tanh", got \'erf\''),
    (lambda: fj.Power(math.inf), OptionError, "Power exponent must be finite, got inf"),
    (lambda: fj.CELU(0.0), OptionError, "CELU alpha must not be 0"),
    (lambda: fj.Softplus(0.0), OptionError, "Softplus beta must not be 0"),
    (lambda: fj.HardTanh(1.0, -1.0), OptionError, "HardTanh min_val must be below max_val, got 1.0 and -1.0"),
    (lambda: fj.HardTanh(math.nan, 1.0), OptionError, "HardTanh min_val must be below max_val"),
    (lambda: fj.HardShrink(-0.5), OptionError, "HardShrink lambd must be 0 or more, got -0.5"),
    (lambda: fj.SoftShrink(math.nan), OptionError, "SoftShrink lambd must be 0 or more, got nan"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD_LAYERS)
def test_a_bad_layer_is_refused_with_a_message(make: Callable[[], Layer], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, TypeError if error is DtypeError else ValueError)


def test_chain_widths() -> None:
    affine = fj.Affine(np.ones((2, 3)))
    assert chain_widths((fj.ReLU(), affine, fj.Tanh())) == (3, 3, 2, 2)
    assert chain_widths((fj.Tanh(),), n_in=4) == (4, 4)
    with pytest.raises(LayerError, match=r"pass Network\(layers, n_in=\.\.\.\)"):
        chain_widths((fj.Tanh(), fj.Softmax()))
    with pytest.raises(LayerError, match=r"layer 2 \(Affine\) takes 3 inputs, but layer 0 \(Affine\) gives 2; .*transposed"):
        chain_widths((affine, fj.ReLU(), affine))
    with pytest.raises(LayerError, match=r"layer 1 \(Scale\) takes 5 inputs, but layer 0 \(Affine\) gives 2"):
        chain_widths((affine, fj.Scale(np.ones(5))))
    with pytest.raises(LayerError, match=r"layer 0 \(Affine\) takes 3 inputs, but the network's input gives 4"):
        chain_widths((affine,), n_in=4)


@pytest.mark.parametrize("ragged", [[[1.0], [1.0, 2.0]], [1.0, [2.0]]])
@pytest.mark.parametrize("layer", [fj.Scale, fj.PReLU])
def test_ragged_parameters(layer: type, ragged: list[Any]) -> None:
    with pytest.raises(ShapeError, match=f"{layer.__name__} weight must be a rectangular array"):
        layer(ragged)


@pytest.mark.parametrize("value", [10**400, 1j, np.complex64(1), True, "0.2", [0.2], None])
def test_options_that_are_no_real_number(value: Any) -> None:
    with pytest.raises(DtypeError, match="LeakyReLU negative_slope must be a real number, got"):
        fj.LeakyReLU(value)


@pytest.mark.parametrize("name", [name for name, cls in LAYERS.items() if issubclass(cls, Activation)])
def test_what_a_class_says_of_its_slopes_is_so(name: str) -> None:
    layer = fj.Clamp(-1.0, 2.0) if name == "Clamp" else LAYERS[name]()
    x = np.linspace(-7.0, 7.0, 1501)
    slopes = fj.Network([layer], n_in=len(x)).jacobian(x).diagonal()
    assert layer.binary == bool(np.isin(slopes, (0.0, 1.0)).all())
    assert layer.sparse == bool((np.convolve(slopes == 0.0, np.ones(3), "valid") == 3).any())
    assert layer.piecewise_linear == (len(np.unique(slopes)) <= 3)
