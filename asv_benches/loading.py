"""The time to read an ONNX file of very many nodes, and one of a few."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

import fastjac as fj

Arrays = dict[str, np.ndarray]
Graph = tuple[Iterable[str], Arrays]
"""Nodes in ONNX's own notation, from the value v0 to the last v, and the arrays that the nodes take, by name."""


def arithmetic(nodes: int) -> Graph:
    """Sums and products with constants, tanh, and sums of two values, in turns."""
    kinds = ("v{n} = Add(v{i}, c{n})", "v{n} = Mul(v{i}, c{n})", "v{n} = Tanh(v{i})", "v{n} = Add(v{i}, v{before})")
    lines = [kinds[i % 4].format(i=i, n=i + 1, before=i - 1) for i in range(nodes)]
    return lines, {f"c{i + 1}": _numbers(64) for i in range(nodes) if i % 4 < 2}


def residual(blocks: int) -> Graph:
    """Residual blocks of an affine layer and tanh, each with weights of its own."""
    block = "a{n} = Gemm(v{i}, w{n}, b{n});t{n} = Tanh(a{n});v{n} = Add(v{i}, t{n})"
    weights = {f"w{i + 1}": _numbers(64, 64) for i in range(blocks)}
    return _repeated(block, blocks), weights | {f"b{i + 1}": _numbers(64) for i in range(blocks)}


def recurrence(steps: int) -> Graph:
    """A recurrence, unrolled into nodes for each step; all steps take the same weights."""
    step = "a{n} = MatMul(v{i}, w);b{n} = Gemm(a{n}, u, b);s{n} = Slice(b{n}, first, last, axis);v{n} = Tanh(s{n})"
    places = {"first": np.array([16]), "last": np.array([80]), "axis": np.array([1])}
    return _repeated(step, steps), places | {"w": _numbers(64, 64), "u": _numbers(64, 96), "b": _numbers(96)}


def _repeated(lines: str, times: int) -> list[str]:
    return [line for i in range(times) for line in lines.format(i=i, n=i + 1).split(";")]


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)


FILES: dict[str, Callable[[], Graph]] = {
    "arithmetic-9996": lambda: arithmetic(9_996),
    "residual-2000": lambda: residual(2_000),
    "recurrence-1000": lambda: recurrence(1_000),
    "residual-3": lambda: residual(3),
}
"""Functions that make graphs, by the graph's kind and its number of nodes, blocks or steps."""


def content(graph: Graph) -> bytes:
    """The bytes of an ONNX file whose input is a batch of vectors of 64 numbers."""
    from onnx import TensorProto, helper, numpy_helper, parser

    lines, arrays = graph
    nodes = [parser.parse_node(line) for line in lines]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 64]) for name in ("v0", nodes[-1].output[0])]
    held = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = helper.make_graph(nodes, "model", ends[:1], ends[1:], held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=8)
    return bytes(model.SerializeToString())


class Loading:
    """Time to read files of 4,000 to 10,000 nodes, and a file of nine."""

    timeout = 300.0
    param_names = ("file",)
    params = (tuple(FILES),)

    def setup(self, name: str) -> None:
        self._content = content(FILES[name]())

    def time_from_onnx(self, name: str) -> None:
        fj.from_onnx(self._content)
