"""Everything a caller can get wrong in memory, and the error it gets: a FastjacError that is also the built-in class expected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, FastjacError, LayerError, OptionError, ShapeError

AFFINE = fj.Affine(np.arange(12.0).reshape(3, 4))
NET = fj.Network([AFFINE, fj.Tanh()])
X = np.ones((5, 4))


class Strange(fj.layers.Layer):
    """A layer that says nothing of what it computes."""


class Swap(fj.Tanh):
    """A layer that believes that it computes something else."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x[..., ::-1]


class Centred(fj.Affine):
    """A layer with another bias."""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {"weight": self.weight, "bias": -self.weight.mean(1)}


BUILT_IN = {ShapeError: ValueError, OptionError: ValueError, LayerError: ValueError, DtypeError: TypeError}


def assert_refused(call: Callable[[], Any], error: type[FastjacError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert isinstance(caught.value, FastjacError)
    assert isinstance(caught.value, BUILT_IN[error])


WRONG_X = {
    "too many features": (np.ones((5, 3)), ShapeError, r"x must have shape \(\.\.\., 4\), .*got \(5, 3\)"),
    "transposed": (np.ones((4, 5)), ShapeError, r"x must have shape \(\.\.\., 4\), .*got \(4, 5\); .*transposed"),
    "no features": (np.ones((5, 0)), ShapeError, r"got \(5, 0\)"),
    "empty list": ([], ShapeError, r"got \(0,\)"),
    "rank 0": (1.5, ShapeError, r"x must have shape \(\.\.\., 4\), got a single number"),
    "rank 0 array": (np.array(1.5), ShapeError, "got a single number"),
    "ragged": ([[1, 2, 3, 4], [1, 2]], ShapeError, "x must be a rectangular array, but its rows differ in length"),
    "complex": (np.ones((5, 4), complex), DtypeError, "x must hold real numbers, got dtype complex128; .*real part"),
    "generator": (
        (row for row in X),
        DtypeError,
        "x cannot be read as an array: the generator .*; give batches to jacobian_blocks, or pass list",
    ),
    "object": (np.ones((5, 4), object), DtypeError, "x must hold real numbers, got dtype object"),
    "strings": (["a", "b", "c", "d"], DtypeError, "x must hold real numbers, got dtype <U1"),
    "bytes": (np.array([b"a"] * 4), DtypeError, r"x must hold real numbers, got dtype \|S1"),
    "dates": (np.zeros(4, "datetime64[s]"), DtypeError, r"x must hold real numbers, got dtype datetime64"),
    "records": (np.zeros(4, [("a", float)]), DtypeError, "x must hold real numbers"),
    "None": (None, DtypeError, "x must hold real numbers, got dtype object"),
    "a list with None": ([1.0, None, 2.0, 3.0], DtypeError, "x must hold real numbers, got dtype object"),
}
CALLS = {
    "call": lambda x: NET(x),
    "jacobian": lambda x: NET.jacobian(x),
    "value_and_jacobian": lambda x: NET.value_and_jacobian(x),
    "jvp": lambda x: NET.jvp(x, np.ones(4)),
    "vjp": lambda x: NET.vjp(x, np.ones(3)),
    "pushforward": lambda x: NET.pushforward(x, np.ones((4, 2))),
    "pullback": lambda x: NET.pullback(x, np.ones((2, 3))),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("wrong", WRONG_X)
def test_wrong_x(call: str, wrong: str) -> None:
    x, error, message = WRONG_X[wrong]
    assert_refused(lambda: CALLS[call](x), error, message)


SEEDS = {
    "v": (NET.jvp, (4,), r"\(\.\.\., 4\)"),
    "u": (NET.vjp, (3,), r"\(\.\.\., 3\)"),
    "V": (NET.pushforward, (4, 2), r"\(\.\.\., 4, k\)"),
    "U": (NET.pullback, (2, 3), r"\(\.\.\., k, 3\)"),
}


@pytest.mark.parametrize("name", SEEDS)
class TestWrongTangentsAndCotangents:
    def test_wrong_size(self, name: str) -> None:
        method, shape, wanted = SEEDS[name]
        wrong = np.ones((5, *(n + 3 for n in shape)))
        assert_refused(lambda: method(X, wrong), ShapeError, rf"{name} must have shape {wanted}, got \(5, ")

    def test_rank_too_low(self, name: str) -> None:
        method, shape, wanted = SEEDS[name]
        assert_refused(lambda: method(X, np.ones(shape[1:])), ShapeError, f"{name} must have shape {wanted}, got")

    def test_leading_dimensions_that_do_not_fit_those_of_x(self, name: str) -> None:
        method, shape, wanted = SEEDS[name]
        message = rf"{name} must have shape {wanted} .*x's \(5,\), got \(6, "
        assert_refused(lambda: method(X, np.ones((6, *shape))), ShapeError, message)

    def test_wrong_dtype(self, name: str) -> None:
        method, shape, _ = SEEDS[name]
        for dtype in (complex, object, "U3"):
            message = f"{name} must hold real numbers, got dtype"
            assert_refused(lambda dtype=dtype: method(X, np.ones(shape).astype(dtype)), DtypeError, message)
        assert_refused(lambda: method(X, [[1.0], [1.0, 2.0]]), ShapeError, f"{name} must be a rectangular array")


def read_only() -> np.ndarray:
    out = np.zeros((5, 3, 4))
    out.flags.writeable = False
    return out


WRONG_OUT = {
    "batch": (np.zeros((6, 3, 4)), ShapeError, r"out must have shape \(5, 3, 4\), got \(6, 3, 4\)"),
    "transposed": (np.zeros((5, 4, 3)), ShapeError, r"out must have shape \(5, 3, 4\), got \(5, 4, 3\)"),
    "flat": (np.zeros(60), ShapeError, r"out must have shape \(5, 3, 4\), got \(60,\)"),
    "float32": (np.zeros((5, 3, 4), np.float32), DtypeError, "out must have the network's dtype float64, got float32; .*astype"),
    "integers": (np.zeros((5, 3, 4), int), DtypeError, "out must have the network's dtype float64, got int64"),
    "other byte order": (np.zeros((5, 3, 4), ">f8"), DtypeError, "out must have the network's dtype float64, got >f8"),
    "list": (np.zeros((5, 3, 4)).tolist(), DtypeError, "out must be a plain NumPy array, got list"),
    "read-only": (read_only(), OptionError, "out must be writeable, got a read-only array"),
}


@pytest.mark.parametrize("method", [NET.jacobian, NET.value_and_jacobian])
@pytest.mark.parametrize("wrong", WRONG_OUT)
def test_wrong_out(method: Callable[..., Any], wrong: str) -> None:
    out, error, message = WRONG_OUT[wrong]
    before = np.array(out)
    assert_refused(lambda: method(X, out=out), error, message)
    np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize("start", [0, 7, 19])
def test_out_that_overlaps_x(start: int) -> None:
    memory = np.ones(200)
    x, out = memory[:20].reshape(5, 4), memory[start : start + 60].reshape(5, 3, 4)
    assert_refused(lambda: NET.jacobian(x, out=out), OptionError, "out must not overlap x")
    assert (memory == 1).all()


@pytest.mark.parametrize("strides", [(0, 32, 8), (96, 0, 8), (64, 32, 8), (96, -8, 8), (96, 32, 4), (8, 8, 8)], ids=str)
def test_out_that_overlaps_itself(strides: tuple[int, ...]) -> None:
    memory = np.ones(200)
    message = "out must not overlap itself, but some of its entries share memory"
    out = np.lib.stride_tricks.as_strided(memory[100:], (5, 3, 4), strides)
    for method in (NET.jacobian, NET.value_and_jacobian):
        assert_refused(lambda method=method: method(X, out=out), OptionError, message)
    out = np.lib.stride_tricks.as_strided(memory[100:], (5, 3, 12), strides)
    assert_refused(lambda: NET.parameter_jacobian(X, out=out), OptionError, message)
    assert (memory == 1).all()


@pytest.mark.parametrize("mode", ["backward", "", "AUTO", None, 1, ["auto"]])
def test_unknown_mode(mode: Any) -> None:
    names = "(?s)" + "".join(f"(?=.*{name})" for name in ("auto", "forward", "reverse", "mixed"))
    for call in (NET.jacobian, NET.value_and_jacobian):
        assert_refused(lambda call=call: call(X, mode=mode), OptionError, names)
    assert_refused(lambda: NET.plan(mode), OptionError, names)


@pytest.mark.parametrize(("threads", "error"), [(0, OptionError), (-1, OptionError), (1.5, DtypeError), ("2", DtypeError)])
def test_wrong_number_of_threads(threads: Any, error: type[FastjacError]) -> None:
    message = f"threads must be a positive integer, got {threads!r}"
    for x in (X, X[:1], X[:0]):
        assert_refused(lambda x=x: NET.jacobian(x, threads=threads), error, message)
    assert_refused(lambda: NET(X, threads=threads), error, message)


WRONG_LAYERS = {
    "a subclass": (
        [AFFINE, Swap()],
        DtypeError,
        r"Network takes fastjac layers, but item 1 is a Swap, a subclass of Tanh; .* would ignore .*: pass Tanh\(\.\.\.\) itself",
    ),
    "a subclass of an affine layer": ([Centred(np.ones((3, 4)))], DtypeError, "item 0 is a Centred, a subclass of Affine"),
    "strange": ([AFFINE, Strange()], DtypeError, "Network takes fastjac layers, but item 1 is Strange"),
    "none": ([], LayerError, "Network takes at least one layer, got none"),
    "a class": ([AFFINE, fj.ReLU], DtypeError, r"item 1 is .*ReLU.*parentheses"),
    "a function": ([np.tanh], DtypeError, "Network takes fastjac layers, but item 0 is <ufunc 'tanh'>"),
    "an array": ([np.ones((3, 4))], DtypeError, "Network takes fastjac layers, but item 0 is array"),
    "pairs": (
        [(np.ones((3, 4)), np.ones(3))],
        DtypeError,
        r"item 0 is a tuple of 2; of a weight \(n_out, n_in\) and a bias make Affine\(weight, bias\)",
    ),
    "a name": ("relu", DtypeError, "Network takes fastjac layers, but item 0 is 'r'"),
    "one layer alone": (AFFINE, DtypeError, "Network takes a sequence of layers, got Affine"),
    "a number": (3, DtypeError, "Network takes a sequence of layers, got int"),
    "no sizes": ([fj.ReLU(), fj.Softmax()], LayerError, r"no layer states how many inputs .*n_in="),
    "affine after affine": ([AFFINE, AFFINE], LayerError, r"layer 1 \(Affine\) takes 4 inputs, but layer 0 \(Affine\) gives 3"),
    "past an activation": ([AFFINE, fj.Tanh(), AFFINE], LayerError, r"layer 2 \(Affine\) takes 4 .* layer 0 \(Affine\) gives 3"),
    "scale": ([AFFINE, fj.Scale(np.ones(5))], LayerError, r"layer 1 \(Scale\) takes 5 .* layer 0 \(Affine\) gives 3"),
    "layer norm": ([fj.LayerNorm(np.ones(5)), AFFINE], LayerError, r"layer 1 .* takes 4 .* layer 0 \(LayerNorm\) gives 5"),
}


@pytest.mark.parametrize("wrong", WRONG_LAYERS)
def test_wrong_layers(wrong: str) -> None:
    layers, error, message = WRONG_LAYERS[wrong]
    assert_refused(lambda: fj.Network(layers), error, message)


@pytest.mark.parametrize(("n_in", "error"), [(0, OptionError), (-4, OptionError), (4.0, DtypeError), ("4", DtypeError)])
def test_wrong_n_in(n_in: Any, error: type[FastjacError]) -> None:
    message = f"n_in must be a positive integer, got {n_in!r}"
    for layer in (AFFINE, fj.Tanh()):
        assert_refused(lambda layer=layer: fj.Network([layer], n_in=n_in), error, message)


def test_n_in_that_contradicts_a_layer() -> None:
    message = r"layer 0 \(Affine\) takes 4 inputs, but the network's input gives 5"
    assert_refused(lambda: fj.Network([AFFINE], n_in=5), LayerError, message)


@pytest.mark.parametrize("dtype", [np.float16, int, complex, object, "quad", "f3"])
def test_wrong_dtype_of_a_network(dtype: Any) -> None:
    message = "dtype is float32 or float64, got"
    assert_refused(lambda: NET.astype(dtype), DtypeError, message)
    assert_refused(lambda: fj.Network([AFFINE], dtype=dtype), DtypeError, message)


def test_wrong_slices() -> None:
    assert_refused(lambda: NET[::2], OptionError, r"sliced with step 1")
    assert_refused(lambda: NET[::-1], OptionError, r"sliced with step 1")
    assert_refused(lambda: NET[2:], LayerError, "slice .* of a network of 2 layers is empty")


def test_one_except_clause_catches_everything() -> None:
    for call in (lambda: NET([1.0]), lambda: NET("abc"), lambda: NET.plan("fast"), lambda: fj.Network([])):
        with pytest.raises(fj.FastjacError):
            call()
