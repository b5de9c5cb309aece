"""Nodes that fastjac refuses whatever they are given, each with what to do about it."""

from __future__ import annotations

from ...errors import UnsupportedLayerError
from .graph import Graph, Node

SUBGRAPHS = ("If", "Loop", "Scan", "SequenceMap")
QUANTIZED = ("quantize", "qlinear", "qgemm", "qattention", "integer")
"""What the names of quantized operators hold, as QuantizeLinear, DequantizeLinear and MatMulInteger do."""


def refuse_foreign(node: Node, graph: Graph) -> None:
    """Raise UnsupportedLayerError for a function of the model, a graph inside the graph, or a quantized operator."""
    name = node.operator
    if name in graph.functions:
        raise UnsupportedLayerError(
            "it is a function that the model defines by other nodes; put these in its place with "
            "onnx.inliner.inline_local_functions(model)"
        )
    if name in SUBGRAPHS:
        raise UnsupportedLayerError("it runs a graph inside the graph; fastjac takes chains of plain operators")
    if any(word in name.lower() for word in QUANTIZED):
        raise UnsupportedLayerError(
            "it is quantized; fastjac takes floating-point models, so import the model from before quantization"
        )
