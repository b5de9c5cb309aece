"""Nodes that fastjac does not have, each with what to do about it."""

from __future__ import annotations

from ..ir.graph import Node

REASONS = {
    "If": "it chooses between two graphs when the model runs; fastjac takes one graph, so export the branch that is wanted",
    "Loop": "it repeats a graph inside the graph; fastjac takes plain operators, so export the loop unrolled",
    "Scan": "it runs a graph inside the graph along a sequence; fastjac takes plain operators on whole samples",
    "SequenceMap": "it runs a graph inside the graph on each item of a sequence; fastjac takes plain operators",
}
"""What is said of operators that no table will ever hold."""
QUANTIZED = ("quantize", "qlinear", "qgemm", "qattention", "integer")
"""What the names of quantized operators hold, as QuantizeLinear, DequantizeLinear and MatMulInteger do."""


OWN_FUNCTION = "own function "
"""What stands before the name of an operator that the model itself defines by other nodes."""


def refusal(node: Node) -> str:
    """Why fastjac does not have an operator; empty where there is no more to say than that it does not."""
    name = node.operator
    if name.startswith(OWN_FUNCTION):
        return (
            "it is a function that the model defines by other nodes; put these in its place: "
            "import onnx.inliner; model = onnx.inliner.inline_local_functions(model)"
        )
    if any(word in name.lower() for word in QUANTIZED):
        return "it is quantized; fastjac takes floating-point models, so import the model from before quantization"
    return REASONS.get(name, "")
