"""Nodes that fastjac does not have, each with what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ...errors import UnsupportedLayerError
from ..located import located
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


def refuse_missing(graph: Graph, nodes: Sequence[Node]) -> None:
    """Raise UnsupportedLayerError for the first node that fastjac does not have; it counts all such nodes by operator."""
    missing = list(_missing(graph, nodes))
    if not missing:
        return
    first, reason = missing[0]
    counts = Counter(node.operator for node, _ in missing)
    if len(missing) > 1:
        listed = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
        reason = f"{reason}; in all {len(missing)} nodes are missing: {listed}"
    with located(str(first)):
        raise UnsupportedLayerError(reason)


def _missing(graph: Graph, nodes: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    """The nodes that fastjac does not have, and why."""
    for node in nodes:
        reason = _reason(node, graph)
        if reason:
            yield node, reason


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
