"""Products of matrices equal NumPy's."""

import itertools

import numpy as np
import pytest

from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.ir import contraction as ct
from fastjac.importers.ir import functions as fn
from fastjac.importers.ir import reduction as rd
from fastjac.importers.ir.movement import part, reshape, transpose
from fastjac.importers.ir.values import constant

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


@pytest.mark.parametrize("equation", ["abb->ab", "abb->a", "aBB", "...ij,jk->...ik", "...ii->...i", "abb,bc->ac"])
def test_an_einsum_of_diagonals_and_ellipses(equation):
    its = numbers(3, 3 if "jk" in equation else 1) if "," in equation else None
    others = [] if its is None else [its]
    assert_computed(
        lambda x: ct.einsum(equation, [x, *map(constant, others)]), lambda x: np.einsum(equation, x, *others), (1, 3, 3)
    )


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


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (3, 2)), ((3, 2), (2, 3)), ((1, 6), (6, 1)), ((6, 1), (1, 6)), ((2, 1, 3), (2, 3, 1))],
)
def test_matrix_products_of_two_values(left, right):
    def function(x):
        return ct.matmul(reshape(x, [-1, *left]), reshape(fn.tanh(x), [-1, *right]))

    def twin(x):
        return np.matmul(x.reshape(-1, *left), np.tanh(x).reshape(-1, *right))

    assert_computed(function, twin, (1, 6))


@pytest.mark.parametrize("equation", ["nab,nab->n", "nab,nab->nab", "nab,nba->nb", "nab,ncb->nac", "nab,nac->ncb"])
def test_einsums_of_two_values(equation):
    def function(x):
        return ct.einsum(equation, [x, transpose(fn.tanh(x), [0, 2, 1]) if equation == "nab,nba->nb" else fn.tanh(x)])

    def twin(x):
        return np.einsum(equation, x, np.tanh(x).transpose(0, 2, 1) if equation == "nab,nba->nb" else np.tanh(x))

    assert_computed(function, twin, (1, 2, 3))


def test_gemm_with_everything():
    weight, bias = numbers(4, 3), numbers(4)

    def function(x):
        return ct.gemm(x, constant(weight), constant(bias), alpha=0.5, beta=2.0, transposed=(False, True))

    assert_computed(function, lambda x: 0.5 * x @ weight.T + 2.0 * bias, (1, 3))


def test_a_product_and_its_bias_are_one_layer():
    weight, bias = numbers(4, 3), numbers(4)
    net = assert_computed(lambda x: ct.linear(x, constant(weight), constant(bias)), lambda x: x @ weight.T + bias, (1, 3))
    assert [type(layer).__name__ for layer in net] == ["Affine"]


REFUSED = {
    "three or more values": lambda x: ct.einsum("ab,ab,ab->a", [x, x, x]),
    "more than letters, commas, an arrow and ellipses": lambda x: ct.einsum("a1->a", [x]),
    "a letter twice behind the arrow": lambda x: ct.einsum("ab->aab", [x]),
    "several matrices": lambda x: ct.matmul(fn.tanh(rd.reduce_sum(x, [1], False)), constant(np.ones((2, 1, 3)))),
}
DAMAGED = {
    "have no product": lambda x: ct.matmul(x, constant(np.ones((4, 2)))),
    "it multiplies matrices, got shapes": lambda x: ct.gemm(x, constant(np.ones(3))),
    "does not fit operands of shapes": lambda x: ct.einsum("ab,bc->ac", [x, constant(np.ones((4, 2)))]),
    "does not fit operands": lambda x: ct.einsum("abc->a", [x]),
    "is of 2 operands, and it has 1": lambda x: ct.einsum("ab,ab->ab", [x]),
}


@pytest.mark.parametrize(
    ("kind", "message", "function"),
    [*((UnsupportedLayerError, *one) for one in REFUSED.items()), *((FormatError, *one) for one in DAMAGED.items())],
)
def test_what_cannot_be_multiplied_is_reported(kind, message, function):
    with pytest.raises(kind, match=message):
        function(flow_of((1, 3)))


def test_what_holds_nothing_is_reported():
    for function in (rd.reduce_sum, lambda x, axes: ct.contract(x, axes[0], constant(np.ones((2, 2))))):
        with pytest.raises(FormatError, match=r"is of shape .1, 0, 2., which holds nothing"):
            function(part(flow_of((1, 3, 2)), 1, 0, 0), [2])


def test_sums_over_pairs_of_axes():
    b = numbers(3, 5, 2)
    assert_computed(
        lambda x: ct.summed_over(x, constant(b), [1, 2], [2, 0]), lambda x: np.tensordot(x, b, [[1, 2], [2, 0]]), (1, 2, 3)
    )
    assert_computed(
        lambda x: ct.summed_over(part(x, 1, 0, 2), part(x, 1, 2, 4), [1], [1], samples=1),
        lambda x: np.einsum("nab,nac->nbc", x[:, :2], x[:, 2:]),
        (1, 4, 3),
    )
    with pytest.raises(FormatError, match="sums over other numbers of axes"):
        ct.summed_over(constant(b), constant(b), [0], [0, 1])
