"""Operators of graphs that write to places, or take from places, for one sample; and Cholesky factors."""

import numpy as np
import pytest

import fastjac
from fastjac.errors import UnsupportedLayerError

from . import graphs as gr
from . import lite

X = np.array([[0.5, -1.0, 2.0, 3.0]])
PLACES = np.array([[0, 3], [0, 1]], np.int32)


def net_of(path, *nodes, dims=(1, 4), **constants):
    consts = [gr.const(name, array) for name, array in constants.items()]
    path.write_bytes(gr.graph(gr.placeholder("x", dims), *consts, *nodes))
    return fastjac.load(path)


def test_entries_are_written_and_added(tmp_path):
    nodes = [
        gr.node("n", "Neg", "x"),
        gr.node("w", "TensorScatterUpdate", "n", "p", "u"),
        gr.node("y", "TensorScatterAdd", "w", "p", "v"),
    ]
    net = net_of(tmp_path / "model.pb", *nodes, p=PLACES, u=np.array([7.0, 8.0]), v=np.array([0.5, 0.25]))
    np.testing.assert_allclose(net(X[0]), [-0.5, 8.25, -2.0, 7.5])
    np.testing.assert_allclose(net.jacobian(X[0]), np.diag([-1.0, 0.0, -1.0, 0.0]))


def test_the_input_is_scattered_and_gathered(tmp_path):
    nodes = [gr.node("g", "GatherNd", "x", "p"), gr.node("s", "ScatterNd", "q", "g", "shape"), gr.node("y", "Neg", "s")]
    constants = {"p": PLACES, "q": np.array([[1], [1]], np.int32), "shape": np.array([3], np.int32)}
    net = net_of(tmp_path / "model.pb", *nodes, **constants)
    np.testing.assert_allclose(net(X[0]), [0.0, -2.0, 0.0])
    np.testing.assert_allclose(net.jacobian(X[0]), [[0.0] * 4, [0.0, -1.0, 0.0, -1.0], [0.0] * 4])


def test_a_lite_model_scatters_and_gathers(tmp_path):
    nodes = [
        lite.operator("GATHER_ND", [0, 2], [5]),
        lite.operator("SCATTER_ND", [3, 5, 4], [6]),
        lite.operator("NEG", [6], [1]),
    ]
    constants = [PLACES, np.array([[1], [1]], np.int32), np.array([3], np.int32)]
    (tmp_path / "model.tflite").write_bytes(lite.model(nodes, {"x": (1, 4)}, ["y"], constants, 2))
    np.testing.assert_allclose(fastjac.load(tmp_path / "model.tflite")(X[0]), [0.0, -2.0, 0.0])


def test_cholesky_factors(tmp_path):
    product = gr.node("m", "BatchMatMulV2", "x", "x", adj_y=True)
    nodes = [product, gr.node("p", "AddV2", "m", "e"), gr.node("y", "Cholesky", "p")]
    net = net_of(tmp_path / "model.pb", *nodes, dims=(None, 2, 2), e=np.eye(2))
    x = np.random.default_rng(0).normal(size=(5, 2, 2))
    np.testing.assert_allclose(net(x.reshape(5, 4)), np.linalg.cholesky(x @ x.mT + np.eye(2)).reshape(5, 4), rtol=1e-12)


def test_products_before_a_place_are_refused(tmp_path):
    with pytest.raises(UnsupportedLayerError, match="it leaves out the entry itself"):
        net_of(tmp_path / "model.pb", gr.node("y", "Cumprod", "x", "a", exclusive=True), a=np.array(1, np.int32))
