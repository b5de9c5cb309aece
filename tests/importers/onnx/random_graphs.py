"""Random ONNX graphs of the operators that fastjac reads, deterministic by seed.

Every value has the batch as its first axis, and every node acts on each sample by itself, so that all of these graphs are
networks. The shapes of values are followed here by what the evaluator gives for a batch of two.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MOST_NODES = 30
MOST_ENTRIES = 40
"""Of one sample of a value."""
Shape = tuple[int, ...]


@dataclass
class Builder:
    """A graph that grows. The shapes of values are those of one sample, without the axis of the batch."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    conditions: dict[str, Shape] = field(default_factory=dict)

    def constant(self, array: Any) -> str:
        """The name of a new constant; numbers become float64."""
        entries = np.asarray(array)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(entries, name))
        return name

    def node(self, operator: str, operands: Sequence[str], shape: Shape, **attributes: Any) -> str:
        """The name of what a new node gives, of this shape for one sample."""
        return self.node_of_several(operator, operands, [shape], **attributes)[0]

    def node_of_several(self, operator: str, operands: Sequence[str], shapes: Sequence[Shape], **attributes: Any) -> list[str]:
        names = [f"v{len(self.nodes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(operator, operands, names, **attributes))
        self.shapes.update(zip(names, shapes, strict=True))
        return names

    def condition(self, operator: str, operands: Sequence[str], shape: Shape) -> str:
        """The name of what a comparison gives, which is none of the values."""
        name = f"w{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, operands, [name]))
        self.conditions[name] = shape
        return name

    def pick(self, rank: int = 0) -> str:
        """A value with at least so many axes besides the batch: the latest, or any."""
        fit = [name for name, shape in self.shapes.items() if len(shape) >= rank]
        if not fit:
            raise UnfitError
        return fit[-1] if self.rng.random() < 0.4 else fit[self.rng.integers(len(fit))]

    def axis(self, name: str) -> int:
        """One of its axes besides the batch, counted from the front, or from the end."""
        rank = len(self.shapes[name]) + 1
        axis = int(self.rng.integers(1, rank))
        return axis if self.rng.random() < 0.5 else axis - rank

    def numbers(self, shape: Shape, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        return self.rng.uniform(low, high, shape)


class UnfitError(Exception):
    """No value is there for a node."""


# Nodes


def function(b: Builder) -> None:
    name = b.pick()
    operator = b.rng.choice(
        ["Tanh", "Sigmoid", "Relu", "Abs", "Neg", "Sin", "Cos", "Erf", "Softplus", "Softsign", "Elu", "LeakyRelu"]
    )
    b.node(str(operator), [name], b.shapes[name])


def positive_function(b: Builder) -> None:
    """A function of positive numbers, or one that must not be given large ones."""
    name = b.pick()
    shape = b.shapes[name]
    operator = str(b.rng.choice(["Sqrt", "Log", "Reciprocal", "Exp"]))
    if operator == "Exp":
        b.node(operator, [b.node("Tanh", [name], shape)], shape)
        return
    bounded = b.node("Abs", [name], shape)
    b.node(operator, [b.node("Add", [bounded, b.constant(0.5)], shape)], shape)


def like(b: Builder, shape: Shape) -> np.ndarray:
    """A constant that is spread over values of this shape: a number, or an array with some axes of size 1 or without some."""
    sizes = [size if b.rng.random() < 0.7 else 1 for size in shape]
    return b.numbers(tuple(sizes[int(b.rng.integers(0, len(sizes) + 1)) :]))


def with_constant(b: Builder) -> None:
    name = b.pick()
    operator = str(b.rng.choice(["Add", "Sub", "Mul", "Div", "Max", "Min"]))
    array = like(b, b.shapes[name])
    array = np.where(np.abs(array) < 0.3, 0.7, array) if operator == "Div" else array
    operands = [name, b.constant(array)]
    b.node(operator, operands[::-1] if b.rng.random() < 0.4 and operator != "Div" else operands, b.shapes[name])


def joined(b: Builder) -> None:
    """Two values of one shape, or of shapes that are spread over each other."""
    first = b.pick()
    second = matching(b, first)
    shape = np.broadcast_shapes(b.shapes[first], b.shapes[second])
    operators = ["Add", "Sub", "Mul", "Max", "Min", "Sum"]
    if b.shapes[first] == b.shapes[second]:
        operators.append("Mean")  # the evaluator does not spread the operands of one
    operator = str(b.rng.choice(operators))
    operands = [first, second] if b.rng.random() < 0.5 else [second, first]
    if operator in ("Max", "Min", "Sum", "Mean") and b.rng.random() < 0.3:
        operands.append(b.constant(b.numbers(shape)))
    b.node(operator, operands, shape)


def matching(b: Builder, name: str) -> str:
    """A value whose shape has the same number of axes and is spread over that of another one."""
    shape = b.shapes[name]
    fit = [
        other
        for other, sizes in b.shapes.items()
        if other != name
        and len(sizes) == len(shape)
        and all(m in (n, 1) or n == 1 for m, n in zip(sizes, shape, strict=True))
        and math.prod(np.broadcast_shapes(sizes, shape)) <= MOST_ENTRIES
    ]
    return fit[b.rng.integers(len(fit))] if fit else name


def divided(b: Builder) -> None:
    first = b.pick()
    second = matching(b, first)
    shape = np.broadcast_shapes(b.shapes[first], b.shapes[second])
    size = b.node("Abs", [second], b.shapes[second])
    b.node("Div", [first, b.node("Add", [size, b.constant(0.5)], b.shapes[second])], shape)


def power(b: Builder) -> None:
    name = b.pick()
    b.node("Pow", [name, b.constant(float(b.rng.choice([2.0, 3.0, 1.0])))], b.shapes[name])


def clip(b: Builder) -> None:
    name = b.pick()
    bounds = [b.constant(-float(b.rng.uniform(0.2, 1.5))), b.constant(float(b.rng.uniform(0.2, 1.5)))]
    kept = [bound if b.rng.random() < 0.7 else "" for bound in bounds]
    b.node("Clip", [name, *kept], b.shapes[name])


def choice(b: Builder) -> None:
    """One of two values by a comparison of values, or with a constant."""
    first = b.pick()
    second, third = matching(b, first), matching(b, first)
    threshold = b.constant(b.numbers(()))
    if second != first and b.rng.random() < 0.4:
        # Two values that are equal may be rounded differently, and compare so.
        threshold = b.node("Add", [second, threshold], b.shapes[second])
    condition = compared(b, first, threshold)
    if b.rng.random() < 0.4:
        condition = logical(b, str(b.rng.choice(["And", "Or"])), condition, compared(b, third, b.constant(b.numbers(()))))
    if b.rng.random() < 0.3:
        condition = logical(b, "Not", condition)
    if b.rng.random() < 0.2:
        b.node("Cast", [condition], b.conditions[condition], to=TensorProto.DOUBLE)
        return
    values = [second if b.rng.random() < 0.7 else b.constant(b.numbers(())), third]
    shape = spread(*(b.conditions.get(name) or b.shapes.get(name, ()) for name in (condition, *values)))
    b.node("Where", [condition, *(values if b.rng.random() < 0.5 else values[::-1])], shape)


def compared(b: Builder, first: str, second: str) -> str:
    operator = str(b.rng.choice(["Greater", "Less", "GreaterOrEqual", "LessOrEqual"]))
    return b.condition(operator, [first, second], spread(b.shapes[first], b.shapes.get(second, ())))


def logical(b: Builder, operator: str, *conditions: str) -> str:
    return b.condition(operator, conditions, spread(*(b.conditions[name] for name in conditions)))


def spread(*shapes: Shape) -> Shape:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise UnfitError from error


def choice_by_constant(b: Builder) -> None:
    """Entries of one value or of another, or of a constant, wherever a constant says."""
    first = b.pick()
    shape = b.shapes[first]
    fit = [name for name, sizes in b.shapes.items() if sizes == shape]
    other = b.constant(like(b, shape)) if b.rng.random() < 0.4 else str(b.rng.choice(fit))
    mask = b.constant(b.rng.random(shape) < 0.5)
    b.node("Where", [mask, first, other], shape)


def matrix(b: Builder) -> None:
    """A product with a constant matrix on the right, or with several."""
    name = b.pick(1)
    shape = b.shapes[name]
    width = int(b.rng.integers(1, 6))
    lead = shape[:-2] if len(shape) > 2 and b.rng.random() < 0.3 else ()
    if math.prod(shape[:-1]) * width > MOST_ENTRIES:
        raise UnfitError
    b.node("MatMul", [name, b.constant(b.numbers((*lead, shape[-1], width)) / shape[-1] ** 0.5)], (*shape[:-1], width))


def matrix_on_the_left(b: Builder) -> None:
    name = b.pick(2)
    shape = b.shapes[name]
    height = int(b.rng.integers(1, 6))
    if math.prod(shape) // shape[-2] * height > MOST_ENTRIES:
        raise UnfitError
    b.node("MatMul", [b.constant(b.numbers((height, shape[-2])) / shape[-2] ** 0.5), name], (*shape[:-2], height, shape[-1]))


def gemm(b: Builder) -> None:
    name = b.pick(1)
    if len(b.shapes[name]) != 1:
        raise UnfitError
    (size,), width, turned = b.shapes[name], int(b.rng.integers(1, 7)), bool(b.rng.integers(2))
    weight = b.numbers((width, size) if turned else (size, width)) / size**0.5
    bias = [b.constant(b.numbers((width,)))] if b.rng.random() < 0.8 else []
    b.node("Gemm", [name, b.constant(weight), *bias], (width,), transB=int(turned), alpha=float(b.rng.choice([1.0, 0.5])))


def einsum(b: Builder) -> None:
    """A sum of products with a constant, whose axes are some of the value's, in any order, and at times a new one."""
    name = b.pick(1)
    shape = b.shapes[name]
    letters = "bcde"[: len(shape)]
    its = [letter for letter in letters if b.rng.random() < 0.6]
    kept = [letter for letter in letters if b.rng.random() < 0.6]
    new = ["k"] if b.rng.random() < 0.6 else []
    sizes = dict(zip(letters, shape, strict=True)) | {"k": 2}
    order, result = b.rng.permutation([*its, *new]).tolist(), b.rng.permutation([*kept, *new]).tolist()
    if math.prod(sizes[letter] for letter in result) > MOST_ENTRIES or not order:
        raise UnfitError
    array = b.numbers(tuple(sizes[letter] for letter in order))
    operands = [(f"a{letters}", name), ("".join(order), b.constant(array))]
    operands = operands if b.rng.random() < 0.5 else operands[::-1]
    equation = ",".join(text for text, _ in operands) + f"->a{''.join(result)}"
    b.node("Einsum", [operand for _, operand in operands], tuple(sizes[letter] for letter in result), equation=equation)


def along_axis(b: Builder) -> None:
    """A softmax, or something else that ties the entries along one axis together."""
    name = b.pick(1)
    operator = str(b.rng.choice(["Softmax", "LogSoftmax", "LpNormalization"]))
    axis = b.axis(name)
    if operator == "LpNormalization":
        b.node(operator, [name], b.shapes[name], axis=axis)  # with p=1 the evaluator forgets the signs
    else:
        b.node(operator, [name], b.shapes[name], axis=axis)


def layer_normalization(b: Builder) -> None:
    name = b.pick(1)
    axis = b.axis(name)
    behind = b.shapes[name][(axis if axis > 0 else axis + len(b.shapes[name]) + 1) - 1 :]
    if math.prod(behind) < 3:
        raise UnfitError
    operands = [b.constant(b.numbers(behind)) for _ in range(int(b.rng.integers(1, 3)))]
    b.node("LayerNormalization", [name, *operands], b.shapes[name], axis=axis, epsilon=0.01)


def batch_normalization(b: Builder) -> None:
    name = b.pick(1)
    channels = b.shapes[name][0]
    statistics = [b.constant(b.numbers((channels,), 0.5, 2.0)) for _ in range(4)]
    b.node("BatchNormalization", [name, *statistics], b.shapes[name])


def reduction(b: Builder) -> None:
    name = b.pick(1)
    shape = b.shapes[name]
    axes = [axis + 1 for axis in range(len(shape)) if b.rng.random() < 0.6] or [1]
    keep = int(b.rng.integers(2))
    operator = str(
        b.rng.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceProd"])
    )
    left = tuple(1 if i + 1 in axes else size for i, size in enumerate(shape) if keep or i + 1 not in axes)
    b.node(operator, [name, b.constant(np.array(axes))], left, keepdims=keep)


def reshape(b: Builder) -> None:
    name = b.pick()
    size = math.prod(b.shapes[name])
    divisors = [n for n in range(1, size + 1) if size % n == 0]
    first = int(b.rng.choice(divisors))
    shapes: list[Shape] = [(size,), (first, size // first), (1, first, size // first)]
    shape = shapes[b.rng.integers(len(shapes))]
    wanted = [0, *shape] if b.rng.random() < 0.5 else [-1, *shape]
    b.node("Reshape", [name, b.constant(np.array(wanted))], shape)


def flatten(b: Builder) -> None:
    name = b.pick()
    b.node("Flatten", [name], (math.prod(b.shapes[name]),))


def transpose(b: Builder) -> None:
    name = b.pick(2)
    order = b.rng.permutation(len(b.shapes[name])).tolist()
    b.node("Transpose", [name], tuple(b.shapes[name][i] for i in order), perm=[0, *(i + 1 for i in order)])


def axes_of_size_1(b: Builder) -> None:
    name = b.pick()
    shape = b.shapes[name]
    if 1 in shape and b.rng.random() < 0.6:
        axis = shape.index(1)
        b.node("Squeeze", [name, b.constant(np.array([axis + 1]))], (*shape[:axis], *shape[axis + 1 :]))
    elif len(shape) < 4:
        axis = int(b.rng.integers(len(shape) + 1))
        b.node("Unsqueeze", [name, b.constant(np.array([axis + 1]))], (*shape[:axis], 1, *shape[axis:]))


def slices(b: Builder) -> None:
    name = b.pick(1)
    shape, axis = b.shapes[name], b.axis(name)
    along = (axis if axis > 0 else axis + len(shape) + 1) - 1
    step = int(b.rng.choice([1, 1, 2, -1]))
    start = int(b.rng.integers(shape[along]))
    end = -(2**62) if step < 0 else int(b.rng.integers(start + 1, shape[along] + 3))
    size = len(range(shape[along])[start : None if step < 0 else end : step])
    numbers = [b.constant(np.array([number])) for number in (start, end, axis, step)]
    b.node("Slice", [name, *numbers], (*shape[:along], size, *shape[along + 1 :]))


def split(b: Builder) -> None:
    name = b.pick(1)
    shape, axis = b.shapes[name], b.axis(name)
    along = (axis if axis > 0 else axis + len(shape) + 1) - 1
    if shape[along] < 2:
        raise UnfitError
    first = int(b.rng.integers(1, shape[along]))
    sizes = (first, shape[along] - first)
    parts = [(*shape[:along], size, *shape[along + 1 :]) for size in sizes]
    b.node_of_several("Split", [name, b.constant(np.array(sizes))], parts, axis=axis)


def gather(b: Builder) -> None:
    name = b.pick(1)
    shape, axis = b.shapes[name], b.axis(name)
    along = (axis if axis > 0 else axis + len(shape) + 1) - 1
    numbers = b.rng.integers(-shape[along], shape[along], size=[(), (2,), (3,), (2, 2)][b.rng.integers(4)])
    result = (*shape[:along], *numbers.shape, *shape[along + 1 :])
    if math.prod(result) > MOST_ENTRIES or len(result) > 4:
        raise UnfitError
    b.node("Gather", [name, b.constant(numbers)], result, axis=axis)


def concatenation(b: Builder) -> None:
    name = b.pick(1)
    shape, axis = b.shapes[name], b.axis(name)
    along = (axis if axis > 0 else axis + len(shape) + 1) - 1

    def without(sizes: Shape) -> Shape:
        return (*sizes[:along], *sizes[along + 1 :])

    fit = [n for n, sizes in b.shapes.items() if len(sizes) == len(shape) and without(sizes) == without(shape)]
    names = [name, *(str(b.rng.choice(fit)) for _ in range(int(b.rng.integers(1, 3))))]
    size = sum(b.shapes[n][along] for n in names)
    if math.prod(without(shape)) * size > MOST_ENTRIES:
        raise UnfitError
    b.node("Concat", names, (*shape[:along], size, *shape[along + 1 :]), axis=axis)


def copies(b: Builder) -> None:
    name = b.pick(1)
    shape = b.shapes[name]
    if b.rng.random() < 0.5 and 1 in shape:
        target = [2 if size == 1 else size for size in shape]
        b.node("Expand", [name, b.constant(np.array([1, *target]))], tuple(target))
    else:
        times = b.rng.integers(1, 3, size=len(shape)).tolist()
        result = tuple(size * number for size, number in zip(shape, times, strict=True))
        if math.prod(result) > MOST_ENTRIES:
            raise UnfitError
        b.node("Tile", [name, b.constant(np.array([1, *times]))], result)


def padding(b: Builder) -> None:
    name = b.pick(1)
    shape = b.shapes[name]
    before, behind = (b.rng.integers(0, 2, size=len(shape)).tolist() for _ in range(2))
    result = tuple(size + m + n for size, m, n in zip(shape, before, behind, strict=True))
    if math.prod(result) > MOST_ENTRIES:
        raise UnfitError
    mode = "edge" if b.rng.random() < 0.4 else "constant"
    filling = [b.constant(b.numbers(()))] if mode == "constant" else []
    b.node("Pad", [name, b.constant(np.array([0, *before, 0, *behind])), *filling], result, mode=mode)


def convolution(b: Builder) -> None:
    """One whose kernel covers its input, or stands at each place by itself."""
    name = b.pick(2)
    if len(b.shapes[name]) != 3:
        raise UnfitError
    channels, *places = b.shapes[name]
    covers = b.rng.random() < 0.5
    kernel = b.numbers((2, channels, *(places if covers else [1, 1])))
    if not covers and 2 * math.prod(places) > MOST_ENTRIES:
        raise UnfitError
    b.node("Conv", [name, b.constant(kernel), b.constant(b.numbers((2,)))], (2, 1, 1) if covers else (2, *places))


MOVES: dict[Callable[[Builder], None], int] = {
    function: 4,
    positive_function: 2,
    with_constant: 4,
    joined: 5,
    divided: 1,
    power: 1,
    clip: 1,
    choice: 2,
    choice_by_constant: 1,
    matrix: 3,
    matrix_on_the_left: 2,
    gemm: 2,
    einsum: 2,
    along_axis: 2,
    layer_normalization: 1,
    batch_normalization: 1,
    reduction: 3,
    reshape: 2,
    flatten: 1,
    transpose: 2,
    axes_of_size_1: 2,
    slices: 2,
    split: 1,
    gather: 2,
    concatenation: 2,
    copies: 1,
    padding: 1,
    convolution: 1,
}
"""Each with how often it is drawn, beside the others."""
SHARES = np.array([*MOVES.values()]) / sum(MOVES.values())
SHAPES: list[Shape] = [(5,), (2, 3), (1, 4), (3, 1), (2, 2, 2), (6,), (1,), (3, 2, 1)]


def random_graph(seed: int) -> tuple[onnx.ModelProto, dict[str, Shape]]:
    """The model of this seed, whose batch is open, and the shapes of one sample of its inputs."""
    rng = np.random.default_rng([5, seed])
    b = Builder(rng)
    inputs = {f"x{i}": SHAPES[rng.integers(len(SHAPES))] for i in range(int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])))}
    b.shapes.update(inputs)
    length = int(rng.integers(2, MOST_NODES))
    while len(b.nodes) < length:
        count = len(b.nodes), len(b.constants), dict(b.shapes)
        try:
            [*MOVES][rng.choice(len(MOVES), p=SHARES)](b)
        except UnfitError:
            del b.nodes[count[0] :], b.constants[count[1] :]
            b.shapes = count[2]
    made = [name for name in b.shapes if name not in inputs]
    function(b)  # or there might be no layer
    outputs = [list(b.shapes)[-1], *rng.choice(made, size=int(rng.integers(0, 3)), replace=True).tolist()]
    return model_of(b, inputs, list(dict.fromkeys(outputs)))


def model_of(b: Builder, inputs: dict[str, Shape], outputs: Sequence[str]) -> tuple[onnx.ModelProto, dict[str, Shape]]:
    """The model, with those inputs and nodes alone on which the outputs depend."""
    needed, nodes = set(outputs), []
    for node in reversed(b.nodes):
        if needed & set(node.output):
            needed.update(node.input)
            nodes.insert(0, node)
    kept = {name: shape for name, shape in inputs.items() if name in needed}
    sources = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", *shape]) for name, shape in kept.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs]
    graph = helper.make_graph(nodes, "graph", sources, results, b.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), kept
