"""Name a file that fastjac does not read, and what to do with it: formats that people try, recognized by their content."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from .reading.probe import START_SIZE, Probe


@dataclass(frozen=True)
class ForeignFormat:
    """A format that people try and fastjac does not read: what it is, how it is known, and what to do instead."""

    name: str
    recognise: Callable[[Probe], bool]
    advice: str


def named(found: Probe) -> str:
    """What the file is, and what to do with it."""
    for foreign in FOREIGN_FORMATS:
        if foreign.recognise(found):
            return f"{foreign.name}; {foreign.advice}"
    return f"of no format that fastjac knows (it starts with {found.head!r})"


def _starts_with(*signatures: bytes) -> Callable[[Probe], bool]:
    return lambda probe: probe.start.startswith(signatures)


def _holds(suffix: str) -> Callable[[Probe], bool]:
    """Whether the file is a zip archive that holds a file with this suffix."""
    return lambda probe: any(name.endswith(suffix) for name in probe.zip_names)


PICKLES = (*(b"\x80" + bytes([protocol]) for protocol in range(2, 6)), b"ccopy_reg\n", b"(dp0\n", b"(lp0\n")
"""How a pickle starts: with its protocol, or with what protocol 0 writes first for an object, a dict or a list."""


def _pickle_with(word: bytes = b"") -> Callable[[Probe], bool]:
    """Whether the file is a pickle, perhaps a compressed one, that names `word` early on."""

    def recognise(probe: Probe) -> bool:
        return any(start.startswith(PICKLES) and word in start for start in (probe.start, _unpacked(probe.start)))

    return recognise


def _unpacked(start: bytes) -> bytes:
    """The start of the unpacked content, where gzip or zlib packed it, which joblib uses too; empty where neither did."""
    try:
        return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS).decompress(start, START_SIZE)
    except zlib.error:
        return b""


TRUST = "fastjac never unpickles; if you trust where it comes from,"
FROM_TORCH = "load it in torch and pass fastjac.from_torch(module) or fastjac.from_state_dict(state, layers=[...])"
ARRAYS = "fastjac.from_state_dict(state, layers=[...])"
EXTRACT = "take it out, as by zipfile.ZipFile(path).extract(name), and load that"
UNPACK = "unpack it and load what is in it; what joblib.dump wrote, joblib.load(path) reads, for fastjac.from_sklearn(model)"
FOREIGN_FORMATS = (
    *(
        ForeignFormat(f"a zip archive with a {suffix} file in it", _holds(suffix), EXTRACT)
        for suffix in (".keras", ".h5", ".onnx", ".pth", ".pt", ".ckpt", ".safetensors", ".nnet", ".npz")
    ),
    ForeignFormat("a zip archive", lambda probe: bool(probe.zip_names), "a .keras file holds config.json and model.weights.h5"),
    ForeignFormat("a NumPy array (.npy)", _starts_with(b"\x93NUMPY"), "it may hold inputs of a network, but no network"),
    ForeignFormat("a pickle of torch", _pickle_with(b"torch"), f"{TRUST} {FROM_TORCH}"),
    ForeignFormat("a pickle by joblib", _pickle_with(b"joblib"), f"{TRUST} pass the weights in joblib.load(path) to {ARRAYS}"),
    ForeignFormat(
        "a pickle",
        _pickle_with(),
        f"{TRUST} load it with pickle.load and pass what it holds to fastjac.from_sklearn, from_torch or {ARRAYS}",
    ),
    ForeignFormat("compressed by zlib", lambda probe: bool(_unpacked(probe.start)), UNPACK),
    ForeignFormat("compressed by bzip2", _starts_with(b"BZh"), UNPACK),
    ForeignFormat("compressed by xz", _starts_with(b"\xfd7zXZ\0", b"]\0\0"), UNPACK),
    ForeignFormat("compressed by zstd or lz4", _starts_with(b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"), UNPACK),
)
"""Formats that are recognized only to give better advice; the first that recognizes the content names it."""
