"""Products, sums and what else takes entries together equal NumPy's."""

import itertools

import numpy as np
import pytest

from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.ir import contraction as ct
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir.movement import part, transpose
from fastjac.importers.ir.values import MixedSamplesError, constant

from .tensors import assert_computed, flow_of

RNG = np.random.default_rng(1)


def numbers(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize("kept", ["", "b", "c", "bc", "cb"])
def test_every_einsum_with_a_constant(kept):
    """Of a value `abc`, with a constant of any of its axes in any order and at times a new one."""
    sizes = {"b": 2, "c": 3, "k": 2}
    for size in (0, 1, 2):
        for its in itertools.permutations("bc", size):
            for letters in ("".join(its), f"k{''.join(its)}", f"{''.join(its)}k"):
                if not letters:
                    continue
                result = f"a{kept}{'k' if 'k' in letters else ''}"
                array = numbers(*(sizes[letter] for letter in letters))
                for equation in (f"abc,{letters}->{result}", f"{letters},abc->{result}"):
                    first = equation.startswith("abc")

                    def function(x, equation=equation, array=array, first=first):
                        return ct.einsum(equation, [x, constant(array)] if first else [constant(array), x])

                    def twin(x, equation=equation, array=array, first=first):
                        return np.einsum(equation, *([x, array] if first else [array, x]))

                    assert_computed(function, twin, (1, 2, 3))


def test_an_einsum_of_one_value():
    assert_computed(lambda x: ct.einsum("abc->ac", [x]), lambda x: np.einsum("abc->ac", x), (1, 2, 3))


@pytest.mark.parametrize(
    ("shape", "other", "left"),
    [
        ((1, 3), (3, 4), False),
        ((1, 3), (3,), False),
        ((1, 2, 3), (3, 4), False),
        ((1, 5, 2, 3), (5, 3, 4), False),
        ((1, 3, 2), (4, 3), True),
        ((1, 3, 2), (3,), True),
        ((1, 5, 3, 2), (5, 4, 3), True),
    ],
)
def test_matrix_products(shape, other, left):
    array = numbers(*other)
    if left:
        assert_computed(lambda x: ct.matmul(constant(array), x), lambda x: np.matmul(array, x), shape)
    else:
        assert_computed(lambda x: ct.matmul(x, constant(array)), lambda x: np.matmul(x, array), shape)


REDUCTIONS = {
    "sum": (ct.reduce_sum, np.sum),
    "mean": (ct.reduce_mean, np.mean),
    "max": (ct.reduce_max, np.max),
    "min": (ct.reduce_min, np.min),
    "product": (ct.reduce_product, np.prod),
    "norm": (ct.norm, lambda a, axis, keepdims: np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims))),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), (-1, 1)])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions(name, axes, keep):
    function, twin = REDUCTIONS[name]
    assert_computed(lambda x: function(x, axes, keep), lambda x: twin(x, axis=axes, keepdims=keep), (1, 2, 3))
    array = numbers(2, 2, 3)
    found = function(constant(array), axes, keep)
    np.testing.assert_allclose(found.alone, twin(array, axis=axes, keepdims=keep), rtol=1e-14)


def test_gemm_with_everything():
    weight, bias = numbers(4, 3), numbers(4)

    def function(x):
        return ct.gemm(x, constant(weight), constant(bias), alpha=0.5, beta=2.0, transposed=(False, True))

    assert_computed(function, lambda x: 0.5 * x @ weight.T + 2.0 * bias, (1, 3))


def test_a_product_and_its_bias_are_one_layer():
    weight, bias = numbers(4, 3), numbers(4)
    net = assert_computed(lambda x: ct.linear(x, constant(weight), constant(bias)), lambda x: x @ weight.T + bias, (1, 3))
    assert [type(layer).__name__ for layer in net] == ["Affine"]


MIXED = {
    "it acts over axis 0 of a value of shape .N, 3.": lambda x: ct.reduce_sum(x, [0]),
    "it acts over axes 0, 1 of a value": lambda x: ct.reduce_max(x),
}
REFUSED = {
    "that both depend on the network's input": lambda x: ct.matmul(x, transpose(x)),
    "several values that depend on": lambda x: ct.einsum("ab,ab->a", [x, x]),
    "has an ellipsis or a diagonal": lambda x: ct.einsum("aa->a", [x]),
    "the norm of order 3": lambda x: ct.norm(x, [1], order=3),
    "several matrices": lambda x: ct.matmul(el.tanh(ct.reduce_sum(x, [1], False)), constant(np.ones((2, 1, 3)))),
}
DAMAGED = {
    "have no product": lambda x: ct.matmul(x, constant(np.ones((4, 2)))),
    "it multiplies matrices, got shapes": lambda x: ct.gemm(x, constant(np.ones(3))),
    "does not fit operands of shapes": lambda x: ct.einsum("ab,bc->ac", [x, constant(np.ones((4, 2)))]),
    "does not fit operands": lambda x: ct.einsum("abc->a", [x]),
}


@pytest.mark.parametrize(
    ("kind", "message", "function"),
    [
        *((MixedSamplesError, *one) for one in MIXED.items()),
        *((UnsupportedLayerError, *one) for one in REFUSED.items()),
        *((FormatError, *one) for one in DAMAGED.items()),
    ],
)
def test_what_cannot_be_taken_together_is_told(kind, message, function):
    with pytest.raises(kind, match=message):
        function(flow_of((1, 3)))


def test_what_holds_nothing_is_told():
    for function in (ct.reduce_sum, lambda x, axes: ct.contract(x, axes[0], constant(np.ones((2, 2))))):
        with pytest.raises(FormatError, match=r"is of shape .1, 0, 2., which holds nothing"):
            function(part(flow_of((1, 3, 2)), 1, 0, 0), [2])
