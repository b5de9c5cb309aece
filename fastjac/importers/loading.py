"""One `load` for every file format: the content tells which it is, the suffix tells nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError
from ..network import Network
from . import native, nnet, npz, onnx, torch_file
from .foreign import named
from .keras import archive, hdf5_file
from .located import located
from .options import Options, ScalingName
from .parts import Imported
from .reading.probe import Probe, probe
from .state_dict import LayerEntry
from .torch_program import export, script


@dataclass(frozen=True)
class FileFormat:
    """A format that fastjac reads: what it is called, how its content is known, and its reader."""

    name: str
    recognise: Callable[[Probe], bool]
    load: Callable[[Probe, Options], Imported]


FORMATS = (
    FileFormat("fastjac networks and other weights (.safetensors)", native.recognise, native.load),
    FileFormat("Keras models (.keras)", archive.recognise, archive.load),
    FileFormat("Keras models and weights (.h5)", hdf5_file.recognise, hdf5_file.load),
    FileFormat("NNet networks (.nnet)", nnet.recognise, nnet.load),
    FileFormat("NumPy archives of weights (.npz)", npz.recognise, npz.load),
    FileFormat("TorchScript programs (.pt)", script.recognise, script.load),
    FileFormat("programs of torch.export (.pt2)", export.recognise, export.load),
    FileFormat("torch checkpoints (.pt, .pth, .ckpt)", torch_file.recognise, torch_file.load),
    FileFormat("ONNX models (.onnx)", onnx.recognise, onnx.load),  # late, since it starts with no signature
)
"""Every format `load` reads; the first that recognises the content gets it."""


def load(
    path: str | os.PathLike[str],
    layers: Sequence[LayerEntry] | None = None,
    *,
    order: Sequence[str] | None = None,
    n_in: int | None = None,
    config: str | Mapping[str, Any] | None = None,
    external_data: bool = False,
    scaling: ScalingName | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> Network:
    """Read a trained network from a file, whose content tells the format; its suffix does not matter.

    No code that the file holds is run, no other file is read, and no framework is imported. FORMATS lists what is read.

    Parameters
    ----------
    path : the file.
    layers, order, n_in : for a file that holds weights alone, what `from_state_dict` takes. For Keras's, names in `layers` mean
        what they mean in Keras, and groups are called by their path in the file, such as "layers/dense_1".
    config : for the weights of a Keras model alone, its config: what `model.to_json()` gives, as text or parsed.
    external_data : whether an ONNX file's weights may stand in other files beside it, which are then read.
    scaling : for a .nnet file, what stands around its layers: "linear" (the default) takes inputs and gives outputs in the units
        of the problem, "none" in the network's own, "clipped" also clips inputs to the file's bounds; see `from_nnet`.
    inputs, outputs : for a graph, the names of the inputs in the order in which the network takes them, and of the outputs that
        it gives; by default all that hold numbers, in the order of the file.

    Returns
    -------
    Network
        In the precision of the file's weights: float64 if any is, else float32. A model of several input axes takes
        the flattened input.

    Raises
    ------
    MissingFileError
        There is no such file.
    FileError
        It is a directory or a pipe, or cannot be read.
    FormatError
        It is empty, damaged, or of another format; the message says of which, and what to do with it.
    UnsupportedLayerError
        It holds a layer that fastjac does not have; the message names it and its position.
    OptionError
        An option is needed, or given where the file tells it.
    MissingDependencyError
        The package that reads this format is not installed.
    """
    return read(path, Options(layers, order, n_in, config, external_data, scaling, inputs, outputs))[1].network


def read(path: str | os.PathLike[str], options: Options) -> tuple[str, Imported]:
    """The name of a file's format, and its network with the parts that it came from; see `load`."""
    found = probe(path)
    for file_format in FORMATS:
        if file_format.recognise(found):
            with located(str(found.path)):
                return file_format.name, file_format.load(found, options)
    raise FormatError(f"{found.path} is {named(found)}. fastjac.load reads {' and '.join(known.name for known in FORMATS)}")
