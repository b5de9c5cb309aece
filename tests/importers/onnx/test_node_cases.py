"""The ONNX project's own test cases for every operator that fastjac reads, of which none is left out unseen.

A case gives all operands as inputs. Here one stays the input, each in turn where it holds floating-point numbers, and the
others become constants; then all of these are inputs at once. Inputs are taken whole as one sample, or their first axes as the
batch.
"""

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.backend.test.case.node as case_modules
import pytest
from onnx import helper, numpy_helper

import fastjac
from fastjac.errors import FastjacError
from fastjac.importers.onnx.operators import OPERATORS

CLAIMED = {name for name in OPERATORS if "." not in name}
FLOATS = (np.float16, np.float32, np.float64, ml_dtypes.bfloat16)


def load_cases() -> list[Any]:
    """The cases of all operators claimed, from the modules of those names."""
    names = {"range": "rangeop"} | {name.replace("_", ""): name for _, name, _ in pkgutil.iter_modules(case_modules.__path__)}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the cases overflow on purpose
        for operator in sorted(CLAIMED):
            importlib.import_module(f"{case_modules.__name__}.{names[operator.lower()]}")
        return [case for case in case_modules._NodeTestCases if {node.op_type for node in case.model.graph.node} & CLAIMED]


CASES = load_cases()
SINGLE = {case.name: case for case in CASES if len(case.model.graph.node) == 1}
EXPANDED = {case.name: case for case in CASES if len(case.model.graph.node) > 1}
"""Operators that are functions, written as the other operators that they stand for."""


def as_array(value: Any) -> Any:
    """An operand or result as an array; some cases have it as a TensorProto, and a few are no tensors."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


@dataclass(frozen=True)
class Trial:
    """A model, the values of its inputs, and whether their first axes are the batch."""

    proto: onnx.ModelProto
    inputs: Sequence[np.ndarray]
    batched: bool

    def results(self) -> list[np.ndarray]:
        """What fastjac's network gives, one array of all samples for each output."""
        net = fastjac.from_onnx(self.proto)
        parts = [np.asarray(x, np.float64).reshape(len(x) if self.batched else 1, -1) for x in self.inputs]
        y = net(tuple(parts) if len(parts) > 1 else parts[0])
        return [-part for part in (y if len(net.outputs) > 1 else [y])]


def trials(case: Any) -> Iterator[Trial]:
    """Each operand of floating-point numbers as the input, then all at once."""
    operands = [as_array(operand) for operand in case.data_sets[0][0]]
    floats = [i for i, operand in enumerate(operands) if np.ndim(operand) <= 16 and is_float(operand)]
    for chosen in [*([i] for i in floats), *([floats] if len(floats) > 1 else [])]:
        inputs = [operands[i] for i in chosen]
        yield Trial(only_inputs(case.model, operands, chosen), inputs, False)
        if all(np.ndim(x) > 1 for x in inputs) and len({len(x) for x in inputs}) == 1:
            proto = only_inputs(case.model, operands, chosen)
            for source in proto.graph.input:
                source.type.tensor_type.shape.dim[0].dim_param = "N"
            yield Trial(proto, inputs, True)


def is_float(operand: Any) -> bool:
    """Whether it is an array of floating-point numbers, and not empty."""
    return isinstance(operand, (np.ndarray, np.generic)) and operand.dtype in FLOATS and operand.size > 0


def only_inputs(model: onnx.ModelProto, operands: list[Any], chosen: Sequence[int]) -> onnx.ModelProto:
    """The model with constants for all other inputs, of its outputs negated: a network has at least one layer.

    Of an operator that gives several things only a Split keeps more than the first.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    inputs = list(proto.graph.input)
    del proto.graph.input[:]
    if proto.graph.node[0].op_type != "Split":
        del proto.graph.output[1:]
    proto.graph.input.extend(inputs[i] for i in chosen)
    for i, value in enumerate(inputs):
        if i not in chosen:
            proto.graph.initializer.append(numpy_helper.from_array(np.asarray(operands[i]), value.name))
    for output in proto.graph.output:
        numbers = output.name
        if output.type.tensor_type.elem_type == onnx.TensorProto.BOOL:
            numbers = f"{output.name}_as_numbers"
            proto.graph.node.append(helper.make_node("Cast", [output.name], [numbers], to=onnx.TensorProto.FLOAT))
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        proto.graph.node.append(helper.make_node("Neg", [numbers], [f"{output.name}_negated"]))
        output.name = f"{output.name}_negated"
    return proto


def agreements(case: Any) -> tuple[int, set[str]]:
    """How many trials agree with the case's outputs, in their precision and within their tolerance, and what others raise."""
    count, errors = 0, set()
    for trial in trials(case):
        try:
            results = trial.results()
        except FastjacError as error:
            errors.add(str(error))
            continue
        expected = [np.asarray(as_array(y)) for y in case.data_sets[0][1][: len(results)]]
        if any(one.size != other.size for one, other in zip(results, expected, strict=True)):
            continue  # the ratio of a Dropout, which is no input, counts as one here
        for one, other in zip(results, expected, strict=True):
            given = unfolded(one, other, trial.batched).astype(other.dtype)
            np.testing.assert_allclose(
                given.astype(np.float64), other.astype(np.float64), rtol=case.rtol, atol=case.atol, err_msg=case.name
            )
        count += 1
    return count, errors


def unfolded(rows: np.ndarray, like: np.ndarray, batched: bool) -> np.ndarray:
    """The rows of a network as an array of the shape of another one, along some axis of which the samples lie."""
    if not batched or len(rows) not in like.shape or len(rows) in (1, like.shape[0]):
        return rows.reshape(like.shape)
    axis = like.shape.index(len(rows))
    return np.moveaxis(rows.reshape(len(rows), *np.delete(like.shape, axis)), 0, axis)


LABELS = "hold no floating-point numbers, which alone have a derivative"
NOT_EXPRESSIBLE = {
    r"(shape|size)(_.*)?": LABELS,
    r"pow_types_int(32|64)_float32": LABELS,
    r"cast(like)?_.*_to_(FLOAT8|FLOAT4|U?INT).*": LABELS,
    r"cast_.*_to_B?FLOAT16": "rounds to B?FLOAT16",
    r"castlike_.*_to_B?FLOAT16_expanded": "rounds to B?FLOAT16",
    r"batchnorm_.*_training_mode": "in training mode",
    r"training_dropout.*": "in training mode",
    r"mod_u?int.*": LABELS,
    r"range_.*": "depends on the network's input; fastjac takes a constant there",
    r"maxpool_with_argmax_.*": "its second output, the places of the largest entries, has no derivative",
    r"resize_.*(cubic|crop)(?!.*antialias).*": "it resizes by mode",
    r"resize_.*(antialias|not_larger|not_smaller)": "it smooths, or keeps the ratio",
    r"slice_start_out_of_bounds": "which holds nothing",
}
"""Cases that fastjac refuses, and why."""
NO_FLOATS = {"And", "Constant", "ConstantOfShape", "Equal", "EyeLike", "Not", "Or", "Trilu", "Xor"}
"""Operators whose cases have no input of floating-point numbers; they meet the network's values in other tests."""


@pytest.mark.parametrize("name", [name for name, case in SINGLE.items() if any(trials(case))])
def test_case(name):
    count, errors = agreements(SINGLE[name])
    reasons = [reason for names, reason in NOT_EXPRESSIBLE.items() if re.fullmatch(names, name.removeprefix("test_"))]
    assert len(reasons) == (not count), f"{name}: {count} agree, refused are {errors}"
    for reason in reasons:
        assert re.search(reason, " ".join(errors))


def test_the_cases_are_all_there():
    """Of every operator claimed there are cases, and of most there are some that agree."""
    operators = {case.model.graph.node[0].op_type for case in SINGLE.values() if any(trials(case))}
    assert operators == CLAIMED - NO_FLOATS
    agreeing = [name for name in SINGLE if not any(re.fullmatch(names, name[5:]) for names in NOT_EXPRESSIBLE)]
    assert len(agreeing) >= 340


def test_operators_written_as_others_never_disagree():
    assert sum(agreements(case)[0] > 0 for case in EXPANDED.values()) >= 10
