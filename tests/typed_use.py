"""A program that type checkers read and nobody runs: they know every type that is asserted, and refuse each line marked wrong."""

from typing import Any, assert_type

import numpy as np

import fastjac as fj
import fastjac.errors


def networks(layer: fj.Layer, node: fj.Node, module: object) -> fj.Network:
    assert_type(fj.load("model.keras"), fj.Network)
    assert_type(fj.from_torch(module, input_shape=(3, 8, 8)), fj.Network)
    assert_type(fj.from_sklearn(module), fj.Network)
    fj.from_nnet("n.nnet", scaling="clipped"), fj.load("n.nnet", scaling="none")
    fj.from_nnet("n.nnet", scaling="raw")  # wrong
    fj.load("n.nnet", scaling="raw")  # wrong
    fj.GELU("tanh"), fj.GELU(approximate="none")
    fj.GELU("sometimes")  # wrong
    fj.Parallel([layer, fj.Tanh()], join="multiply")
    fj.Parallel([layer, fj.Tanh()], join="sum")  # wrong
    assert_type(layer(node), fj.Node)
    assert_type(2.0 * node[1:] / fj.concatenate([fj.Input(1), node]) - np.ones(2), fj.Node)
    fj.Residual([layer])(node), fj.Network(inputs=node, outputs=(node, node))
    return fj.Network([layer, fj.Residual([fj.Tanh()]), fj.Network([layer], n_in=3)])


def derivatives(net: fj.Network, x: np.ndarray, mode: fj.Mode, node: fj.Node) -> fj.Plan:
    y, jacobian = net.value_and_jacobian(x, "mixed")
    np.linalg.norm(net.jacobian(x, mode=mode)), jacobian.shape, y + net(x)
    assert_type(net.fisher(x), np.ndarray)
    assert_type(net.jacobian_vjp(x)[2], fj.Pullback)
    assert_type(net.jacobian_vjp(x)[2](y), fj.Gradient)
    assert_type(net.n_in + net.n_out, int)
    assert_type(net[:-1], fj.Network)
    assert_type(net.with_parameters(net.parameters()), fj.Network)
    net.jacobian(x, wrt=[0, 2], of=node), net.plan(wrt=slice(2), of=0), net.program(wrt=np.arange(2)), net.plan(wrt="x")
    net(x, x)  # wrong
    net.jacobian(x, "sideways")  # wrong
    net.value_and_jacobian(x, mode="sideways")  # wrong
    net.program("")  # wrong
    net.jacobain(x)  # wrong
    net.plan("sideways")  # wrong
    return net.plan(mode)


def explanations(net: fj.Network, x: np.ndarray) -> fj.JacobianReport:
    assert_type(fj.sensitivity(net, x, units="elasticity", nan_policy="omit"), fj.Sensitivity)
    fj.sensitivity(net, x, units="percent")  # wrong
    fj.check_jacobian(net, x, directions="all"), fj.check_jacobian(net, x, directions=7)
    fj.check_jacobian(net, x, directions="some")  # wrong
    try:
        return fj.check_jacobian(net, x)
    except fastjac.errors.ShapeError as error:
        assert_type(error.args, tuple[Any, ...])
        raise ValueError from fj.FastjacError("a base of all")
