"""Small models that ask for much work or memory: each is refused, or read, after little of either.

Work is counted as calls of functions, as in `test_hostile_files.py`; memory as what Python and NumPy take.
"""

import tracemalloc

import numpy as np
import pytest
from onnx import helper

import fastjac
from fastjac.errors import FastjacError, FormatError

from ..test_hostile_files import work_of
from .graphs import model, written

MOST_BYTES = 300_000_000
MOST_CALLS = 1_500_000


def chain(first, step, count, dims=("N", 5), opset=21, **constants):
    """Nodes one after another: `{i}` stands for the number of a node, `{p}` for that of the one before it."""
    steps = [step.format(i=i, p=i - 1) for i in range(1, count)]
    return written("; ".join([first, *steps, f"y = Tanh(a{count - 1})"]), dims, opset=opset, **constants)


def conditions(operator, count):
    """Conditions each of which takes the one before it twice."""
    steps = [f"c{i} = {operator}(c{i - 1}, c{i - 1})" for i in range(1, count)]
    return written("; ".join(["c0 = Greater(x, z)", *steps, f"y = Where(c{count - 1}, x, z)"]), z=0.0)


def sizes_of_many(count):
    """Constants of as many sizes as batches are tried, so that every number of samples is one of them."""
    primes = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]
    ranges = [f"r{n} = ConstantOfShape(s{n}); m{n} = ReduceSum(r{n}); " for n in primes]
    steps = "; ".join(["a0 = Tanh(x)", *(f"a{i} = Tanh(a{i - 1})" for i in range(1, count))])
    adds = "; ".join(f"b{n} = Add(b{p}, m{n})" for p, n in zip(["x", *primes], primes, strict=False)).replace(
        "bx", f"a{count - 1}"
    )
    return written(f"{''.join(ranges)}{steps}; {adds}; y = Tanh(b97)", **{f"s{n}": np.array([n]) for n in primes})


LARGE = np.array([1 << 10, 1 << 10])
REFUSED = {
    "widths that double": lambda: chain("a0 = Concat <axis = 1> (x, x)", "a{i} = Concat <axis = 1> (a{p}, a{p})", 40),
    "an Expand": lambda: written("a = Expand(x, s); y = Tanh(a)", (1, 5), s=np.array([1 << 30, 5])),
    "a smaller Expand": lambda: written("a = Expand(x, s); y = Tanh(a)", (1, 5), s=np.array([1 << 20, 5])),
    "a Tile": lambda: written("a = Tile(x, s); y = Tanh(a)", (1, 5), s=LARGE * LARGE),
    "a smaller Tile": lambda: written("a = Tile(x, s); y = Tanh(a)", (1, 5), s=LARGE),
    "a Pad": lambda: written("a = Pad(x, s); y = Tanh(a)", (1, 5), s=np.array([0, 1 << 40, 0, 0])),
    "a smaller Pad": lambda: written("a = Pad(x, s); y = Tanh(a)", (1, 5), s=np.array([0, 1 << 23, 0, 0])),
    "a Pad that takes all away": lambda: written("a = Pad(x, s); y = Tanh(a)", (1, 5), s=np.array([0, -(1 << 62), 0, 0])),
    "an Einsum of many vectors": lambda: written(
        'a = Einsum <equation = "ab,ac->abc"> (x, w); y = Tanh(a)', (1, 1 << 20), w=np.ones((1, 64))
    ),
    "an Einsum of many results": lambda: written(
        'a = Einsum <equation = "ab,cd->abcd"> (x, w); y = Tanh(a)', (1, 1000), w=np.ones((100, 100))
    ),
    "a Gather": lambda: written("a = Gather(x, i); y = Tanh(a)", (2, 1 << 20), i=np.zeros(1000, int)),
    "Gathers that double": lambda: chain(
        "a0 = Gather <axis = 1> (x, i)",
        "a{i} = Gather <axis = 1> (b{p}, i); b{i} = Flatten(a{i})".replace("b{p}", "a{p}"),
        40,
        i=np.array([[0, 0], [0, 0]]),
    ),
    "sums along an axis": lambda: chain(
        "a0 = ReduceSum <axes = [2]> (x)",
        "b{i} = Add(x, a{p}); a{i} = ReduceSum <axes = [2]> (b{i})",
        60,
        (1, 1000, 1000),
        opset=11,
    ),
    "a largest of many": lambda: written("y = ReduceMax <axes = [1]> (x)", (1, 1 << 20), opset=11),
    "softmaxes of many rows": lambda: chain("a0 = Softmax(x)", "a{i} = Softmax(a{p})", 30, (1, 1000, 3)),
    "a sum of many": lambda: model([helper.make_node("Sum", ["x"] * 50_000, ["y"])]),
    "a concatenation of many": lambda: model([helper.make_node("Concat", ["x"] * 9000, ["y"], axis=1)], (1, 2000)),
    "conditions that double by And": lambda: conditions("And", 60),
    "conditions that double by Or": lambda: conditions("Or", 60),
}


def outcome(proto):
    """The calls, the bytes at most, and the error or None."""
    content, errors = proto.SerializeToString(), []

    def read():
        try:
            fastjac.from_onnx(content)
        except FastjacError as error:
            errors.append(error)

    tracemalloc.start()
    calls = work_of(read)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return calls, peak, errors[0] if errors else None


@pytest.mark.parametrize("name", REFUSED)
def test_a_small_model_that_asks_for_much_is_refused_early(name):
    calls, peak, error = outcome(REFUSED[name]())
    assert isinstance(error, FormatError)
    assert calls < MOST_CALLS
    assert peak < MOST_BYTES


READ = {
    "conditions that are turned again and again": lambda: written(
        "; ".join(["c0 = Greater(x, z)", *(f"c{i} = Not(c{i - 1})" for i in range(1, 2000)), "y = Where(c1999, x, z)"]), z=0.0
    ),
    "squares of squares": lambda: written(
        "; ".join(
            ["a0 = Mul(x, x)", *(f"a{i} = Mul(a{i - 1}, a{i - 1})" for i in range(1, 60)), "s = Sigmoid(a59); y = Mul(a59, s)"]
        )
    ),
    "sums of sums": lambda: chain("a0 = Add(x, x)", "a{i} = Add(a{p}, a{p})", 300),
    "a thousand transpositions": lambda: chain(
        "a0 = Identity(x)", "a{i} = Transpose <perm = [0, 2, 1]> (a{p})", 1000, ("N", 100, 100)
    ),
    "units split and joined": lambda: model(
        [
            helper.make_node("Split", ["x"], [f"o{i}" for i in range(3000)], axis=1, num_outputs=3000),
            helper.make_node("Concat", [f"o{i}" for i in range(3000)], ["j"], axis=1),
            helper.make_node("Tanh", ["j"], ["y"]),
        ],
        ("N", 3000),
    ),
    "sizes that every number of samples divides": lambda: sizes_of_many(500),
}


@pytest.mark.parametrize("name", READ)
def test_a_large_model_is_read_with_little_work(name):
    calls, peak, error = outcome(READ[name]())
    assert error is None or "sizes that each of 7 to 97 divides" in str(error)
    assert calls < MOST_CALLS
    assert peak < MOST_BYTES
