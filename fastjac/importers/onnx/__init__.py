"""ONNX: `.onnx` files and live models, read with the package `onnx` and nothing else.

    file.py         recognise, load: a file's bytes, scanned by reading/wire.py before protobuf builds anything of them
    model.py        from_onnx, build: from a ModelProto to a network
    graph.py        the nodes of a model and their attributes; tensor.py and external.py read its arrays
    source.py       the input of the network, and the axis along which it counts samples
    trace.py        which values depend on the input, and of what shape; folds.py computes the others
    chain.py        the way from the output back to the input; patterns.py knows several nodes that are one layer
    operators.py    the table of operators: affine.py, activations.py, normalization.py, shapes.py, samples.py
    batch.py        whether each node acts on every sample of a batch by itself; refusals.py names what fastjac does not have

A model is read for one sample, whose array is seen as one vector, flattened. An axis of the batch that the file leaves open is
followed through the graph, and a node that mixes samples is refused. A batch that the file fixes belongs to the one sample.
"""

from .file import load, recognise
from .model import from_onnx

__all__ = ["from_onnx", "load", "recognise"]
