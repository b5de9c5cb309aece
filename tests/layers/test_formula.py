"""Activations by formulas: what they compute, on every way, what is kept of them, and what is refused."""

import copy
import math
import pickle
import re

import mpmath as mp
import numpy as np
import pytest
from numba import njit, types

import fastjac as fj
import fastjac.numba
from fastjac.errors import DtypeError, FastjacError, LayerError, ShapeError
from fastjac.formula import reading
from fastjac.kernels.jit import kernel_address
from tests.bits import assert_same_bits
from tests.formula.exact import composed
from tests.fresh_process import run_script
from tests.kernels.compiled_code import code_of
from tests.kernels.from_python import call
from tests.layers.test_elementwise import UNITS, WAVE, X, around, in_every_way

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
FLOORS, RATES = np.linspace(-0.3, 0.6, 6), np.linspace(0.5, 2.0, 6)
GATE = fj.Formula("x * (g + (1 - g) * sigmoid(b * x))", b=RATES, g=FLOORS)
EVERYTHING = fj.Formula(
    "where(-1 < x < b or not x != 3, sin(a * x)**2 / a, max(tanh(x), 0.3 * x)) + c * sqrt(1 + x**2) + abs(x)**2.2 * 1e-2"
    " + where(x > 0, log(x), 0) + min(x, b)**3 / (2 + cos(30 * x))",
    a=RATES, b=FLOORS, c=0.7,
)  # fmt: skip


@both_dtypes
def test_the_gate_of_emulators_equals_gated_swish(dtype):
    net, other = around(GATE, dtype), around(fj.GatedSwish(FLOORS, RATES), dtype)
    for found, expected in zip(in_every_way(net, X), in_every_way(other, X), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=16 * np.finfo(dtype).eps * np.abs(expected).max())
    for found, expected in zip(
        (net.parameter_jacobian(X[:3]), net.neural_tangent_kernel(X[:3])),
        (other.parameter_jacobian(X[:3]), other.neural_tangent_kernel(X[:3])),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=16 * np.finfo(dtype).eps * np.abs(expected).max())


def test_a_function_alone_has_the_bits_of_its_layer():
    for text, layer in (("silu(x)", fj.SiLU()), ("tanh(x)", fj.Tanh())):
        assert_same_bits(around(fj.Formula(text)).value_and_jacobian(X), around(layer).value_and_jacobian(X))


def test_three_parameters_of_which_the_arrays_come_last():
    layer = fj.Formula("size * sin(shift + rate * x)", **(UNITS | {"size": 0.7, "shift": UNITS["size"]}))
    assert list(layer.arrays) == ["shift", "rate"]
    assert layer.options == {"formula": layer.formula, "size": 0.7}
    assert (layer.n_in, layer.n_parameters) == (6, 12)
    layer = fj.Formula("size * sin(shift + rate * x)", **UNITS)
    (*found, by_parameters), (*expected, others) = in_every_way(around(layer), X), in_every_way(around(WAVE), X)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    swapped = np.concatenate([others[:30], others[36:42], others[30:36], others[42:]])  # WAVE has rate, then size
    np.testing.assert_allclose(by_parameters, swapped, rtol=1e-12, atol=1e-12)


def kernels_at(layer, x, dtype):
    """Values, slopes and bends of a row, and the derivatives of value and slope by p and q."""
    x, zero = x.astype(dtype), dtype(0)
    rows = np.array([np.full(x.size, layer.parameters[name].flat[0] if name in layer.arrays else layer.parameters[name], dtype)
                     for name in layer._order])  # fmt: skip
    values, slopes, bends, pulls = x.copy(), np.empty_like(x), np.empty_like(x), np.zeros((2, 2, x.size), dtype)
    call(layer.rule.activation, zero, values, rows[0], rows[1], slopes, x.size)
    call(layer.rule.bend, zero, x, rows[0], rows[1], bends, x.size)
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    for which, factors in enumerate(((ones, zeros), (zeros, ones))):
        call(layer.rule.parameter_pull, zero, x, rows[0], rows[1], *factors, pulls[0, which], pulls[1, which], x.size)
    return np.array([values, slopes, bends, *pulls[0], *pulls[1]])


@both_dtypes
def test_kernels_compute_what_the_expressions_say(dtype):
    x = np.random.default_rng(1).uniform(-4, 4, 37).astype(dtype)
    x[:6] = 0.0, 3.0, -1e-3, 1e5, 2e6, -40.0  # the last but one are out of reach of the vector forms of sine and cosine
    found = kernels_at(EVERYTHING, x, dtype)
    values = {name: dtype(np.asarray(EVERYTHING.parameters[name]).flat[0]) for name in EVERYTHING._order}
    for j, point in enumerate(x):
        with mp.workdps(40):
            main, pulls = composed(EVERYTHING.formula, mp.mpf(float(point)), **{n: mp.mpf(float(v)) for n, v in values.items()})
        expected = np.array([*main, *pulls[0], *pulls[1]], float)
        scale = np.maximum(1.0, np.abs(expected)) * max(1.0, abs(float(point)))
        np.testing.assert_array_less(np.abs(found[:, j] - expected), 3000 * np.finfo(dtype).eps * scale, err_msg=str(point))


def test_bits_depend_on_neither_the_place_nor_the_threads():
    x = np.random.default_rng(2).uniform(-4, 4, 37)
    whole = kernels_at(EVERYTHING, x, np.float64)
    for first, last in ((0, 1), (3, 10), (7, 37)):
        assert_same_bits(whole[:, first:last], kernels_at(EVERYTHING, x[first:last], np.float64))
    net = around(GATE)
    assert_same_bits(net.value_and_jacobian(X, threads=1), net.value_and_jacobian(X, threads=2))


@both_dtypes
def test_loops_vectorize_and_stay_in_the_dtype(dtype):
    kind = types.float32 if dtype is np.float32 else types.float64
    for layer, loops in ((GATE, 1), (fj.Formula("x + sin(a * x)**2 / a", a=1.0), 2)):
        code = code_of(layer.rule.activation, dtype)
        assert len(re.findall(r"^vector\.body[.\w]*:", code, re.MULTILINE)) >= loops
        near, kinds = layer.rule.formula.near, (kind, types.UniTuple(kind, layer.rule.count))
        near.compile(kinds)
        assert near.overloads[kinds].signature.return_type == types.UniTuple(kind, 3)


def test_kernels_are_shared_and_kept_on_disk():
    same, other = fj.Formula("x*(g+(1-g)*sigmoid(b*x))", g=0.1, b=FLOORS), fj.Formula("x * b", b=1.0)
    assert same.rule is GATE.rule is around(GATE).with_parameters(around(GATE).parameters() * 2)[1].rule
    assert other.rule is not GATE.rule
    same_rule = GATE.rule
    kernel_address(same_rule.activation, np.dtype(np.float64))
    reading.rule_of.cache_clear()  # as in another process
    reading._rule.cache_clear()
    assert GATE.rule is not same_rule
    kernel_address(GATE.rule.activation, np.dtype(np.float64))
    assert sum(GATE.rule.activation.stats.cache_hits.values()) == 1


def test_saved_and_pickled_it_computes_the_same_bits_without_sympy(tmp_path):
    net = around(EVERYTHING)
    net.save(tmp_path / "net.safetensors")
    loaded = fj.load(tmp_path / "net.safetensors")
    assert repr(loaded[1]) == repr(EVERYTHING)
    for other in (loaded, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert other[1].rule is EVERYTHING.rule
        assert_same_bits(other.value_and_jacobian(X), net.value_and_jacobian(X))
    run_script(f"""
        import sys, fastjac as fj
        fj.load({str(tmp_path / "net.safetensors")!r}).jacobian([0.1, 0.2, 0.3, 0.4])
        assert "sympy" not in sys.modules
    """)


def test_how_it_prints():
    assert repr(GATE) == "Formula('x * (g + (1 - g) * sigmoid(b * x))', g(6,), b(6,))"
    assert repr(fj.Formula("a * x", a=2)) == "Formula('a * x', a=2.0)"
    assert "1  Formula(formula=x * (g + (1 - g) * sigmoid(b * x)), g=-0.3..0.6, b=0.5..2)  6 -> 6          12" in str(
        around(GATE)
    )


def test_compiled_code_of_users_calls_it():
    program, result = around(GATE).program(), np.empty((3, 4))

    @njit
    def call(program, x, result):
        fastjac.numba.jacobian(program, x, result, fastjac.numba.scratch(program))

    call(program, X[0], result)
    assert_same_bits((result,), (around(GATE).jacobian(X[0]),))


@pytest.mark.parametrize("layer", [GATE, WAVE], ids=lambda layer: type(layer).__name__)
def test_some_of_its_units_in_a_graph(layer):
    x, dense = fj.Input(4), around(layer)[0]
    net = fj.Network(inputs=x, outputs=fj.Tanh()(layer(dense(x))[[4, 1]]))
    whole = around(layer)[:2]
    np.testing.assert_allclose(net(X), np.tanh(whole(X)[:, [4, 1]]), rtol=1e-13)
    np.testing.assert_allclose(whole.jacobian(X, of=[4, 1]), whole.jacobian(X)[:, [4, 1]], rtol=1e-13)
    assert fj.check_jacobian(net, X[:5])


def test_two_of_one_input_are_two():
    x, functions = (
        fj.Input(3),
        [fj.Formula("sin(x)"), fj.Formula("cos(x)"), fj.Formula("a * x", a=2.0), fj.Formula("a * x", a=3.0)],
    )
    point = np.array([0.1, 0.2, 0.3])
    found = fj.Network(inputs=x, outputs=fj.concatenate([function(x) for function in functions]))(point)
    np.testing.assert_allclose(found, np.concatenate([np.sin(point), np.cos(point), 2 * point, 3 * point]))


def test_kinks_are_known_for_each_unit():
    layer = fj.Formula("max(a * x - b, 0) + abs(x - 1) + relu6(2 * x) + where(x**2 > 4, 1 / x, 0.25 * x)", a=RATES, b=FLOORS)
    at = np.sort(np.array([np.broadcast_to(kink, 6) for kink in layer.kinks]), axis=0)
    np.testing.assert_allclose(at, np.sort([FLOORS / RATES, np.ones(6), np.zeros(6), np.zeros(6), np.full(6, 3.0)], axis=0))
    report = fj.check_jacobian(fj.Network([layer], n_in=6), np.stack([np.ones(6), FLOORS / RATES, np.full(6, 0.7)]))
    assert report
    assert report.n_kinks > 0
    assert fj.Formula("x * relu(b)", b=1.0).kinks == ()


def test_zeros_and_straight_pieces_are_found():
    flags = {text: fj.Formula(text) for text in ("relu(x)", "x * relu(x)", "where(x > 0, x, 0)", "abs(x)", "silu(x)", "sign(x)")}
    assert [text for text, layer in flags.items() if layer.sparse] == ["relu(x)", "where(x > 0, x, 0)", "sign(x)"]
    assert [text for text, layer in flags.items() if layer.piecewise_linear] == [
        "relu(x)",
        "where(x > 0, x, 0)",
        "abs(x)",
        "sign(x)",
    ]
    for found, expected in zip(in_every_way(around(flags["relu(x)"]), X), in_every_way(around(fj.ReLU()), X), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_sides_not_taken_do_not_matter_and_the_rest_is_ieee():
    layer = fj.Formula("where(x > 0, log(x), 0) + where(x >= 0, x**1.5, 1 / x) + where(x > 9, exp(x), 0)")
    y, jacobian = fj.Network([layer], n_in=4).value_and_jacobian(np.array([0.0, -2.0, 1e4, math.nan]))
    np.testing.assert_array_equal(y, [0.0, -0.5, math.inf, math.nan])
    np.testing.assert_array_equal(jacobian.diagonal()[:3], [0.0, -0.25, math.inf])


REFUSED = {
    "missing": (
        lambda: fj.Formula("b * x"),
        LayerError,
        r"the Formula 'b \* x' has b, which is not given: pass b=\.\.\., a number",
    ),
    "misspelt": (lambda: fj.Formula("beta * x", betta=1.0), LayerError, "has beta, which is not given: was betta meant?"),
    "unused": (lambda: fj.Formula("b * x", b=1.0, c=2.0), LayerError, "does not have c, which is given; it has x, b"),
    "called x": (lambda: fj.Formula("b * x", b=1.0, x=2.0), LayerError, "no parameter of a Formula can be called x"),
    "called as a function": (
        lambda: fj.Formula("b * x", b=1.0, tanh=2.0),
        LayerError,
        "can be called tanh, which means something",
    ),
    "no number": (lambda: fj.Formula("b * x", b="2"), DtypeError, "Formula b must be a real number, got '2'"),
    "a matrix": (
        lambda: fj.Formula("b * x", b=np.ones((2, 2))),
        ShapeError,
        r"Formula b must have 1 dimension, got shape \(2, 2\)",
    ),
    "empty": (lambda: fj.Formula("b * x", b=np.ones(0)), ShapeError, "Formula b must have at least one entry"),
    "sizes": (
        lambda: fj.Formula("b * x + c", b=np.ones(2), c=np.ones(3)),
        ShapeError,
        r"arrays among the parameters of Formula must have the same size, got \[2, 3\]",
    ),
    "three arrays": (
        lambda: fj.Formula("a * x**2 + b * x + c", a=np.ones(2), b=np.ones(2), c=np.ones(2)),
        LayerError,
        "at most 2 parameters of a Formula can be arrays, which are trained, got a, b, c; make numbers",
    ),
    "nowhere finite": (
        lambda: fj.Formula("log(1 + b * x) / b", b=np.array([1.0, 0.0])),
        LayerError,
        r"has no finite value at x = 0, b = 0, nor at x = 0.5, -0.5, 1, -1, 3 and -3; correct it, or its parameters",
    ),
    "not finite as a constant": (lambda: fj.Formula("b * x", b=math.nan), LayerError, "has no finite value at x = 0, b = nan"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, FastjacError)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((b"sigmoid", b"sigmoit"), r"layer 1 \(Formula\): the Formula .* calls sigmoit, .* did you mean sigmoid"),
        ((b"formula", b"formulo"), r"layer 1 \(Formula\): it has a formula, the header gives b, formulo, g"),
        ((b'\\"arrays\\": [\\"g\\", \\"b\\"]', b'\\"arrays\\": [\\"b\\", \\"b\\"]'), "layers.1.b' is missing"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, changes, message):
    path = tmp_path / "net.safetensors"
    around(GATE).save(path)
    content = path.read_bytes()
    assert changes[0] in content
    path.write_bytes(content.replace(*changes))
    with pytest.raises(FastjacError, match=message):
        fj.load(path)
