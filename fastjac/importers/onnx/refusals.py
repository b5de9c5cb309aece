"""Nodes that fastjac does not have, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.missing import Missing, refuse_missing
from .graph import Graph, Node
from .operators import OPERATORS

REASONS = {
    "If": "it chooses between two graphs when the model runs; fastjac takes one graph, so export the branch that is wanted",
    "Loop": "it repeats a graph inside the graph; fastjac takes plain operators, so export the loop unrolled",
    "Scan": "it runs a graph inside the graph along a sequence; fastjac takes plain operators on whole samples",
    "SequenceMap": "it runs a graph inside the graph on each item of a sequence; fastjac takes plain operators",
}
"""What is said of operators that no table will ever hold."""
QUANTIZED = ("quantize", "qlinear", "qgemm", "qattention", "integer")
"""What the names of quantized operators hold, as QuantizeLinear, DequantizeLinear and MatMulInteger do."""


def refuse(graph: Graph, nodes: Sequence[Node]) -> None:
    """Raise UnsupportedLayerError for the first node that fastjac does not have; it counts all such nodes by operator."""
    reasons = ((node, _reason(node, graph)) for node in nodes)
    refuse_missing((Missing(str(node), node.operator, reason) for node, reason in reasons if reason), "nodes")


def _reason(node: Node, graph: Graph) -> str:
    """Why fastjac does not have a node; empty if it has."""
    name = node.operator
    if name in graph.functions:
        return (
            "it is a function that the model defines by other nodes; put these in its place: "
            "import onnx.inliner; model = onnx.inliner.inline_local_functions(model)"
        )
    if name in REASONS:
        return REASONS[name]
    if any(word in name.lower() for word in QUANTIZED):
        return "it is quantized; fastjac takes floating-point models, so import the model from before quantization"
    return "" if name in OPERATORS else f"fastjac does not have it; it has {', '.join(sorted(OPERATORS))}"
