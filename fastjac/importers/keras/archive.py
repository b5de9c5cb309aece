"""Import a .keras file, which is a zip archive of config.json, metadata.json and model.weights.h5.

It is read with json and h5py; Keras is not needed, and no code that the file holds is run.
"""

from __future__ import annotations

from ..options import Options
from ..parts import Imported
from ..reading import archive, hdf5
from ..reading.jsontext import read_object
from ..reading.probe import Probe
from .build import build, malformed_config_as_error
from .legacy import generation, modern
from .weight_tree import TreeWeights

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with a Keras model in it."""
    return {CONFIG, METADATA} <= set(probe.zip_names)


def load(probe: Probe, options: Options) -> Imported:
    """Read the network of a .keras file, which Keras 3 and Keras from 2.12 on write.

    Raises FormatError where the file is damaged, UnsupportedLayerError for a layer fastjac does not have.
    """
    options.refuse_all_but("inputs", "outputs")
    with archive.opened(probe.path) as file:
        config, metadata = (read_object(file.read(name), name) for name in (CONFIG, METADATA))
        written_by = generation(metadata.get("keras_version"))
        content = file.read(WEIGHTS)
    with hdf5.opened(content, WEIGHTS) as root, malformed_config_as_error(CONFIG):
        return build(modern(config, written_by), TreeWeights(root), options).imported
