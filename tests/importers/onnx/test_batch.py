"""A model whose batch is open is read for one sample only where it does the same to each sample of a batch.

Models are generated: an input of some shape, a node that shapes it, and a node of each kind with each of its axes. Whatever
fastjac accepts must give, for batches of 1, 2 and 7, what the ONNX project's own evaluator gives, sample by sample.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import fastjac
from fastjac.errors import FastjacError, UnsupportedLayerError
from fastjac.importers import Options, read

from .graphs import assert_values_agree, random, saved, written

SHAPES = [("N", 6), ("N", 2, 3), ("N", 1, 6), ("N", 5), ("N", 1)]
SIZES = ["1 -1", "-1 1", "-1 6", "6 -1", "-1 3", "3 -1", "0 -1", "1 6", "-1", "6", "-1 2 3", "2 -1 3", "1 -1 6", "5 -1"]
"""What inputs are reshaped to."""
CONSTANTS = {
    **{f"v{size}": random(size) for size in (1, 5, 6)},
    **{f"w{rows}{columns}": random(rows, columns) for rows, columns in ((6, 4), (4, 6), (5, 6), (1, 6), (6, 1), (1, 1))},
    **{f"p{size}": np.abs(random(size)) + 0.5 for size in (1, 2, 3, 5, 6)},
    **{f"s{i}": np.array(list(map(int, sizes.split()))) for i, sizes in enumerate(SIZES)},
    **{f"a{axis}": np.array([axis]) for axis in range(3)},
    "cube6": random(1, 1, 6),
    "eps": np.array(1e-5),
    "half": np.array(0.5),
}
SHAPING = [
    "h = Identity(x)",
    "h = Transpose(x)",
    *(f"h = Transpose <perm = {list(perm)}> (x)" for perm in itertools.permutations(range(3))),
    *(f"h = Flatten <axis = {axis}> (x)" for axis in range(-2, 4)),
    *(f"h = Reshape(x, s{i})" for i in range(len(SIZES))),
    "h = Squeeze(x)",
    *(f"h = {operator}(x, a{axis})" for operator in ("Squeeze", "Unsqueeze") for axis in range(3)),
    "n = Shape(x); h = Expand(x, n)",
    "n = Shape(x); h = Reshape(x, n)",
]
AXES = range(-3, 3)
ACTING = [
    *(f"y = {operator} <axis = {axis}> (h)" for operator in ("Softmax", "LogSoftmax") for axis in (*AXES, 3)),
    *(f"y = LayerNormalization <axis = {axis}> (h, {w})" for axis in AXES for w in ("v6", "v1")),
    *(f"y = Gemm <transA = {a}, transB = {b}> (h, {w})" for a in (0, 1) for b in (0, 1) for w in ("w64", "w46", "w16", "w11")),
    *(f"y = Gemm <transA = {a}, transB = {b}> ({w}, h)" for a in (0, 1) for b in (0, 1) for w in ("w64", "w46", "w61", "w11")),
    *(f"y = Gemm(h, w64, {bias})" for bias in ("v1", "w46", "half")),
    *(f"y = MatMul(h, {w})" for w in ("w64", "v6", "w61", "w16", "v1")),
    *(f"y = MatMul({w}, h)" for w in ("w46", "v6", "w61", "w16", "v1")),
    *(f"y = {operator}(h, {c})" for operator in ("Add", "PRelu") for c in ("v6", "v5", "v1", "w16", "w61", "cube6", "w56")),
    *(f"y = BatchNormalization(h, p{size}, p{size}, p{size}, p{size})" for size in (1, 2, 3, 5, 6)),
    "y = Tanh(h)",
    "n = Shape(h); i = Cast <to = 11> (n); y = Mul(h, i)",
    "n = Shape(x); i = Cast <to = 11> (n); j = ReduceProd <keepdims = 0> (i); y = Mul(h, j)",
    "n = Shape(h); ones = ConstantOfShape <value = double {1}> (n); y = Sub(h, ones)",
    "n = Shape(h); rows = Expand(v6, n); y = Mul(h, rows)",
]
OF_OLD_OPSETS = [
    *(f"y = {operator} <axis = {axis}> (h)" for operator in ("Softmax", "LogSoftmax") for axis in (*AXES, 3)),
    *(
        f"m = ReduceMean <axes = [{axis}], keepdims = {kept}> (h); d = Sub(h, m); q = Mul(d, d); "
        f"v = ReduceMean <axes = [{axis}], keepdims = {kept}> (q); e = Add(v, eps); r = Sqrt(e); y = Div(d, r)"
        for axis in AXES
        for kept in (0, 1)
    ),
]
"""Those whose axes have another meaning, or stand elsewhere, in later opsets."""
N_CASES = 4000
"""How many of all models are tried, chosen at random."""


class Softmax(OpRun):
    """As before opset 13: over all axes from one on, 1 by default. The evaluator itself has the later meaning only."""

    op_domain, op_schema = "", onnx.defs.get_schema("Softmax", 11)

    def _run(self, x: np.ndarray, axis: int) -> tuple[np.ndarray]:
        over = tuple(range(x.ndim))[axis:]
        scaled = np.exp(x - x.max(axis=over, keepdims=True))
        return (scaled / scaled.sum(axis=over, keepdims=True),)


class LogSoftmax(Softmax):
    """Its logarithm."""

    op_domain, op_schema = "", onnx.defs.get_schema("LogSoftmax", 11)

    def _run(self, x: np.ndarray, axis: int) -> tuple[np.ndarray]:
        return (np.log(super()._run(x, axis)[0]),)


def every_case() -> Iterator[tuple[str, tuple, int]]:
    """Every acting node behind every shaping one, on inputs of every shape: the nodes, the shape, and the opset."""
    for dims, shaping in itertools.product(SHAPES, SHAPING):
        for acting in ACTING:
            yield f"{shaping}; {acting}", dims, 17
        for acting in OF_OLD_OPSETS:
            if "Squeeze(x, " not in shaping and "Unsqueeze" not in shaping:
                yield f"{shaping}; {acting}", dims, 11


def evaluated(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray | None:
    """What the evaluator gives for a batch; None where the model does not fit it."""
    try:
        return ReferenceEvaluator(proto, new_ops=[Softmax, LogSoftmax] if proto.opset_import[0].version < 13 else None).run(
            None, {"x": x}
        )[0]
    except Exception:  # whatever a node raises on shapes that do not fit
        return None


def agrees(net: fastjac.Network, proto: onnx.ModelProto, shape: tuple[int, ...], batch: int) -> bool:
    """Whether what a batch gives holds along some axis what the network gives for each sample, or does not exist."""
    x = random(batch, *shape)
    given, expected = evaluated(proto, x), net(x.reshape(batch, -1))
    if given is None:
        return batch > 1
    axes = [axis for axis, size in enumerate(given.shape) if size == batch]
    rows = [np.moveaxis(given, axis, 0).reshape(batch, -1) for axis in axes] or [given.reshape(batch, -1)]
    return any(row.shape == expected.shape and np.allclose(row, expected, rtol=1e-9, atol=1e-9) for row in rows)


def test_what_is_accepted_gives_for_batches_what_it_gives_for_one():
    cases = list(every_case())
    chosen = np.random.default_rng(2).choice(len(cases), N_CASES, replace=False)
    accepted, wrong = set(), []
    for text, dims, opset in (cases[i] for i in chosen):
        proto = written(text, dims, opset=opset, **CONSTANTS)
        try:
            net = fastjac.from_onnx(proto)
        except FastjacError:
            continue
        accepted.update(node.op_type for node in proto.graph.node)
        wrong += [(text, dims, batch) for batch in (1, 2, 7) if not agrees(net, proto, dims[1:], batch)]
    assert not wrong
    assert accepted >= {"Softmax", "LogSoftmax", "LayerNormalization", "ReduceMean", "Gemm", "MatMul", "BatchNormalization"}
    assert accepted >= {"Transpose", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Shape", "PRelu"}


MIXED = {
    r"node 0 'y' \(Softmax\): it acts over axis 0 of a value of shape \(N, 1\)": (
        "y = Softmax <axis = 0> (x)",
        1,
        17,
    ),
    r"node 0 'y' \(Softmax\): it acts over axes 0, 1 of .* \(N, 5\)": (
        "y = Softmax <axis = -2> (x)",
        5,
        11,
    ),
    r"node 0 'y' \(LogSoftmax\): it acts over axes 0, 1": ("y = LogSoftmax <axis = 0> (x)", 5, 11),
    r"node 0 'y' \(LayerNormalization\): it acts over axes 0, 1": (
        "y = LayerNormalization <axis = 0> (x, v1)",
        5,
        17,
    ),
    r"node 1 'y' \(Softmax\): it acts over axis 1 of .* \(1, 5N\)": (
        "h = Flatten <axis = 0> (x); y = Softmax(h)",
        5,
        17,
    ),
    r"node 1 'y' \(LogSoftmax\): it acts over axis 1 of .* \(1, 5N\)": (
        "h = Reshape(x, s0); y = LogSoftmax(h)",
        5,
        17,
    ),
    r"node 1 'm' \(ReduceMean\): it acts over axis 0 of .* \(5N, 1\)": (
        f"h = Reshape(x, s1); {OF_OLD_OPSETS[-6]}",
        5,
        11,
    ),
    r"node 1 'm' \(ReduceMean\): it acts over axes? .*": (
        "a = Identity(x); m = ReduceMean(a); d = Sub(a, m); q = Mul(d, d); v = ReduceMean(q); e = Add(v, eps); r = Sqrt(e); "
        "y = Div(d, r)",
        5,
        17,
    ),
    r"node 2 'y' \(Mul\): its operand 'i' is not the same for each sample of a batch and for one alone": (
        "n = Shape(x); i = Cast <to = 11> (n); y = Mul(x, i)",
        2,
        17,
    ),
    r"output 'y': it is of shape \(1, 5N\), where the units of different samples of a batch take turns": (
        "h = Transpose(x); a = Tanh(h); y = Flatten <axis = 0> (a)",
        5,
        17,
    ),
}


@pytest.mark.parametrize(("message", "case"), MIXED.items(), ids=[case[0][:40] for case in MIXED.values()])
def test_what_mixes_samples_is_refused_by_name_and_the_way_out_works(message, case):
    text, n_in, opset = case
    proto = written(text, ("N", n_in), opset=opset, **CONSTANTS)
    with pytest.raises(UnsupportedLayerError, match=f"for a batch of samples, {message}") as refusal:
        fastjac.from_onnx(proto)
    exec(str(refusal.value).rpartition("fix its batch before: ")[2], {"model": proto})
    net, x = fastjac.from_onnx(proto), random(1, n_in)
    np.testing.assert_allclose(net(x), evaluated(proto, x).reshape(1, -1), rtol=1e-12)


def test_a_model_of_open_batch_whose_shapes_fit_one_sample_only_is_read_so(tmp_path):
    proto = written("h = Reshape(x, s7); a = Gemm(h, w64); y = Softmax <axis = 1> (a)", ("N", 2, 3), **CONSTANTS)
    assert_values_agree(proto, (1, 2, 3), fixed=True)
    note = read(saved(proto, tmp_path), Options())[1].parts[0].note
    assert "its shapes fit one sample only: node 0 'h' (Reshape): a value of shape (7, 2, 3) cannot take the shape (1, 6)" in note


def test_shapes_that_fit_another_number_of_samples_by_chance_are_refused():
    mean = "m = ReduceMean <axes = [1], keepdims = 0> (x); d = Sub(x, m); q = Mul(d, d)"
    text = f"{mean}; v = ReduceMean <axes = [1], keepdims = 0> (q); e = Add(v, eps); r = Sqrt(e); y = Div(d, r)"
    with pytest.raises(UnsupportedLayerError, match=r"for a batch of samples, node 1 'd' \(Sub\): its operands of shapes"):
        fastjac.from_onnx(written(text, opset=11, **CONSTANTS))


def test_samples_may_be_columns():
    proto = written("a = MatMul(w46, x); y = Softmax <axis = 0> (a)", (6, "N"), **CONSTANTS)
    net, x = fastjac.from_onnx(proto, n_in=6), random(6, 5)
    np.testing.assert_allclose(net(x.T).T, evaluated(proto, x), rtol=1e-12)
    with pytest.raises(
        UnsupportedLayerError, match=r"acts over axis 1 of a value of shape \(1, N\).*shape.dim\[1\].dim_value = 1"
    ):
        fastjac.from_onnx(written("a = MatMul(w16, x); y = Softmax <axis = 1> (a)", (6, "N"), **CONSTANTS), n_in=6)
