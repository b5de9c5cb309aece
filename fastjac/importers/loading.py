"""One `load` for every file format: the content shows which format it is, the suffix does not matter."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError
from ..layers import Layer
from ..network import Network
from . import emulator, matlab, native, nnet, npz, number_list, onnx, sklearn, stable_baselines3, torch_file
from .entries import LayerEntry
from .foreign import named
from .keras import archive, hdf5_file
from .located import located
from .options import Options, PolicyName, ScalingName
from .parts import Imported
from .reading.packed import unpacked_probe
from .reading.probe import Probe
from .tensorflow import file as tensorflow
from .tensorflow import tflite
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
    FileFormat("Sherlock's and POLAR's lists of numbers", number_list.recognise, number_list.load),
    FileFormat("NNet networks (.nnet)", nnet.recognise, nnet.load),
    FileFormat("emulators of the CosmoPower family (.npz, .pkl)", emulator.recognise, emulator.load),
    FileFormat("MATLAB files of weights (.mat)", matlab.recognise, matlab.load),
    FileFormat("NumPy archives of weights (.npz)", npz.recognise, npz.load),
    FileFormat("TorchScript programs (.pt)", script.recognise, script.load),
    FileFormat("programs of torch.export (.pt2)", export.recognise, export.load),
    FileFormat("torch checkpoints (.pt, .pth, .ckpt, .bin)", torch_file.recognise, torch_file.load),
    FileFormat("stable-baselines3 archives (.zip)", stable_baselines3.recognise, stable_baselines3.load),
    FileFormat("scikit-learn models (.pkl, .joblib)", sklearn.recognise, sklearn.load),
    FileFormat("TensorFlow Lite models (.tflite)", tflite.recognise, tflite.load),
    FileFormat("TensorFlow SavedModels (folders)", tensorflow.recognise_saved_model, tensorflow.load_saved_model),
    FileFormat("frozen graphs of TensorFlow (.pb)", tensorflow.recognise_graph, tensorflow.load_graph),
    FileFormat("ONNX models (.onnx)", onnx.recognise, onnx.load),  # late, since it starts with no signature
)
"""Every format that `load` reads; the first that recognizes the content reads it."""


def load(
    path: str | os.PathLike[str],
    layers: Sequence[LayerEntry] | None = None,
    *,
    order: Sequence[str] | None = None,
    n_in: int | None = None,
    input_shape: Any = None,
    config: str | Mapping[str, Any] | None = None,
    external_data: bool = False,
    scaling: ScalingName | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    policy: PolicyName | None = None,
    activation: str | Layer | None = None,
    classes: Mapping[str, Sequence[LayerEntry]] | None = None,
) -> Network:
    """Read a trained network from a file. Its content shows the format; its suffix does not matter.

    No code that the file holds is run, no other file is read but for the variables of a SavedModel, and no framework is
    imported. The page Formats lists what is read. A file of any format may be packed by gzip.

    Parameters
    ----------
    path : the file, or the folder of a TensorFlow SavedModel.
    layers, order, n_in : for a file that holds weights alone, what `from_state_dict` takes. For Keras's, names in `layers` mean
        what they mean in Keras, and groups are called by their path in the file, such as "layers/dense_1".
        `n_in` also gives the size of an only input that a graph or a program leaves open.
    input_shape : for a scripted program of torch or a module saved whole, whose files state no shapes, that of one sample, or a
        list with one for each input: ((8,), (4,)) or (8, 4) for forward(x, u). None stands for the axis that counts samples where
        that is not the first: [(1, 2), (2, None, 8), (2, None, 8)] for an LSTM of two layers with its state and cell. Each
        tensor in a tuple that forward takes counts as one input.
    config : for the weights of a Keras model alone, its config: what `model.to_json()` gives, as text or parsed.
    external_data : whether an ONNX file's weights may stand in other files beside it, which are then read.
    scaling : for a .nnet file, what stands around its layers: "linear" (the default) takes inputs and gives outputs in the units
        of the problem, "none" in the network's own, "clipped" also clips inputs to the file's bounds; see `from_nnet`.
    inputs, outputs : for a graph, the names of the inputs in the order in which the network takes them, and of the outputs that
        it gives; by default all that hold numbers, in the order of the file. In a Keras model outputs are called by the layers
        that give them, and any other layer may be an output as well: `outputs=["encoder/dense_2"]`.
    policy : for an agent that reinforcement learning trained, which of its networks: "actor" takes an observation and gives the
        action, "critic" gives its value; where a critic takes an observation and an action, it is a network of two inputs.
        "value" is a critic that takes the observation alone.
    activation : for such an agent, what stands between its layers where the file does not state it: a name such as "elu", as in
        `layers`, or a fastjac layer.
    classes : for a module that `torch.save(module, path)` wrote whole, what each class does that is not torch's: a list of the
        modules in it, by name, and of activations and fastjac layers as in `layers`. With
        `{"__main__.Net": ["fc1", "relu", "fc2"]}` the forward of Net gives `fc2(relu(fc1(x)))`. It is read as in evaluation mode.

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
        It is empty, damaged, or of another format; the message names the format and says what to do with it.
    UnsupportedLayerError
        It holds a layer that fastjac does not have; the message names it and its position.
    OptionError
        An option is needed, or is given where the file states it.
    MissingDependencyError
        The package that reads this format is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> path = Path(fj.__file__).parent / "demo" / "digits.keras"
    >>> fj.load(path)
    Network(64-64-32-10, 6 layers, float32)
    """
    options = Options(
        layers=layers,
        order=order,
        n_in=n_in,
        input_shape=input_shape,
        config=config,
        external_data=external_data,
        scaling=scaling,
        inputs=inputs,
        outputs=outputs,
        policy=policy,
        activation=activation,
        classes=classes,
    )
    return read(path, options)[1].network


def read(path: str | os.PathLike[str], options: Options) -> tuple[str, Imported]:
    """The name of a file's format, and its network with the parts that it came from; see `load`."""
    with unpacked_probe(path) as found:
        for file_format in FORMATS:
            if file_format.recognise(found):
                with located(str(found.origin)):
                    return file_format.name, file_format.load(found, options)
        what = f"{'' if found.origin == found.path else 'packed by gzip, and in it is '}{named(found)}"
    raise FormatError(f"{found.origin} is {what}. fastjac.load reads {' and '.join(known.name for known in FORMATS)}")
