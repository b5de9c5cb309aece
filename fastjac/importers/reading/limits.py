"""How much a file may ask for. Every importer checks what it reads against these limits before it takes memory or time for it.

Together they keep every refusal, and every network that a small file makes, within some 300 MB and a second: each thing that can
be counted is counted where work is done for it, however the file asks for it.
"""

from __future__ import annotations

from ...errors import FormatError

EXPANSION = 10
"""How many times its stored size a compressed piece of a file may have; trained weights hardly compress, pruned ones somewhat."""
EXPANSION_FLOOR = 1 << 26
"""Bytes that any compressed piece may have: zeros, as in a model that was not trained, compress a thousandfold."""
MOST_TEXT = 1 << 24
"""Bytes of a JSON text or another description of an architecture; parsed, its text may take eight times as many."""
MOST_VALUES = 500_000
"""Values in a JSON text; parsed, each may take a hundred times its bytes."""
MOST_LAYERS = 10_000
"""Layers, nodes of a graph, or entries of a list of either."""
MOST_JOINED = 100_000
"""Vectors that the nodes of a graph take, all together."""
MOST_ENDS = 2_000
"""Inputs of a model, or outputs."""
MOST_ARRAYS = 10_000
"""Arrays of a file, or members of an archive."""
MOST_UNITS = 1 << 24
"""Units in one layer: a weight with as many rows holds 64 MiB for each of its columns."""
MOST_LETTERS = 1 << 20
"""Letters in the names of all arrays of a file together."""
MOST_NESTING = 100
"""Levels of models within models, dicts within dicts, or lists within lists."""
MOST_FIELDS = 300_000
"""Fields of a protobuf message and of those inside it; parsed, each may take a hundred times its bytes."""
MOST_NAME = 10_000
"""Letters in the name of a node or tensor."""


def refuse_expansion(declared: int, stored: int, what: str) -> None:
    """Raise FormatError if `what` claims far more bytes than are stored for it, as a decompression bomb does."""
    if declared > max(EXPANSION_FLOOR, EXPANSION * stored):
        raise FormatError(f"{what} claims to unpack to {declared} bytes from {stored}; fastjac does not open such a file")


def check_count(count: int, most: int, what: str) -> None:
    """Raise FormatError if there are more than `most` of `what`, which is a plural."""
    if count > most:
        raise FormatError(f"it has {count} {what}; fastjac reads files of up to {most}")
