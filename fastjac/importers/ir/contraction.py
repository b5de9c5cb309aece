"""Products of matrices, along whatever axes, and sums of products by einsum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_letters

import numpy as np

from ... import layers as fl
from ...errors import FormatError, UnsupportedLayerError
from ..tensors import float_dtype
from .account import shared, spend
from .elementwise import add, multiply
from .layout import broadcast_shape, rows
from .movement import squeeze, swap_axes, transpose, unsqueeze
from .reduction import reduce_sum
from .values import Constant, Flow, Shape, Value, computed, constant, fixed, moved

PRODUCTS_PER_ENTRY = 128
"""Multiplications of a matrix product that are counted as one entry, since they take time and no memory."""


def matmul(a: Value, b: Value) -> Value:
    """The matrix product. A vector counts as a row on the left and as a column on the right; the result drops that axis."""
    left, right = a.shape, b.shape
    if not left or not right or left[-1] != right[-2:][0]:
        raise FormatError(f"matrices of shapes {left} and {right} have no product")
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _product_of_constants(a, b)
    if isinstance(a, Flow) and isinstance(b, Flow):
        return _product_of_flows(a, b)
    if isinstance(a, Flow):
        return _times(a, b, len(right) == 1)  # type: ignore[arg-type]
    return _transposed_product(a, b)  # type: ignore[arg-type]


def _product_of_flows(a: Flow, b: Flow) -> Value:
    """The product of two flows: the sum of products along the last axis of `a` and the last but one of `b`."""
    left = unsqueeze(a, [-1])
    right = unsqueeze(b, [-1]) if len(b.shape) == 1 else unsqueeze(b, [-3]) if len(a.shape) > 1 else b
    along = -2 if len(a.shape) > 1 or len(b.shape) > 1 else 0
    product = multiply(left, right)
    summed = reduce_sum(product, [along], keep=False)
    return squeeze(summed, [-1]) if len(b.shape) == 1 else summed


def _times(flow: Flow, matrices: Constant, is_vector: bool) -> Value:
    """`x W`, with W (..., k, m) or (k,)."""
    if is_vector:
        return squeeze(_times(flow, computed(lambda array: array[:, None], matrices), False), [-1])
    if matrices.alone.ndim > 2 and flow.alone.ndim == 1:
        raise UnsupportedLayerError(f"it multiplies a vector by several matrices, of shape {matrices.shape}; fastjac takes one")
    if matrices.alone.ndim > 2:
        flow = _spread_over(flow, matrices)
    return contract(flow, flow.alone.ndim - 1, matrices)


def _transposed_product(matrices: Constant, flow: Flow) -> Value:
    """`W x`, which is `(x^T W^T)^T`."""
    if flow.alone.ndim == 1:
        if matrices.alone.ndim > 2:
            raise UnsupportedLayerError(
                f"it multiplies a vector by several matrices, of shape {matrices.shape}; fastjac takes one"
            )
        turned = computed(lambda array: array.T, matrices)
        return _times(flow, turned, matrices.alone.ndim == 1)
    if matrices.alone.ndim == 1:
        return squeeze(_transposed_product(computed(lambda array: array[None], matrices), flow), [-2])
    turned = computed(lambda array: array.swapaxes(-1, -2), matrices)
    return swap_axes(_times(swap_axes(flow, -1, -2), turned, False), -1, -2)  # type: ignore[arg-type]


def _spread_over(flow: Flow, matrices: Constant) -> Flow:
    """A tensor (..., n, k) spread over the leading axes of matrices (..., k, m)."""

    def over(array: np.ndarray) -> np.ndarray:
        lead = np.broadcast_shapes(array.shape[:-2], matrices.shape[:-2])
        return np.broadcast_to(array, (*lead, *array.shape[-2:]))

    return moved(over, flow)  # type: ignore[return-value]


def contract(flow: Flow, axis: int, matrices: Constant) -> Flow:
    """The products of the vectors along an axis with a matrix (k, m), or of each vector with its own one out of (..., k, m).

    They lie along a new last axis. The leading axes of the matrices are spread over the tensor's other axes, except the last of
    these.
    """
    if 0 in matrices.shape:
        raise FormatError(f"it multiplies by a matrix of shape {matrices.shape}, which holds nothing; the file is damaged")
    found = rows(flow, [axis])
    weights = matrices.alone.reshape(-1, *matrices.shape[-2:])
    if weights.shape[1] != found.length:
        raise FormatError(f"vectors of {found.length} entries and matrices of shape {matrices.shape} have no product")
    if len(weights) == 1:
        fixed(matrices, "matrix")
        affine = shared((fl.Affine, matrices), lambda: fl.Affine(_counted(weights[0].T)))
        return found.each(lambda node, number: affine(node))
    lead = matrices.shape[:-2]
    numbers = np.arange(len(weights)).reshape(*lead, 1)
    which = found.layout.per_unit(constant(numbers))
    assert isinstance(which, np.ndarray)
    fixed(matrices, "matrices")
    affines = [fl.Affine(_counted(weight.T)) for weight in weights]
    return found.each(lambda node, number: affines[which[number]](node))


def _counted(weight: np.ndarray) -> np.ndarray:
    spend(weight.size)
    return weight if weight.dtype.kind == "f" else weight.astype(np.float32)


def _product_of_constants(a: Constant, b: Constant) -> Constant:
    if a.alone.dtype.kind != "f" or b.alone.dtype.kind != "f":
        raise UnsupportedLayerError("it multiplies matrices of whole numbers; fastjac does so with floating-point ones only")
    lead = broadcast_shape([a.shape[:-2], b.shape[:-2]])
    entries = math.prod(lead) * math.prod(a.shape[-2:-1]) * math.prod(b.shape[-1:] if len(b.shape) > 1 else ())
    spend(entries + entries * a.shape[-1] // PRODUCTS_PER_ENTRY)
    return computed(np.matmul, a, b)


def gemm(
    a: Value,
    b: Value,
    c: Value | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transposed: tuple[bool, bool] = (False, False),
) -> Value:
    """`alpha A' B' + beta C` of two matrices, where A' and B' may be transposed."""
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise FormatError(f"it multiplies matrices, got shapes {a.shape} and {b.shape}")
    left, right = (transpose(value) if turned else value for value, turned in zip((a, b), transposed, strict=True))
    if left.shape[1] != right.shape[0]:
        raise FormatError(f"matrices of shapes {left.shape} and {right.shape}, transposed as it says, have no product")
    product = matmul(left, right)
    if alpha != 1.0:
        product = multiply(product, constant(np.float32(alpha)) if _is_single(alpha) else constant(alpha))
    if c is None:
        return product
    if beta != 1.0:
        c = multiply(c, constant(beta)) if isinstance(c, Flow) else computed(lambda array: _scaled(array, beta), c)
    if isinstance(c, Constant):
        try:
            np.broadcast_to(c.alone, product.shape)
        except ValueError as error:
            raise FormatError(f"C of shape {c.shape} does not fit a value of shape {product.shape}") from error
    return add(product, c)


def _is_single(number: float) -> bool:
    return float(np.float32(number)) == number


def _scaled(array: np.ndarray, factor: float) -> np.ndarray:
    return (np.float64(factor) * array).astype(float_dtype(array))


def affine(value: Flow, layer: fl.Affine) -> Flow:
    """An affine layer on the vectors along the last axis."""
    return rows(value, [value.alone.ndim - 1]).each(lambda node, number: layer(node))


def linear(value: Value, weight: Value, bias: Value | None = None) -> Value:
    """`x W^T + b` along the last axis, with W (n_out, n_in) as torch and fastjac have it."""
    is_plain = isinstance(value, Flow) and isinstance(weight, Constant) and (bias is None or isinstance(bias, Constant))
    fits = weight.shape == (*weight.shape[:1], *value.shape[-1:]) and (bias is None or bias.shape == weight.shape[:1])
    if is_plain and fits and 0 not in weight.shape:
        array, shift = fixed(weight, "weight"), None if bias is None else fixed(bias, "bias")
        layer = shared((linear, weight, bias), lambda: fl.Affine(_counted(array), None if shift is None else _counted(shift)))
        return affine(value, layer)  # type: ignore[arg-type]
    product = matmul(value, transpose(weight))
    return product if bias is None else add(product, bias)


def einsum(equation: str, values: Sequence[Value]) -> Value:
    """Einstein's sum of one or two tensors."""
    inputs, output = _parsed(equation, [value.shape for value in values])
    values = [_diagonal(value, letters) for value, letters in zip(values, inputs, strict=True)]
    inputs = ["".join(dict.fromkeys(letters)) for letters in inputs]
    if all(isinstance(value, Constant) for value in values):
        spend(_einsum_work(inputs, [value.shape for value in values]))
        return computed(lambda *arrays: np.einsum(f"{','.join(inputs)}->{output}", *arrays), *values)
    if len(values) == 1:
        (letters,) = inputs
        summed = reduce_sum(values[0], [letters.index(letter) for letter in letters if letter not in output], keep=False)
        kept = [letter for letter in letters if letter in output]
        return transpose(summed, [kept.index(letter) for letter in output])
    if len(values) != 2:
        raise UnsupportedLayerError("it sums products of three or more values; fastjac takes two, one after the other")
    if all(isinstance(value, Flow) for value in values):
        return _einsum_of_flows(values, inputs, output)
    first = 0 if isinstance(values[0], Flow) else 1
    return _einsum(values[first], inputs[first], values[1 - first], inputs[1 - first], output)  # type: ignore[arg-type]


def summed_over(a: Value, b: Value, mine: Sequence[int], its: Sequence[int], samples: int = 0) -> Value:
    """The products of two tensors summed over pairs of axes, `mine` of the one and `its` of the other.

    samples : so many first axes both have in common; they stay, and come first.
    """
    if len(mine) != len(its):
        raise FormatError("it sums over other numbers of axes of its two tensors")
    letters = iter(ascii_letters)
    first = [next(letters) for _ in a.shape]
    paired = dict(zip(its, mine, strict=True)) | {axis: axis for axis in range(samples)}
    second = [first[paired[axis]] if axis in paired else next(letters) for axis in range(len(b.shape))]
    left = [one for axis, one in enumerate(first) if axis not in mine]
    left += [one for axis, one in enumerate(second) if axis not in paired]
    return einsum(f"{''.join(first)},{''.join(second)}->{''.join(left)}", [a, b])


def _einsum(flow: Flow, mine: str, matrix: Constant, its: str, output: str) -> Value:
    """The sum for a tensor with axes `mine` and a constant with axes `its`."""
    alone = [letter for letter in mine if letter not in its and letter not in output]
    flow = reduce_sum(flow, [mine.index(letter) for letter in alone], keep=False)  # type: ignore[assignment]
    mine = "".join(letter for letter in mine if letter not in alone)
    matrix = computed(
        lambda array: array.sum(tuple(its.index(letter) for letter in its if letter not in mine and letter not in output)), matrix
    )
    its = "".join(letter for letter in its if letter in mine or letter in output)
    both = [letter for letter in mine if letter in its and letter in output]
    summed = [letter for letter in mine if letter in its and letter not in output]
    own, new = ([letter for letter in letters if letter not in other] for letters, other in ((mine, its), (its, mine)))
    turned = transpose(flow, [mine.index(letter) for letter in (*both, *own, *summed)])
    sizes = dict(zip(mine, flow.shape, strict=True)) | dict(zip(its, matrix.shape, strict=True))
    weights = computed(
        lambda array: array.transpose([its.index(letter) for letter in (*both, *summed, *new)]).reshape(
            *[sizes[letter] for letter in both], *[1 for _ in own[:-1]], math.prod(sizes[letter] for letter in summed), -1
        ),
        matrix,
    )
    count = len(summed)
    flat = moved(lambda array: array.reshape(*array.shape[: array.ndim - count], *(() if own else (1,)), -1), turned)
    product = contract(flat, flat.alone.ndim - 1, weights)  # type: ignore[arg-type]
    tail = [sizes[letter] for letter in new]
    shaped = moved(lambda array: array.reshape((*array.shape[: len(both) + len(own)], *tail)), product)
    found = [*both, *own, *new]
    return transpose(shaped, [found.index(letter) for letter in output])


def _einsum_of_flows(values: Sequence[Value], inputs: Sequence[str], output: str) -> Value:
    """The sum for two tensors that depend on the inputs: each is spread over the axes of the other, then products are summed."""
    letters = [*output, *dict.fromkeys(letter for one in inputs for letter in one if letter not in output)]

    def spread_out(value: Value, mine: str) -> Value:
        kept = [letter for letter in letters if letter in mine]
        missing = [axis for axis, letter in enumerate(letters) if letter not in mine]
        return unsqueeze(transpose(value, [mine.index(letter) for letter in kept]), missing)

    one, other = (spread_out(*pair) for pair in zip(values, inputs, strict=True))
    summed = range(len(output), len(letters))
    return reduce_sum(multiply(one, other), list(summed), keep=False) if summed else multiply(one, other)


def _diagonal(value: Value, letters: str) -> Value:
    """The diagonal along axes that share a letter, so that each letter has one axis."""
    if len(set(letters)) == len(letters):
        return value
    return moved(lambda array: np.einsum(f"{letters}->{''.join(dict.fromkeys(letters))}", array), value)


def _parsed(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """The letters of each operand's axes, and those of the result's; the axes of an ellipsis have letters of their own."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if not arrow:
        output = "..." * ("..." in left) + "".join(sorted(one for one in set(left) if one.isalpha() and left.count(one) == 1))
    if len(inputs) != len(shapes):
        raise FormatError(f"its equation {equation!r:.80} is of {len(inputs)} operands, and it has {len(shapes)}")
    counts = [len(shape) - len(one.replace("...", "")) for one, shape in zip(inputs, shapes, strict=True)]
    spare = "".join(letter for letter in ascii_letters if letter not in equation)[: max([0, *counts])]
    inputs = [one.replace("...", spare[len(spare) - count :]) for one, count in zip(inputs, counts, strict=True)]
    output = output.replace("...", spare if "..." in left else "")
    letters = "".join(inputs)
    if not all(letter.isalpha() for letter in letters + output) or len(set(output)) != len(output):
        raise UnsupportedLayerError(
            f"its equation {equation!r:.80} has more than letters, commas, an arrow and ellipses, or a letter twice behind the "
            "arrow"
        )
    is_fit = [len(one) for one in inputs] == [len(shape) for shape in shapes] and set(output) <= set(letters)
    sizes = {pair for one, shape in zip(inputs, shapes, strict=True) for pair in zip(one, shape, strict=False)}
    if not is_fit or len(sizes) != len(set(letters)):
        raise FormatError(f"its equation {equation!r:.80} does not fit operands of shapes {', '.join(map(str, shapes))}")
    return inputs, output


def _einsum_work(inputs: Sequence[str], shapes: Sequence[Shape]) -> int:
    sizes = {
        letter: size for letters, shape in zip(inputs, shapes, strict=True) for letter, size in zip(letters, shape, strict=True)
    }
    return math.prod(sizes.values())
