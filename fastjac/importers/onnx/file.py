"""Read .onnx files. They are protobuf, which has no signature, so its first fields decide whether a file is one."""

from __future__ import annotations

from ...errors import FormatError
from ..options import Options
from ..parts import Imported
from ..reading.limits import check_count
from ..reading.probe import Probe
from ..reading.wire import LENGTH, VARINT, fields
from .external import ExternalData
from .model import build
from .parsing import MOST_BYTES, parse

HEAD_BYTES = 1 << 20
IR_VERSION, GRAPH = 1, 7
FIELDS_BEFORE_GRAPH = {IR_VERSION: VARINT, 2: LENGTH, 3: LENGTH, 4: LENGTH, 5: VARINT, 6: LENGTH, 8: LENGTH}
"""Wire types of a ModelProto's fields: version, producer's name and version, domain, model version, text, opsets."""


def recognise(probe: Probe) -> bool:
    """Whether the file starts with the version of ONNX and, behind nothing but other fields of a model, its graph."""
    if not probe.head.startswith(b"\x08"):  # the tag of the version
        return False
    try:
        for number, kind, _, _ in fields(probe.read(HEAD_BYTES), 0, 1 << 62):
            if (number, kind) == (GRAPH, LENGTH):
                return True
            if FIELDS_BEFORE_GRAPH.get(number) != kind:
                return False
    except FormatError:
        pass
    return False


def load(probe: Probe, options: Options) -> Imported:
    """Read a model; see `from_onnx`.

    Raises MissingDependencyError without onnx, FormatError where the file is damaged, UnsupportedLayerError where a fastjac
    network cannot do what it says, LayerError where neither the file nor the option n_in states the number of inputs.
    """
    options.refuse_all_but("n_in", "external_data", "inputs", "outputs")
    check_count(probe.size, MOST_BYTES, "bytes")
    external = ExternalData(probe.origin.parent) if options.external_data else None
    return build(parse(probe.read()), external, options)
