"""The ONNX project's own test cases for every operator that fastjac reads, of which none is left out unseen.

A case gives all operands as inputs. Here one stays the input, each in turn where it holds floating-point numbers, and the
others become constants. The input is taken whole as one sample, or its first axis as the batch.
"""

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator
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
    names = {name.replace("_", ""): name for _, name, _ in pkgutil.iter_modules(case_modules.__path__)}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the cases overflow on purpose
        for operator in CLAIMED:
            importlib.import_module(f"{case_modules.__name__}.{names[operator.lower()]}")
        return [case for case in case_modules._NodeTestCases if {node.op_type for node in case.model.graph.node} & CLAIMED]


CASES = load_cases()
SINGLE = {case.name: case for case in CASES if len(case.model.graph.node) == 1}
EXPANDED = {case.name: case for case in CASES if len(case.model.graph.node) > 1}
"""Operators that are functions, written as the other operators that they stand for."""


def as_array(value: Any) -> Any:
    """An operand or result as an array; some cases have it as a TensorProto, and a few are no tensors."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def trials(case: Any) -> Iterator[tuple[onnx.ModelProto, np.ndarray]]:
    """Models of one input, and that input."""
    operands = [as_array(operand) for operand in case.data_sets[0][0]]
    for position, operand in enumerate(operands):
        if isinstance(operand, (np.ndarray, np.generic)) and operand.dtype in FLOATS and operand.size:
            yield only_input(case.model, operands, position), operand
            if np.ndim(operand) > 1 and case.model.graph.node[0].op_type != "Transpose":  # which would move the batch
                proto = only_input(case.model, operands, position)
                proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
                yield proto, operand


def only_input(model: onnx.ModelProto, operands: list[Any], position: int) -> onnx.ModelProto:
    """The model with constants for all other inputs, of its first output negated: a network has at least one layer."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    inputs = list(proto.graph.input)
    del proto.graph.input[:], proto.graph.output[1:]
    proto.graph.input.append(inputs[position])
    for i, value in enumerate(inputs):
        if i != position:
            proto.graph.initializer.append(numpy_helper.from_array(np.asarray(operands[i]), value.name))
    output = proto.graph.output[0]
    proto.graph.node.append(helper.make_node("Neg", [output.name], ["negated"]))
    output.name = "negated"
    return proto


def agreements(case: Any) -> tuple[int, set[str]]:
    """How many trials agree with the case's output, in its precision and within its tolerance, and what the others raise."""
    expected = np.asarray(as_array(case.data_sets[0][1][0]))
    count, errors = 0, set()
    for proto, x in trials(case):
        try:
            net = fastjac.from_onnx(proto)
        except FastjacError as error:
            errors.add(str(error))
            continue
        if net.n_out * (x.size // net.n_in) != expected.size:
            continue  # the ratio of a Dropout, which is no input, counts as one here
        result = -net(x.astype(np.float64).reshape(-1, net.n_in)).reshape(expected.shape).astype(expected.dtype)
        np.testing.assert_allclose(
            result.astype(np.float64), expected.astype(np.float64), rtol=case.rtol, atol=case.atol, err_msg=case.name
        )
        count += 1
    return count, errors


INTEGERS = "no input of floating-point numbers"
NOT_EXPRESSIBLE = {
    r".*_u?int(8|16|32|64)(_.*)?": INTEGERS,
    r"identity_(sequence|opt)": INTEGERS,
    r"reshape_allowzero_reordered": INTEGERS,
    r"cast_(no_saturate_|e8m0_)?.*(FLOAT8|FLOAT4|INT4|INT2|STRING).*": f"is not supported; fastjac reads|{INTEGERS}",
    r"cast_.*_to_B?FLOAT16": "rounds to B?FLOAT16",
    r"batchnorm_.*_training_mode": "in training mode",
    r"training_dropout.*": "in training mode",
    r"clip_min_greater_than_max": "leave nothing between them",
    r"expand_dim_(un)?changed": "copies units",
    r"gemm_default_matrix_bias": r"acts on each of 3 vectors",
    r"gemm_(transposeA|all_attributes)": r"acts on each of 3 vectors",
    r"layer_normalization_4d_axis(2|3|_negative_[12])": "acts over",
    r"layer_normalization_3d_axis(2|_negative_1)_epsilon": "acts over",
    r"layer_normalization_default_axis": "acts over",
    r"(log)?softmax_(axis_[012]|negative_axis|default_axis)": "acts over",
    r"matmul_(3d|4d|bcast)": "multiplies by several matrices",
    r"matmul_4d_1d": "acts on each of 8 vectors",
    r"transpose_(default|all_permutations_[1-5])": "reorders the units",
}
"""Cases that fastjac refuses, and why: the input holds whole numbers, several samples are mixed or none is left, or units are."""


@pytest.mark.parametrize("case", SINGLE.values(), ids=SINGLE)
def test_case(case):
    count, errors = agreements(case)
    reasons = [reason for names, reason in NOT_EXPRESSIBLE.items() if re.fullmatch(names, case.name.removeprefix("test_"))]
    if not count:
        assert reasons, f"{case.name} is refused: {errors or INTEGERS}"
        assert re.search(reasons[0], " ".join(errors) or INTEGERS)
    else:
        assert not reasons


def test_the_cases_are_all_there():
    """Of every operator claimed there are cases, and of most there are some that agree."""
    assert {next(iter(case.model.graph.node)).op_type for case in SINGLE.values()} == CLAIMED
    refused = [name for name in SINGLE if any(re.fullmatch(names, name.removeprefix("test_")) for names in NOT_EXPRESSIBLE)]
    assert len(SINGLE) - len(refused) >= 140


def test_operators_written_as_others_never_disagree():
    assert sum(agreements(case)[0] > 0 for case in EXPANDED.values()) >= 10
