"""Several nodes that are one layer are taken for it, in every order in which exporters write them, and nothing else is.

What only resembles such a layer is read as what it is, node by node.
"""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

import fastjac

from ..agreement import assert_agrees
from .graphs import assert_agrees as assert_agrees_with_reference
from .graphs import layers, random, written

ROOT_2, ROOT_HALF, ROOT_2_PI = math.sqrt(2), math.sqrt(0.5), math.sqrt(2 / math.pi)
WEIGHT, BIAS = random(5), random(5, 1).ravel()
TANH_OF = "c = Mul(cube, k); d = Add(x, c); e = Mul(d, r); t = Tanh(e); p = Add(t, one)"
GELU_TANH = {"k": 0.044715, "r": ROOT_2_PI, "one": 1.0, "half": 0.5, "three": 3.0}

CASES = {
    "GELU, half last": (
        "a = Div(x, r); b = Erf(a); c = Add(b, one); d = Mul(x, c); y = Mul(d, half)",
        {"r": ROOT_2, "one": 1.0, "half": 0.5},
        functional.gelu,
    ),
    "GELU, half first": (
        "h = Mul(half, x); a = Mul(r, x); b = Erf(a); c = Add(one, b); y = Mul(c, h)",
        {"r": ROOT_HALF, "one": 1.0, "half": 0.5},
        functional.gelu,
    ),
    "GELU, half between": (
        "a = Div(x, r); b = Erf(a); c = Add(b, one); d = Mul(c, half); y = Mul(x, d)",
        {"r": [ROOT_2], "one": [1.0], "half": [[0.5]]},
        functional.gelu,
    ),
    "GELU by tanh, powers": (
        f"cube = Pow(x, three); {TANH_OF}; h = Mul(half, x); y = Mul(h, p)",
        GELU_TANH,
        lambda x: functional.gelu(x, approximate="tanh"),
    ),
    "GELU by tanh, products": (
        f"square = Mul(x, x); cube = Mul(square, x); {TANH_OF}; q = Mul(x, p); y = Mul(half, q)",
        GELU_TANH,
        lambda x: functional.gelu(x, approximate="tanh"),
    ),
    "SiLU": ("a = Sigmoid(x); y = Mul(a, x)", {}, functional.silu),
    "SiLU of a product": ("s = Mul(x, c); a = Sigmoid(s); y = Mul(x, a)", {"c": 1.702}, lambda x: x * torch.sigmoid(1.702 * x)),
    "Mish": ("a = Softplus(x); b = Tanh(a); y = Mul(x, b)", {}, functional.mish),
    "Softsign": ("a = Abs(x); b = Add(one, a); y = Div(x, b)", {"one": 1.0}, functional.softsign),
    "TanhShrink": ("a = Tanh(x); y = Sub(x, a)", {}, functional.tanhshrink),
    "Sigmoid by Div": ("a = Neg(x); b = Exp(a); c = Add(b, one); y = Div(one, c)", {"one": 1.0}, torch.sigmoid),
    "Sigmoid by Reciprocal": ("a = Neg(x); b = Exp(a); c = Add(one, b); y = Reciprocal(c)", {"one": 1.0}, torch.sigmoid),
    "LogSigmoid": ("a = Sigmoid(x); y = Log(a)", {}, functional.logsigmoid),
    "LogSoftmax": ("a = Softmax(x); y = Log(a)", {}, lambda x: torch.log_softmax(x, -1)),
    "Softplus": ("a = Exp(x); b = Add(a, one); y = Log(b)", {"one": 1.0}, lambda x: functional.softplus(x, threshold=1e3)),
    "Softplus with a threshold": (
        "s = Mul(x, beta); a = Softplus(s); b = Div(a, beta); c = Greater(s, t); y = Where(c, x, b)",
        {"beta": 2.0, "t": 3.0},
        lambda x: functional.softplus(x, 2.0, 3.0),
    ),
    "HardSwish": ("a = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x); y = Mul(x, a)", {}, functional.hardswish),
    "HardSwish by Clip": (
        "a = Add(x, three); b = Clip(a, zero, six); c = Mul(x, b); y = Div(c, six)",
        {"three": 3.0, "zero": 0.0, "six": 6.0},
        functional.hardswish,
    ),
    "HardSwish by Clip, divided first": (
        "a = Add(x, three); b = Clip(a, zero, six); c = Div(b, six); y = Mul(c, x)",
        {"three": 3.0, "zero": 0.0, "six": 6.0},
        functional.hardswish,
    ),
    "HardSwish by Clip and a product": (
        "a = Add(x, three); b = Clip(a, zero, six); c = Mul(b, sixth); y = Mul(c, x)",
        {"three": 3.0, "zero": 0.0, "six": 6.0, "sixth": 1 / 6},
        functional.hardswish,
    ),
    "Threshold": (
        "a = LessOrEqual(x, t); y = Where(a, v, x)",
        {"t": 0.5, "v": -2.0},
        lambda x: functional.threshold(x, 0.5, -2.0),
    ),
    "Threshold by Greater": (
        "a = Greater(x, t); y = Where(a, x, v)",
        {"t": 0.5, "v": -2.0},
        lambda x: functional.threshold(x, 0.5, -2.0),
    ),
    "HardShrink": (
        "a = Abs(x); b = LessOrEqual(a, t); y = Where(b, zero, x)",
        {"t": 0.7, "zero": 0.0},
        lambda x: functional.hardshrink(x, 0.7),
    ),
    "HardShrink of two sides": (
        "a = Greater(x, t); b = Less(x, m); c = Or(b, a); y = Where(c, x, zero)",
        {"t": 0.7, "m": -0.7, "zero": 0.0},
        lambda x: functional.hardshrink(x, 0.7),
    ),
    "HardShrink of two sides with casts": (
        "a = Greater(x, t); b = Less(x, m); d = Cast <to = 9> (a); e = Cast <to = 9> (b); c = Or(d, e); y = Where(c, x, zero)",
        {"t": 0.7, "m": -0.7, "zero": 0.0},
        lambda x: functional.hardshrink(x, 0.7),
    ),
    "SoftShrink": (
        "a = Abs(x); b = Greater(a, t); c = Sign(x); d = Mul(c, t); e = Sub(x, d); f = Mul(x, zero); y = Where(b, e, f)",
        {"t": 0.7, "zero": 0.0},
        lambda x: functional.softshrink(x, 0.7),
    ),
    "SoftShrink of two sides": (
        "a = Greater(x, t); b = Sub(x, t); c = Where(a, b, zero); "
        "d = Less(x, m); e = Add(x, t); f = Where(d, e, zero); y = Add(c, f)",
        {"t": 0.7, "m": -0.7, "zero": 0.0},
        lambda x: functional.softshrink(x, 0.7),
    ),
}


@pytest.mark.parametrize(("text", "constants", "twin"), CASES.values(), ids=CASES)
def test_an_activation_of_several_nodes(text, constants, twin, request):
    net = fastjac.from_onnx(written(text, **constants))
    assert_agrees(net, twin, (5,))
    name = request.node.callspec.id.split(",")[0].split()[0]
    assert name in [type(layer).__name__ for layer in net]
    assert len(net) == (3 if request.node.callspec.id == "SiLU of a product" else 1)


def test_a_pattern_of_float32_and_of_half_precision_constants_is_the_same_layer():
    text = CASES["GELU, half last"][0]
    for dtype in (np.float32, np.float16):
        constants = {name: np.array([value], dtype) for name, value in {"r": ROOT_2, "one": 1.0, "half": 0.5}.items()}
        assert layers(written(text, **constants)) == ["GELU"]


NORMALIZED = "m = ReduceMean <axes = [-1]> (x); d = Sub(x, m)"
DEVIATION = "v = ReduceMean <axes = [-1]> (q); w = Add(v, eps); s = Sqrt(w)"


@pytest.mark.parametrize("square", ["q = Pow(d, two)", "q = Mul(d, d)"])
@pytest.mark.parametrize("quotient", ["n = Div(d, s)", "i = Reciprocal(s); n = Mul(d, i)"])
@pytest.mark.parametrize("affine", ["h = Mul(n, weight); y = Add(h, bias)", "h = Mul(weight, n); y = Add(bias, h)"])
def test_layer_normalization_of_several_nodes(square, quotient, affine):
    text = f"{NORMALIZED}; {square}; {DEVIATION}; {quotient}; {affine}"
    net = fastjac.from_onnx(written(text, opset=13, two=2.0, eps=1e-3, weight=WEIGHT, bias=BIAS))
    assert [type(layer).__name__ for layer in net] == ["LayerNorm"]
    weight, bias = torch.from_numpy(WEIGHT), torch.from_numpy(BIAS)
    assert_agrees(net, lambda x: functional.layer_norm(x, (5,), weight, bias, 1e-3), (5,))


def test_layer_normalization_without_weights_and_with_axes_as_an_operand():
    deviation = "m = ReduceMean(x, axes); d = Sub(x, m); q = Mul(d, d); v = ReduceMean(q, axes)"
    text = f"{deviation}; w = Add(v, eps); s = Sqrt(w); y = Div(d, s)"
    net = fastjac.from_onnx(written(text, opset=18, eps=1e-3, axes=np.array([1])))
    assert [type(layer).__name__ for layer in net] == ["LayerNorm"]
    assert_agrees(net, lambda x: functional.layer_norm(x, (5,), eps=1e-3), (5,))


def test_layer_normalization_over_some_units_only():
    text = f"{NORMALIZED}; q = Mul(d, d); {DEVIATION}; y = Div(d, s)"
    assert_agrees_with_reference(written(text, ("N", 2, 5), opset=13, eps=1e-3), (2, 5))


def test_a_matmul_and_its_bias_are_one_affine_layer():
    proto = written(
        "a = MatMul(x, w); b = Add(c, a); d = MatMul(v, b); y = Add(d, e)",
        (5,),
        w=random(5, 4),
        c=random(4),
        v=random(3, 4),
        e=random(3),
    )
    assert layers(proto) == ["Affine", "Affine"]
    net = fastjac.from_onnx(proto)
    for layer in net:
        assert layer.bias is not None


def test_patterns_follow_one_another_where_each_starts_from_the_result_of_the_last():
    text = (
        "a = Sigmoid(x); b = Mul(x, a); c = Softplus(b); d = Tanh(c); e = Mul(b, d); f = Abs(e); g = Add(f, one); y = Div(e, g)"
    )
    net = fastjac.from_onnx(written(text, one=1.0))
    assert [type(layer).__name__ for layer in net] == ["SiLU", "Mish", "Softsign"]
    assert_agrees(net, lambda x: functional.softsign(functional.mish(functional.silu(x))), (5,))


NEARLY = {
    "a GELU of another scale": (
        "a = Div(x, r); b = Erf(a); c = Add(b, one); d = Mul(x, c); y = Mul(d, half)",
        {"r": 1.5, "one": 1.0, "half": 0.5},
    ),
    "a GELU that adds 2": (
        "a = Div(x, r); b = Erf(a); c = Add(b, one); d = Mul(x, c); y = Mul(d, half)",
        {"r": ROOT_2, "one": 2.0, "half": 0.5},
    ),
    "a SiLU of different values": ("h = Tanh(x); a = Sigmoid(h); y = Mul(x, a)", {}),
    "a SiLU of several scales": ("s = Mul(x, c); a = Sigmoid(s); y = Mul(x, a)", {"c": WEIGHT}),
    "a HardSwish of another slope": ("a = HardSigmoid <alpha = 0.2> (x); y = Mul(x, a)", {}),
    "a HardSwish of another bound": (
        "a = Add(x, three); b = Clip(a, zero, five); c = Mul(x, b); y = Div(c, six)",
        {"three": 3.0, "zero": 0.0, "five": 5.0, "six": 6.0},
    ),
    "a square": ("y = Mul(x, x)", {}),
    "a residual": ("a = Relu(x); y = Add(x, a)", {}),
    "a quotient": ("a = Exp(x); y = Div(a, x)", {}),
    "a Softsign with 2": ("a = Abs(x); b = Add(two, a); y = Div(x, b)", {"two": 2.0}),
    "a Threshold of several": ("a = LessOrEqual(x, t); y = Where(a, v, x)", {"t": WEIGHT, "v": 0.0}),
    "a HardShrink of two widths": (
        "a = Greater(x, t); b = Less(x, m); c = Or(b, a); y = Where(c, x, zero)",
        {"t": 0.7, "m": -0.5, "zero": 0.0},
    ),
    "a Log of something": ("a = Exp(x); b = Sqrt(a); y = Log(b)", {}),
}


@pytest.mark.parametrize(("text", "constants"), NEARLY.values(), ids=NEARLY)
def test_what_only_resembles_a_pattern_is_what_it_is(text, constants):
    net = assert_agrees_with_reference(written(text, **constants))
    named = {name for case in CASES for name in case.replace(",", "").split()}
    assert not {type(operation).__name__ for operation in net._graph.layers} & (named - {"Threshold", "Sigmoid"})


@pytest.mark.parametrize("axis", [0, 1])
def test_the_logarithm_of_a_softmax_along_either_axis(axis):
    text = f"a = Softmax <axis = {axis}> (x); y = Log(a)"
    assert_agrees_with_reference(written(text, (2, 5)), (2, 5), fixed=True)


def test_a_product_of_three_in_every_order_is_read():
    orders = ("d = Mul(x, p); y = Mul(d, half)", "d = Mul(half, x); y = Mul(p, d)", "d = Mul(half, p); y = Mul(x, d)")
    for order in orders:
        assert layers(written(f"a = Div(x, r); b = Erf(a); p = Add(b, one); {order}", r=ROOT_2, one=1.0, half=0.5)) == ["GELU"]
