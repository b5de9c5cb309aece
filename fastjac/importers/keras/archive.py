"""Import a .keras file, which is a zip archive of config.json, metadata.json and model.weights.h5.

It is read with json and h5py; Keras is not needed, and no code that the file holds is run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import FastjacError, FormatError
from ..options import Options
from ..parts import Imported
from ..reading import archive, hdf5
from ..reading.jsontext import read_object
from ..reading.probe import Probe
from .build import build
from .config import Config

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with a Keras model in it."""
    return {CONFIG, METADATA} <= set(probe.zip_names)


def load(probe: Probe, options: Options) -> Imported:
    """Read the network of a .keras file.

    Raises FormatError where the file is damaged or not from Keras 3, UnsupportedLayerError for a layer fastjac does not have.
    """
    options.refuse_all_but()
    with archive.opened(probe.path) as file:
        config, metadata = (read_object(file.read(name), name) for name in (CONFIG, METADATA))
        _check_version(metadata)
        content = file.read(WEIGHTS)
    with hdf5.opened(content, WEIGHTS) as root:
        try:
            return build(config, FileWeights(root))
        except FastjacError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise FormatError(f"{CONFIG} does not describe a model as Keras 3 does: {error!r}") from error


class FileWeights:
    """The arrays of one layer in model.weights.h5: `layers/dense_1/vars/0`, `layers/dense_1/vars/1`, ..."""

    def __init__(self, group: Any | None) -> None:
        self._group = group

    def layer(self, slot: str, name: str) -> FileWeights:
        """Those of the inner layer filed under `slot`; files do not tell its name in all versions of Keras 3."""
        return FileWeights(self._descend("layers", slot))

    def activation(self) -> FileWeights:
        """Those of the layer that is this layer's activation."""
        return FileWeights(self._descend("activation"))

    def shapes(self) -> list[tuple[int, ...]]:
        """The declared shapes of the layer's arrays, none of which is read."""
        return [hdf5.shape(dataset) for dataset in self._datasets()]

    def arrays(self) -> list[np.ndarray]:
        """The layer's arrays."""
        return [hdf5.read(dataset) for dataset in self._datasets()]

    def _datasets(self) -> list[Any]:
        group = self._descend("vars")
        return [] if group is None else hdf5.numbered(group)

    def _descend(self, *names: str) -> Any | None:
        group = self._group
        for name in names:
            group = None if group is None else hdf5.member(group, name)
        return group


def _check_version(metadata: Config) -> None:
    version = str(metadata.get("keras_version"))
    if not version.startswith("3."):
        raise FormatError(
            f"the file was written by Keras {version}; fastjac reads those of Keras 3, since some layers mean other things in "
            "Keras 2 (hard_sigmoid has another slope): load it in Keras 3, check its output and save it again"
        )
