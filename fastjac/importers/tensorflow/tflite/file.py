"""Read .tflite files."""

from __future__ import annotations

from dataclasses import replace

from ...ir.account import Account
from ...ir.build import build
from ...ir.graph import needed_for
from ...ir.sources import chosen_outputs
from ...options import Options
from ...parts import Imported
from ...reading.limits import check_count
from ...reading.probe import Probe
from .model import read_graph
from .operators import LITE

IDENTIFIER = b"TFL3"
MOST_BYTES = 2**31 - 1


def recognise(probe: Probe) -> bool:
    """Whether the file is a flatbuffer of TensorFlow Lite's schema."""
    return probe.head[4:8] == IDENTIFIER


def load(probe: Probe, options: Options) -> Imported:
    """Read a floating-point model.

    Raises FormatError where the file is damaged, UnsupportedLayerError where it is quantized or fastjac cannot express it.
    """
    options.refuse_all_but("n_in", "inputs", "outputs")
    check_count(probe.size, MOST_BYTES, "bytes")
    account = Account()
    graph = read_graph(probe.read(), account)
    outputs, left_out = chosen_outputs(graph.outputs, options.outputs)
    nodes = needed_for([end.value for end in outputs], graph.nodes)
    return build(replace(graph, nodes=nodes, outputs=outputs, left_out=left_out), LITE, options, account)
