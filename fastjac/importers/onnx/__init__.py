"""ONNX: `.onnx` files and live models, read with the package `onnx` and nothing else.

    file.py         recognise, load: a file's bytes, scanned by reading/wire.py before protobuf builds anything of them
    parsing.py      from bytes to a ModelProto, by the package onnx
    model.py        from_onnx, build: from a ModelProto to a network, by the intermediate form (importers/ir)
    graph.py        the nodes of a model and their attributes; tensor.py and external.py read its arrays
    calls.py        a node together with what is known of its operands
    operators.py    what each operator becomes, in tables: activations.py, constants.py, images.py, movement.py,
                    normalization.py, products.py, recurrent.py, resizing.py, and those of scikit-learn's models in ml.py
    refusals.py     what fastjac does not have, and what to do about it

A model is read for one sample, whose array is flattened to one vector. An axis of the batch that the file leaves open is
followed through the graph, and a node that mixes samples is refused. A batch that the file fixes belongs to the one sample.
"""

from .file import load, recognise
from .model import from_onnx

__all__ = ["from_onnx", "load", "recognise"]
