"""Valid files of TensorFlow's, for which no TensorFlow is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..tensorflow import graphs as gr
from ..tensorflow import lite
from .original import Original


def graphs(state: Sequence[np.ndarray]) -> Iterator[Original]:
    """One file of each kind of TensorFlow's."""
    shape = np.array([-1, 5], np.int32)
    consts = [*(gr.const(f"w{i}", array) for i, array in enumerate(state)), gr.const("shape", shape)]
    nodes = [
        gr.node("a", "MatMul", "x", "w0", transpose_b=True),
        gr.node("b", "BiasAdd", "a", "w1", data_format="NHWC"),
        gr.node("c", "LeakyRelu", "b", alpha=0.1),
        gr.node("d", "MatMul", "c", "w2", transpose_b=True),
        gr.node("e", "Tanh", "d"),
        gr.node("f", "Reshape", "e", "shape"),
    ]
    last = [gr.node("g", "MatMul", "f", "w4", transpose_b=True), gr.node("h", "AddV2", "g", "w5"), gr.node("y", "Softmax", "h")]
    x = gr.placeholder("x", (None, 4), "float32")
    yield Original("frozen.pb", gr.graph(x, *consts, *nodes, *last))
    inner = [gr.node("g", "MatMul", "f", "v", transpose_b=True), gr.node("y", "Softmax", "g:product:0")]
    function = gr.function("last", ["f", "v"], {"out": "y:softmax:0"}, *inner)
    call = gr.node("call", "StatefulPartitionedCall", "f", "w4", f=gr.Called("last"))
    ends = {"x": gr.end("x:0", (None, 4), "float32")}, {"y": gr.end("call:0", (None, 3), "float32")}
    served = {"serving_default": gr.signature(*ends)}
    yield Original("saved_model.pb", gr.saved_model(gr.graph(x, *consts, *nodes, call, functions=[function]), served))
    layers = [
        lite.operator("FULLY_CONNECTED", [0, 2, 3], [9], fused=1),
        lite.operator("FULLY_CONNECTED", [9, 4, 5], [10], fused=4),
        lite.operator("RESHAPE", [10, 8], [11]),
        lite.operator("FULLY_CONNECTED", [11, 6, 7], [12], keep_num_dims=True),
        lite.operator("SOFTMAX", [12], [1], beta=1.0),
    ]
    yield Original("model.tflite", lite.model(layers, {"x": (None, 4)}, ["y"], [*state, shape], 4))
