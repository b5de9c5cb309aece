"""Constants that nodes compute equal those of the ONNX project's own evaluator, and none is computed that is far too large."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.onnx.images import IMAGES
from fastjac.importers.onnx.operators import OPERATORS
from fastjac.importers.onnx.recurrent import RECURRENT
from fastjac.importers.onnx.resizing import RESIZING

from .graphs import assert_agrees, assert_values_agree, model, random, reference, written

MATRIX = random(3, 4)
SHAPE = np.array([3, 4])
AS_WEIGHT = "d = Cast <to = 11> (c); w = Reshape(d, row); y = MatMul(x, w)"

CASES = {
    "Add": ("c = Add(a, b)", {"a": MATRIX, "b": random(4)}),
    "Sub": ("c = Sub(a, b)", {"a": MATRIX, "b": random(3, 1)}),
    "Mul": ("c = Mul(a, b)", {"a": MATRIX, "b": random(4)}),
    "Div": ("c = Div(a, b)", {"a": MATRIX, "b": random(4)}),
    "Div of whole numbers": ("c = Div(a, b)", {"a": np.array([7, -7, 7, -7, 6]), "b": np.array([2, 2, -2, -2, 3])}),
    "Pow": ("c = Pow(a, b)", {"a": np.abs(MATRIX), "b": np.array([2.0, 0.5, -1.0, 3.0])}),
    "Sum": ("c = Sum(a, b, a)", {"a": MATRIX, "b": random(4)}),
    "Min": ("c = Min(a, b)", {"a": MATRIX, "b": random(4)}),
    "Max": ("c = Max(a, b, a)", {"a": MATRIX, "b": random(4)}),
    "Neg": ("c = Neg(a)", {"a": MATRIX}),
    "Abs": ("c = Abs(a)", {"a": MATRIX}),
    "Reciprocal": ("c = Reciprocal(a)", {"a": MATRIX}),
    "Sqrt": ("c = Sqrt(a)", {"a": np.abs(MATRIX)}),
    "Exp": ("c = Exp(a)", {"a": MATRIX}),
    "Log": ("c = Log(a)", {"a": np.abs(MATRIX)}),
    "Tanh": ("c = Tanh(a)", {"a": MATRIX}),
    "Sigmoid": ("c = Sigmoid(a)", {"a": MATRIX}),
    "Softplus": ("c = Softplus(a)", {"a": MATRIX}),
    "Relu": ("c = Relu(a)", {"a": MATRIX}),
    **{
        name: (f"c = {name}(a)", {"a": np.tanh(MATRIX)})
        for name in ("Acos", "Asin", "Atan", "Atanh", "Asinh", "Cosh", "Sinh", "Tan")
    },
    **{name: (f"c = {name}(a)", {"a": 3 * MATRIX}) for name in ("Floor", "Ceil", "Round", "Softsign")},
    "Acosh": ("c = Acosh(a)", {"a": 1 + np.abs(MATRIX)}),
    "Equal": ("c = Equal(a, b)", {"a": np.array([1, 2]), "b": np.array([1, 3])}),
    "Less": ("c = Less(a, b)", {"a": MATRIX, "b": random(4)}),
    "Greater": ("c = Greater(a, b)", {"a": MATRIX, "b": random(4)}),
    "Not": ("f = Less(a, b); c = Not(f)", {"a": MATRIX, "b": random(4)}),
    "And": ("f = Less(a, b); g = Less(a, e); c = And(f, g)", {"a": MATRIX, "b": random(4), "e": random(3, 1)}),
    "Or": ("f = Less(a, b); g = Less(a, e); c = Or(f, g)", {"a": MATRIX, "b": random(4), "e": random(3, 1)}),
    "Where": ("f = Less(a, b); c = Where(f, a, b)", {"a": MATRIX, "b": random(4)}),
    "MatMul": ("c = MatMul(a, b)", {"a": MATRIX, "b": random(4, 2)}),
    "Transpose": ("c = Transpose(a)", {"a": MATRIX}),
    "Transpose with an order": ("c = Transpose <perm = [2, 0, 1]> (a)", {"a": random(2, 3, 4)}),
    "Reshape": ("c = Reshape(a, s)", {"a": MATRIX, "s": np.array([0, 2, -1])}),
    "Flatten": ("c = Flatten <axis = 2> (a)", {"a": random(2, 3, 4)}),
    "Squeeze": ("c = Squeeze(a, s)", {"a": random(1, 3, 1), "s": np.array([0])}),
    "Unsqueeze": ("c = Unsqueeze(a, s)", {"a": MATRIX, "s": np.array([0, -1])}),
    "Expand": ("c = Expand(a, s)", {"a": random(3, 1), "s": np.array([2, 1, 4])}),
    "Identity": ("c = Identity(a)", {"a": MATRIX}),
    "Cast": ("c = Cast <to = 7> (a)", {"a": MATRIX * 10}),
    "Cast to BOOL": ("c = Cast <to = 9> (a)", {"a": np.array([0.0, 0.5, -1.0])}),
    "Cast to FLOAT16": ("c = Cast <to = 10> (a)", {"a": MATRIX}),
    "Cast to FLOAT": ("c = Cast <to = 1> (a)", {"a": MATRIX}),
    "Concat": ("c = Concat <axis = 1> (a, b)", {"a": MATRIX, "b": random(3, 1)}),
    "Concat of the last axis": ("c = Concat <axis = -1> (a, b)", {"a": MATRIX, "b": random(3, 2)}),
    "Gather": ("c = Gather(a, s)", {"a": MATRIX, "s": np.array([[2, -1], [0, 0]])}),
    "Gather along an axis": ("c = Gather <axis = 1> (a, s)", {"a": MATRIX, "s": np.array(2)}),
    "Slice": ("c = Slice(a, s, e)", {"a": MATRIX, "s": np.array([1, 0]), "e": np.array([9, -1])}),
    "Slice by steps": (
        "c = Slice(a, s, e, i, j)",
        {"a": MATRIX, "s": np.array([-1]), "e": np.array([-(2**63)]), "i": np.array([1]), "j": np.array([-2])},
    ),
    "Shape": ("c = Shape(a)", {"a": MATRIX}),
    "Shape in part": ("c = Shape <start = -1> (a)", {"a": MATRIX}),
    "Size": ("c = Size(a)", {"a": MATRIX}),
    "Range": ("c = Range(a, b, e)", {"a": np.array(1.0), "b": np.array(-4.0), "e": np.array(-1.5)}),
    "ConstantOfShape": ("c = ConstantOfShape(s)", {"s": SHAPE}),
    "ConstantOfShape with a value": ("c = ConstantOfShape <value = double[1] {2.5}> (s)", {"s": SHAPE}),
    "Constant": ("c = Constant <value = double[2] {1.5, -2.0}> ()", {}),
    "Constant that is a number": ("c = Constant <value_float = 1.5> ()", {}),
    "Constant of numbers": ("c = Constant <value_floats = [1.5, -2.0]> ()", {}),
    "Constant that is a whole number": ("c = Constant <value_int = 3> ()", {}),
    "Constant of whole numbers": ("c = Constant <value_ints = [3, -2]> ()", {}),
    "ReduceSum": ("c = ReduceSum(a, s)", {"a": MATRIX, "s": np.array([-1])}),
    "ReduceSum of all": ("c = ReduceSum <keepdims = 0> (a)", {"a": MATRIX}),
    "ReduceSum of none": ("c = ReduceSum <noop_with_empty_axes = 1> (a)", {"a": MATRIX}),
    "ReduceMean": ("c = ReduceMean(a, s)", {"a": MATRIX, "s": np.array([0])}),
    "ReduceMin": ("c = ReduceMin <keepdims = 0> (a, s)", {"a": MATRIX, "s": np.array([0])}),
    "ReduceMax": ("c = ReduceMax(a, s)", {"a": MATRIX, "s": np.array([1])}),
    "ReduceProd": ("c = ReduceProd(a)", {"a": MATRIX}),
    "ReduceL2": ("c = ReduceL2(a, s)", {"a": MATRIX, "s": np.array([1])}),
    "ReduceSumSquare": ("c = ReduceSumSquare(a, s)", {"a": MATRIX, "s": np.array([1])}),
    "ReduceL1": ("c = ReduceL1(a, s)", {"a": MATRIX, "s": np.array([1])}),
    "ReduceLogSum": ("c = ReduceLogSum(a, s)", {"a": np.abs(MATRIX), "s": np.array([1])}),
    "Sin": ("c = Sin(a)", {"a": MATRIX}),
    "Cos": ("c = Cos(a)", {"a": MATRIX}),
    "Erf": ("c = Erf(a)", {"a": MATRIX}),
    "Sign": ("c = Sign(a)", {"a": MATRIX}),
    "LeakyRelu": ("c = LeakyRelu <alpha = 0.25> (a)", {"a": MATRIX}),
    "PRelu": ("c = PRelu(a, b)", {"a": MATRIX, "b": random(4)}),
    "Clip": ("c = Clip(a, b)", {"a": MATRIX, "b": np.array(0.25)}),
    "GreaterOrEqual": ("c = GreaterOrEqual(a, b)", {"a": MATRIX, "b": random(4)}),
    "LessOrEqual": ("c = LessOrEqual(a, b)", {"a": MATRIX, "b": random(4)}),
    "Mean": ("c = Mean(a, b)", {"a": MATRIX, "b": random(4)}),
    "Mod": ("c = Mod(a, b)", {"a": np.array([7, -7, 7, -7]), "b": np.array([2, 3, -2, -3])}),
    "Mod of numbers": ("c = Mod <fmod = 1> (a, b)", {"a": MATRIX, "b": np.array(0.3)}),
    "Tile": ("c = Tile(a, s)", {"a": MATRIX, "s": np.array([2, 1])}),
    "Pad": ("c = Pad(a, s, b)", {"a": MATRIX, "s": np.array([0, 1, 2, 0]), "b": np.array(0.5)}),
    "Pad by the edge": ('c = Pad <mode = "edge"> (a, s)', {"a": MATRIX, "s": np.array([0, 1, 2, 0])}),
    "Split": ("e, c = Split <axis = 1> (a, s)", {"a": MATRIX, "s": np.array([1, 3])}),
    "GatherElements": ("c = GatherElements <axis = 1> (a, s)", {"a": MATRIX, "s": np.array([[0, -1], [2, 2], [3, 0]])}),
    "CastLike": ("c = CastLike(a, b)", {"a": MATRIX, "b": random(1)}),
    "Dropout": ("c = Dropout(a)", {"a": MATRIX}),
    "Gemm": ("c = Gemm <alpha = 0.5, transB = 1> (a, b, e)", {"a": MATRIX, "b": random(2, 4), "e": random(2)}),
    "Einsum": ('c = Einsum <equation = "ij,kj->ki"> (a, b)', {"a": MATRIX, "b": random(2, 4)}),
    "LpNormalization": ("c = LpNormalization <axis = 1> (a)", {"a": MATRIX}),
    "BatchNormalization": (
        "c = BatchNormalization(a, p, p, p, p)",
        {"a": MATRIX, "p": np.abs(random(4))},
    ),
    "RMSNormalization": ("c = RMSNormalization(a, b)", {"a": MATRIX, "b": random(4), "opset": 23}),
}
CASES |= {
    "TopK": ("c, e = TopK(a, s)", {"a": MATRIX, "s": np.array([2])}),
    "CumSum": ("c = CumSum <reverse = 1> (a, s)", {"a": MATRIX, "s": np.array(1)}),
    "Trilu": ("c = Trilu(a)", {"a": MATRIX}),
    "GatherND": ("c = GatherND(a, s)", {"a": MATRIX, "s": np.array([[1], [0]])}),
    "ScatterND": ("c = ScatterND(a, s, b)", {"a": MATRIX, "s": np.array([[1]]), "b": random(1, 4)}),
    "ScatterElements": ("c = ScatterElements <axis = 1> (a, s, b)", {"a": MATRIX, "s": np.array([[3, 0]]), "b": random(1, 2)}),
}
NOT_COMPUTED = {
    "activations with options": "ThresholdedRelu Elu Selu Celu Gelu Swish Mish HardSigmoid HardSwish Shrink",
    "what ties units together": "Softmax LogSoftmax LayerNormalization GroupNormalization InstanceNormalization",
}
"""Operators that no exporter leaves between constants, and that fastjac takes between values of the network only."""
CALLED_ON = {
    "LayerNormalization": "(a, a)",
    "InstanceNormalization": "(m, a, a)",
    "GroupNormalization": "<num_groups = 2> (m, a, a)",
}


@pytest.mark.parametrize(("text", "constants"), CASES.values(), ids=CASES)
def test_a_constant_becomes_a_weight(text, constants):
    assert_values_agree(written(f"{text}; {AS_WEIGHT}", ("N", 1), row=np.array([1, -1]), **constants), (1,))


IN_TEST_PLACES = "Det DepthToSpace SpaceToDepth EyeLike Xor Scatter MeanVarianceNormalization ReduceLogSumExp"
"""Operators that meet the network's values in `test_places`."""


def test_every_operator_is_computed_or_not():
    computed, others = {name.split()[0] for name in CASES}, set(" ".join([*NOT_COMPUTED.values(), IN_TEST_PLACES]).split())
    assert not computed & others
    assert (
        computed | others == {name for name in OPERATORS if "." not in name} - IMAGES.keys() - RECURRENT.keys() - RESIZING.keys()
    )


@pytest.mark.parametrize("name", " ".join(NOT_COMPUTED.values()).split())
def test_other_operators_are_refused_between_constants(name):
    operands = CALLED_ON.get(name, "(a)")
    arrays = {"row": np.array([1, -1]), "a": random(4), "m": MATRIX}
    with pytest.raises(UnsupportedLayerError, match=rf"node 0 'c' \({name}\): it computes a constant"):
        fastjac.from_onnx(written(f"c = {name} {operands}; {AS_WEIGHT}", ("N", 1), **arrays))


@pytest.mark.parametrize(
    "text",
    [
        "s = Slice <starts = [1], ends = [3], axes = [1]> (a)",
        "t = Transpose(a); u = Slice <starts = [1], ends = [3]> (t); s = Transpose(u)",
    ],
)
def test_slices_by_attributes(text):
    assert_values_agree(written(f"{text}; y = MatMul(x, s)", ("N", 3), opset=9, a=MATRIX), (3,))


@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceL2", "ReduceSum"])
def test_reductions_by_attributes(operator):
    text = f"c = {operator} <axes = [1], keepdims = 1> (a); d = Div(a, c); y = MatMul(x, d)"
    assert_values_agree(written(text, ("N", 3), opset=12, a=MATRIX), (3,))


VIEW = "s = Shape(x); i = Gather(s, zero); j = Unsqueeze <axes = [0]> (i); k = Concat <axis = 0> (j, rest); h = Reshape(x, k)"


def test_the_shape_of_a_view_by_the_size_of_the_batch():
    proto = written(f"{VIEW}; y = Tanh(h)", ("N", 2, 3), opset=11, zero=np.array(0), rest=np.array([-1]))
    assert_agrees(proto, (2, 3))


def test_sparse_constants_are_filled_with_zeros():
    dense = np.zeros((3, 2))
    dense[0, 1], dense[2, 0] = 1.5, -2.0
    for indices in (np.array([1, 4]), np.array([[0, 1], [2, 0]])):
        values = numpy_helper.from_array(np.array([1.5, -2.0]), "w")
        sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(indices, "i"), [3, 2])
        attribute = model(
            [helper.make_node("Constant", [], ["w"], sparse_value=sparse), helper.make_node("MatMul", ["x", "w"], ["y"])],
            ("N", 3),
        )
        initializer = written("y = MatMul(x, w)", ("N", 3))
        initializer.graph.sparse_initializer.append(sparse)
        for proto in (attribute, initializer):
            net = fastjac.from_onnx(proto)
            np.testing.assert_array_equal(net[0].weight, dense.T)


REFUSED = {
    "DFT.*fastjac does not have it; it has Abs": ("c = DFT(a)", {"a": MATRIX}),
    "DequantizeLinear.*it is quantized": ("c = DequantizeLinear(a, b)", {"a": np.ones(3, np.int8), "b": np.array([0.5])}),
    "Constant.*it holds value_string; fastjac takes value, sparse_value": ('c = Constant <value_string = "a"> ()', {}),
    "Cast.*rounds a constant to bfloat16": ("c = Cast <to = 16> (a)", {"a": MATRIX}),
    "Cast.*element type 8 is not supported": ("c = Cast <to = 8> (a)", {"a": MATRIX}),
    "MatMul.*matrices of whole numbers": ("c = MatMul(a, b)", {"a": np.ones((2, 2), int), "b": np.ones((2, 2), int)}),
}


@pytest.mark.parametrize(("message", "case"), REFUSED.items(), ids=REFUSED)
def test_what_is_not_computed_is_refused(message, case):
    text, constants = case
    with pytest.raises(UnsupportedLayerError, match=f"node 0 'c' .*{message}"):
        fastjac.from_onnx(written(f"{text}; {AS_WEIGHT}", ("N", 1), row=np.array([1, -1]), **constants))


DAMAGED = {
    "indices out of range": ("c = Gather(a, s)", {"a": MATRIX, "s": np.array([7])}),
    "an axis that is none": ("c = Gather <axis = 5> (a, s)", {"a": MATRIX, "s": np.array([0])}),
    "shapes that do not fit": ("c = Add(a, b)", {"a": MATRIX, "b": random(3)}),
    "pieces that do not fit": ("c = Concat <axis = 0> (a, b)", {"a": MATRIX, "b": random(3)}),
    "a negative size": ("c = ConstantOfShape(s)", {"s": np.array([-1, 3])}),
    "a step of 0": ("c = Range(a, a, a)", {"a": np.array(0.0)}),
    "a step of nan": ("c = Range(a, a, a)", {"a": np.array(np.nan)}),
    "a slice by steps of 0": ("c = Slice(a, z, z, z, z)", {"a": MATRIX, "z": np.array([0])}),
    "a slice of uneven lists": ("c = Slice(a, z, e)", {"a": MATRIX, "z": np.array([0]), "e": np.array([1, 1])}),
    "a slice without starts and ends": ("c = Slice(a)", {"a": MATRIX}),
    "too few operands": ("c = Sub(a)", {"a": MATRIX}),
    "a value of several entries": ("c = ConstantOfShape <value = double[2] {1.0, 2.0}> (s)", {"s": SHAPE}),
    "a minimum of nothing": ("c = ReduceMin(a)", {"a": np.zeros((0, 3))}),
    "whole numbers to a negative power": ("c = Pow(a, b)", {"a": np.array([2]), "b": np.array([-1])}),
    "a difference of truths": ("f = Less(a, a); c = Sub(f, f)", {"a": MATRIX}),
}


@pytest.mark.parametrize(("text", "constants"), DAMAGED.values(), ids=DAMAGED)
def test_a_constant_that_cannot_be_computed_is_reported_with_its_node(text, constants):
    with pytest.raises(FormatError, match=r"node [01] 'c' \(\w+\): "):
        fastjac.from_onnx(written(f"{text}; {AS_WEIGHT}", ("N", 1), row=np.array([1, -1]), **constants))


LARGE = np.array([1 << 20, 1 << 20])
BOMBS = {
    "ConstantOfShape": ("c = ConstantOfShape(s)", {"s": LARGE}),
    "Expand": ("c = Expand(a, s)", {"a": random(1), "s": LARGE}),
    "Range": ("c = Range(a, b, e)", {"a": np.array(0.0), "b": np.array(1e12), "e": np.array(1.0)}),
    "a product of columns and rows": (
        "f = ConstantOfShape(s); g = ConstantOfShape(t); c = Add(f, g)",
        {"s": np.array([1 << 15, 1]), "t": np.array([1, 1 << 15])},
    ),
    "an outer product": (
        "f = ConstantOfShape(s); g = ConstantOfShape(t); c = MatMul(f, g)",
        {"s": np.array([1 << 15, 1]), "t": np.array([1, 1 << 15])},
    ),
    "Gather": ("c = Gather(f, g)", {"f": np.zeros((1, 30_000)), "g": np.zeros(30_000, int)}),
    "copies of copies": (
        "; ".join(
            ["b0 = Concat <axis = 0> (a, a)"]
            + [f"b{i} = Concat <axis = 0> (b{i - 1}, b{i - 1})" for i in range(1, 40)]
            + ["c = Identity(b39)"]
        ),
        {"a": random(8)},
    ),
    "many sums": (
        "; ".join(
            ["b0 = ReduceSum(a)"]
            + [f"s{i} = Add(a, b{i - 1}); b{i} = ReduceSum(s{i})" for i in range(1, 2000)]
            + ["c = Identity(b1999)"]
        ),
        {"a": np.zeros(1 << 12, np.float32)},
    ),
}


@pytest.mark.parametrize(("text", "constants"), BOMBS.values(), ids=BOMBS)
def test_constants_far_larger_than_the_file_are_not_computed(text, constants):
    with pytest.raises(FormatError, match=r"node \d+ .*the model claims to unpack to \d+ bytes from \d+"):
        fastjac.from_onnx(written(f"{text}; {AS_WEIGHT}", ("N", 1), row=np.array([1, -1]), **constants))


def test_a_weight_that_many_nodes_take_is_one_layer():
    step = "m{i} = MatMul(a{i}, v); b{i} = Add(m{i}, b); g{i} = Gemm<transB=1>(b{i}, w); a{n} = Tanh(g{i})"
    text = "; ".join(["a0 = Tanh(x)", *(step.format(i=i, n=i + 1) for i in range(500)), "y = Relu(a500)"])
    proto = written(text, ("N", 64), v=0.1 * random(64, 64), w=0.1 * random(64, 64).T, b=random(64))
    net, x = fastjac.from_onnx(proto), random(3, 64)
    assert sum(isinstance(layer, fastjac.Affine) for layer in set(net.layers)) == 2
    np.testing.assert_allclose(net(x), reference(proto, x), rtol=1e-9)


def test_zeros_spread_over_many_units_are_not_copied_without_bound():
    text = "; ".join(["a0 = Add(x, c)"] + [f"a{i} = Add(a{i - 1}, c)" for i in range(1, 100)] + ["y = Relu(a99)"])
    with pytest.raises(FormatError, match=r"node \d+ .*the model claims to unpack to \d+ bytes from \d+"):
        fastjac.from_onnx(written(text, ("N", 2, 1 << 20), c=random(2, 1)))


UNARY = ["Neg", "Abs", "Reciprocal", "Sqrt", "Exp", "Log", "Tanh", "Sigmoid", "Softplus", "Relu", "Floor", "Ceil"]
BINARY = ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operator", [*UNARY, *BINARY])
def test_constants_that_are_infinite_none_or_zero_of_either_sign(operator, dtype):
    numbers = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-40, 3e38]).astype(dtype)
    a, b = (array.ravel().copy() for array in np.meshgrid(numbers, numbers))
    operands = "a, b" if operator in BINARY else "a"
    nodes = [onnx.parser.parse_node(text) for text in (f"c = {operator}({operands})", "y = Mul(x, c)")]
    proto = model(nodes, ("N", a.size), element_type=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), a=a, b=b)
    with np.errstate(all="ignore"):
        expected = reference(proto, np.ones((1, a.size), dtype))[0]
    np.testing.assert_allclose(fastjac.from_onnx(proto)[0].weight, expected, rtol=1e-6)
