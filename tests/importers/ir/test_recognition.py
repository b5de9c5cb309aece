"""Operations that are one layer become it and compute the same as before; what only resembles a layer is left alone."""

import math

import numpy as np
import pytest

import fastjac as fj
from fastjac.importers.ir import choice as ch
from fastjac.importers.ir import contraction as ct
from fastjac.importers.ir import elementwise as el
from fastjac.importers.ir import functions as fn
from fastjac.importers.ir import movement as mv
from fastjac.importers.ir import normalization as nm
from fastjac.importers.ir import reduction as rd
from fastjac.importers.ir.account import Account, accounting
from fastjac.importers.ir.assembly import output_node
from fastjac.importers.ir.patterns import PATTERNS
from fastjac.importers.ir.recognition import recognized
from fastjac.importers.ir.values import constant

from .tensors import flow_of

N = 5
X = np.random.default_rng(0).normal(size=(40, N)) * 2.0
ROW = np.array([0.5, -1.0, 2.0, 0.25, 1.5])


def number(value):
    return constant(np.float64(value))


def scale(value, factor):
    return el.multiply(value, number(factor))


def shift(value, offset):
    return el.add(value, number(offset))


def normalized(x, eps=0.125):
    deviation = el.subtract(x, rd.reduce_mean(x, [1]))
    variance = rd.reduce_mean(fn.square(deviation), [1])
    return el.divide(deviation, fn.sqrt(shift(variance, eps)))


def sides(x, lambd, other):
    above, below = ch.greater(x, number(lambd)), ch.less(x, number(-other))
    return ch.where(ch.either(above, below), x, number(0.0))


def exp_plus_one(x):
    return shift(fn.exp(x), 1.0)


SPELLED = {
    "LayerNorm": lambda x: el.add(el.multiply(normalized(x), constant(ROW)), constant(ROW)),
    "LayerNorm without weights": normalized,
    "GELU": lambda x: scale(el.multiply(x, shift(fn.of_each("erf")(scale(x, math.sqrt(0.5))), 1.0)), 0.5),
    "GELU by tanh": lambda x: scale(
        el.multiply(
            x,
            shift(fn.tanh(scale(el.add(x, scale(el.power(x, number(3.0)), 0.044715)), math.sqrt(2 / math.pi))), 1.0),
        ),
        0.5,
    ),
    "SiLU": lambda x: el.multiply(x, fn.sigmoid(x)),
    "SiLU of a scale": lambda x: el.multiply(fn.sigmoid(scale(x, 1.5)), x),
    "Mish": lambda x: el.multiply(x, fn.tanh(fn.softplus(x))),
    "Softsign": lambda x: el.divide(x, shift(fn.absolute(x), 1.0)),
    "TanhShrink": lambda x: el.subtract(x, fn.tanh(x)),
    "Sigmoid": lambda x: fn.reciprocal(exp_plus_one(fn.negative(x))),
    "LogSigmoid": lambda x: fn.log(fn.sigmoid(x)),
    "LogSoftmax": lambda x: fn.log(nm.softmax(x, [1])),
    "Softplus": lambda x: fn.log(exp_plus_one(x)),
    "Softplus with a threshold": lambda x: ch.where(
        ch.greater(scale(x, 2.0), number(3.0)), x, scale(fn.softplus(scale(x, 2.0)), 0.5)
    ),
    "HardSwish": lambda x: scale(el.multiply(x, el.clip(shift(x, 3.0), number(0.0), number(6.0))), 1 / 6),
    "HardSigmoid": lambda x: scale(el.clip(shift(x, 3.0), number(0.0), number(6.0)), 1 / 6),
    "Threshold": lambda x: ch.where(ch.greater(x, number(0.5)), x, number(-2.0)),
    "Threshold of 0": lambda x: ch.where(ch.greater(x, number(0.5)), x, number(0.0)),
    "HardShrink": lambda x: sides(x, 0.75, 0.75),
    "SoftShrink": lambda x: el.add(
        ch.where(ch.greater(x, number(0.75)), shift(x, -0.75), number(0.0)),
        ch.where(ch.less(x, number(-0.75)), shift(x, 0.75), number(0.0)),
    ),
}


@pytest.mark.parametrize("name", SPELLED)
def test_a_layer_of_several_operations(name):
    flow = flow_of((1, N))
    node = output_node(SPELLED[name](flow), "y")
    found = recognized([node])
    new = found.nodes[node]
    before, after = (fj.Network(inputs=flow.node, outputs=one, dtype=np.float64) for one in (node, new))
    np.testing.assert_allclose(after(X), before(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(after.jacobian(X), before.jacobian(X), rtol=1e-10, atol=1e-12)
    kind = name.split()[0]
    assert kind in {type(layer).__name__ for layer in after.layers}
    assert len(after.layers) == (3 if name == "SiLU of a scale" else 1)
    assert kind in found.patterns.values()


def test_every_pattern_is_tested():
    assert {pattern.name for pattern in PATTERNS} == {name.split()[0] for name in SPELLED}


NEARLY = {
    "another scale": lambda x: scale(el.multiply(x, shift(fn.of_each("erf")(scale(x, 0.7)), 1.0)), 0.5),
    "a gate by another value": lambda x: el.multiply(x, fn.sigmoid(fn.tanh(x))),
    "a scale for each unit": lambda x: el.multiply(x, fn.sigmoid(el.multiply(x, constant(ROW)))),
    "2 in place of 1": lambda x: el.divide(x, shift(fn.absolute(x), 2.0)),
    "sides of two widths": lambda x: sides(x, 0.75, 0.5),
    "a bound of 5": lambda x: scale(el.multiply(x, el.clip(shift(x, 3.0), number(0.0), number(5.0))), 1 / 6),
    "the mean of another value": lambda x: el.subtract(x, rd.reduce_mean(fn.tanh(x), [1])),
    "an eps below 0": lambda x: normalized(x, -0.001),
}


@pytest.mark.parametrize("name", NEARLY)
def test_what_only_resembles_a_layer_is_left_alone(name):
    flow = flow_of((1, N))
    node = output_node(NEARLY[name](flow), "y")
    found = recognized([node])
    kept = {"Threshold", "HardSigmoid"}  # parts of it that are one layer for themselves
    assert not set(found.patterns.values()) - kept
    before, after = (fj.Network(inputs=flow.node, outputs=one, dtype=np.float64) for one in (node, found.nodes[node]))
    np.testing.assert_array_equal(after(X), before(X))


def test_a_value_that_is_needed_elsewhere_stays():
    flow = flow_of((1, N))
    gate = fn.sigmoid(flow)
    nodes = [output_node(el.multiply(flow, gate), "y"), output_node(gate, "z")]
    found = recognized(nodes)
    net = fj.Network(inputs=flow.node, outputs=[found.nodes[node] for node in nodes])
    assert sorted(type(operation).__name__ for operation in net._graph.layers) == ["SiLU", "Sigmoid"]


def test_a_bias_and_a_selection_become_part_of_an_affine_map():
    flow = flow_of((1, N))
    product = ct.matmul(flow, constant(np.arange(20.0).reshape(N, 4)))
    node = output_node(mv.part(el.add(product, constant(np.arange(4.0))), 1, 1, 3), "y")
    new = recognized([node]).nodes[node]
    assert isinstance(new.operation, fj.Affine)
    assert new.operands == (flow.node,)
    np.testing.assert_array_equal(new.operation.bias, [1.0, 2.0])


def test_a_number_that_float32_does_not_hold_is_not_rounded_into_an_affine_map():
    flow = flow_of((1, N))
    node = output_node(shift(rd.reduce_sum(flow, [1]), 0.1), "y")
    new = recognized([node]).nodes[node]
    assert fj.Network(inputs=flow.node, outputs=new, dtype=np.float64)(np.zeros(N)).item() == 0.1


def test_a_sum_that_every_unit_is_divided_by_stays_one_row_of_ones():
    size = 4000
    with accounting(Account()):
        flow = flow_of((1, size))
        node = output_node(el.divide(flow, rd.reduce_sum(flow, [1])), "y")
        new = recognized([node]).nodes[node]
    assert fj.Network(inputs=flow.node, outputs=new).n_parameters == size


def test_a_product_that_two_take_is_no_part_of_either():
    flow = flow_of((1, N))
    product = ct.matmul(flow, constant(np.ones((N, 4))))
    nodes = [output_node(shift(product, 1.0), "y"), output_node(shift(product, 2.0), "z")]
    found = recognized(nodes)
    assert sum(isinstance(node.operation, fj.Affine) for node in found.origins) == 1
