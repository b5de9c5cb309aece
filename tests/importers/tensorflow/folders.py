"""A SavedModel of two functions and three variables, as a folder."""

import numpy as np

from . import graphs as gr

RNG = np.random.default_rng(2)
WEIGHT, BIAS, LAST = RNG.normal(size=(4, 5)), RNG.normal(size=5), RNG.normal(size=(5, 2))
VARIABLES = {"layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": WEIGHT, "layer/bias/.ATTRIBUTES/VARIABLE_VALUE": BIAS, "w": LAST}
RESOURCES = ("kernel", "bias", "last")


def restoring(names=tuple(VARIABLES), slices=None):
    """The function that assigns each resource what is stored under a name."""
    nodes = [gr.const("names", list(names)), gr.const("slices", slices or [""] * len(names))]
    nodes.append(gr.node("RestoreV2", "RestoreV2", "prefix", "names:output:0", "slices:output:0"))
    for i, resource in enumerate(RESOURCES):
        nodes.append(gr.node(f"Identity{i}", "Identity", f"RestoreV2:tensors:{i}"))
        nodes.append(gr.node(f"Assign{i}", "AssignVariableOp", resource, f"Identity{i}:output:0"))
    return gr.function("restore_all", ["prefix", *RESOURCES], {}, *nodes)


LAYER = gr.function(
    "layer",
    ["inputs", "w", "b"],
    {"out": "Identity:output:0"},
    gr.node("Read", "ReadVariableOp", "w"),
    gr.node("MatMul", "MatMul", "inputs", "Read:value:0"),
    gr.node("Read_1", "ReadVariableOp", "b"),
    gr.node("BiasAdd", "BiasAdd", "MatMul:product:0", "Read_1:value:0"),
    gr.node("Tanh", "Tanh", "BiasAdd:output:0"),
    gr.node("Identity", "Identity", "Tanh:y:0", "^NoOp"),
    gr.node("NoOp", "NoOp", "^Read", "^Read_1"),
)
MODEL = gr.function(
    "model",
    ["x", "k", "b", "l"],
    {"first": "Last:product:0", "second": "x"},
    gr.node("called", "StatefulPartitionedCall", "x", "k", "b", f=gr.Called("layer")),
    gr.node("Read", "ReadVariableOp", "l"),
    gr.node("Last", "MatMul", "called:output:0", "Read:value:0"),
)
NODES = (
    *(gr.node(f"variable_{name}", "VarHandleOp", shared_name=name) for name in RESOURCES),
    gr.placeholder("serving_x", (None, 4)),
    gr.node("call", "PartitionedCall", "serving_x", *(f"variable_{name}" for name in RESOURCES), f=gr.Called("model")),
    gr.placeholder("saver", ()),
    gr.node(
        "restore", "StatefulPartitionedCall", "saver", *(f"variable_{name}" for name in RESOURCES), f=gr.Called("restore_all")
    ),
)
ENDS = {"x": gr.end("serving_x:0", (None, 4))}, {"a": gr.end("call:0", (None, 2)), "b": gr.end("call:1", (None, 4))}
SERVED = {"serving_default": gr.signature(*ENDS), "__saved_model_init_op": gr.signature({}, {})}


RESTORING = restoring()


def write(folder, *, functions=(LAYER, MODEL, RESTORING), nodes=NODES, signatures=SERVED, variables=VARIABLES):
    content = gr.saved_model(gr.graph(*nodes, functions=functions), signatures)
    return gr.write_folder(folder / "model", content, variables)
