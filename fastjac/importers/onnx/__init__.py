"""ONNX: `.onnx` files and live models, read with the package `onnx` and nothing else.

    file.py         recognise, load: a file's bytes, scanned by wire.py before protobuf builds anything of them
    model.py        from_onnx, build: from a ModelProto to a network
    graph.py        the nodes of a model and their attributes; tensor.py and external.py read its arrays
    trace.py        which values depend on the input, and of what shape; folds.py computes the others
    chain.py        the way from the output back to the input; patterns.py knows several nodes that are one layer
    operators.py    the table of operators: affine.py, activations.py, normalization.py, shapes.py

A symbolic batch is taken as a batch of one, so that every shape is known, and a sample is seen as one vector, flattened.
"""

from .file import load, recognise
from .model import from_onnx

__all__ = ["from_onnx", "load", "recognise"]
